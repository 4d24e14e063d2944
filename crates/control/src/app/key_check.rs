//! Whether a provider takes a key: asked by a real call that costs nothing. The call itself is made by whoever may open
//! sockets to providers; here is what is asked, and what the answer means.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use catalog::Provider;
use domain::{Code, Fault};
use store::{ProviderKeySettings, ProviderSecret};

/// When to come again while too many tests run.
const RETRY_AFTER_MS: u64 = 2_000;

/// What a provider is asked.
#[derive(Debug, Clone)]
pub struct KeyQuestion {
    /// Whom.
    pub provider: Arc<Provider>,
    /// Where; `None`: at the catalog's address.
    pub base_url: Option<String>,
    /// With what.
    pub secret: ProviderSecret,
    /// Region and options count.
    pub settings: ProviderKeySettings,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAnswer {
    /// An answer with this HTTP status; redirects are not followed.
    Status(u16),
    /// An answer with this HTTP status, which says nothing about the key.
    Unclear(u16),
    /// There is no such host, or it takes no connection, or its address is not allowed.
    Unreachable,
    /// Nothing came in time.
    TimedOut,
}

/// An answer on its way.
pub type KeyAnswering = Pin<Box<dyn Future<Output = KeyAnswer> + Send>>;

/// How keys are tested.
#[derive(Clone)]
pub enum KeyCheck {
    /// By asking the provider.
    Ask(Arc<dyn Fn(KeyQuestion) -> KeyAnswering + Send + Sync>),
    /// Each gets the same answer: where no socket may be opened.
    Fixed(KeyAnswer),
}

impl fmt::Debug for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(_) => f.write_str("Ask"),
            Self::Fixed(answer) => write!(f, "Fixed({answer:?})"),
        }
    }
}

impl KeyCheck {
    pub(super) async fn ask(&self, question: KeyQuestion) -> KeyAnswer {
        match self {
            Self::Ask(ask) => ask(question).await,
            Self::Fixed(answer) => *answer,
        }
    }
}

/// What a test says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVerdict {
    /// The provider takes it.
    Works,
    /// The provider answers, but not in a way that says anything about the key.
    Unsure,
    /// The provider refuses it.
    Refused,
    /// The provider did not answer, or failed.
    NoAnswer,
}

/// A test's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTested {
    /// What it says about the key.
    pub verdict: KeyVerdict,
    /// The provider's HTTP status, if it answered.
    pub status: Option<u16>,
    /// Ours, when it is not well.
    pub code: Option<Code>,
    /// In words. Never the provider's own, which may repeat the key.
    pub detail: String,
}

impl KeyTested {
    pub(super) fn of(answer: KeyAnswer, provider: &Provider) -> Self {
        let name = &provider.name;
        let (verdict, code, detail) = match answer {
            KeyAnswer::Status(200..=299) => (KeyVerdict::Works, None, format!("{name} takes this key")),
            KeyAnswer::Status(status @ (401 | 403)) => {
                (KeyVerdict::Refused, Some(Code::UpstreamAuthentication), format!("{name} refuses this key (HTTP status {status})"))
            }
            KeyAnswer::Status(status @ (400..=499)) | KeyAnswer::Unclear(status) => {
                (KeyVerdict::Unsure, None, format!("{name} answered {status}, which says nothing about this key"))
            }
            KeyAnswer::Status(status @ (300..=399)) => (
                KeyVerdict::NoAnswer,
                Some(Code::UpstreamInvalidResponse),
                format!("{name} answered with a redirect ({status}), which is not followed; mend `base_url`"),
            ),
            KeyAnswer::Status(status) => (KeyVerdict::NoAnswer, Some(Code::UpstreamError), format!("{name} failed with {status}")),
            KeyAnswer::Unreachable => (
                KeyVerdict::NoAnswer,
                Some(Code::UpstreamUnreachable),
                format!("{name} cannot be reached at this address, or the address is not public"),
            ),
            KeyAnswer::TimedOut => (KeyVerdict::NoAnswer, Some(Code::UpstreamTimeout), format!("{name} did not answer in time")),
        };
        let status = if let KeyAnswer::Status(status) | KeyAnswer::Unclear(status) = answer { Some(status) } else { None };
        Self { verdict, status, code, detail }
    }

    /// A key is saved unless its provider refuses it or does not answer.
    pub(super) fn for_saving(&self) -> Result<(), Fault> {
        match self.verdict {
            KeyVerdict::Works | KeyVerdict::Unsure => Ok(()),
            KeyVerdict::Refused => Err(Fault::new(Code::InvalidRequest, format!("{}; the key was not saved", self.detail)).param("key")),
            KeyVerdict::NoAnswer => {
                let code = self.code.unwrap_or(Code::UpstreamError);
                Err(Fault::new(code, format!("{}; the key was not saved", self.detail)).param("base_url"))
            }
        }
    }
}

/// Too many tests at once.
pub(super) fn busy() -> Fault {
    Fault::new(Code::Overloaded, "too many keys are tested at once; try again in a moment").retry_after_ms(RETRY_AFTER_MS)
}
