//! Decimal dollars to whole pico-USD, exactly, without a float.

use std::fmt;

use domain::PicoUsdPerUnit;

/// Decimal places of a dollar that one pico-USD stands for.
const PICO_DECIMALS: i32 = 12;
/// Limit: exponents beyond this are not prices.
const EXPONENT_MAX: i32 = 100;

/// Why a decimal text is not a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotAPrice {
    /// Not a decimal number (`1`, `0.25`, `2.5e-06`).
    Malformed,
    /// Below zero.
    Negative,
    /// Finer than one pico-USD.
    TooFine,
    /// More than an `i64` of pico-USD holds.
    TooLarge,
}

impl fmt::Display for NotAPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a decimal number",
            Self::Negative => "below zero",
            Self::TooFine => "not a whole number of pico-USD",
            Self::TooLarge => "too large for a price",
        })
    }
}

impl std::error::Error for NotAPrice {}

/// Dollars per unit (`2.5e-06`, `0.039`) to pico-USD per unit.
///
/// # Errors
/// When the text is no decimal number or its value is negative, too large or not whole.
pub fn pico_per_unit(dollars: &str) -> Result<PicoUsdPerUnit, NotAPrice> {
    scaled(dollars, PICO_DECIMALS)
}

/// Dollars per million units (`2.50`) to pico-USD per unit.
///
/// # Errors
/// As [`pico_per_unit`].
pub fn pico_per_unit_of_million(dollars: &str) -> Result<PicoUsdPerUnit, NotAPrice> {
    scaled(dollars, PICO_DECIMALS - 6)
}

/// `text` × 10^`shift`, if that is a whole number.
fn scaled(text: &str, shift: i32) -> Result<PicoUsdPerUnit, NotAPrice> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (text, 0),
    };
    let (whole, decimals) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(NotAPrice::Malformed),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(decimals.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(NotAPrice::Malformed);
    }
    let decimals = decimals.trim_end_matches('0');
    let digits: String = whole.chars().chain(decimals.chars()).collect();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(PicoUsdPerUnit(0));
    }
    if negative {
        return Err(NotAPrice::Negative);
    }
    let places = i32::try_from(decimals.len()).map_err(|_| NotAPrice::TooFine)?;
    let power = exponent + shift - places;
    let zeros = usize::try_from(power.unsigned_abs()).map_err(|_| NotAPrice::TooLarge)?;
    let integer = if power >= 0 {
        format!("{digits}{}", "0".repeat(zeros))
    } else {
        let kept = digits.len().checked_sub(zeros).ok_or(NotAPrice::TooFine)?;
        let (kept, cut) = digits.split_at(kept);
        if cut.bytes().any(|b| b != b'0') {
            return Err(NotAPrice::TooFine);
        }
        kept.to_owned()
    };
    if integer.is_empty() {
        return Err(NotAPrice::TooFine);
    }
    integer.parse().map(PicoUsdPerUnit).map_err(|_| NotAPrice::TooLarge)
}

fn exponent_of(text: &str) -> Result<i32, NotAPrice> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotAPrice::Malformed);
    }
    let exponent: i32 = text.parse().map_err(|_| NotAPrice::TooLarge)?;
    if exponent > EXPONENT_MAX { Err(NotAPrice::TooLarge) } else { Ok(exponent.max(-EXPONENT_MAX)) }
}

#[cfg(test)]
mod tests {
    use super::{NotAPrice, pico_per_unit, pico_per_unit_of_million};
    use domain::PicoUsdPerUnit;

    #[test]
    fn reads_what_price_lists_write() {
        for (text, pico) in [
            ("2.5e-06", 2_500_000),
            ("2.5E-6", 2_500_000),
            ("0.0000025", 2_500_000),
            ("1e-05", 10_000_000),
            ("0.039", 39_000_000_000),
            ("0", 0),
            ("0.0", 0),
            ("-0.0", 0),
            ("0e-50", 0),
            ("1.9e-07", 190_000),
            ("1.25e-10", 125),
            ("1E-12", 1),
            ("1.0000000000000000000000e-12", 1),
            ("10000e-12", 10_000),
            ("35", 35_000_000_000_000),
        ] {
            assert_eq!(pico_per_unit(text), Ok(PicoUsdPerUnit(pico)), "{text}");
        }
        for (text, pico) in [("2.50", 2_500_000), ("0.075", 75_000), ("0.000001", 1), ("15", 15_000_000)] {
            assert_eq!(pico_per_unit_of_million(text), Ok(PicoUsdPerUnit(pico)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_exact_price() {
        for (text, why) in [
            ("", NotAPrice::Malformed),
            (".5", NotAPrice::Malformed),
            ("5.", NotAPrice::Malformed),
            ("1e", NotAPrice::Malformed),
            ("1e+", NotAPrice::Malformed),
            ("+1", NotAPrice::Malformed),
            ("NaN", NotAPrice::Malformed),
            ("1_0", NotAPrice::Malformed),
            ("-1", NotAPrice::Negative),
            ("1e-13", NotAPrice::TooFine),
            ("1.5e-12", NotAPrice::TooFine),
            ("3.3333333333333335e-07", NotAPrice::TooFine),
            ("1e-99999999", NotAPrice::TooFine),
            ("9223372.036854775808", NotAPrice::TooLarge),
            ("1e101", NotAPrice::TooLarge),
            ("1e99999999999", NotAPrice::TooLarge),
        ] {
            assert_eq!(pico_per_unit(text), Err(why), "{text}");
        }
        assert_eq!(pico_per_unit("9223372.036854775807"), Ok(PicoUsdPerUnit(i64::MAX)));
    }
}
