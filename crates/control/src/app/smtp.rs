//! The mail server that takes letters away. The operator names it in the settings; nobody else chooses an address here.

use std::fmt;
use std::time::Duration;

use domain::Secret;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use store::MailRow;

/// One letter may take this long, the greeting included.
const DEADLINE: Duration = Duration::from_secs(20);
/// Replies that are about us and not about the letter: our log-in is wrong or missing, or TLS is wanted.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

/// Why a letter was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It will not be taken later either.
    Never(String),
    /// It may be.
    Later(String),
}

/// A mail server, and who writes.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[mail server]")
    }
}

impl Smtp {
    /// From the settings; the error names the wrong one and says what is wrong with it, without its password.
    pub fn new(url: &Secret<String>, from: &str) -> Result<Self, (&'static str, &'static str)> {
        let parsed = url::Url::parse(url.expose()).map_err(|_| ("smtp_url", "not a URL"))?;
        let host = parsed.host_str().unwrap_or_default();
        let private = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let required = parsed.query_pairs().any(|(name, value)| name == "tls" && value == "required");
        match parsed.scheme() {
            "smtps" => {}
            "smtp" if required || private => {}
            "smtp" => return Err(("smtp_url", "letters do not travel in clear to another machine: write smtps://… or add ?tls=required")),
            _ => return Err(("smtp_url", "begins with neither smtps:// nor smtp://")),
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()).map_err(|_| ("smtp_url", "not a mail server's URL"))?;
        let from = from.parse().map_err(|_| ("mail_from", "not an address, such as `llmg <no-reply@example.com>`"))?;
        Ok(Self { transport: builder.timeout(Some(DEADLINE)).build(), from })
    }

    /// Hands a letter over.
    pub(super) async fn send(&self, mail: &MailRow) -> Result<(), Refusal> {
        let never = |error: String| Refusal::Never(error);
        let to: Mailbox = mail.recipient.parse().map_err(|_| never("the recipient is no address".to_owned()))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .subject(&*mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text(true));
        let message = message.map_err(|error| never(error.to_string()))?;
        match tokio::time::timeout(DEADLINE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                let about_us = error.status().is_some_and(|code| ABOUT_US.contains(&u16::from(code)));
                let chain = chain(&error);
                Err(if error.is_permanent() && !about_us { Refusal::Never(chain) } else { Refusal::Later(chain) })
            }
            Err(_) => Err(Refusal::Later("the mail server did not answer in time".to_owned())),
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_travel_in_clear() {
        let new = |url: &str, from: &str| Smtp::new(&Secret::new(url.to_owned()), from).map(drop);
        let from = "llmg <no-reply@example.com>";
        for url in ["smtps://u:p@mail.example.com", "smtp://u:p@mail.example.com?tls=required", "smtp://127.0.0.1:25", "smtp://localhost"] {
            new(url, from).unwrap();
        }
        for (url, from, field) in [
            ("smtp://u:p@mail.example.com", from, "smtp_url"),
            ("smtp://u:p@mail.example.com?tls=opportunistic", from, "smtp_url"),
            ("http://mail.example.com", from, "smtp_url"),
            ("mail.example.com", from, "smtp_url"),
            ("smtps://mail.example.com", "nobody", "mail_from"),
        ] {
            assert_eq!(new(url, from).unwrap_err().0, field, "{url}");
        }
        let smtp = Smtp::new(&Secret::new("smtps://u:canary@mail.example.com".to_owned()), from).unwrap();
        assert!(!format!("{smtp:?}").contains("canary"));
    }
}
