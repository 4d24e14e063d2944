//! Money is integers only.
//!
//! Prices are pico-USD (10⁻¹² USD) per token or other unit, so that every published price per million tokens is whole.
//! A call's cost is summed in `i128` pico-USD and rounded **once**, half to even, to nano-USD (10⁻⁹ USD) in an `i64`
//! (at most 9.22 billion USD). Nothing here is a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const PICO_PER_NANO: i128 = 1_000;
const NANO_PER_USD: i64 = 1_000_000_000;
/// Digits behind the point.
const DECIMALS: usize = 9;

/// An amount in nano-USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that can be held.
    pub const MAX: Self = Self(i64::MAX);

    /// Whole dollars.
    pub const fn from_usd(usd: i32) -> Self {
        Self(usd as i64 * NANO_PER_USD)
    }

    /// The sum, or `MAX`/`MIN` when it does not fit.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The sum, or `None` when it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// True below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// Saturates: what no account can hold must neither wrap around nor stop the process.
impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for NanoUsd {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for NanoUsd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Shows dollars with nine decimals: `0.000012500`, `-1.000000000`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written from the back into one piece: the formatter's own way takes three times as long, on every call.
        const DIGITS_MAX: usize = 1 + 10 + 1 + DECIMALS;
        let mut text = [b'0'; DIGITS_MAX];
        let mut rest = self.0.unsigned_abs();
        let mut start = DIGITS_MAX;
        while rest > 0 || start >= DIGITS_MAX - DECIMALS - 1 {
            start -= 1;
            if start == DIGITS_MAX - DECIMALS - 1 {
                text[start] = b'.';
                continue;
            }
            text[start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        if self.0 < 0 {
            start -= 1;
            text[start] = b'-';
        }
        f.write_str(std::str::from_utf8(&text[start..]).unwrap_or_default())
    }
}

/// The text is not a decimal number of dollars with at most nine decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedAmount;

impl fmt::Display for MalformedAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a decimal number of dollars with at most nine decimals")
    }
}

impl std::error::Error for MalformedAmount {}

/// Reads dollars: `5`, `0.25`, `-1.000000001`.
impl FromStr for NanoUsd {
    type Err = MalformedAmount;

    fn from_str(text: &str) -> Result<Self, MalformedAmount> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(decimals) || decimals.len() > 9 {
            return Err(MalformedAmount);
        }
        let nano: i64 = format!("{decimals:0<9}").parse().map_err(|_| MalformedAmount)?;
        let amount = whole
            .parse::<i64>()
            .ok()
            .and_then(|usd| usd.checked_mul(NANO_PER_USD))
            .and_then(|usd| usd.checked_add(nano))
            .ok_or(MalformedAmount)?;
        Ok(Self(if negative { -amount } else { amount }))
    }
}

/// A price in pico-USD per token (or per request, image, second: the field that holds it says which).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicoUsdPerUnit(pub i64);

impl PicoUsdPerUnit {
    /// The price of `count` units. Cannot overflow: 2⁶³ × 2⁶⁴ < 2¹²⁷.
    pub const fn times(self, count: u64) -> PicoUsd {
        PicoUsd(self.0 as i128 * count as i128)
    }
}

/// A cost before its one rounding, in pico-USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PicoUsd(pub i128);

impl PicoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Rounds half to even to nano-USD; saturates where an `i64` ends.
    pub fn round(self) -> NanoUsd {
        let whole = self.0.div_euclid(PICO_PER_NANO);
        let rest = self.0.rem_euclid(PICO_PER_NANO);
        let half = PICO_PER_NANO / 2;
        let up = rest > half || (rest == half && whole % 2 != 0);
        Self::clamp(whole + i128::from(up))
    }

    /// Rounds up to nano-USD: for upper bounds, which must never be below the rounded bill.
    pub fn round_up(self) -> NanoUsd {
        Self::clamp(self.0.div_euclid(PICO_PER_NANO) + i128::from(self.0.rem_euclid(PICO_PER_NANO) != 0))
    }

    fn clamp(nano: i128) -> NanoUsd {
        NanoUsd(i64::try_from(nano).unwrap_or(if nano < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl Add for PicoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for PicoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_to_even_once() {
        for (pico, nano) in [(0, 0), (499, 0), (500, 0), (501, 1), (1_500, 2), (2_500, 2), (2_501, 3), (-500, 0), (-501, -1), (-1_500, -2)]
        {
            assert_eq!(PicoUsd(pico).round(), NanoUsd(nano), "{pico}");
        }
    }

    #[test]
    fn an_upper_bound_is_never_below_the_bill() {
        for pico in -3_000..3_000 {
            assert!(PicoUsd(pico).round_up() >= PicoUsd(pico).round(), "{pico}");
        }
    }

    #[test]
    fn shows_and_reads_dollars() {
        for (text, nano) in [("5", 5_000_000_000), ("0.25", 250_000_000), ("-1.000000001", -1_000_000_001), ("0", 0)] {
            assert_eq!(text.parse(), Ok(NanoUsd(nano)), "{text}");
            assert_eq!(NanoUsd(nano).to_string().parse(), Ok(NanoUsd(nano)));
        }
        for text in ["", ".5", "5.", "1.0000000001", "1e3", "+1", "NaN", "9223372037", "--1"] {
            assert_eq!(text.parse::<NanoUsd>(), Err(MalformedAmount), "{text}");
        }
    }

    #[test]
    fn the_largest_price_times_the_largest_count_saturates_instead_of_wrapping() {
        assert_eq!(PicoUsdPerUnit(i64::MAX).times(u64::MAX).round(), NanoUsd::MAX);
    }
}
