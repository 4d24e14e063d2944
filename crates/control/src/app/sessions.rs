//! Browsers' sessions: what a token is, how long it opens, a person's own list of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Code, Fault, OrganizationId, Secret, SessionId, UnixMicros};
use service::{clock, random};
use store::{Moment, Page, SessionCallerRow, SessionEnd, SessionRow, SessionsKept};

use crate::app::auth::Visitor;
use crate::app::caller::{LoggedIn, Management, key_hash};
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask};

/// A session that nobody uses for so long ends.
const IDLE_SECONDS: i64 = 30 * 24 * 3_600;
/// So does one that began so long ago.
pub(crate) const LIFE_SECONDS: i64 = 90 * 24 * 3_600;
/// Limit: sessions of one person; the one that was used last longest ago makes room.
const SESSIONS_MAX: u32 = 50;
/// Uses are noted about this exactly, so that reading does not write each time.
const USE_NOTED_SECONDS: i64 = 600;
/// 256 random bits.
const TOKEN_BYTES: usize = 32;

/// The secret in a browser's cookie.
pub(super) struct Token(String);

impl Token {
    pub(super) fn fresh() -> Result<Self, Fault> {
        let bytes = random::bytes::<TOKEN_BYTES>().map_err(|error| Fault::internal("make a session's token", error))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        key_hash(&self.0)
    }

    pub(super) fn secret(self) -> Secret<String> {
        Secret::new(self.0)
    }
}

/// Which older sessions stay when one begins.
pub(super) fn kept(now: UnixMicros) -> SessionsKept {
    SessionsKept { created_after: now.plus_seconds(-LIFE_SECONDS), used_after: now.plus_seconds(-IDLE_SECONDS), count: SESSIONS_MAX }
}

/// When a session ends if nobody uses it from now on.
pub(crate) fn ends_at(created_at: UnixMicros, last_used_at: UnixMicros) -> UnixMicros {
    created_at.plus_seconds(LIFE_SECONDS).min(last_used_at.plus_seconds(IDLE_SECONDS))
}

impl Control {
    /// Proves who presents a session's token.
    pub async fn logged_in(&self, token: &str, visitor: Visitor) -> Result<LoggedIn, Fault> {
        let row = ask::store(Code::DirectoryUnavailable, store::session_caller_by_hash(&self.db, &key_hash(token))).await?;
        let now = clock::now();
        let row = row.filter(|row| now < ends_at(row.created_at, row.last_used_at));
        let row = row.ok_or_else(|| Fault::new(Code::SessionEnded, "this session has ended; log in again"))?;
        self.session_note_use(&row, now).await;
        Ok(LoggedIn::found(row, visitor))
    }

    /// Proves that a person acts for an organization: the named one, or the session's own.
    pub async fn member(&self, caller: &LoggedIn, named: Option<OrganizationId>) -> Result<Management, Fault> {
        let organization = named.unwrap_or_else(|| caller.organization());
        let row = ask::store(Code::DirectoryUnavailable, store::member_get(&self.db, caller.user(), organization)).await?;
        match (row, named) {
            (Some(row), _) => self.limited(Management::of_member(caller, organization, row)?).await,
            (None, Some(_)) => Err(ask::not_found("organization").param(ORGANIZATION_HEADER)),
            (None, None) => Err(Fault::new(Code::PermissionDenied, "you have left this organization; choose another one")),
        }
    }

    /// A page of the person's own sessions, newest first.
    pub async fn session_list(
        &self,
        who: &LoggedIn,
        page: Page<Moment<SessionId>>,
    ) -> Result<Listed<SessionRow, Moment<SessionId>>, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::session_list(&self.db, who.user(), one_more(page))).await?;
        let mut listed = Listed::cut(rows, page.limit, |row| Moment { at: row.created_at, id: row.id });
        let now = clock::now();
        listed.rows.retain(|row| now < ends_at(row.created_at, row.last_used_at));
        Ok(listed)
    }

    /// Ends one of the person's own sessions.
    pub async fn session_revoke(&self, who: &LoggedIn, id: SessionId) -> Result<(), Fault> {
        let author = who.author(clock::now());
        let ended = store::session_revoke(&self.db, who.user(), id, SessionEnd::Revoked, &author);
        let ended = ask::store(Code::DirectoryUnavailable, ended).await;
        ended.map_err(
            |fault| {
                if fault.code() == Code::NotFound { Fault::new(Code::NotFound, "you have no such session") } else { fault }
            },
        )?;
        tracing::info!(user.id = %who.user(), session.id = %id, "a session was ended");
        Ok(())
    }

    /// Ends all of the person's sessions but the one that asks; answers how many.
    pub async fn sessions_revoke(&self, who: &LoggedIn) -> Result<u64, Fault> {
        let author = who.author(clock::now());
        let ended = store::sessions_revoke(&self.db, who.user(), who.session(), &author);
        let ended = ask::store(Code::DirectoryUnavailable, ended).await?;
        tracing::info!(user.id = %who.user(), ended, "a person's other sessions were ended");
        Ok(ended)
    }

    /// A use that cannot be noted refuses nobody.
    async fn session_note_use(&self, row: &SessionCallerRow, now: UnixMicros) {
        if now < row.last_used_at.plus_seconds(USE_NOTED_SECONDS) {
            return;
        }
        if let Err(fault) = ask::store(Code::DirectoryUnavailable, store::session_used(&self.db, row.session, now)).await {
            tracing::warn!(session.id = %row.session, cause = fault.chain(), "the use of a session was not noted");
        }
    }
}

/// Chooses another of the person's organizations.
pub(crate) const ORGANIZATION_HEADER: &str = "X-Llmg-Organization";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_enough_chance_in_it_and_no_two_are_equal() {
        let [a, b] = [Token::fresh().unwrap(), Token::fresh().unwrap()];
        assert_eq!((a.text().len(), a.hash() == b.hash()), (43, false));
    }

    #[test]
    fn a_session_ends_by_idleness_or_by_age() {
        let day = |n: i64| UnixMicros(n * 86_400_000_000);
        assert_eq!(ends_at(day(0), day(0)), day(30));
        assert_eq!(ends_at(day(0), day(59)), day(89));
        assert_eq!(ends_at(day(0), day(80)), day(90));
    }
}
