//! Time as a value. Only services read a clock; everything below takes the time as an argument.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// `seconds` later (or earlier, if negative).
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Microseconds from `earlier` to here; 0 when the clock went back.
    pub const fn since(self, earlier: Self) -> i64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { 0 } else { micros }
    }
}

impl UnixMicros {
    /// The month in UTC as a number: 202611 for November 2026. (Howard Hinnant's `civil_from_days`.)
    pub const fn month_utc(self) -> i64 {
        let days = self.0.div_euclid(86_400_000_000) + 719_468;
        let era_day = days.rem_euclid(146_097);
        let era_year = (era_day - era_day / 1_460 + era_day / 36_524 - era_day / 146_096) / 365;
        let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
        let shifted = (5 * year_day + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era_year + days.div_euclid(146_097) * 400 + if month <= 2 { 1 } else { 0 };
        year * 100 + month
    }
}

#[cfg(test)]
mod tests {
    use super::UnixMicros;

    #[test]
    fn months_begin_and_end_where_they_should() {
        // Seconds from GNU date: `date -u -d 2024-02-29T23:59:59Z +%s` and so on.
        for (seconds, month) in [
            (0, 197001),
            (-1, 196912),
            (951_782_399, 200002),
            (951_868_800, 200003),
            (1_709_251_199, 202402),
            (1_709_251_200, 202403),
            (1_796_083_199, 202611),
            (1_796_083_200, 202612),
            (1_798_761_599, 202612),
            (1_798_761_600, 202701),
        ] {
            assert_eq!(UnixMicros(seconds * 1_000_000).month_utc(), month, "{seconds}");
        }
    }
}
