//! Pure decisions on a snapshot: what a call costs, where it may go, and which window of a budget it is in. No IO, no clock: what is known comes in as values.

pub mod budget;
pub mod pricing;
pub mod routing;
