//! What a request asks, whatever its dialect.

use std::sync::Arc;

use serde_json::Value;

use crate::tokenizer::{FILE_TOKENS, IMAGE_TOKENS, count, count_json};

/// Limit: choices of one request.
pub(crate) const CHOICES_MAX: u64 = 128;

/// A request, read.
pub(crate) struct Ask {
    pub(crate) model: Arc<str>,
    pub(crate) stream: bool,
    /// The caller wants the usage at the end of a stream (OpenAI only; the others always send it).
    pub(crate) include_usage: bool,
    pub(crate) choices: u64,
    pub(crate) tokens_max: Option<u64>,
    pub(crate) stop: Vec<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    pub(crate) parallel: bool,
    pub(crate) format: Format,
    pub(crate) reasons: bool,
    pub(crate) input_tokens: u64,
    /// Text of the last user message that has any: where directives are read.
    pub(crate) last_user_text: String,
    /// The conversation ends with a tool's result: a directive's tool call has been answered.
    pub(crate) answers_tool: bool,
}

/// A tool that may be called.
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// `tool_choice`.
#[derive(PartialEq, Eq)]
pub(crate) enum Choice {
    Auto,
    None,
    Any,
    Named(String),
}

/// `response_format`.
pub(crate) enum Format {
    Text,
    Json,
    Schema(Value),
}

impl Ask {
    pub(crate) fn new(model: &str) -> Self {
        Self {
            model: Arc::from(model),
            stream: false,
            include_usage: false,
            choices: 1,
            tokens_max: None,
            stop: Vec::new(),
            tools: Vec::new(),
            choice: Choice::Auto,
            parallel: true,
            format: Format::Text,
            reasons: false,
            input_tokens: 0,
            last_user_text: String::new(),
            answers_tool: false,
        }
    }

    /// Adds a text to the input.
    pub(crate) fn text(&mut self, text: &str) {
        self.input_tokens += count(text);
    }

    pub(crate) fn image(&mut self) {
        self.input_tokens += IMAGE_TOKENS;
    }

    pub(crate) fn file(&mut self) {
        self.input_tokens += FILE_TOKENS;
    }

    /// Adds a part of an unknown kind.
    pub(crate) fn other(&mut self, value: &Value) {
        self.input_tokens += count_json(value);
    }

    /// Adds a tool definition to the input.
    pub(crate) fn definition(&mut self, value: &Value) {
        self.input_tokens += count_json(value);
    }

    /// Adds an assistant's tool call whose arguments are a JSON value.
    pub(crate) fn call(&mut self, name: &Value, arguments: Option<&Value>) {
        self.input_tokens += name.as_str().map_or(0, count) + arguments.map_or(1, count_json);
    }
}

/// An optional whole number; `Err` names the field if it is something else.
pub(crate) fn number(body: &Value, field: &str) -> Result<Option<u64>, String> {
    match &body[field] {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or_else(|| format!("`{field}` is not a whole number")),
    }
}

/// A string or a list of strings, empty ones left out.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// The elements of a list; none if it is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The body as JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not valid JSON: {error}"))?;
    if value.is_object() { Ok(value) } else { Err("the body is not a JSON object".to_owned()) }
}
