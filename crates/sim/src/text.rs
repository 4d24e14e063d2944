//! The words that the simulated model says.

/// Begins every answer's text, so that nobody takes it for a model's.
pub const LABEL: &str = "[simulated]";

/// The default answer's words after the label: with it, 24.
const OPENING: [&str; 23] = [
    "This",
    "answer",
    "comes",
    "from",
    "the",
    "simulator",
    "that",
    "is",
    "built",
    "into",
    "llmg,",
    "not",
    "from",
    "a",
    "language",
    "model.",
    "Add",
    "a",
    "provider",
    "key",
    "for",
    "real",
    "answers.",
];

/// What longer answers go on with.
const FILLER: [&str; 16] = [
    "More",
    "words",
    "follow",
    "only",
    "to",
    "reach",
    "the",
    "number",
    "of",
    "tokens",
    "that",
    "this",
    "call",
    "asked",
    "the",
    "simulator",
];

/// Reasoning begins with the label too.
const THOUGHT: [&str; 7] = ["The", "simulator", "counts", "words", "instead", "of", "thinking."];

/// A text of exactly `tokens` words; `echo`, if given, is the second one.
pub(crate) fn answer(tokens: u64, echo: Option<&str>) -> String {
    let echoed = echo.into_iter();
    let opening = OPENING.iter().copied().skip(usize::from(echo.is_some()));
    join(std::iter::once(LABEL).chain(echoed).chain(opening).chain(FILLER.iter().copied().cycle()), tokens)
}

/// A reasoning text of exactly `tokens` words.
pub(crate) fn reasoning(tokens: u64) -> String {
    join(std::iter::once(LABEL).chain(THOUGHT.iter().copied().cycle()), tokens)
}

/// The beginning of `text` that holds `words` words.
pub(crate) fn first_words(text: &str, words: u64) -> &str {
    &text[..words_end(text, 0, words)]
}

/// Where the `words` words that come after byte `from` end.
pub(crate) fn words_end(text: &str, from: usize, words: u64) -> usize {
    let mut left = words;
    let mut inside = false;
    for (at, c) in text[from..].char_indices() {
        if c.is_whitespace() {
            if inside && left == 0 {
                return from + at;
            }
            inside = false;
        } else if !inside {
            if left == 0 {
                return from + at;
            }
            inside = true;
            left -= 1;
        }
    }
    text.len()
}

fn join<'a>(words: impl Iterator<Item = &'a str>, tokens: u64) -> String {
    let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
    let mut text = String::with_capacity(tokens.min(4_096) * 7);
    for word in words.take(tokens) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{answer, first_words, reasoning, words_end};
    use crate::tokenizer::count;

    #[test]
    fn has_exactly_the_tokens_asked_for() {
        for tokens in [0, 1, 2, 23, 24, 25, 1_000] {
            assert_eq!(count(&answer(tokens, None)), tokens);
            assert_eq!(count(&answer(tokens, Some("marker"))), tokens);
            assert_eq!(count(&reasoning(tokens)), tokens);
        }
        assert!(answer(24, None).ends_with("answers."));
        assert!(answer(24, Some("x1")).starts_with("[simulated] x1 answer"));
    }

    #[test]
    fn cuts_between_words() {
        assert_eq!(first_words("a bc d", 2), "a bc");
        assert_eq!(first_words(" a bc", 9), " a bc");
        assert_eq!(first_words("a", 0), "");
        assert_eq!(words_end("a bc d", 1, 1), 4);
    }
}
