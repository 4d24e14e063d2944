//! Pure decisions on a snapshot: what a call costs and where it may go. No IO, no clock: what is known comes in as values.

pub mod pricing;
pub mod routing;
