//! Parts of answers that several routes share.

use domain::{UnixMicros, Usage, UsageSource};
use serde::Serialize;
use utoipa::ToSchema;

/// A moment as RFC 3339.
pub(super) fn time(at: UnixMicros) -> String {
    service::clock::rfc3339(at)
}

/// A text that may be missing.
pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Tokens by class. `input` and `output` are totals; the others are parts of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokensOut {
    /// All input tokens, cached or not.
    input: u64,
    /// Part of `input` read from the provider's prompt cache.
    cached_input: u64,
    /// Part of `input` written to the provider's prompt cache for 5 minutes.
    cache_write_5m: u64,
    /// Part of `input` written to the provider's prompt cache for 1 hour.
    cache_write_1h: u64,
    /// Part of `input` that is audio.
    audio_input: u64,
    /// All output tokens, reasoning included.
    output: u64,
    /// Part of `output` spent on reasoning.
    reasoning: u64,
    /// Part of `output` that is audio.
    audio_output: u64,
    /// Part of `output` that is images.
    image_output: u64,
}

impl From<&Usage> for TokensOut {
    fn from(usage: &Usage) -> Self {
        Self {
            input: usage.input,
            cached_input: usage.cached_input,
            cache_write_5m: usage.cache_write_5m,
            cache_write_1h: usage.cache_write_1h,
            audio_input: usage.audio_input,
            output: usage.output,
            reasoning: usage.reasoning,
            audio_output: usage.audio_output,
            image_output: usage.image_output,
        }
    }
}

/// Who counted the tokens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceOut {
    /// The provider said so.
    Provider,
    /// The gateway counted, because the provider did not say or the call ended early.
    Estimated,
}

impl From<UsageSource> for SourceOut {
    fn from(source: UsageSource) -> Self {
        match source {
            UsageSource::Provider => Self::Provider,
            UsageSource::Estimated => Self::Estimated,
        }
    }
}
