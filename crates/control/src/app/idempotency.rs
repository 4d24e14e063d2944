//! Requests with an `Idempotency-Key`: what was answered once is answered again, and nothing is done twice.

use domain::{Code, Fault, Secret};
use serde::{Deserialize, Serialize};
use service::clock;
use sha2::{Digest, Sha256};
use store::{IdempotencyKey, IdempotencyRow, NewIdempotency};

use crate::app::caller::{Management, Via};
use crate::app::{Control, ask, checks};

/// Limit: characters of a key.
const KEY_CHARS_MAX: usize = 255;
/// Answers are kept for 30 days.
const LIFE_SECONDS: i64 = 30 * 24 * 3_600;
/// A request that has no answer for so long has ended without one.
const RUN_SECONDS_MAX: i64 = 120;
/// When to ask again for the answer of a request that still runs.
const RETRY_AFTER_MS: u64 = 1_000;
/// What a sealed value is bound to, beside its row and organization.
const REQUESTS: &str = "idempotency_request";
const ANSWERS: &str = "idempotency_answer";
/// The header.
pub(crate) const HEADER: &str = "Idempotency-Key";

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: String,
}

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It is the first with its key: do it, and tell how it went.
    First(IdempotencyKey),
    /// Answer this, and do nothing.
    Answered(Kept),
}

impl Control {
    /// Looks for an earlier request with the same key. The same key with another request is refused.
    pub(crate) async fn request_begin(&self, who: &Management, key: &str, request: [u8; 32]) -> Result<Begun, Fault> {
        if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(checks::invalid(HEADER, format!("`{HEADER}` must have 1 to {KEY_CHARS_MAX} printable ASCII characters")));
        }
        let caller = match who.via() {
            Via::Key(id) => id.to_string(),
            Via::Session(_) | Via::Console => who.user().to_string(),
        };
        let (key, now) = (IdempotencyKey { caller, hash: Sha256::digest(key).into() }, clock::now());
        let text = Secret::new(hex(&request));
        let (sealed, key_version) = self.seal(who, REQUESTS, &row_name(&key), &text).await?;
        let new = NewIdempotency { key, request: sealed, key_version, now, kept_from: now.plus_seconds(-LIFE_SECONDS) };
        let before = ask::store(Code::DirectoryUnavailable, store::idempotency_begin(&self.db, who.scope(), &new)).await?;
        match before {
            None => Ok(Begun::First(new.key)),
            Some(row) => self.answered(who, &new.key, &row, &text).await.map(Begun::Answered),
        }
    }

    /// Keeps what was answered to the first request with a key; a refusal is not kept.
    pub(crate) async fn request_end(&self, who: &Management, key: &IdempotencyKey, kept: Option<&Kept>) -> Result<(), Fault> {
        let Some(kept) = kept else {
            return ask::store(Code::DirectoryUnavailable, store::idempotency_forget(&self.db, who.scope(), key)).await;
        };
        let text = serde_json::to_string(kept).map_err(|error| Fault::internal("spell an answer", error))?;
        let (sealed, _) = self.seal(who, ANSWERS, &row_name(key), &Secret::new(text)).await?;
        ask::store(Code::DirectoryUnavailable, store::idempotency_answer(&self.db, who.scope(), key, &sealed)).await
    }

    async fn answered(&self, who: &Management, key: &IdempotencyKey, row: &IdempotencyRow, now: &Secret<String>) -> Result<Kept, Fault> {
        let (name, version) = (row_name(key), row.key_version);
        if self.open(who, REQUESTS, &name, version, &row.request).await? != *now {
            return Err(conflict("this Idempotency-Key came with another request before; use a new one"));
        }
        let Some(answer) = &row.answer else {
            if clock::now() < row.created_at.plus_seconds(RUN_SECONDS_MAX) {
                return Err(conflict("the first request with this Idempotency-Key still runs; send it again in a moment")
                    .retry_after_ms(RETRY_AFTER_MS));
            }
            let say =
                "the first request with this Idempotency-Key ended without an answer: look whether it did its work, then use a new key";
            return Err(conflict(say));
        };
        let text = self.open(who, ANSWERS, &name, version, answer).await?;
        serde_json::from_str(text.expose()).map_err(|error| Fault::internal("read a kept answer", error))
    }
}

fn row_name(key: &IdempotencyKey) -> String {
    format!("{}:{}", key.caller, hex(&key.hash))
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn conflict(say: &str) -> Fault {
    Fault::new(Code::Conflict, say).param(HEADER)
}
