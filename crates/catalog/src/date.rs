//! Calendar days in UTC, as `YYYY-MM-DD`, read and shown without a clock.

use std::fmt;

use domain::UnixMicros;
use serde::{Deserializer, Serializer};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The start of the day in UTC. `None` when the text is not a day between 1970-01-01 and 9999-12-31.
pub fn parse(text: &str) -> Option<UnixMicros> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten();
    let (year, month, day) = (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..)?)?);
    let micros = UnixMicros(days(year, month, day).checked_mul(MICROS_PER_DAY)?);
    (year >= 1970 && (1..=12).contains(&month) && show(micros) == text).then_some(micros)
}

/// The UTC day that holds `at`.
pub fn show(at: UnixMicros) -> String {
    let (year, month, day) = civil(at.0.div_euclid(MICROS_PER_DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The reverse of [`days`].
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// For `#[serde(with = "date")]`.
///
/// # Errors
/// As the serializer's.
pub fn serialize<S: Serializer>(at: &UnixMicros, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&show(*at))
}

/// For `#[serde(with = "date")]`.
///
/// # Errors
/// When the text is not a day.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixMicros, D::Error> {
    struct Day;
    impl serde::de::Visitor<'_> for Day {
        type Value = UnixMicros;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a day written YYYY-MM-DD")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UnixMicros, E> {
            parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }
    from.deserialize_str(Day)
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use domain::UnixMicros;

    #[test]
    fn days_come_back_as_they_were() {
        for (text, seconds) in
            [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2024-12-31", 1_735_603_200), ("2026-10-21", 1_792_540_800)]
        {
            assert_eq!(parse(text), Some(UnixMicros(seconds * 1_000_000)), "{text}");
            assert_eq!(show(UnixMicros(seconds * 1_000_000)), text);
        }
        for text in ["", "2026-1-01", "2026-02-30", "2026-13-01", "2026-00-01", "1969-12-31", "20261021", "+026-01-01", "2026-01-0é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
