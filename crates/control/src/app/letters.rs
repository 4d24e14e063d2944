//! What letters say. A token stands behind a `#`, which browsers send to nobody.

use domain::ids::MailId;
use domain::{Code, Fault, UnixMicros};
use service::random;
use store::{NewMail, Role, SECRET_MARK};

use crate::app::sessions::Token;
use crate::app::{Control, ask};

/// Which page takes a token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Page {
    Invite,
    VerifyEmail,
    ResetPassword,
    ConfirmSignUp,
}

impl Page {
    const fn path(self) -> &'static str {
        match self {
            Self::Invite => "/invite",
            Self::VerifyEmail => "/verify-email",
            Self::ResetPassword => "/reset-password",
            Self::ConfirmSignUp => "/confirm-sign-up",
        }
    }
}

/// What a letter is made of.
pub(super) struct Letter<'a> {
    pub(super) recipient: &'a str,
    pub(super) subject: String,
    pub(super) body: String,
    /// What opens something, and from when on it does not.
    pub(super) secret: Option<(&'a Token, UnixMicros)>,
    pub(super) now: UnixMicros,
}

impl Letter<'_> {
    pub(super) fn mail(self) -> NewMail {
        NewMail {
            id: MailId::from_uuid(random::uuid()),
            recipient: self.recipient.to_owned(),
            subject: self.subject,
            body: self.body,
            secret: self.secret.map(|(token, ends_at)| (token.text().to_owned(), ends_at)),
            created_at: self.now,
        }
    }
}

impl Control {
    /// Queues a letter that tells of nothing stored.
    pub(super) async fn letter_send(&self, letter: Letter<'_>) -> Result<(), Fault> {
        ask::store(Code::DirectoryUnavailable, store::mail_send(&self.db, &letter.mail())).await?;
        self.desk.nudge();
        Ok(())
    }

    pub(super) fn invite_text(&self, inviter: &str, organization: &str, role: Role) -> String {
        let (how, role) = (self.how(Page::Invite, "7 days"), role.as_str());
        format!(
            "{inviter} invites you to join {organization} as {role}.\n\n{how}\n\nLog in or sign up with the e-mail address that got this \
             letter. If you did not expect it, do nothing.\n"
        )
    }

    pub(super) fn verify_text(&self) -> String {
        let how = self.how(Page::VerifyEmail, "24 hours");
        format!("Please confirm that this is your e-mail address.\n\n{how}\n\nIf you have no account on llmg, do nothing.\n")
    }

    pub(super) fn reset_text(&self) -> String {
        let how = self.how(Page::ResetPassword, "1 hour");
        format!(
            "Somebody, probably you, wants to set another password for your account.\n\n{how}\n\nAll browsers that are logged in will be \
             logged out. If it was not you, do nothing: your password stays.\n"
        )
    }

    pub(super) fn confirm_text(&self) -> String {
        let how = self.how(Page::ConfirmSignUp, "24 hours");
        format!(
            "Somebody, probably you, wants to make an account with this e-mail address.\n\n{how}\n\nYou will be asked for the password that \
             you chose. If it was not you, do nothing: then there is no account.\n"
        )
    }

    pub(super) fn known_text(&self) -> String {
        let log_in = self.front().address().map(|address| format!(" at {address}/log-in")).unwrap_or_default();
        format!(
            "Somebody, probably you, wanted to make an account with this e-mail address, but you have one already.\n\nLog in{log_in}; if \
             you forgot your password, you can reset it there. If it was not you, do nothing.\n"
        )
    }

    fn how(&self, page: Page, life: &str) -> String {
        let path = page.path();
        match self.front().address() {
            Some(address) => format!("Open this address within {life}:\n\n{address}{path}#{SECRET_MARK}"),
            None => format!("Open the page {path} of the dashboard within {life} and enter this:\n\n{SECRET_MARK}"),
        }
    }
}
