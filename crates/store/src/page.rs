//! Pages of lists: rows behind a place in a stable order, so that rows that come meanwhile neither repeat nor hide others.

use domain::UnixMicros;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<K> {
    /// The place of the last row of the page before.
    pub after: Option<K>,
    /// At most this many rows.
    pub limit: u32,
}

impl<K> Page<K> {
    /// The first rows.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

/// The place of a row in a list by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment<I> {
    /// When the row was made.
    pub at: UnixMicros,
    /// Which of those of this moment.
    pub id: I,
}

impl<I: ToString> Page<Moment<I>> {
    /// What a list that goes forward in time binds.
    pub(crate) fn later_than(&self) -> (i64, String) {
        self.after.as_ref().map_or((i64::MIN, String::new()), |place| (place.at.0, place.id.to_string()))
    }

    /// What a list that goes back in time binds. No id is greater than a `~`.
    pub(crate) fn earlier_than(&self) -> (i64, String) {
        self.after.as_ref().map_or((i64::MAX, "~".to_owned()), |place| (place.at.0, place.id.to_string()))
    }
}
