//! What can be called: providers as data, models, the deployments that serve them, and the history of their prices.
//!
//! A **provider** is a row: dialect, base URL, authentication scheme, quirks. A **model** is a root id (`gpt-4o`) that
//! several **deployments** (provider + upstream name) serve, each with its own dated prices. The rows are compiled in
//! (`data/`, see `data/SOURCES.md`), may be changed by a local file ([`Catalog::with_overrides`]) and are swapped whole
//! ([`CatalogHandle`]).
//!
//! This crate opens no file and no socket, reads no clock, and holds no float: prices are whole pico-USD per unit.
//!
//! Invariant: a deployment without a complete price for its mode has no price version at all, so that
//! [`Deployment::price_at`] says "unknown" and never "free". A free model has an explicit 0.

pub mod capability;
pub mod date;
pub mod decimal;
mod lookup;
pub mod model;
mod override_error;
mod override_price;
#[cfg(test)]
mod override_tests;
mod overrides;
pub mod price;
pub mod provider;
mod resolve;
pub mod row;
#[cfg(test)]
mod tests;

pub use capability::{Capabilities, Capability, Modalities, Modality};
pub use lookup::{Catalog, CatalogHandle, FormatError, Maker};
pub use model::{Deployment, Mode, Model, Tokenizer};
pub use override_error::OverrideError;
pub use price::{Price, PriceVersion, Rates, ServiceTier, Tier, UnitPrices};
pub use provider::{AuthScheme, Dialect, Provider};
pub use resolve::{ResolveError, Resolved, Variant};
