//! How many tokens a request's input has: a bound for holds, and a best guess for bills that no provider sent.

use crate::chat::{ChatCall, Part, PartKind, Tool};
use crate::passthrough::Media;

/// Tokens of an input before the provider has counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InputTokens {
    /// Never fewer than the provider will count.
    pub max: u64,
    /// What the provider will about count.
    pub likely: u64,
}

/// Bytes of English text per token, about.
const BYTES_PER_TOKEN_TYPICAL: u64 = 4;
/// Tokens of one image at the dearest setting of common models (OpenAI's tile rule, Anthropic's pixel rule).
const IMAGE_TOKENS_MAX: u64 = 8_192;
/// OpenAI's small models count an image at up to 8 tiles of 5,667 tokens, plus 2,833.
const IMAGE_TOKENS_MAX_SMALL: u64 = 48_169;
const IMAGE_TOKENS_TYPICAL: u64 = 1_000;

/// For every byte-level tokenizer: a token is at least one byte of the body, whose JSON is longer than any template.
/// Images count by the piece. What lies behind a reference or in a compressed file is bounded by nothing but the model's
/// context window: a longer input is refused by the provider, and a refused call costs nothing.
pub fn bounded_by_bytes(body_bytes: u64, media: &Media, model: &str, context_window: Option<u64>) -> InputTokens {
    let text = body_bytes.saturating_sub(media.inline_bytes);
    let per_image = if model.contains("4o-mini") { IMAGE_TOKENS_MAX_SMALL } else { IMAGE_TOKENS_MAX };
    let counted = text.saturating_add(media.images.saturating_mul(per_image));
    let max = if media.others > 0 { u64::MAX } else { counted };
    let max = context_window.map_or(max, |window| max.min(window));
    let files = if media.others > 0 { media.inline_bytes } else { 0 };
    let likely = text / BYTES_PER_TOKEN_TYPICAL + media.images.saturating_mul(IMAGE_TOKENS_TYPICAL) + files / BYTES_PER_TOKEN_TYPICAL;
    InputTokens { max, likely: likely.clamp(1, max.max(1)) }
}

/// Tokens that the simulated provider counts for an image, and for another file.
const SIM_IMAGE_TOKENS: u64 = 85;
const SIM_FILE_TOKENS: u64 = 100;

/// The simulated provider's rule, which is exact: runs of non-white-space in all texts, in tool calls' names and
/// arguments and in each tool definition's compact JSON; 85 per image, 100 per other file; thoughts count nothing; at
/// least 1.
pub fn simulated(call: &ChatCall) -> InputTokens {
    let parts = call.messages.iter().flat_map(|message| &message.parts).map(part_words).sum::<u64>();
    let tools = call.tools.iter().map(tool_words).sum::<u64>();
    let count = (parts + tools).max(1);
    InputTokens { max: count, likely: count }
}

/// Runs of non-white-space.
pub fn words(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX)
}

/// Compact JSON has white space only inside strings, so the wrapping does not matter, only the texts.
fn tool_words(tool: &Tool) -> u64 {
    match tool {
        Tool::Function(function) => {
            let text = serde_json::json!({ "name": function.name, "description": function.description, "parameters": function.parameters });
            words(&text.to_string())
        }
        Tool::WebSearch(search) => search.raw.as_ref().map_or(1, |(_, value)| words(&value.to_string())),
        Tool::Hosted { value, .. } => words(&value.to_string()),
    }
}

fn part_words(part: &Part) -> u64 {
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => words(text),
        PartKind::Image(_) => SIM_IMAGE_TOKENS,
        PartKind::Audio(_) | PartKind::Video(_) | PartKind::File(_) => SIM_FILE_TOKENS,
        PartKind::Thinking(_) | PartKind::RedactedThinking(_) => 0,
        PartKind::ToolCall(call) => words(&call.name) + words(&call.arguments),
        PartKind::ToolResult(result) => result.parts.iter().map(part_words).sum(),
        PartKind::Raw { value, .. } => words(&value.to_string()),
    }
}
