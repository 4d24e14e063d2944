//! The words that every other crate shares: ids, tenant scope, money, tokens, usage, faults.
//!
//! Holds no IO, no web, no SQL, no clock and no randomness. Everything here is a value.

pub mod budget;
pub mod fault;
pub mod ids;
pub mod key;
pub mod lane;
pub mod money;
pub mod quirks;
pub mod scope;
pub mod secret;
pub mod time;
pub mod usage;

pub use budget::{Period, Window};
pub use fault::{Code, Fault};
pub use ids::{
    ApiKeyId, BudgetId, LeaseId, ManagementKeyId, OrganizationId, ProjectId, ProviderKeyId, RequestId, SessionId, SubAccountId, UserId,
};
pub use lane::{Epoch, GatewayId, Lane, Seq};
pub use money::{NanoUsd, PicoUsd, PicoUsdPerUnit};
pub use quirks::Quirks;
pub use scope::OrgScope;
pub use secret::Secret;
pub use time::UnixMicros;
pub use usage::{Usage, UsageSource};
