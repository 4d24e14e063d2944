//! One row of the source, with its numbers as the text that they were written in.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use catalog::decimal::{NotAPrice, pico_per_unit};
use domain::PicoUsdPerUnit;
use serde_json::value::RawValue;

/// The fields of a row, unparsed.
pub struct Row<'a>(BTreeMap<String, &'a RawValue>);

/// Every row by its key, in the keys' order.
pub fn rows(text: &str) -> Result<BTreeMap<String, Row<'_>>> {
    let rows: BTreeMap<String, BTreeMap<String, &RawValue>> = serde_json::from_str(text).context("the price file is not as expected")?;
    Ok(rows.into_iter().map(|(key, fields)| (key, Row(fields))).collect())
}

impl<'a> Row<'a> {
    /// A row inside a row.
    pub fn list(&self, field: &str) -> Vec<Row<'a>> {
        let rows: Option<Vec<BTreeMap<String, &'a RawValue>>> = self.0.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok());
        rows.unwrap_or_default().into_iter().map(Row).collect()
    }

    /// A field that holds fields.
    pub fn inner(&self, field: &str) -> Option<Row<'a>> {
        self.0.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok()).map(Row)
    }

    /// A text.
    pub fn text(&self, field: &str) -> Option<String> {
        self.0.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// A list of texts.
    pub fn texts(&self, field: &str) -> Vec<String> {
        self.0.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// A yes or no; `None` when nothing is said.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.0.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// A count, also when it is written `32000.0` or in quotes; 0 and nonsense are unknown.
    pub fn count(&self, field: &str) -> Option<u64> {
        whole(self.0.get(field)?.get()).filter(|&count| count > 0)
    }

    /// The first number of a list of numbers.
    pub fn range_start(&self, field: &str) -> Option<u64> {
        let list: Vec<&RawValue> = serde_json::from_str(self.0.get(field)?.get()).ok()?;
        whole(list.first()?.get())
    }

    /// A price in dollars per unit; `None` when there is none.
    pub fn price(&self, field: &str) -> Result<Option<PicoUsdPerUnit>, NotAPrice> {
        match self.0.get(field).map(|raw| raw.get()) {
            None | Some("null") => Ok(None),
            Some(text) => pico_per_unit(text.trim_matches('"')).map(Some),
        }
    }

    /// The names of the fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn whole(text: &str) -> Option<u64> {
    let text = text.trim_matches('"');
    match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|b| b == b'0') => whole.parse().ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}
