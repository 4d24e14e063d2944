//! Models and the deployments that serve them.

use std::sync::Arc;

use domain::UnixMicros;
use serde::{Deserialize, Serialize};

use crate::capability::{Capabilities, Modalities};
use crate::price::PriceVersion;
use crate::provider::{Dialect, Provider};

/// The endpoint family that a deployment answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `chat/completions`.
    Chat,
    /// `responses` only.
    Responses,
    /// The older `completions`.
    Completion,
    /// `embeddings`.
    Embedding,
    /// `images/generations`.
    Image,
    /// `images/edits`.
    ImageEdit,
    /// `audio/speech`.
    Speech,
    /// `audio/transcriptions`.
    Transcription,
    /// `rerank`.
    Rerank,
    /// `moderations`.
    Moderation,
}

impl Mode {
    /// True when the answer is text that is made token by token.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Completion)
    }

    /// The spelling in data files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Completion => "completion",
            Self::Embedding => "embedding",
            Self::Image => "image",
            Self::ImageEdit => "image_edit",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Rerank => "rerank",
            Self::Moderation => "moderation",
        }
    }
}

/// How input tokens are bounded before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// The simulated provider's own rule.
    Sim,
    /// Bounded by bytes: no tokenizer in use makes more tokens than the text has bytes.
    #[default]
    Bytes,
}

/// A model, whoever serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Our root id: `gpt-4o`.
    pub id: Arc<str>,
    /// Who made it: `openai`, `anthropic`, `meta` …
    pub owner: Arc<str>,
    /// Other spellings of the root id.
    pub aliases: Vec<Arc<str>>,
    /// The endpoint family.
    pub mode: Mode,
    /// What it reads.
    pub input: Modalities,
    /// What it writes.
    pub output: Modalities,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The most tokens of one call's input, as its maker states them (some makers count the output in). `None` is
    /// unknown.
    pub context_window: Option<u64>,
    /// The most output tokens of one call. `None` is unknown.
    pub max_output: Option<u64>,
    /// How its input is bounded.
    pub tokenizer: Tokenizer,
    /// Imaginary: it is there to be tested with.
    pub simulated: bool,
    /// Who serves it: its maker first, then by price of input plus output (unknown last), then by provider id. Those of
    /// a region follow the others.
    pub deployments: Vec<Arc<Deployment>>,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The name that the provider knows it by.
    pub upstream: Arc<str>,
    /// Other names that callers use for it after `provider/`.
    pub names: Vec<Arc<str>>,
    /// A region or deployment type with a name and price of its own (`eu`, `us-east-1`, `global`). `None` is the
    /// provider's default, the only kind that routing takes unless a region is asked for.
    pub region: Option<Arc<str>>,
    /// The endpoint family here.
    pub mode: Mode,
    /// What the model can do elsewhere and, by its provider's own word, not here.
    pub lacks: Capabilities,
    /// Here, if other than the model's.
    pub context_window: Option<u64>,
    /// Here, if other than the model's.
    pub max_output: Option<u64>,
    /// Price history by rising date and version. Empty: unknown.
    pub prices: Vec<PriceVersion>,
}

impl Deployment {
    /// The price that holds at `at`. `None` means unknown: refuse the call wherever money counts, never call it free.
    pub fn price_at(&self, at: UnixMicros) -> Option<&PriceVersion> {
        self.prices.iter().rev().find(|version| version.effective_from <= at)
    }

    /// The price by its number, for events that carry it.
    pub fn price_version(&self, version: u32) -> Option<&PriceVersion> {
        self.prices.iter().rev().find(|known| known.version == version)
    }
}

impl Deployment {
    /// The dialect in which it can be called by this version; `None`: it cannot.
    ///
    /// Vertex AI serves Google's own models in Gemini's dialect, and other makers' open ones (named `maker/model`) in OpenAI's;
    /// Claude, Mistral and AI21 there have protocols of their own. Bedrock serves OpenAI's models in OpenAI's dialect, too; all
    /// others there need Converse.
    pub fn spoken(&self) -> Option<Dialect> {
        if !self.provider.is_callable() {
            return None;
        }
        match self.provider.dialect {
            Dialect::Vertex if self.upstream.starts_with("gemini-") => Some(Dialect::Gemini),
            Dialect::Vertex => (self.upstream.contains('/') && !self.upstream.starts_with("mistralai/")).then_some(Dialect::OpenaiChat),
            Dialect::Bedrock => self.upstream.split('.').any(|part| part == "openai").then_some(Dialect::OpenaiChat),
            dialect => Some(dialect),
        }
    }

    /// Whether this version can call it, given a credential.
    pub fn is_callable(&self) -> bool {
        self.spoken().is_some()
    }
}

impl Model {
    /// What this model can do at `deployment`.
    pub const fn capabilities_at(&self, deployment: &Deployment) -> Capabilities {
        self.capabilities.without(deployment.lacks)
    }

    /// The context window of this model at `deployment`.
    pub fn context_window_at(&self, deployment: &Deployment) -> Option<u64> {
        deployment.context_window.or(self.context_window)
    }

    /// The most output tokens of this model at `deployment`.
    pub fn max_output_at(&self, deployment: &Deployment) -> Option<u64> {
        deployment.max_output.or(self.max_output)
    }
}
