//! The simulated model's tokenizer: public and exact, so that a caller can know a call's token counts beforehand.
//!
//! # Text
//!
//! [`count`] of a text is the number of its maximal runs of characters that are not white space, where white space is
//! the Unicode property `White_Space` (Rust's `char::is_whitespace`: U+0009 to U+000D, U+0020, U+0085, U+00A0, U+1680,
//! U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000). `""` counts 0, `"a b"` 2, `" a\n\tb "` 2, `"a-b,c"` 1.
//! Below, *words of X* stands for `count(X)`, and *compact JSON of V* for what `serde_json::to_string` prints for the
//! received value (no space between tokens; control characters inside strings are escaped, so they are not white space
//! there; every other character stands for itself).
//!
//! # A request's input
//!
//! The sum of the following, and **at least 1**. Texts are counted one by one and summed, never joined. Nothing is added
//! per message, per turn or per request; roles, names of messages, ids, `tool_choice`, `response_format` and all
//! parameters count 0. A directive for the simulator is part of the text and counts like any other words.
//!
//! | what | counts |
//! |---|---|
//! | a text: message content (string or text part), system prompt, refusal, tool result | its words |
//! | an image part | 85 ([`IMAGE_TOKENS`]) |
//! | a file, document, audio or video part | 100 ([`FILE_TOKENS`]) |
//! | a tool definition | words of its compact JSON |
//! | an assistant's tool call | words of its name + words of its arguments |
//! | reasoning handed back (`reasoning_content`, `thinking`, `redacted_thinking`, parts with `thought: true`) | 0 |
//! | a part of any other kind | words of its compact JSON |
//!
//! By dialect:
//!
//! * **OpenAI chat.** `messages[].content` and `messages[].refusal` of every role; parts `text` and `refusal` are text,
//!   `image_url` is an image, `input_audio`, `file`, `video_url` and `input_video` are files. Each element of `tools`, and of the
//!   old `functions`, is one tool definition. `messages[].tool_calls[]` counts `function.name` and the `function.arguments`
//!   **string as received** (for `custom` calls: `custom.name`, `custom.input`); the old `function_call` likewise.
//! * **Anthropic.** `system` (string or blocks), `messages[].content` (string or blocks); `text` is text, `image` an image,
//!   `document` and `container_upload` files, `tool_use` and `server_tool_use` a tool call whose arguments are the compact JSON of `input` (absent: `{}`),
//!   `tool_result` the sum of its `content` (string or blocks). Each element of `tools` is one tool definition.
//! * **Gemini.** `systemInstruction` and `contents[].parts[]`; `text` is text, `inlineData` and `fileData` are an image if their MIME type begins
//!   with `image/` and a file otherwise, `functionCall` is a tool call whose arguments are the compact JSON of `args` (absent: `{}`),
//!   `functionResponse` is a tool result: if `response` is an object with exactly one member and that is a string, the
//!   words of that string, else the words of its compact JSON. Each element of `functionDeclarations` is one tool definition; an element of `tools`
//!   without them is one itself. Both spellings, `inlineData` and `inline_data`, are read.
//!
//! The compact JSON of a value has white space only inside its strings, so its words are one more than the runs of white
//! space there: they do not depend on the order of keys nor on how a dialect wraps a tool.
//!
//! # An answer's output
//!
//! The sum of the words of all that the answer says: reasoning, text, and for each tool call its name and its arguments'
//! compact JSON. It is what the answer's usage reports as output, over all choices together.

use serde::Serialize;

/// What an image part counts.
pub const IMAGE_TOKENS: u64 = 85;

/// What a file, document, audio or video part counts.
pub const FILE_TOKENS: u64 = 100;

/// The number of maximal runs of characters of `text` that are not white space.
#[must_use]
pub fn count(text: &str) -> u64 {
    let mut counter = Counter::default();
    counter.feed(text);
    counter.words
}

/// The words of the compact JSON of `value`, without building that text.
#[must_use]
pub fn count_json<T: Serialize + ?Sized>(value: &T) -> u64 {
    let mut counter = Counter::default();
    // A `serde_json::Value` always serialises, and the counter accepts every byte.
    let written = serde_json::to_writer(Utf8Writer(&mut counter), value);
    if written.is_err() { 0 } else { counter.words }
}

/// Counts words over pieces of a text, as if they were joined.
#[derive(Default)]
struct Counter {
    words: u64,
    inside: bool,
}

impl Counter {
    fn feed(&mut self, text: &str) {
        for c in text.chars() {
            let inside = !c.is_whitespace();
            self.words += u64::from(inside && !self.inside);
            self.inside = inside;
        }
    }
}

/// `serde_json` writes whole characters at a time: each of its writes is valid UTF-8 by itself.
struct Utf8Writer<'a>(&'a mut Counter);

impl std::io::Write for Utf8Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        self.0.feed(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{count, count_json};

    #[test]
    fn counts_maximal_runs_of_non_white_space() {
        let table = [
            ("", 0),
            (" \t\r\n", 0),
            ("one", 1),
            ("  one\u{a0}two\u{3000}three\u{2028}four\u{85}five ", 5),
            ("a-b,c", 1),
            ("zero\u{200b}width is no white space", 5),
            ("žluťoučký kůň", 2),
        ];
        for (text, words) in table {
            assert_eq!(count(text), words, "{text:?}");
        }
    }

    #[test]
    fn counts_json_as_its_compact_text() {
        let values = [
            json!({"name": "get_weather", "description": "Weather of a\ncity now", "parameters": {"type": "object"}}),
            json!({"b": "x y", "a": ["\u{a0}", "č č", 1.5, null]}),
            json!("\u{b} \u{7f}"),
            json!({}),
        ];
        for value in values {
            assert_eq!(count_json(&value), count(&serde_json::to_string(&value).unwrap()), "{value}");
        }
    }
}
