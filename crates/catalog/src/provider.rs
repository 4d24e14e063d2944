//! A provider as data.

use std::sync::Arc;

use domain::Quirks;
use serde::{Deserialize, Serialize};

/// The protocol that a provider speaks. A dialect is code in `llm`; a provider is a row that names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's `/chat/completions` and its sibling endpoints.
    OpenaiChat,
    /// Anthropic's `/v1/messages`.
    Anthropic,
    /// Gemini's `models/{model}:generateContent`.
    Gemini,
    /// AWS Bedrock Converse with event-stream framing. No codec yet; what it serves in OpenAI's dialect, too, can be called
    /// (see [`crate::Deployment::spoken`]).
    Bedrock,
    /// Cohere v2. No codec yet.
    Cohere,
    /// Ollama's `/api/chat`. No codec yet.
    Ollama,
    /// Google Vertex AI: several makers' dialects behind one host, by model (see [`crate::Deployment::spoken`]).
    Vertex,
    /// A protocol of the provider's own. No codec yet.
    Native,
}

impl Dialect {
    /// True when `llm` has a codec for it.
    pub const fn has_codec(self) -> bool {
        matches!(self, Self::OpenaiChat | Self::Anthropic | Self::Gemini)
    }

    /// The spelling used in data files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
            Self::Vertex => "vertex",
            Self::Native => "native",
        }
    }
}

/// How a credential is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthScheme {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// `x-api-key: <key>`.
    XApiKey,
    /// `x-goog-api-key: <key>`.
    XGoogApiKey,
    /// `api-key: <key>`.
    ApiKey,
    /// `Authorization: Key <key>` or another header of the provider's own. Not sent yet.
    Custom,
    /// AWS Signature Version 4, or a Bedrock API key as a bearer: with an organization's own key only.
    AwsSigv4,
    /// A bearer token minted from a cloud account's credentials: with an organization's own key only.
    CloudOauth,
    /// Nothing is sent.
    None,
}

impl AuthScheme {
    /// True when the gateway can send it: a fixed key in one header, or nothing.
    pub const fn is_static(self) -> bool {
        matches!(self, Self::Bearer | Self::XApiKey | Self::XGoogApiKey | Self::ApiKey | Self::None)
    }
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Our id, for ever: `openai`, `google-ai-studio`.
    pub id: Arc<str>,
    /// The name shown to people.
    pub name: Arc<str>,
    /// Ids that other products use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Arc<str>>,
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it listens, without a trailing slash: with the version path for `openai_chat`, the bare host for the others
    /// (the codec appends the rest). `None`: differs per account or installation, so it comes with the credential or
    /// from configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Arc<str>>,
    /// How its credential is sent.
    pub auth: AuthScheme,
    /// What it does differently from its dialect.
    #[serde(default, skip_serializing_if = "Quirks::is_none")]
    pub quirks: Quirks,
    /// Its own documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<Arc<str>>,
    /// Built in and imaginary: answers are made up, prices are made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

impl Provider {
    /// True when the gateway can call some of its models, given a credential of the kind that it asks for.
    pub const fn is_callable(&self) -> bool {
        self.is_callable_with_key()
            || matches!((self.dialect, self.auth), (Dialect::Vertex, AuthScheme::CloudOauth) | (Dialect::Bedrock, AuthScheme::AwsSigv4))
    }

    /// True when a base URL and a key in a header are all that it takes: a codec and a static scheme exist.
    pub const fn is_callable_with_key(&self) -> bool {
        self.dialect.has_codec() && self.auth.is_static()
    }
}
