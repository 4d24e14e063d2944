//! Histograms of milliseconds, from which percentiles are read.
//!
//! Bins are fixed: one for each value below 32, then 16 of equal width between each power of two and the next. A bin is
//! at most 1/16 of its smallest value wide, so the middle of a bin is at most 1/32 (3.2 %) away from each value in it.
//!
//! A histogram is stored as text: `bin;` for one call and `bin:calls;` for several. The text of two histograms after each
//! other is the histogram of both, so SQL adds them up with `||` and `group_concat`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::AnalyticsError;

/// Bins between a power of two and the next.
const PER_OCTAVE: u32 = 16;
const PER_OCTAVE_BITS: u32 = PER_OCTAVE.ilog2();
/// Bins that hold all of `u32`.
const COUNT: usize = ((32 - PER_OCTAVE_BITS + 1) * PER_OCTAVE) as usize;

/// Two percentiles, each at most 1/32 away from a call's true value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of the calls took this long or less.
    pub p50_ms: u32,
    /// 95 of 100 calls took this long or less.
    pub p95_ms: u32,
}

/// Calls by bin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bins(BTreeMap<u16, u64>);

impl Bins {
    /// Counts one value in.
    pub(crate) fn add(&mut self, value_ms: u32) {
        self.add_calls(bin_of(value_ms), 1);
    }

    fn add_calls(&mut self, bin: u16, calls: u64) {
        let mine = self.0.entry(bin).or_default();
        *mine = mine.saturating_add(calls);
    }

    /// As stored.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 6);
        for (bin, calls) in &self.0 {
            // Writing to a string does not fail.
            let _ = if *calls == 1 { write!(text, "{bin};") } else { write!(text, "{bin}:{calls};") };
        }
        text
    }

    /// Adds a stored histogram, or several after each other.
    pub(crate) fn add_text(&mut self, text: &str, what: &'static str) -> Result<(), AnalyticsError> {
        each(text, what, |bin, calls| self.add_calls(bin, calls))
    }
}

/// One slot for each bin: for reading many histograms one after the other without memory of its own for each.
pub(crate) struct Slots {
    calls: Box<[u64; COUNT]>,
    used: usize,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self { calls: Box::new([0; COUNT]), used: 0 }
    }

    pub(crate) fn add_text(&mut self, text: &str, what: &'static str) -> Result<(), AnalyticsError> {
        let Self { calls: slots, used } = self;
        each(text, what, |bin, calls| {
            let bin = usize::from(bin);
            *used = (*used).max(bin + 1);
            if let Some(slot) = slots.get_mut(bin) {
                *slot = slot.saturating_add(calls);
            }
        })
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.used = self.used.max(other.used);
        let mine = self.calls.iter_mut().zip(other.calls.iter()).take(other.used);
        mine.for_each(|(mine, its)| *mine = mine.saturating_add(*its));
    }

    pub(crate) fn clear(&mut self) {
        self.calls.iter_mut().take(self.used).for_each(|slot| *slot = 0);
        self.used = 0;
    }

    /// None of no calls.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let calls = self.calls.iter().take(self.used).fold(0, |sum: u64, calls| sum.saturating_add(*calls));
        (calls > 0).then(|| Percentiles { p50_ms: self.value_at(calls, 50), p95_ms: self.value_at(calls, 95) })
    }

    /// The middle of the bin of the smallest value that `percent` of the calls do not exceed.
    fn value_at(&self, calls: u64, percent: u64) -> u32 {
        let rank = u128::from(calls) * u128::from(percent);
        let mut below: u128 = 0;
        for (bin, calls) in (0..).zip(self.calls.iter().take(self.used)) {
            below += u128::from(*calls) * 100;
            if below >= rank {
                return middle_of(bin);
            }
        }
        0
    }
}

fn bin_of(value_ms: u32) -> u16 {
    let octave = value_ms.max(PER_OCTAVE).ilog2() - PER_OCTAVE_BITS;
    // At most 463.
    u16::try_from(octave * PER_OCTAVE + (value_ms >> octave)).unwrap_or(u16::MAX)
}

fn middle_of(bin: u16) -> u32 {
    let bin = u32::from(bin);
    let octave = (bin / PER_OCTAVE).saturating_sub(1);
    let low = (bin - octave * PER_OCTAVE) << octave;
    low + ((1 << octave) - 1) / 2
}

fn each(text: &str, what: &'static str, mut take: impl FnMut(u16, u64)) -> Result<(), AnalyticsError> {
    let corrupt = || AnalyticsError::Corrupt { what };
    let Some(text) = text.strip_suffix(';') else {
        return if text.is_empty() { Ok(()) } else { Err(corrupt()) };
    };
    for entry in text.split(';') {
        let (bin, calls) = entry.split_once(':').unwrap_or((entry, "1"));
        let bin: u16 = bin.parse().map_err(|_| corrupt())?;
        if usize::from(bin) >= COUNT {
            return Err(corrupt());
        }
        take(bin, calls.parse().map_err(|_| corrupt())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> impl Iterator<Item = u32> {
        (0..200_000).chain((18..32).flat_map(|bit| [(1_u32 << bit) - 1, 1 << bit, (1 << bit) + 1])).chain([u32::MAX])
    }

    #[test]
    fn a_bin_tells_a_value_to_a_thirty_second() {
        let mut last = 0;
        for value in values() {
            let bin = bin_of(value);
            assert!(usize::from(bin) < COUNT);
            assert!(middle_of(bin).abs_diff(value) <= value / 32, "{value} is shown as {}", middle_of(bin));
            if value < 200_000 {
                assert!(bin == last || bin == last + 1, "{value}");
                last = bin;
            }
        }
        assert_eq!(usize::from(bin_of(u32::MAX)), COUNT - 1);
    }

    #[test]
    fn texts_after_each_other_are_the_sum() {
        let (mut one, mut both) = (Bins::default(), Bins::default());
        [3, 3, 900, 4_000].into_iter().for_each(|value| one.add(value));
        [3, 3, 900, 4_000, 3, 901].into_iter().for_each(|value| both.add(value));
        let text = one.text() + "3;" + &format!("{}:1;", bin_of(901));
        let mut read = Bins::default();
        read.add_text(&text, "bins").unwrap();
        assert_eq!(read, both);
        for wrong in ["3", "464;", "x;", "3:;", ";;", "3:1:1;", "-1;"] {
            assert!(Bins::default().add_text(wrong, "bins").is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut slots = Slots::new();
        assert_eq!(slots.percentiles(), None);
        let mut bins = Bins::default();
        (1..=20).for_each(|value| bins.add(value));
        slots.add_text(&bins.text(), "bins").unwrap();
        assert_eq!(slots.percentiles(), Some(Percentiles { p50_ms: 10, p95_ms: 19 }));
        let mut more = Slots::new();
        more.add_text("21:20;", "bins").unwrap();
        slots.add(&more);
        assert_eq!(slots.percentiles(), Some(Percentiles { p50_ms: 20, p95_ms: 21 }));
        slots.clear();
        assert_eq!(slots.percentiles(), None);
    }
}
