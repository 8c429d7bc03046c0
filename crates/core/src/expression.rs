//! Expressions of a plan: values that are known only while the load runs.

use serde::Deserialize;

/// What a plan says in place of a value that it does not know yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expression {
    /// Always the same.
    Constant {
        /// The value.
        value: Constant,
    },
    /// What a step before has put under a name.
    Variable {
        /// Of the iteration's variables.
        name: String,
    },
    /// What set-up has handed over.
    Shared {
        /// Under which name.
        name: String,
        /// As JSON, once that is known: it stands in no plan, and is filled in on the way here.
        json: Option<String>,
    },
    /// What a function makes of other values.
    Call {
        /// Which.
        function: Function,
        /// Its arguments, in order.
        arguments: Vec<Expression>,
    },
}

/// A value that stands in the plan. There are no fractions among them: what is hashed has none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Constant {
    /// No value.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

/// Text that may be known only while the load runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Template {
    /// As it stands.
    Known(String),
    /// Worked out for each request.
    Late(Expression),
}

/// What can be made of values. `model/function.py` has the same table, with the number of arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Whether two values are the same. A number is never the same as a text.
    Equal,
    /// The opposite.
    NotEqual,
    /// Of two numbers or two texts.
    Less,
    /// Likewise.
    LessOrEqual,
    /// Likewise.
    Greater,
    /// Likewise.
    GreaterOrEqual,
    /// Of booleans; the second is not looked at if the first decides.
    And,
    /// Likewise.
    Or,
    /// Of a boolean.
    Not,
    /// Of numbers. Whole ones stay whole, and one that does not fit into 64 bits is a fault.
    Add,
    /// Likewise.
    Subtract,
    /// Likewise.
    Multiply,
    /// Of numbers: a fraction.
    Divide,
    /// Of whole numbers, with the sign of the divisor.
    Remainder,
    /// All arguments as text, one behind the other.
    Concat,
    /// As text: numbers and JSON as JSON writes them.
    Text,
    /// As a whole number: of a text, its digits; of a number, what is before the point.
    Integer,
    /// As a number.
    Number,
    /// Characters of a text, members of a JSON array or object.
    Length,
    /// Of a text, in small letters.
    Lower,
    /// In capitals.
    Upper,
    /// Without white space at its ends.
    Strip,
    /// Of a text, the characters from the second argument up to before the third; from the end if negative.
    Slice,
    /// Whether a text holds another.
    Contains,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// A text, each of the second argument replaced by the third.
    Replace,
    /// Whether there is no value.
    IsNull,
    /// Of a JSON object, the member of that name; of an array, the item of that number, from the end if negative.
    Member,
    /// Percent-encoded: all but letters, digits, `-`, `.`, `_` and `~`.
    UrlEncoded,
    /// As a JSON value: a text with its quotation marks.
    JsonEncoded,
    /// Base64, with padding.
    Base64Encoded,
    /// Base64 in the alphabet of URLs, without padding.
    Base64urlEncoded,
    /// The text that base64 of either alphabet stands for, with padding or without.
    Base64Decoded,
    /// The digest of a text, as the second argument says: `hex` unless told, `base64`, `base64url`.
    Sha256,
    /// Likewise.
    Sha512,
    /// Likewise, for APIs that are older.
    Sha1,
    /// Likewise, for APIs that are older still.
    Md5,
    /// Of a key and a text; written as the third argument says.
    HmacSha256,
    /// Likewise.
    HmacSha512,
    /// Likewise.
    HmacSha1,
    /// A JSON Web Token of claims, which are a JSON object, signed with a key.
    JwtHs256,
    /// Whole seconds since 1970 by the wall clock; so much later or earlier as an argument says, which is whole seconds or a
    /// text like `-1d`.
    NowSeconds,
    /// Likewise, in whole milliseconds.
    NowMilliseconds,
    /// Likewise, as ISO 8601 in UTC, to the millisecond.
    NowIso,
    /// Likewise, the day in UTC.
    NowDate,
    /// A whole number from the first argument to the second, both included, evenly.
    RandomInteger,
    /// One of the arguments.
    RandomChoice,
    /// One of the items of a JSON array.
    RandomItem,
    /// Letters and digits, so many.
    RandomText,
    /// A UUID of version 4.
    RandomUuid,
    /// A moment from the first argument to the second, each whole seconds since 1970 or ISO 8601: in whole seconds.
    RandomSeconds,
    /// Likewise, in whole milliseconds.
    RandomMilliseconds,
    /// Likewise, as ISO 8601 in UTC, to the millisecond.
    RandomIso,
    /// Likewise, a day.
    RandomDate,
    /// Of a person that is made up.
    RandomFirstName,
    /// Likewise.
    RandomLastName,
    /// First and last.
    RandomName,
    /// At a domain that is reserved for examples.
    RandomEmail,
    /// With a number.
    RandomStreet,
    /// Of a town that is made up.
    RandomCity,
    /// Five digits.
    RandomPostcode,
    /// Of the world.
    RandomCountry,
    /// As E.164, from the range that is kept for fiction.
    RandomPhone,
    /// A name with what kind of company it is.
    RandomCompany,
    /// The next number of the run's counter of that name, from 1 on: no number comes twice.
    Counter,
    /// The same of the virtual user's own.
    VuCounter,
}
