//! Pages of lists.

use store::Page;

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T, C> {
    /// The rows.
    pub rows: Vec<T>,
    /// The place after which the next page begins, if there is one.
    pub next: Option<C>,
}

impl<T, C> Listed<T, C> {
    /// Of rows that were asked for with one more than `limit`, so that it shows whether there are more.
    pub(super) fn cut(mut rows: Vec<T>, limit: u32, place: impl FnOnce(&T) -> C) -> Self {
        let more = u32::try_from(rows.len()).unwrap_or(u32::MAX) > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(place);
        Self { rows, next }
    }

    /// The same page of what the rows mean.
    pub(super) fn map<U>(self, change: impl FnMut(T) -> U) -> Listed<U, C> {
        Listed { rows: self.rows.into_iter().map(change).collect(), next: self.next }
    }
}

/// What is asked of a store for [`Listed::cut`].
pub(super) fn one_more<C>(page: Page<C>) -> Page<C> {
    Page { limit: page.limit.saturating_add(1), ..page }
}
