//! How values are read: TOML gives them natively, the environment as text.

use std::str::FromStr;

use domain::Secret;
use serde::{Deserialize, Deserializer};

use crate::telemetry::LogFormat;

/// A value that TOML may give natively and the environment gives as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Whole(i64),
    Flag(bool),
    Many(Vec<String>),
}

impl Loose {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(n) => n.to_string(),
            Self::Flag(b) => b.to_string(),
            Self::Many(items) => items.join(","),
        }
    }
}

pub(super) fn optional<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<Option<T>, D::Error> {
    let text = Loose::deserialize(from)?.text();
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    let text = Loose::deserialize(from)?.text();
    Ok(if text.is_empty() { None } else { Some(Secret::new(text)) })
}

pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    Loose::deserialize(from)?.text().parse().map_err(serde::de::Error::custom)
}

pub(super) fn whole<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(from: D) -> Result<u64, D::Error> {
    let text = Loose::deserialize(from)?.text();
    match text.parse::<u64>() {
        Ok(n) if (MIN..=MAX).contains(&n) => Ok(n),
        _ => Err(serde::de::Error::custom(format!("`{text}` is not a whole number from {MIN} to {MAX}"))),
    }
}

pub(super) fn tristate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match Loose::deserialize(from)?.text().as_str() {
        "auto" | "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        other => Err(serde::de::Error::custom(format!("`{other}` is not auto, true or false"))),
    }
}

pub(super) fn log_format<'de, D: Deserializer<'de>>(from: D) -> Result<LogFormat, D::Error> {
    match Loose::deserialize(from)?.text().as_str() {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(serde::de::Error::custom(format!("`{other}` is not auto, text or json"))),
    }
}
