//! A table for other libraries: the C stream interface of Apache Arrow, which polars, pandas, DuckDB and pyarrow read.
//!
//! Whoever takes a stream may let go of what came out of it when it likes: on any thread, with the interpreter locked
//! or not, after the interpreter has ended. So nothing here calls Python: what is lent out owns its memory, and the
//! functions that take it back free it and do nothing else. A stream gives one batch, or none where there are no rows.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// What the interface calls the capsules that hold a stream.
const CAPSULE: &CStr = c"arrow_array_stream";
const STRUCT: &CStr = c"+s";
const MAY_BE_NULL: i64 = 2;

/// `ArrowSchema` of the interface.
#[repr(C)]
struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    child_count: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    owner: *mut c_void,
}

/// `ArrowArray` of the interface.
#[repr(C)]
struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    buffer_count: i64,
    child_count: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    owner: *mut c_void,
}

/// `ArrowArrayStream` of the interface.
#[repr(C)]
struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Stream, *mut Schema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Stream, *mut Array) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Stream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    owner: *mut c_void,
}

// SAFETY: its owner is a `StreamOwner`, which has no ties to a thread, and which nothing else points to.
unsafe impl Send for Stream {}

impl Drop for Stream {
    /// A capsule that nobody has read. Who has read it has moved the stream out and left no `release` behind.
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the interface has `release` called once, on what it came with; it takes itself away.
            unsafe { release(self) };
        }
    }
}

enum Values {
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    /// Where each text ends, from 0 on, and all of them in one.
    Utf8(Vec<i64>, Vec<u8>),
}

struct Column {
    name: CString,
    /// A bit a row, the lowest of each byte first: whether it has a value.
    valid: Vec<u8>,
    null_count: i64,
    values: Values,
}

impl Column {
    fn read(name: &str, kind: &str, values: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name =
            CString::new(name.replace('\0', "\u{fffd}")).map_err(|error| PyValueError::new_err(error.to_string()))?;
        match kind {
            "int64" => {
                let rows: Vec<Option<i64>> = values.extract()?;
                let plain = rows.iter().map(|row| row.unwrap_or(0)).collect();
                Ok(Self::new(name, &rows, Values::Int64(plain)))
            }
            "float64" => {
                let rows: Vec<Option<f64>> = values.extract()?;
                let plain = rows.iter().map(|row| row.unwrap_or(0.0)).collect();
                Ok(Self::new(name, &rows, Values::Float64(plain)))
            }
            "utf8" => {
                let rows: Vec<Option<String>> = values.extract()?;
                // One byte at least: some readers take no pointer to nothing.
                let (mut ends, mut texts) = (vec![0_i64], Vec::with_capacity(1));
                for text in &rows {
                    texts.extend_from_slice(text.as_deref().unwrap_or("").as_bytes());
                    ends.push(i64::try_from(texts.len())?);
                }
                Ok(Self::new(name, &rows, Values::Utf8(ends, texts)))
            }
            other => Err(PyValueError::new_err(format!("there is no kind of column '{other}'"))),
        }
    }

    fn new<T>(name: CString, rows: &[Option<T>], values: Values) -> Self {
        let mut valid = vec![0_u8; rows.len().div_ceil(8)];
        let mut null_count = 0;
        for (row, value) in rows.iter().enumerate() {
            if value.is_some() {
                valid[row / 8] |= 1 << (row % 8);
            } else {
                null_count += 1;
            }
        }
        Self {
            name,
            valid,
            null_count,
            values,
        }
    }

    fn rows(&self) -> usize {
        match &self.values {
            Values::Int64(values) => values.len(),
            Values::Float64(values) => values.len(),
            Values::Utf8(ends, _) => ends.len() - 1,
        }
    }

    fn format(&self) -> &'static CStr {
        match self.values {
            Values::Int64(_) => c"l",
            Values::Float64(_) => c"g",
            Values::Utf8(..) => c"U", // with offsets of 64 bits: no table is too long for it
        }
    }

    fn buffers(&self) -> Vec<*const c_void> {
        let valid = if self.null_count == 0 {
            ptr::null()
        } else {
            self.valid.as_ptr().cast()
        };
        match &self.values {
            Values::Int64(values) => vec![valid, values.as_ptr().cast()],
            Values::Float64(values) => vec![valid, values.as_ptr().cast()],
            Values::Utf8(ends, texts) => vec![valid, ends.as_ptr().cast(), texts.as_ptr().cast()],
        }
    }
}

/// What a `Schema` points into.
struct SchemaOwner {
    name: CString,
    children: Vec<*mut Schema>,
}

impl Schema {
    fn new(format: &'static CStr, name: CString, flags: i64, children: Vec<Self>) -> Self {
        let children: Vec<_> = children
            .into_iter()
            .map(|child| Box::into_raw(Box::new(child)))
            .collect();
        let mut owner = Box::new(SchemaOwner { name, children });
        Self {
            format: format.as_ptr(),
            name: owner.name.as_ptr(),
            metadata: ptr::null(),
            flags,
            child_count: owner.children.len() as i64,
            children: owner.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_schema),
            owner: Box::into_raw(owner).cast(),
        }
    }
}

unsafe extern "C" fn release_schema(schema: *mut Schema) {
    // SAFETY: the caller owns what it points to; `owner` is of `Schema::new`, and `release` was there until now.
    unsafe {
        if (*schema).release.take().is_none() {
            return;
        }
        let owner = Box::from_raw((*schema).owner.cast::<SchemaOwner>());
        for &child in &owner.children {
            // A reader may have moved it out: then it is the reader's.
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
    }
}

/// What an `Array` points into.
struct ArrayOwner {
    buffers: Vec<*const c_void>,
    children: Vec<*mut Array>,
    /// Held for its memory. None: it is the batch itself, whose columns are its children.
    _column: Option<Column>,
}

impl Array {
    fn of_column(column: Column) -> Self {
        Self::new(
            column.rows(),
            column.null_count,
            column.buffers(),
            Vec::new(),
            Some(column),
        )
    }

    fn of_batch(rows: usize, columns: Vec<Column>) -> Self {
        let children = columns
            .into_iter()
            .map(|column| Box::into_raw(Box::new(Self::of_column(column))))
            .collect();
        Self::new(rows, 0, vec![ptr::null()], children, None)
    }

    /// `buffers` point into the memory of `column`, which does not move with it.
    fn new(
        rows: usize,
        null_count: i64,
        buffers: Vec<*const c_void>,
        children: Vec<*mut Self>,
        column: Option<Column>,
    ) -> Self {
        let mut owner = Box::new(ArrayOwner {
            buffers,
            children,
            _column: column,
        });
        Self {
            length: rows as i64,
            null_count,
            offset: 0,
            buffer_count: owner.buffers.len() as i64,
            child_count: owner.children.len() as i64,
            buffers: owner.buffers.as_mut_ptr(),
            children: owner.children.as_mut_ptr(),
            dictionary: ptr::null_mut(),
            release: Some(release_array),
            owner: Box::into_raw(owner).cast(),
        }
    }

    /// What `get_next` says at the end: one that is released.
    fn end() -> Self {
        Self {
            length: 0,
            null_count: 0,
            offset: 0,
            buffer_count: 0,
            child_count: 0,
            buffers: ptr::null_mut(),
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: None,
            owner: ptr::null_mut(),
        }
    }
}

unsafe extern "C" fn release_array(array: *mut Array) {
    // SAFETY: the caller owns what it points to; `owner` is of `Array::new`, and `release` was there until now.
    unsafe {
        if (*array).release.take().is_none() {
            return;
        }
        let owner = Box::from_raw((*array).owner.cast::<ArrayOwner>());
        for &child in &owner.children {
            // A reader may have moved it out: then it is the reader's.
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
    }
}

/// What a `Stream` gives.
struct StreamOwner {
    fields: Vec<(&'static CStr, CString)>,
    rows: usize,
    /// None: they have been given.
    columns: Option<Vec<Column>>,
}

impl Stream {
    fn new(columns: Vec<Column>) -> Self {
        let rows = columns.first().map_or(0, Column::rows);
        let owner = Box::new(StreamOwner {
            fields: columns
                .iter()
                .map(|column| (column.format(), column.name.clone()))
                .collect(),
            rows,
            columns: (rows > 0).then_some(columns),
        });
        Self {
            get_schema: Some(get_schema),
            get_next: Some(get_next),
            get_last_error: Some(get_last_error),
            release: Some(release_stream),
            owner: Box::into_raw(owner).cast(),
        }
    }
}

unsafe extern "C" fn get_schema(stream: *mut Stream, schema: *mut Schema) -> c_int {
    // SAFETY: the caller has a stream that is not released, alone, and room for a schema that holds nothing yet.
    unsafe {
        let owner = &*(*stream).owner.cast::<StreamOwner>();
        let children = owner
            .fields
            .iter()
            .map(|(format, name)| Schema::new(format, name.clone(), MAY_BE_NULL, Vec::new()))
            .collect();
        schema.write(Schema::new(STRUCT, CString::default(), 0, children));
    }
    0
}

unsafe extern "C" fn get_next(stream: *mut Stream, array: *mut Array) -> c_int {
    // SAFETY: the caller has a stream that is not released, alone, and room for an array that holds nothing yet.
    unsafe {
        let owner = &mut *(*stream).owner.cast::<StreamOwner>();
        let next = owner
            .columns
            .take()
            .map_or_else(Array::end, |columns| Array::of_batch(owner.rows, columns));
        array.write(next);
    }
    0
}

/// Nothing here fails.
unsafe extern "C" fn get_last_error(_stream: *mut Stream) -> *const c_char {
    ptr::null()
}

unsafe extern "C" fn release_stream(stream: *mut Stream) {
    // SAFETY: the caller owns what it points to; `owner` is of `Stream::new`, and `release` was there until now.
    unsafe {
        if (*stream).release.take().is_some() {
            drop(Box::from_raw((*stream).owner.cast::<StreamOwner>()));
        }
    }
}

/// A capsule with a stream of these columns: name, kind (`int64`, `float64` or `utf8`) and values, of which some may
/// be None. All have as many. Raises ValueError, TypeError or OverflowError for what is no such column.
#[pyfunction]
pub fn arrow_stream<'py>(
    python: Python<'py>,
    columns: Vec<(String, String, Bound<'py, PyAny>)>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let columns: Vec<Column> = columns
        .into_iter()
        .map(|(name, kind, values)| Column::read(&name, &kind, &values))
        .collect::<PyResult<_>>()?;
    if columns.windows(2).any(|pair| pair[0].rows() != pair[1].rows()) {
        return Err(PyValueError::new_err("the columns have not as many rows each"));
    }
    PyCapsule::new_with_value(python, Stream::new(columns), CAPSULE)
}
