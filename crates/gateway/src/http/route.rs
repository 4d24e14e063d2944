//! What a path means: the table of the gateway's routes, and how a path finds its line there.

use http::Method;
use llm::Dialect;

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Chat(Dialect),
    /// Gemini puts the model and the wish for a stream into the path.
    Gemini {
        model: &'a str,
        stream: bool,
    },
    Models,
    Model(&'a str),
    Unknown,
}

/// What stands for a model's id in a path.
const MODEL: &str = "{model}";

/// A line: the method, the path, and what it means for a model.
type Line = (Method, &'static str, for<'a> fn(&'a str) -> Route<'a>);

/// Every route there is; the first line that fits is taken. `crates/gateway/routes.txt` is this table as text, for tests of whole
/// processes.
const TABLE: &[Line] = &[
    (Method::POST, "/v1/chat/completions", |_| Route::Chat(Dialect::OpenAiChat)),
    (Method::POST, "/v1/messages", |_| Route::Chat(Dialect::Anthropic)),
    (Method::POST, "/v1beta/models/{model}:generateContent", |model| Route::Gemini { model, stream: false }),
    (Method::POST, "/v1beta/models/{model}:streamGenerateContent", |model| Route::Gemini { model, stream: true }),
    (Method::POST, "/v1/models/{model}:generateContent", |model| Route::Gemini { model, stream: false }),
    (Method::POST, "/v1/models/{model}:streamGenerateContent", |model| Route::Gemini { model, stream: true }),
    (Method::GET, "/v1/models", |_| Route::Models),
    (Method::GET, "/v1/models/{model}", |model| Route::Model(model)),
];

impl Route<'_> {
    pub(super) const fn method(&self) -> Option<Method> {
        match self {
            Self::Chat(_) | Self::Gemini { .. } => Some(Method::POST),
            Self::Models | Self::Model(_) => Some(Method::GET),
            Self::Unknown => None,
        }
    }

    /// The dialect in which this path's errors are written.
    pub(super) const fn dialect(&self) -> Dialect {
        match self {
            Self::Chat(dialect) => *dialect,
            Self::Gemini { .. } => Dialect::Gemini,
            _ => Dialect::OpenAiChat,
        }
    }
}

/// Every path under `/v1` works without it, too.
pub(super) fn route(path: &str) -> Route<'_> {
    let found = TABLE.iter().find_map(|(_, pattern, meaning)| {
        let bare = pattern.strip_prefix("/v1").filter(|rest| rest.starts_with('/'));
        let model = model_in(path, pattern).or_else(|| bare.and_then(|bare| model_in(path, bare)))?;
        Some(meaning(model))
    });
    found.unwrap_or(Route::Unknown)
}

/// The model in a path that fits the pattern; empty when the pattern names none.
fn model_in<'a>(path: &'a str, pattern: &str) -> Option<&'a str> {
    match pattern.split_once(MODEL) {
        None => (path == pattern).then_some(""),
        Some((before, after)) => path.strip_prefix(before)?.strip_suffix(after).filter(|model| !model.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn paths_work_with_and_without_v1() {
        assert_eq!(route("/v1/chat/completions"), Route::Chat(Dialect::OpenAiChat));
        assert_eq!(route("/chat/completions"), Route::Chat(Dialect::OpenAiChat));
        assert_eq!(route("/v1/models"), Route::Models);
        assert_eq!(route("/models"), Route::Models);
        assert_eq!(route("/v1/models/openai/gpt-4o:eu"), Route::Model("openai/gpt-4o:eu"));
        assert_eq!(route("/v1beta/models/gemini-2.5-pro:streamGenerateContent"), Route::Gemini { model: "gemini-2.5-pro", stream: true });
        assert_eq!(route("/v1/models/gemini-2.5-pro:generateContent"), Route::Gemini { model: "gemini-2.5-pro", stream: false });
        for path in
            ["/", "/v1", "/v1/", "/v1/models/", "/v1x/models", "/api/v1/calls", "/v1/unknown", "/v1beta/models/a:b", "/beta/models/a:b"]
        {
            assert_eq!(route(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn each_line_is_found_and_says_its_method() {
        for (method, pattern, meaning) in TABLE {
            let path = pattern.replace(MODEL, "a/b");
            let model = if pattern.contains(MODEL) { "a/b" } else { "" };
            assert_eq!(route(&path), meaning(model), "{pattern}");
            assert_eq!(route(&path).method().as_ref(), Some(method), "{pattern}");
        }
    }

    /// Refresh: `LLMG_REFRESH=1 cargo test -p gateway routes`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    fn the_committed_list_of_routes_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.txt");
        let current: String = TABLE.iter().map(|(method, pattern, _)| format!("{method} {pattern}\n")).collect();
        if std::env::var("LLMG_REFRESH").is_ok() {
            std::fs::write(&file, &current).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(committed, current, "crates/gateway/routes.txt is not the table; refresh it, and give new routes a line in the matrix");
    }
}
