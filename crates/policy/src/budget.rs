//! When the windows of budgets begin and end.

use domain::{Period, UnixMicros, Window};
use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, Unit, Zoned, ZonedRound};

/// A place's clock, ready to be asked.
#[derive(Debug, Clone)]
pub struct Clock(TimeZone);

impl Clock {
    /// By its IANA name, for example `Europe/Berlin`. `None`: there is no such zone in the copy of the database that is built in.
    pub fn named(name: &str) -> Option<Self> {
        if name == "UTC" {
            return Some(Self(TimeZone::UTC));
        }
        TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }

    /// The window that a time is in. Days have 23 or 25 hours where clocks change. `None`: the time is beyond what calendars reach.
    pub fn window(&self, period: Period, at: UnixMicros) -> Option<Window> {
        if period == Period::Total {
            return Some(Window::ENDLESS);
        }
        let now = Timestamp::from_microsecond(at.0).ok()?.to_zoned(self.0.clone());
        let start = begin(period, &now)?;
        let end = match period {
            // Hours are counted on, not on the clock: one that comes twice in a night is two windows.
            Period::Hour => start.checked_add(Span::new().hours(1)),
            Period::Day => start.checked_add(Span::new().days(1)),
            Period::Week => start.checked_add(Span::new().weeks(1)),
            Period::Month => start.checked_add(Span::new().months(1)),
            Period::Total => return Some(Window::ENDLESS),
        };
        // Where midnight is skipped, the day after begins at the first moment that there is.
        let end = if period == Period::Hour { end.ok()? } else { end.ok()?.start_of_day().ok()? };
        let micros = |zoned: &Zoned| UnixMicros(zoned.timestamp().as_microsecond());
        Some(Window { start: micros(&start), end: Some(micros(&end)) })
    }
}

fn begin(period: Period, now: &Zoned) -> Option<Zoned> {
    match period {
        Period::Hour => now.round(ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc)).ok(),
        Period::Day | Period::Total => now.start_of_day().ok(),
        Period::Week => {
            let back = now.weekday().since(Weekday::Monday);
            now.checked_sub(Span::new().days(i64::from(back))).ok()?.start_of_day().ok()
        }
        Period::Month => now.first_of_month().ok()?.start_of_day().ok(),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Period, UnixMicros, Window};
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::Clock;

    fn at(text: &str) -> UnixMicros {
        UnixMicros(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn windows_begin_on_the_clock_of_their_place() {
        let table = [
            ("UTC", Period::Hour, "2026-03-04T05:59:59.9Z", "2026-03-04T05:00:00Z", "2026-03-04T06:00:00Z"),
            ("Asia/Kolkata", Period::Hour, "2026-03-04T05:45:00Z", "2026-03-04T05:30:00Z", "2026-03-04T06:30:00Z"),
            ("Europe/Berlin", Period::Day, "2026-03-04T23:30:00Z", "2026-03-04T23:00:00Z", "2026-03-05T23:00:00Z"),
            // The day on which clocks go forward has 23 hours, the one on which they go back 25.
            ("Europe/Berlin", Period::Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", Period::Day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            // The hour that comes twice is two windows.
            ("Europe/Berlin", Period::Hour, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
            ("Europe/Berlin", Period::Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
            // Sunday belongs to the week of the Monday before.
            ("UTC", Period::Week, "2026-03-01T23:59:59Z", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"),
            ("UTC", Period::Week, "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
            ("America/New_York", Period::Month, "2026-03-01T04:59:59Z", "2026-02-01T05:00:00Z", "2026-03-01T05:00:00Z"),
            ("America/New_York", Period::Month, "2026-03-15T00:00:00Z", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"),
            // Midnight is skipped when clocks go forward in Beirut.
            ("Asia/Beirut", Period::Day, "2025-03-30T10:00:00Z", "2025-03-29T22:00:00Z", "2025-03-30T21:00:00Z"),
        ];
        for (zone, period, now, start, end) in table {
            let found = Clock::named(zone).unwrap().window(period, at(now)).unwrap();
            assert_eq!(found, Window { start: at(start), end: Some(at(end)) }, "{zone} {period:?} {now}");
        }
        assert_eq!(Clock::named("UTC").unwrap().window(Period::Total, at("2026-01-01T00:00:00Z")), Some(Window::ENDLESS));
    }

    #[test]
    fn unknown_places_have_no_clock() {
        for name in ["", "Mars/Olympus", "Europe", "../etc/passwd", "UTC "] {
            assert!(Clock::named(name).is_none(), "{name}");
        }
        assert!(Clock::named("UTC").unwrap().window(Period::Day, UnixMicros(i64::MAX)).is_none());
    }

    proptest! {
        /// Every moment is in exactly one window: it contains the moment, its end begins the next, its start is its own.
        #[test]
        fn windows_follow_each_other_without_gaps(
            micros in 0..4_000_000_000_000_000i64,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]),
            period in prop::sample::select(vec![Period::Hour, Period::Day, Period::Week, Period::Month]),
        ) {
            let clock = Clock::named(zone).unwrap();
            let window = clock.window(period, UnixMicros(micros)).unwrap();
            let end = window.end.unwrap();
            prop_assert!(window.contains(UnixMicros(micros)));
            prop_assert_eq!(clock.window(period, window.start).unwrap(), window);
            prop_assert_eq!(clock.window(period, UnixMicros(end.0 - 1)).unwrap(), window);
            prop_assert_eq!(clock.window(period, end).unwrap().start, end);
        }
    }
}
