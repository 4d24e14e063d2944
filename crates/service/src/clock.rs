//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::UnixMicros;

/// The time now. Durations are measured with `Instant`, never with this: a wall clock may jump.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> UnixMicros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// `2026-11-20T12:34:56.789012Z`.
pub fn rfc3339(at: UnixMicros) -> String {
    jiff::Timestamp::from_microsecond(at.0).map(|t| t.to_string()).unwrap_or_default()
}

/// Reads `2026-11-20T12:34:56Z` (any offset) or `2026-11-20` (midnight UTC).
pub fn parse(text: &str) -> Option<UnixMicros> {
    let exact = text.parse::<jiff::Timestamp>().ok();
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp());
    exact.or_else(day).map(|t| UnixMicros(t.as_microsecond()))
}
