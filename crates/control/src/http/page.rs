//! How every list is asked for and answered: `limit` and `cursor`, `has_more` and `next_cursor`. A cursor is a place in the
//! list's order, so that rows that come or go between two pages neither repeat nor hide others. It holds no right: what it
//! names is looked for within the caller's own scope.

use analytics::CallCursor;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{InviteId, MailId};
use domain::{ApiKeyId, BudgetId, Fault, ManagementKeyId, OrganizationId, ProjectId, SessionId, SubAccountId, UnixMicros, UserId};
use serde::Deserialize;
use store::{Moment, Page, ProviderKeyPlace};
use utoipa::IntoParams;

use crate::app::checks::invalid;

/// Rows of a page when the caller does not say.
pub(super) const USUAL: u32 = 50;
/// Limit: rows of a page.
pub(super) const MOST: u32 = 200;

/// For lists without filters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Rows on a page, 1 to 200. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    /// Which page.
    pub(super) fn page<C: Place>(&self) -> Result<Page<C>, Fault> {
        page(self.limit, self.cursor.as_deref())
    }
}

/// Which page.
pub(super) fn page<C: Place>(limit: Option<u32>, cursor: Option<&str>) -> Result<Page<C>, Fault> {
    let wrong = || invalid("cursor", "`cursor` must be the `next_cursor` of a page of this list");
    let limit = match limit {
        None => USUAL,
        Some(limit) if (1..=MOST).contains(&limit) => limit,
        Some(_) => return Err(invalid("limit", format!("`limit` must be 1 to {MOST}"))),
    };
    let read = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        C::read(std::str::from_utf8(&bytes).ok()?)
    };
    let after = cursor.map(|text| read(text).ok_or_else(wrong)).transpose()?;
    Ok(Page { after, limit })
}

/// `has_more` and `next_cursor`.
pub(super) fn next<C: Place>(next: Option<C>) -> (bool, Option<String>) {
    (next.is_some(), next.map(|place| URL_SAFE_NO_PAD.encode(place.spell())))
}

/// A place in a list, as a cursor holds it.
pub(super) trait Place: Sized {
    /// As text.
    fn spell(&self) -> String;
    /// From text.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! spelled {
    ($($id:ty)*) => {$(
        impl Place for $id {
            fn spell(&self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

spelled! { ApiKeyId BudgetId InviteId MailId ManagementKeyId OrganizationId ProjectId SessionId SubAccountId UserId CallCursor }

/// A number of the audit log.
impl Place for i64 {
    fn spell(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| *number > 0)
    }
}

impl<I: Place> Place for Moment<I> {
    fn spell(&self) -> String {
        format!("{}.{}", self.at.0, self.id.spell())
    }

    fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('.')?;
        Some(Self { at: UnixMicros(at.parse().ok()?), id: I::read(id)? })
    }
}

impl Place for ProviderKeyPlace {
    fn spell(&self) -> String {
        format!("{}.{}.{}", self.priority, self.id, self.provider)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (priority, id, provider) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { provider: provider.to_owned(), priority: priority.parse().ok()?, id: id.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_place_reads_back_and_nothing_else_does() {
        let id = ProjectId::from_uuid(Uuid::from_u128(7));
        let place = Moment { at: UnixMicros(-5), id };
        let (more, cursor) = next(Some(place));
        assert!(more);
        assert_eq!(page::<Moment<ProjectId>>(None, cursor.as_deref()).unwrap(), Page { after: Some(place), limit: USUAL });
        let key = ProviderKeyPlace { provider: "a.b".to_owned(), priority: 3, id: domain::ProviderKeyId::from_uuid(Uuid::from_u128(8)) };
        assert_eq!(page(Some(MOST), next(Some(key.clone())).1.as_deref()).unwrap(), Page { after: Some(key), limit: MOST });
        for wrong in ["", "%", "_", "0", "MA", &id.to_string(), "LTUucHJval8"] {
            assert_eq!(page::<Moment<ProjectId>>(None, Some(wrong)).unwrap_err().wrong_param(), Some("cursor"), "{wrong}");
        }
        for wrong in [0, MOST + 1, u32::MAX] {
            assert_eq!(page::<i64>(Some(wrong), None).unwrap_err().wrong_param(), Some("limit"), "{wrong}");
        }
    }
}
