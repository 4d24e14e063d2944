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
    // A time of day without an offset is no day: what it means is not for us to guess.
    let day = || {
        Some(text)
            .filter(|text| text.len() == "2026-11-20".len())?
            .parse::<jiff::civil::Date>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|z| z.timestamp())
    };
    exact.or_else(day).map(|t| UnixMicros(t.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_instants_and_days_and_nothing_between() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(UnixMicros(0)));
        assert_eq!(parse("1970-01-02"), Some(UnixMicros(86_400_000_000)));
        for text in ["", "1970-01-01T00:00:00", "1970-13-01", "now"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
