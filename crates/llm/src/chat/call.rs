//! What a caller asks for.

use serde_json::{Map, Number, Value};

use crate::chat::{CacheControl, Part};
use crate::dialect::Dialect;

/// One chat request, free of any dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatCall {
    /// The dialect it was read from; fields in `rest` belong to it.
    pub from: Dialect,
    /// The model as the caller named it.
    pub model: String,
    /// The turns in order; `System` messages may stand anywhere.
    pub messages: Vec<Message>,
    /// The caller wants a stream.
    pub stream: bool,
    /// The caller wants the usage in its stream (always true for dialects that have no such switch).
    pub include_usage: bool,
    /// The caller's own output cap, in tokens.
    pub max_output: Option<u64>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How many answers.
    pub n: Option<u64>,
    /// The caller wants log probabilities.
    pub logprobs: Option<bool>,
    /// How many alternatives per token.
    pub top_logprobs: Option<u64>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether and what it must call.
    pub tool_choice: Option<ToolChoice>,
    /// May it call several tools in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// The shape of the answer.
    pub response_format: Option<ResponseFormat>,
    /// How much it thinks.
    pub reasoning: Reasoning,
    /// The end user, as the caller names it.
    pub user: Option<String>,
    /// The caller's own labels.
    pub metadata: Option<Map<String, Value>>,
    /// `auto`, `default`, `flex`, `priority`…, in OpenAI's words.
    pub service_tier: Option<String>,
    /// Output kinds in OpenAI's words: `text`, `audio`, `image`.
    pub modalities: Vec<String>,
    /// OpenAI's `audio` object: voice and format of spoken output.
    pub audio: Option<Value>,
    /// A cache marker on the whole request.
    pub cache: Option<CacheControl>,
    /// Top-level fields that this model does not know, in their order.
    ///
    /// The gateway takes its own extensions (`models`, `provider`, `fallbacks`…) out before it writes the call on.
    pub rest: Map<String, Value>,
}

impl ChatCall {
    /// An empty call that was read from `from`.
    pub fn new(from: Dialect, model: impl Into<String>) -> Self {
        Self {
            from,
            model: model.into(),
            messages: Vec::new(),
            stream: false,
            include_usage: false,
            max_output: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            n: None,
            logprobs: None,
            top_logprobs: None,
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            response_format: None,
            reasoning: Reasoning::default(),
            user: None,
            metadata: None,
            service_tier: None,
            modalities: Vec::new(),
            audio: None,
            cache: None,
            rest: Map::new(),
        }
    }

    /// Where a part stands in the caller's own request, for reports: `messages[0].content[1]`.
    ///
    /// Dialects that keep the system text apart have it as our first message.
    pub fn part_path(&self, message: usize, part: usize) -> String {
        let apart = self.from != Dialect::OpenAiChat && self.messages.first().is_some_and(|first| first.role == Role::System);
        let (list, parts, system) = match self.from {
            Dialect::Gemini => ("contents", "parts", "systemInstruction.parts"),
            Dialect::Anthropic | Dialect::OpenAiChat => ("messages", "content", "system"),
        };
        match message.checked_sub(usize::from(apart)) {
            Some(index) => format!("{list}[{index}].{parts}[{part}]"),
            None => format!("{system}[{part}]"),
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator's instructions.
    System,
    /// OpenAI's newer word for the operator's instructions.
    Developer,
    /// The end user.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls.
    Tool,
}

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// OpenAI's participant name.
    pub name: Option<String>,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Further fields of the message in its own dialect.
    pub rest: Map<String, Value>,
}

impl Message {
    /// A message of these parts.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, name: None, parts, rest: Map::new() }
    }
}

/// How tokens are drawn. Numbers keep the caller's spelling.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    /// Spread of the draw.
    pub temperature: Option<Number>,
    /// Nucleus size.
    pub top_p: Option<Number>,
    /// Candidates considered.
    pub top_k: Option<Number>,
    /// Penalty by count.
    pub frequency_penalty: Option<Number>,
    /// Penalty by presence.
    pub presence_penalty: Option<Number>,
    /// Repeatable draws.
    pub seed: Option<Number>,
    /// OpenAI's token id → bias.
    pub logit_bias: Option<Value>,
}

/// Something that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// The caller's own function.
    Function(FunctionTool),
    /// The provider searches the web.
    WebSearch(WebSearch),
    /// A tool that only this dialect knows, as it stood.
    Hosted {
        /// Whose tool it is.
        dialect: Dialect,
        /// The tool's object.
        value: Value,
    },
}

/// The caller's own function.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FunctionTool {
    /// What the model calls it.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of its arguments; none means no arguments.
    pub parameters: Option<Value>,
    /// Arguments must match the schema exactly.
    pub strict: Option<bool>,
    /// A cache marker.
    pub cache: Option<CacheControl>,
    /// Further fields of the tool in its own dialect.
    pub rest: Map<String, Value>,
}

/// A search by the provider.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebSearch {
    /// `low`, `medium` or `high`, in OpenAI's words.
    pub context_size: Option<String>,
    /// At most this many searches.
    pub max_uses: Option<u64>,
    /// `city`, `country`, `region`, `timezone`.
    pub location: Option<Map<String, Value>>,
    /// The tool as it stood, with its dialect.
    pub raw: Option<(Dialect, Value)>,
}

/// Whether and what the model must call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No calls.
    None,
    /// At least one call.
    Required,
    /// This function.
    Named(String),
    /// Only among these functions; `required` says whether one must be called.
    Allowed {
        /// At least one call.
        required: bool,
        /// The functions' names.
        names: Vec<String>,
    },
}

/// The shape of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of this schema.
    JsonSchema(JsonSchema),
}

/// A named schema.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonSchema {
    /// OpenAI's name for it; `answer` when the dialect has none.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON Schema.
    pub schema: Value,
    /// The answer must match exactly.
    pub strict: Option<bool>,
}

/// How much the model thinks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// In words.
    pub effort: Option<Effort>,
    /// In tokens.
    pub budget: Option<u64>,
    /// Whether at all.
    pub mode: Option<ReasoningMode>,
    /// Whether the thoughts are shown.
    pub show: Option<bool>,
}

impl Reasoning {
    /// Nothing was said about thinking.
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }

    /// Thinking was forbidden.
    pub fn is_off(&self) -> bool {
        self.mode == Some(ReasoningMode::Off)
            || self.effort == Some(Effort::None)
            || (self.budget == Some(0) && self.effort.is_none() && self.mode.is_none())
    }

    /// The effort asked for, or the one that a token budget stands for: from 16,384 max, 8,192 xhigh, 4,096 high,
    /// 2,048 medium, 1,024 low, else minimal. Thinking that is on without a measure is medium.
    pub fn as_effort(&self) -> Option<Effort> {
        if self.is_off() {
            return Some(Effort::None);
        }
        if let Some(effort) = self.effort {
            return Some(effort);
        }
        if let Some(budget) = self.budget {
            return Some(match budget {
                16_384.. => Effort::Max,
                8_192.. => Effort::XHigh,
                4_096.. => Effort::High,
                2_048.. => Effort::Medium,
                1_024.. => Effort::Low,
                _ => Effort::Minimal,
            });
        }
        self.mode.map(|_| Effort::Medium)
    }

    /// The token budget asked for, or the one that an effort stands for.
    pub fn as_budget(&self) -> Option<u64> {
        if self.is_off() {
            return Some(0);
        }
        self.budget.or_else(|| {
            self.as_effort().map(|effort| match effort {
                Effort::None => 0,
                Effort::Minimal => 512,
                Effort::Low => 1_024,
                Effort::Medium => 2_048,
                Effort::High => 4_096,
                Effort::XHigh => 8_192,
                Effort::Max => 16_384,
            })
        })
    }
}

/// Whether the model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningMode {
    /// It does not.
    Off,
    /// It does.
    On,
    /// It decides by itself.
    Adaptive,
}

/// How much the model thinks, in OpenAI's words (and Anthropic's `max`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// All it can.
    Max,
}

impl Effort {
    /// OpenAI's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads any dialect's spelling, whatever its case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max]
            .into_iter()
            .find(|effort| effort.as_str().eq_ignore_ascii_case(text))
    }
}
