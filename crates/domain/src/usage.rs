//! What a call consumed, by class.

use serde::{Deserialize, Serialize};

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider said so.
    #[default]
    Provider,
    /// We counted, because the provider did not say (or the call ended early).
    Estimated,
}

/// Tokens and other billed units of one call.
///
/// `input` and `output` are totals; the other counts are parts of them and never come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All input tokens, cached or not.
    pub input: u64,
    /// Part of `input` read from the provider's prompt cache.
    pub cached_input: u64,
    /// Part of `input` written to the provider's prompt cache for 5 minutes (or for its only lifetime).
    pub cache_write_5m: u64,
    /// Part of `input` written to the provider's prompt cache for 1 hour.
    pub cache_write_1h: u64,
    /// Part of `input` that is audio.
    pub audio_input: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// Part of `output` spent on reasoning.
    pub reasoning: u64,
    /// Part of `output` that is audio.
    pub audio_output: u64,
    /// Part of `output` that is images.
    pub image_output: u64,
    /// Provider-side web searches.
    pub searches: u64,
    /// Who counted.
    pub source: UsageSource,
}

impl Usage {
    /// Input and output together.
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// The parts never exceed their totals, whatever a provider reports.
    pub fn clamped(mut self) -> Self {
        self.cached_input = self.cached_input.min(self.input);
        let left = self.input - self.cached_input;
        self.cache_write_5m = self.cache_write_5m.min(left);
        self.cache_write_1h = self.cache_write_1h.min(left - self.cache_write_5m);
        self.audio_input = self.audio_input.min(self.input);
        self.reasoning = self.reasoning.min(self.output);
        self.audio_output = self.audio_output.min(self.output);
        self.image_output = self.image_output.min(self.output - self.audio_output);
        self
    }
}
