//! Our own data format: one JSON object per line, the first a header. `cargo xtask catalog` writes it, we read it.
//!
//! Strings are borrowed from the file's text, so names must not need JSON escapes (the import refuses those).

use domain::UnixMicros;
use serde::{Deserialize, Serialize};

use crate::capability::{Capabilities, Modalities};
use crate::date;
use crate::model::{Mode, Tokenizer};
use crate::price::{Price, ServiceTier};

/// The format that this crate reads and writes.
pub const FORMAT: u32 = 1;

/// The first line: where the rest came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header<'a> {
    /// [`FORMAT`].
    pub format: u32,
    /// Name and version of the source.
    pub source: &'a str,
    /// Its licence.
    pub licence: &'a str,
    /// The day of its release.
    #[serde(with = "date")]
    pub released: UnixMicros,
    /// SHA-256 of the file that was read, in hexadecimal; empty for hand-kept data.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub sha256: &'a str,
}

/// Every other line: a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow<'a> {
    /// Root id.
    pub id: &'a str,
    /// Maker.
    pub owner: &'a str,
    /// Other spellings of the root id.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<&'a str>,
    /// Endpoint family.
    pub mode: Mode,
    /// What it reads.
    #[serde(rename = "in")]
    pub input: Modalities,
    /// What it writes.
    #[serde(rename = "out")]
    pub output: Modalities,
    /// What it can do.
    #[serde(rename = "can", default, skip_serializing_if = "Capabilities::is_empty")]
    pub capabilities: Capabilities,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// How its input is bounded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tokenizer: Tokenizer,
    /// Imaginary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// Who serves it.
    #[serde(borrow)]
    pub at: Vec<DeploymentRow<'a>>,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentRow<'a> {
    /// Provider id.
    pub on: &'a str,
    /// The provider's name for the model, if not the root id.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<&'a str>,
    /// Other names that callers use after `provider/`.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<&'a str>,
    /// Region or deployment type, if not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<&'a str>,
    /// Endpoint family, if not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What the model can do elsewhere and not here.
    #[serde(default, skip_serializing_if = "Capabilities::is_empty")]
    pub lacks: Capabilities,
    /// If not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// If not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// Price history, oldest first.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<PriceRow<'a>>,
}

/// A price from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow<'a> {
    /// Version.
    pub v: u32,
    /// First day.
    #[serde(with = "date")]
    pub from: UnixMicros,
    /// Who said so.
    pub source: &'a str,
    /// Ordinary service.
    pub price: Price,
    /// Other services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<(ServiceTier, Price)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
