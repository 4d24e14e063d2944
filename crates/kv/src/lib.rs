//! State that the gateways of a deployment share and may lose: rate limits and cached answers. Never money.
//!
//! Each type is an enum of its backends inside; the embedded default keeps everything in this process.

mod cache;
mod limits;

pub use cache::{Cache, CacheKey};
pub use limits::{Allowance, Limiter, Refused, Wanted};
