//! The answer to a request: its text, tool calls and counts, and the steps in which a stream sends it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::ask::{Ask, Choice, Format, Tool};
use crate::schema::example;
use crate::script::{Fault, Script, TOKENS_MAX};
use crate::text;
use crate::tokenizer::{count, count_json};

/// Tokens of an answer, if nothing says otherwise.
pub const OUTPUT_TOKENS: u64 = 24;

/// Tokens of reasoning, if the request asks for reasoning and nothing says how much.
pub const REASONING_TOKENS: u64 = 8;

/// What the simulator answers.
pub(crate) struct Answer {
    /// The request's start order: what ids are made of.
    pub(crate) order: u64,
    pub(crate) created_unix_s: u64,
    pub(crate) model: Arc<str>,
    pub(crate) choices: u64,
    pub(crate) include_usage: bool,
    pub(crate) input_tokens: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    /// Per choice.
    pub(crate) reasoning: String,
    pub(crate) reasoning_tokens: u64,
    pub(crate) text: String,
    pub(crate) text_tokens: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Finish,
    /// Number of chunks of the text.
    pub(crate) chunks: u64,
    pub(crate) usage: UsageShape,
}

/// A tool call.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Value,
    /// The arguments' compact JSON.
    pub(crate) arguments_text: String,
    pub(crate) name_tokens: u64,
    pub(crate) arguments_tokens: u64,
}

/// Why the answer ended.
#[derive(PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    StopSequence(String),
    Length,
    Tools,
}

/// How the usage is reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageShape {
    Right,
    Absent,
    Twice,
    Negative,
}

impl Answer {
    /// Makes the answer. `told` is what the request's own directives say, `script` the same over the defaults.
    pub(crate) fn new(ask: &Ask, told: &Script, script: &Script) -> Result<Self, String> {
        let max = ask.tokens_max.unwrap_or(u64::MAX);
        let asked = if ask.reasons { REASONING_TOKENS } else { 0 };
        let reasoning_tokens = script.reasoning_tokens.unwrap_or(asked).min(max);
        let room = max - reasoning_tokens;
        let (calls, cut) = calls(ask, told, script, room)?;
        let call_tokens: u64 = calls.iter().map(Call::tokens).sum();
        let (text, finish) = if calls.is_empty() {
            let (text, finish) = body(ask, script, room);
            (text, if cut { Finish::Length } else { finish })
        } else {
            // Text stands before calls only where the request scripted more tokens than they have.
            let words = told.output_tokens.unwrap_or(0).saturating_sub(call_tokens).min(room - call_tokens);
            (text::answer(words, script.echo.as_deref()), if cut { Finish::Length } else { Finish::Tools })
        };
        let text_tokens = count(&text);
        if ask.choices.saturating_mul(reasoning_tokens + text_tokens) > TOKENS_MAX {
            return Err(format!("all choices together have more than {TOKENS_MAX} tokens"));
        }
        let cached_tokens = script.cached_tokens.unwrap_or(0).min(ask.input_tokens);
        Ok(Self {
            order: 0,
            created_unix_s: 0,
            model: Arc::clone(&ask.model),
            choices: ask.choices,
            include_usage: ask.include_usage,
            input_tokens: ask.input_tokens,
            cached_tokens,
            cache_write_tokens: script.cache_write_tokens.unwrap_or(0).min(ask.input_tokens - cached_tokens),
            reasoning: text::reasoning(reasoning_tokens),
            reasoning_tokens,
            chunks: script.chunks.unwrap_or(u64::MAX).clamp(1, text_tokens.max(1)).min(text_tokens),
            text,
            text_tokens,
            calls,
            finish,
            usage: UsageShape::of(script.fault.as_ref()),
        })
    }

    /// Output tokens of all choices, reasoning included.
    pub(crate) fn output_tokens(&self) -> u64 {
        self.choices * (self.reasoning_tokens + self.text_tokens + self.calls.iter().map(Call::tokens).sum::<u64>())
    }

    /// Reasoning tokens of all choices.
    pub(crate) fn all_reasoning_tokens(&self) -> u64 {
        self.choices * self.reasoning_tokens
    }

    /// A count as the usage reports it.
    pub(crate) fn reported(&self, tokens: u64) -> Value {
        match (self.usage, i64::try_from(tokens)) {
            (UsageShape::Negative, Ok(tokens)) => json!(-tokens),
            _ => json!(tokens),
        }
    }
}

impl Call {
    fn new(tool: &Tool, index: usize) -> Self {
        let arguments = match example(&tool.schema, &format!("simulated-{}", index + 1)) {
            Value::Object(members) => Value::Object(members),
            _ => json!({}),
        };
        let arguments_text = arguments.to_string();
        let (name_tokens, arguments_tokens) = (count(&tool.name), count_json(&arguments));
        Self { name: tool.name.clone(), arguments, arguments_text, name_tokens, arguments_tokens }
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.name_tokens + self.arguments_tokens
    }

    /// The arguments in two fragments.
    pub(crate) fn halves(&self) -> (&str, &str) {
        let middle = (self.arguments_text.len() / 2..).find(|at| self.arguments_text.is_char_boundary(*at)).unwrap_or(0);
        self.arguments_text.split_at(middle)
    }
}

impl UsageShape {
    fn of(fault: Option<&Fault>) -> Self {
        match fault {
            Some(Fault::NoUsage) => Self::Absent,
            Some(Fault::UsageTwice) => Self::Twice,
            Some(Fault::UsageNegative) => Self::Negative,
            _ => Self::Right,
        }
    }
}

/// The tool calls of the answer, as many as fit into `room` tokens, and whether some did not.
fn calls(ask: &Ask, told: &Script, script: &Script, room: u64) -> Result<(Vec<Call>, bool), String> {
    let forced = matches!(ask.choice, Choice::Any | Choice::Named(_));
    let scripted = (script.tool.is_some() || script.tools.is_some_and(|tools| tools > 0)) && !ask.answers_tool;
    if ask.tools.is_empty() || ask.choice == Choice::None || !(forced || scripted) {
        return Ok((Vec::new(), false));
    }
    let name = match &ask.choice {
        Choice::Named(name) => Some(name),
        _ => script.tool.as_ref(),
    };
    let find = |name: &str| ask.tools.iter().find(|tool| tool.name == name);
    let only = match name {
        Some(name) => match find(name) {
            Some(tool) => Some(tool),
            // The defaults may name a tool that this request does not have.
            None if ask.choice == Choice::Auto && told.tool.is_none() => return Ok((Vec::new(), false)),
            None => return Err(format!("there is no tool `{name}` in `tools`")),
        },
        None => None,
    };
    let wanted = if ask.parallel { script.tools.unwrap_or(1).max(1) } else { 1 };
    let wanted = usize::try_from(wanted).unwrap_or(1);
    let mut left = room;
    let mut calls = Vec::with_capacity(wanted);
    for index in 0..wanted {
        let Some(tool) = only.or_else(|| ask.tools.get(index % ask.tools.len())) else { break };
        let call = Call::new(tool, index);
        if call.tokens() > left {
            return Ok((calls, true));
        }
        left -= call.tokens();
        calls.push(call);
    }
    Ok((calls, false))
}

/// The answer's text of at most `room` tokens.
fn body(ask: &Ask, script: &Script, room: u64) -> (String, Finish) {
    let value = match &ask.format {
        Format::Text => None,
        Format::Json => Some(json!({"simulated": true, "answer": text::LABEL})),
        Format::Schema(schema) => Some(example(schema, text::LABEL)),
    };
    let (mut text, mut finish) = match value {
        Some(value) => {
            let whole = value.to_string();
            if count(&whole) > room { (text::first_words(&whole, room).to_owned(), Finish::Length) } else { (whole, Finish::Stop) }
        }
        None => {
            let wanted = script.output_tokens.unwrap_or(OUTPUT_TOKENS);
            let finish = if room < wanted { Finish::Length } else { Finish::Stop };
            (text::answer(wanted.min(room), script.echo.as_deref()), finish)
        }
    };
    let stop = ask.stop.iter().filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop))).min();
    if let Some((at, stop)) = stop {
        text.truncate(at);
        finish = Finish::StopSequence(stop.clone());
    }
    (text, finish)
}
