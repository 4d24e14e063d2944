//! The windows of budgets, as values. `policy` computes them.

use serde::{Deserialize, Serialize};

use crate::time::UnixMicros;

/// How long a budget's windows are. They begin on the clock of the budget's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From each full hour on.
    Hour,
    /// From midnight on.
    Day,
    /// From Monday on.
    Week,
    /// From the first of the month on.
    Month,
    /// One window that never ends.
    Total,
}

impl Period {
    /// Every period.
    pub const ALL: &'static [Self] = &[Self::Hour, Self::Day, Self::Week, Self::Month, Self::Total];

    /// As stored, and as shown to users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// Reads the stored spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|period| period.as_str() == text)
    }
}

/// One window: from its start on, up to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Names the window among those of its budget.
    pub start: UnixMicros,
    /// `None`: it never ends.
    pub end: Option<UnixMicros>,
}

impl Window {
    /// The only window of [`Period::Total`].
    pub const ENDLESS: Self = Self { start: UnixMicros(0), end: None };

    /// Whether a time is in it.
    pub fn contains(&self, at: UnixMicros) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }

    /// The end as events and rows hold it: 0 when it never ends.
    pub fn end_stored(&self) -> i64 {
        self.end.map_or(0, |end| end.0)
    }

    /// From what events and rows hold.
    pub const fn stored(start: i64, end: i64) -> Self {
        Self { start: UnixMicros(start), end: if end == 0 { None } else { Some(UnixMicros(end)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::{Period, Window};
    use crate::time::UnixMicros;

    #[test]
    fn words_and_stored_windows_read_back() {
        for period in Period::ALL {
            assert_eq!(Period::parse(period.as_str()), Some(*period));
        }
        assert_eq!(Period::parse("Day"), None);
        for window in [Window::ENDLESS, Window { start: UnixMicros(5), end: Some(UnixMicros(9)) }] {
            assert_eq!(Window::stored(window.start.0, window.end_stored()), window);
        }
        assert!(Window::stored(5, 9).contains(UnixMicros(5)) && !Window::stored(5, 9).contains(UnixMicros(9)));
    }
}
