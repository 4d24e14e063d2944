//! Invitations: made by owners and admins, sent to an address, accepted by the person who has it.
//!
//! Nobody proves at sign-up that they get an address's mail. So an invitation is accepted with the token of its letter only,
//! and never on the word of somebody who signed up with that address.

use domain::ids::{InviteId, MailId};
use domain::{Code, Fault, Secret};
use service::{clock, random};
use store::{InviteRow, InviteStatus, MailRow, MembershipRow, NewInvite, Page, Role};
use tokio::time::Instant;

use crate::app::caller::{Admin, LoggedIn, Operator, key_hash};
use crate::app::page::Listed;
use crate::app::rights::Right;
use crate::app::sessions::Token;
use crate::app::{Control, ask, checks};

/// An invitation can be accepted for a week.
const LIFE_SECONDS: i64 = 7 * 24 * 3_600;
/// Limit: bytes of a token that is looked at.
const TOKEN_BYTES_MAX: usize = 128;

impl Control {
    /// Invites an address. An invitation that waits for it already is replaced.
    pub async fn invite_create(&self, who: &Admin, email: &str, role: Role) -> Result<InviteRow, Fault> {
        let (caller, email) = (who.management(), checks::email(email)?);
        if role == Role::Owner && !Right::Own.is_of(caller.role()) {
            return Err(Fault::new(Code::PermissionDenied, Right::Own.line().needs).param("role"));
        }
        let (now, token) = (clock::now(), Token::fresh()?);
        let inviter = ask::store(Code::DirectoryUnavailable, store::person_get(&self.db, caller.user())).await?;
        let organization = ask::store(Code::DirectoryUnavailable, store::organization_get(&self.db, caller.scope())).await?;
        let mail = MailRow {
            id: MailId::from_uuid(random::uuid()),
            recipient: email.clone(),
            subject: format!("Invitation to {} on llmg", organization.name),
            body: self.letter(&inviter.email, &organization.name, role, &token),
            created_at: now,
        };
        let new = NewInvite {
            id: InviteId::from_uuid(random::uuid()),
            email,
            role,
            hash: token.hash(),
            invited_by: caller.user(),
            expires_at: now.plus_seconds(LIFE_SECONDS),
            mail,
        };
        let author = caller.author(now);
        let made = ask::store(Code::DirectoryUnavailable, store::invite_create(&self.db, caller.scope(), &new, &author)).await;
        let row = made.map_err(|fault| match fault.code() {
            Code::Conflict => Fault::new(Code::Conflict, "the person with this e-mail address is a member already").param("email"),
            _ => fault,
        })?;
        tracing::info!(invite.id = %row.id, role = role.as_str(), by = %caller.via(), "somebody was invited");
        self.mail_file(new.mail).await;
        Ok(row)
    }

    /// A page of invitations, newest first.
    pub async fn invite_list(&self, who: &Admin, page: Page<InviteId>) -> Result<Listed<InviteRow, InviteId>, Fault> {
        let asked = store::invite_list(&self.db, who.management().scope(), page.after, page.limit.saturating_add(1));
        let rows = ask::store(Code::DirectoryUnavailable, asked).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// Takes an invitation back. Repeating it changes nothing.
    pub async fn invite_revoke(&self, who: &Admin, id: InviteId) -> Result<InviteRow, Fault> {
        let caller = who.management();
        let author = caller.author(clock::now());
        let revoked = ask::store(Code::DirectoryUnavailable, store::invite_revoke(&self.db, caller.scope(), id, &author)).await;
        let row = revoked.map_err(|fault| match fault.code() {
            Code::Conflict => Fault::new(Code::Conflict, "this invitation was accepted: remove the member instead"),
            _ => fault,
        })?;
        tracing::info!(invite.id = %id, by = %caller.via(), "an invitation was taken back");
        Ok(row)
    }

    /// Joins an organization; every other invitation for the same address is accepted with it, because the token proves who
    /// gets its mail.
    pub async fn invite_accept(&self, who: &LoggedIn, token: &Secret<String>) -> Result<MembershipRow, Fault> {
        drop(self.attempts.take_address(who.visitor().address, Instant::now())?);
        let invite = self.invite_of(token, who.email()).await?;
        let author = who.author(clock::now());
        let accepted = store::invite_accept(&self.db, invite.id, who.user(), &author);
        ask::store(Code::DirectoryUnavailable, accepted).await.map_err(|fault| not_open(&fault).unwrap_or(fault))?;
        tracing::info!(invite.id = %invite.id, user.id = %who.user(), "an invitation was accepted");
        let memberships = self.memberships(who).await?;
        let joined = memberships.into_iter().find(|membership| membership.organization == invite.organization);
        joined.ok_or_else(|| ask::not_found("organization"))
    }

    /// The open invitation of a token, for an address. A wrong token and one that is over are answered alike.
    pub(super) async fn invite_of(&self, token: &Secret<String>, email: &str) -> Result<InviteRow, Fault> {
        let text = token.expose().trim();
        if text.is_empty() || text.len() > TOKEN_BYTES_MAX {
            return Err(gone());
        }
        let row = ask::store(Code::DirectoryUnavailable, store::invite_by_hash(&self.db, &key_hash(text))).await?;
        let now = clock::now();
        let row = row.filter(|row| row.status == InviteStatus::Pending && now < row.expires_at).ok_or_else(gone)?;
        if row.email != email {
            let say = "this invitation is for another e-mail address: log in or sign up with the one that got it";
            return Err(Fault::new(Code::PermissionDenied, say).param("invite"));
        }
        Ok(row)
    }

    /// A page of the instance's outbox.
    pub async fn mail_list(&self, _: &Operator, page: Page<MailId>) -> Result<Listed<MailRow, MailId>, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::mail_list(&self.db, page.after, page.limit.saturating_add(1))).await?;
        Ok(Listed::cut(rows, page.limit, |row| row.id))
    }

    /// The token is behind a `#`, which browsers send to nobody.
    fn letter(&self, inviter: &str, organization: &str, role: Role, token: &Token) -> String {
        let how = match self.front().address() {
            Some(address) => format!("Open this address within 7 days:\n\n{address}/invite#{}", token.text()),
            None => format!("Open the dashboard within 7 days and enter this invitation:\n\n{}", token.text()),
        };
        let role = role.as_str();
        format!(
            "{inviter} invites you to join {organization} as {role}.\n\n{how}\n\nLog in or sign up with the e-mail address that got this \
             letter. If you did not expect it, do nothing.\n"
        )
    }
}

/// An invitation that another request ended in the meantime.
pub(super) fn not_open(fault: &Fault) -> Option<Fault> {
    (fault.code() == Code::NotFound).then(gone)
}

fn gone() -> Fault {
    let say = "there is no such invitation, or it has expired, was taken back or was used; ask for another one";
    Fault::new(Code::NotFound, say).param("invite")
}
