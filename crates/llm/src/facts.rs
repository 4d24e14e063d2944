//! What a model can take, as far as translation depends on it.

use crate::dialect::Dialect;

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningStyle {
    /// It cannot be told; the wish is dropped.
    None,
    /// OpenAI's `reasoning_effort`.
    Effort,
    /// A number of tokens: Anthropic's `budget_tokens`, Gemini 2.5's `thinkingBudget`.
    Budget,
    /// Anthropic's adaptive thinking with `output_config.effort`.
    Adaptive,
    /// Gemini 3's `thinkingLevel`.
    Level,
}

/// What a model can take. The catalog knows; [`Facts::guess`] fills in by name where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    /// How it is told to think.
    pub reasoning: ReasoningStyle,
    /// It takes `temperature`, `top_p`, `top_k`, penalties and log probabilities.
    pub sampling: bool,
    /// It can be held to a JSON Schema natively; otherwise the schema is sent as a tool that must be called.
    pub json_schema: bool,
    /// It takes system messages after the first turn in place (Anthropic).
    pub late_system: bool,
    /// Tool calls carry ids and thought signatures (Gemini 3 and later).
    pub tool_ids: bool,
    /// An OpenAI-compatible provider that also takes `top_k`.
    pub top_k: bool,
}

impl Facts {
    /// By the model's name, for models that the catalog does not describe.
    pub fn guess(dialect: Dialect, model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        match dialect {
            Dialect::OpenAiChat => Self::guess_openai(name),
            Dialect::Anthropic => Self::guess_claude(name),
            Dialect::Gemini => Self::guess_gemini(name),
        }
    }

    const fn plain() -> Self {
        Self { reasoning: ReasoningStyle::None, sampling: true, json_schema: true, late_system: false, tool_ids: false, top_k: false }
    }

    fn guess_openai(name: &str) -> Self {
        if openai_reasoner(name) {
            return Self { reasoning: ReasoningStyle::Effort, sampling: false, ..Self::plain() };
        }
        let thinks = ["gpt-oss", "grok-3-mini", "grok-4", "deepseek-v3", "qwen3", "magistral"].iter().any(|stem| name.contains(stem));
        Self { reasoning: if thinks { ReasoningStyle::Effort } else { ReasoningStyle::None }, ..Self::plain() }
    }

    fn guess_claude(name: &str) -> Self {
        let (major, minor) = claude_version(name);
        let version = major * 100 + minor;
        let reasoning = match version {
            0..=306 => ReasoningStyle::None,
            307..=405 => ReasoningStyle::Budget,
            _ => ReasoningStyle::Adaptive,
        };
        Self { reasoning, sampling: version < 407, json_schema: version >= 405, late_system: version >= 408, ..Self::plain() }
    }

    fn guess_gemini(name: &str) -> Self {
        let major = number_after(name, "gemini-").unwrap_or(3);
        let reasoning = match major {
            0 | 1 => ReasoningStyle::None,
            2 if name.starts_with("gemini-2.5") => ReasoningStyle::Budget,
            2 => ReasoningStyle::None,
            _ => ReasoningStyle::Level,
        };
        Self { reasoning, tool_ids: major >= 3, top_k: true, ..Self::plain() }
    }
}

/// One of OpenAI's reasoning models: they take no sampling parameters, and know the output limit only by its newer name.
pub fn openai_reasoner(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let o_series = name.starts_with('o') && name.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    o_series || number_after(name, "gpt-").is_some_and(|major| major >= 5) && !name.contains("chat")
}

/// `claude-3-7-sonnet-20250219` → (3, 7); `claude-opus-4-5` and `claude-opus-4.5` → (4, 5). Dates are not versions.
fn claude_version(name: &str) -> (u64, u64) {
    let mut numbers = name
        .split(['-', '.', '@', '_', ':'])
        .filter(|piece| (1..=2).contains(&piece.len()))
        .filter_map(|piece| piece.parse::<u64>().ok())
        .take(2);
    match (numbers.next(), numbers.next()) {
        (Some(major), minor) => (major, minor.unwrap_or(0)),
        // A name without a number is newer than this table.
        (None, _) => (99, 0),
    }
}

fn number_after(name: &str, stem: &str) -> Option<u64> {
    let rest = name.strip_prefix(stem)?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_how_a_model_thinks() {
        for (dialect, model, style) in [
            (Dialect::OpenAiChat, "gpt-4o", ReasoningStyle::None),
            (Dialect::OpenAiChat, "o4-mini", ReasoningStyle::Effort),
            (Dialect::OpenAiChat, "openai/gpt-5.1", ReasoningStyle::Effort),
            (Dialect::Anthropic, "claude-3-5-sonnet-20241022", ReasoningStyle::None),
            (Dialect::Anthropic, "claude-3-7-sonnet-20250219", ReasoningStyle::Budget),
            (Dialect::Anthropic, "claude-opus-4-5-20251101", ReasoningStyle::Budget),
            (Dialect::Anthropic, "claude-sonnet-4-20250514", ReasoningStyle::Budget),
            (Dialect::Anthropic, "claude-opus-4.7", ReasoningStyle::Adaptive),
            (Dialect::Gemini, "gemini-2.0-flash", ReasoningStyle::None),
            (Dialect::Gemini, "gemini-2.5-pro", ReasoningStyle::Budget),
            (Dialect::Gemini, "gemini-3-flash-preview", ReasoningStyle::Level),
        ] {
            assert_eq!(Facts::guess(dialect, model).reasoning, style, "{model}");
        }
    }
}
