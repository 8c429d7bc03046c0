//! A small shop behind a JSON API, for demonstrations: `POST /login`, `GET /products?page=1`, `GET /products/7`,
//! `POST /orders`.
//!
//! Faulty on purpose, so that there is something to find: one answer in a hundred takes 40 to 50 ms instead of 1 to
//! 3 ms, and one order in two hundred fails. Knobs have the last word on both.

use std::io::Write as _;

use apibench_core::schedule::random::{draw, uniform};

/// Products, on pages of ten.
const PRODUCTS: u64 = 100;
const PAGE: u64 = 10;
/// What is drawn here must not be what the knobs draw.
const COORDINATE: u64 = 100;

/// One of the shop's own requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Login,
    /// A page of the list, from 1; at most as many as there are products.
    Products(u64),
    Product(Option<u64>),
    Orders,
}

/// What the shop does unless a knob says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    pub status: u16,
    pub delay_ns: u64,
}

impl Page {
    /// Which it is, if the shop has it.
    #[must_use]
    pub fn of(method: &str, path: &str, query: &str) -> Option<Self> {
        match (method, path) {
            ("POST", "/login") => Some(Self::Login),
            ("POST", "/orders") => Some(Self::Orders),
            ("GET", "/products") => {
                let page = query.split('&').find_map(|word| word.strip_prefix("page="));
                let page: u64 = page.and_then(|page| page.parse().ok()).unwrap_or(1);
                // Beyond the last page every page is empty, whatever its number.
                Some(Self::Products(page.clamp(1, PRODUCTS)))
            }
            ("GET", path) => {
                let id = path.strip_prefix("/products/")?;
                Some(Self::Product(id.parse().ok().filter(|id| (1..=PRODUCTS).contains(id))))
            }
            _ => None,
        }
    }

    /// What it is counted under: a product's path is its class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Products(_) => "/products",
            Self::Product(_) => "/products/{id}",
            Self::Orders => "/orders",
        }
    }

    /// Writes the answer to request `number`, of status `asked` if a knob says so, and says how it is served.
    #[must_use]
    pub fn serve(self, seed: u64, number: u64, asked: Option<u16>, json: &mut Vec<u8>) -> Served {
        let roll = |which, below| uniform(draw(seed, COORDINATE, number, which, 0), below);
        let delay_ns = if roll(0, 100) == 0 {
            40_000_000 + roll(1, 10_000_000)
        } else {
            1_000_000 + roll(1, 2_000_000)
        };
        let usual = match self {
            Self::Orders if roll(2, 200) == 0 => 503,
            Self::Orders => 201,
            Self::Product(None) => 404,
            Self::Login | Self::Products(_) | Self::Product(Some(_)) => 200,
        };
        let status = asked.unwrap_or(usual);
        json.clear();
        // Into memory: cannot fail. The same of all that follow.
        let _ = match self {
            _ if status >= 400 => write!(json, r#"{{"error":{status}}}"#),
            Self::Login => write!(json, r#"{{"token":"{:016x}"}}"#, draw(seed, COORDINATE, number, 3, 0)),
            Self::Orders => write!(json, r#"{{"id":{},"state":"accepted"}}"#, number + 1),
            Self::Product(id) => write_product(id.unwrap_or(1), json),
            Self::Products(page) => write_page(page, json),
        };
        json.push(b'\n');
        Served { status, delay_ns }
    }
}

fn write_product(id: u64, json: &mut Vec<u8>) -> std::io::Result<()> {
    write!(
        json,
        r#"{{"id":{id},"name":"Product {id}","price_cents":{}}}"#,
        99 + id * 50
    )
}

fn write_page(page: u64, json: &mut Vec<u8>) -> std::io::Result<()> {
    let first = (page - 1) * PAGE + 1;
    write!(json, r#"{{"page":{page},"items":["#)?;
    for id in first..(first + PAGE).min(PRODUCTS + 1) {
        if id > first {
            json.push(b',');
        }
        write_product(id, json)?;
    }
    if first + PAGE <= PRODUCTS {
        write!(json, r#"],"next":{}}}"#, page + 1)
    } else {
        write!(json, r#"],"next":null}}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(page: Page) -> (u16, serde_json::Value) {
        let mut json = Vec::new();
        let served = page.serve(1, 0, None, &mut json);
        (served.status, serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn the_pages_together_are_every_product_once() {
        let mut ids = Vec::new();
        let mut page = Page::of("GET", "/products", "");
        while let Some(Page::Products(number)) = page {
            let (_, answer) = json(Page::Products(number));
            ids.extend(
                answer["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["id"].as_u64().unwrap()),
            );
            page = answer["next"].as_u64().map(Page::Products);
        }
        assert_eq!(ids, (1..=PRODUCTS).collect::<Vec<_>>());
        assert_eq!(
            json(Page::of("GET", "/products", "page=18446744073709551615").unwrap()).1["items"],
            serde_json::json!([])
        );
    }

    #[test]
    fn a_product_that_is_not_there_is_not_found() {
        assert_eq!(json(Page::of("GET", "/products/7", "").unwrap()).1["id"], 7);
        for path in ["/products/0", "/products/101", "/products/x"] {
            assert_eq!(json(Page::of("GET", path, "").unwrap()).0, 404);
        }
        assert_eq!(Page::of("GET", "/login", ""), None);
    }

    #[test]
    fn one_answer_in_a_hundred_is_slow_and_one_order_in_two_hundred_fails() {
        let mut body = Vec::new();
        let served: Vec<Served> = (0..100_000)
            .map(|number| Page::Orders.serve(7, number, None, &mut body))
            .collect();
        let slow = served.iter().filter(|served| served.delay_ns >= 40_000_000).count();
        let failed = served.iter().filter(|served| served.status == 503).count();
        assert!((850..1_150).contains(&slow), "{slow}");
        assert!((400..600).contains(&failed), "{failed}");
        assert!(
            served
                .iter()
                .all(|served| (1_000_000..50_000_000).contains(&served.delay_ns))
        );
    }
}
