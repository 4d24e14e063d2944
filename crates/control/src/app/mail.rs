//! How letters go away: off the path of requests, from the stored queue, so that a restart loses none. With a mail server
//! they are sent; without one they lie in the outbox for the operator. A letter may be sent twice when a process dies between
//! the server's yes and the note of it; it is never lost.
//!
//! What somebody unknown asks for (a letter to an address that may be nobody's) is done here too, so that the answer comes
//! alike and as fast for every address.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::{Code, Fault, UnixMicros};
use parking_lot::Mutex;
use service::{Shutdown, clock};
use store::{MailEnd, MailRow};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::app::smtp::{Refusal, Smtp};
use crate::app::{Control, ask, outbox};

/// Limit: what strangers asked for that waits; what comes on top is refused.
const ASKS_MAX: usize = 1_000;
/// Letters of one round.
const ROUND_MAX: u32 = 20;
/// Limit: letters that are handed over at once.
const AT_ONCE_MAX: usize = 4;
/// How often the queue is looked at without being nudged.
const TICK: Duration = Duration::from_secs(5);
/// How often secrets that are over are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// A process that took a letter has it for so long.
const CLAIM_SECONDS: i64 = 120;
/// After the first failure; each further one doubles it.
const BACK_OFF_SECONDS: i64 = 15;
const BACK_OFF_SECONDS_MAX: i64 = 3_600;
/// A letter that no server took for so long has failed.
const LIFE_SECONDS: i64 = 24 * 3_600;

/// What a stranger asks for about an address.
#[derive(Debug)]
pub(super) enum Ask {
    /// A letter to reset the password of an account, if there is one.
    PasswordReset { email: String },
    /// An account, if there is none.
    SignUp { email: String, name: String, password_hash: String },
}

/// Where requests leave what is to be done.
#[derive(Debug)]
pub(super) struct Desk {
    asks: mpsc::Sender<Ask>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Ask>>,
    wake: Notify,
    swept_at: Mutex<Option<Instant>>,
}

impl Desk {
    pub(super) fn new() -> Self {
        let (asks, waiting) = mpsc::channel(ASKS_MAX);
        Self { asks, waiting: tokio::sync::Mutex::new(waiting), wake: Notify::new(), swept_at: Mutex::new(None) }
    }

    /// Leaves something to be done, whoever it is about.
    pub(super) fn put(&self, ask: Ask) -> Result<(), Fault> {
        let full = |_| Fault::new(Code::Overloaded, "too many letters are asked for at once; try again in a moment").retry_after_ms(5_000);
        self.asks.try_send(ask).map_err(full)?;
        self.wake.notify_one();
        Ok(())
    }

    /// There is a new letter.
    pub(super) fn nudge(&self) {
        self.wake.notify_one();
    }
}

impl Control {
    /// Brings letters away until the process stops.
    pub async fn mail_run(self: Arc<Self>, stop: Shutdown) {
        while !stop.is_stopping() {
            self.mail_round().await;
            tokio::select! {
                () = stop.stopping() => {}
                () = self.desk.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Does what was asked for, and tries each letter that is due once. What fails is told to the log, and tried again.
    pub async fn mail_round(&self) {
        if let Err(fault) = self.mail_rounds().await {
            tracing::warn!(cause = fault.chain(), "letters were not brought away: {}", fault.say());
        }
    }

    async fn mail_rounds(&self) -> Result<(), Fault> {
        let mut waiting = self.desk.waiting.lock().await;
        while let Ok(ask) = waiting.try_recv() {
            let done = match ask {
                Ask::PasswordReset { email } => self.password_reset_letter(&email).await,
                Ask::SignUp { email, name, password_hash } => self.sign_up_letter(email, name, password_hash).await,
            };
            if let Err(fault) = done {
                tracing::warn!(cause = fault.chain(), "a letter was not written: {}", fault.say());
            }
        }
        drop(waiting);
        self.mail_swept().await?;
        let due = ask::store(Code::DirectoryUnavailable, store::mails_due(&self.db, clock::now(), ROUND_MAX)).await?;
        if due.len() == ROUND_MAX as usize {
            self.desk.nudge();
        }
        let mut tries = JoinSet::new();
        for mail in due {
            if tries.len() >= AT_ONCE_MAX {
                self.mail_ended(tries.join_next().await).await?;
            }
            let now = clock::now();
            let claimed = store::mail_claim(&self.db, &mail, now.plus_seconds(CLAIM_SECONDS));
            if !ask::store(Code::DirectoryUnavailable, claimed).await? {
                continue;
            }
            let (smtp, folder) = (self.settings.smtp.clone(), self.settings.outbox.clone());
            tries.spawn(async move {
                let end = carried(smtp.as_ref(), folder.as_deref(), &mail, now).await;
                (mail, end)
            });
        }
        while let Some(done) = tries.join_next().await {
            self.mail_ended(Some(done)).await?;
        }
        Ok(())
    }

    async fn mail_ended(&self, done: Option<Result<(MailRow, MailEnd), tokio::task::JoinError>>) -> Result<(), Fault> {
        let Some(done) = done else { return Ok(()) };
        let (mail, end) = done.map_err(|error| Fault::internal("bring a letter away", error))?;
        match &end {
            MailEnd::Failed(error) => tracing::error!(mail.id = %mail.id, error, "a letter failed for good"),
            MailEnd::Again(_, error) => tracing::warn!(mail.id = %mail.id, error, "a letter was not taken; it is tried again"),
            MailEnd::Sent | MailEnd::Kept | MailEnd::Withdrawn => tracing::info!(mail.id = %mail.id, end = ?end, "a letter went away"),
        }
        ask::store(Code::DirectoryUnavailable, store::mail_end(&self.db, mail.id, &end)).await
    }

    async fn mail_swept(&self) -> Result<(), Fault> {
        let now = Instant::now();
        if self.desk.swept_at.lock().is_some_and(|at| now < at + SWEEP_EVERY) {
            return Ok(());
        }
        let blanked = ask::store(Code::DirectoryUnavailable, store::mail_sweep(&self.db, clock::now())).await?;
        if blanked > 0 {
            tracing::info!(blanked, "letters whose token is over were blanked");
        }
        *self.desk.swept_at.lock() = Some(now);
        Ok(())
    }
}

/// One try.
async fn carried(smtp: Option<&Smtp>, folder: Option<&Path>, mail: &MailRow, now: UnixMicros) -> MailEnd {
    if mail.is_withdrawn() {
        return match filed(folder, mail, outbox::rewrite).await {
            Ok(()) => MailEnd::Withdrawn,
            Err(error) => later(mail, now, error),
        };
    }
    let Some(smtp) = smtp else {
        return match filed(folder, mail, outbox::write).await {
            Ok(()) => MailEnd::Kept,
            Err(error) => later(mail, now, error),
        };
    };
    match smtp.send(mail).await {
        Ok(()) => MailEnd::Sent,
        Err(Refusal::Never(error)) => MailEnd::Failed(error),
        Err(Refusal::Later(error)) => later(mail, now, error),
    }
}

async fn filed(folder: Option<&Path>, mail: &MailRow, write: fn(&Path, &MailRow) -> std::io::Result<()>) -> Result<(), String> {
    let Some(folder) = folder.map(Path::to_path_buf) else { return Ok(()) };
    let mail = mail.clone();
    let done = tokio::task::spawn_blocking(move || write(&folder, &mail)).await;
    done.map_err(|error| error.to_string())?.map_err(|error| format!("write its file: {error}"))
}

/// Twice as long after each failure, until the letter has failed.
fn later(mail: &MailRow, now: UnixMicros, error: String) -> MailEnd {
    if now >= mail.created_at.plus_seconds(LIFE_SECONDS) {
        return MailEnd::Failed(error);
    }
    let wait = BACK_OFF_SECONDS.checked_shl(mail.tries.min(20)).unwrap_or(BACK_OFF_SECONDS_MAX).min(BACK_OFF_SECONDS_MAX);
    MailEnd::Again(now.plus_seconds(wait), error)
}

#[cfg(test)]
mod tests {
    use domain::ids::MailId;
    use store::MailStatus;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_end_after_a_day() {
        let mail = |tries| MailRow {
            id: MailId::from_uuid(Uuid::from_u128(1)),
            recipient: String::new(),
            subject: String::new(),
            body: String::new(),
            secret: None,
            status: MailStatus::Waiting,
            tries,
            next_at: UnixMicros(0),
            error: None,
            created_at: UnixMicros(0),
        };
        let waits = |tries| match later(&mail(tries), UnixMicros(0), String::new()) {
            MailEnd::Again(at, _) => at.0 / 1_000_000,
            other => panic!("{other:?}"),
        };
        assert_eq!([waits(0), waits(1), waits(2), waits(7), waits(8), waits(4_000_000)], [15, 30, 60, 1_920, 3_600, 3_600]);
        assert_eq!(later(&mail(3), UnixMicros(86_400_000_000), "x".to_owned()), MailEnd::Failed("x".to_owned()));
    }
}
