//! What every service needs and no service owns: configuration, the clock and other sources of chance, logging, stopping,
//! and the one table from error codes to HTTP status.
//!
//! It is the only crate that reads the environment, the clock and randomness; everything below takes them as values.

pub mod address;
pub mod clock;
pub mod config;
pub mod fields;
pub mod http_status;
pub mod random;
pub mod server;
pub mod shutdown;
pub mod telemetry;

pub use config::{Config, ConfigError};
pub use shutdown::Shutdown;
