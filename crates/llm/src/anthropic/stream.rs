//! Streams: a provider's events → deltas, and deltas → a client's events.

use domain::{Fault, Usage};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chat::{ChatDelta, Finish, FinishKind, PartKind, Rest, Signature};
use crate::dialect::{Bill, Dialect, StreamEnd, StreamHead, StreamReader, StreamWriter, UpstreamFault};
use crate::marks;
use crate::sse::SseEvent;

use super::fault;
use super::response::{finish_of, finish_word, stop_details};
use super::wire::{self, DeltaIn, EventIn, UsageIn, UsageOut};

/// A content block that is open.
#[derive(Debug)]
struct Block {
    index: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text {
        start: u64,
    },
    Thinking,
    /// Ours counts tool blocks only.
    Tool {
        index: u32,
        /// The input that came with the start, used when no fragment follows.
        whole: Value,
        fragments: bool,
    },
    /// A block that only Anthropic knows: its input is gathered.
    Raw {
        value: Value,
        input: String,
    },
    Done,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    blocks: Vec<Block>,
    tools: u32,
    chars: u64,
    usage: UsageIn,
    stopped: bool,
}

impl StreamReader for Reader {
    fn push(&mut self, event: &SseEvent<'_>, out: &mut Vec<ChatDelta>) -> Result<(), UpstreamFault> {
        let data = event.data.trim_ascii();
        if data.is_empty() || event.name == "ping" {
            return Ok(());
        }
        let event: EventIn = serde_json::from_slice(data).map_err(UpstreamFault::unreadable)?;
        match event.kind.as_str() {
            "message_start" => {
                let message = event.message;
                let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                let (id, model) = message.as_ref().map_or((None, None), |message| (some(&message.id), some(&message.model)));
                out.push(ChatDelta::Start { id, model });
                if let Some(message) = message {
                    self.count(message.usage, out);
                }
            }
            "content_block_start" => self.open(event.index, event.content_block.unwrap_or_default(), out),
            "content_block_delta" => self.delta(event.index, event.delta.unwrap_or_default(), out),
            "content_block_stop" => self.close(event.index, out),
            "message_delta" => {
                if let Some(usage) = event.usage {
                    self.count(usage, out);
                }
                let delta = event.delta.unwrap_or_default();
                if let Some(word) = delta.stop_reason {
                    let finish = finish_of(&word, delta.stop_sequence, delta.stop_details.as_ref());
                    out.push(ChatDelta::Finish { choice: 0, finish });
                }
            }
            "message_stop" => self.stopped = true,
            "error" => return Err(fault::from_error(0, event.error.as_ref().unwrap_or(&Value::Null))),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<ChatDelta>) -> StreamEnd {
        StreamEnd { complete: self.stopped, usage: (!self.usage.is_empty()).then(|| self.usage.usage()) }
    }
}

impl Reader {
    /// Counts are cumulative and may leave out what was said before.
    fn count(&mut self, usage: UsageIn, out: &mut Vec<ChatDelta>) {
        self.usage.merge(usage);
        if !self.usage.is_empty() {
            out.push(ChatDelta::Usage(self.usage.usage()));
        }
    }

    fn open(&mut self, index: u64, block: Value, out: &mut Vec<ChatDelta>) {
        let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = match block.get("type").and_then(Value::as_str) {
            Some("text") => {
                let start = self.chars;
                self.text(text("text"), out);
                Kind::Text { start }
            }
            Some("thinking") => {
                let piece = text("thinking");
                if !piece.is_empty() {
                    out.push(ChatDelta::Thinking { choice: 0, text: piece });
                }
                Kind::Thinking
            }
            Some("redacted_thinking") => {
                out.push(ChatDelta::RedactedThinking { choice: 0, data: text("data") });
                Kind::Done
            }
            Some("tool_use") => {
                let index = self.tools;
                self.tools += 1;
                out.push(ChatDelta::ToolStart { choice: 0, index, id: text("id"), name: text("name"), signature: None });
                Kind::Tool { index, whole: block.get("input").cloned().unwrap_or_default(), fragments: false }
            }
            _ => Kind::Raw { value: block, input: String::new() },
        };
        self.blocks.push(Block { index, kind });
    }

    fn text(&mut self, text: String, out: &mut Vec<ChatDelta>) {
        if !text.is_empty() {
            self.chars = self.chars.saturating_add(u64::try_from(text.chars().count()).unwrap_or(0));
            out.push(ChatDelta::Text { choice: 0, text });
        }
    }

    fn delta(&mut self, index: u64, delta: DeltaIn, out: &mut Vec<ChatDelta>) {
        match delta.kind.as_str() {
            "text_delta" => return self.text(delta.text, out),
            "thinking_delta" => return out.push(ChatDelta::Thinking { choice: 0, text: delta.thinking }),
            "signature_delta" => {
                let signature = Signature { dialect: Some(Dialect::Anthropic), text: delta.signature };
                return out.push(ChatDelta::ThinkingSignature { choice: 0, signature });
            }
            _ => {}
        }
        let chars = self.chars;
        let Some(block) = self.blocks.iter_mut().rfind(|block| block.index == index) else { return };
        match (&mut block.kind, delta.kind.as_str()) {
            (Kind::Tool { index, fragments, .. }, "input_json_delta") if !delta.partial_json.is_empty() => {
                *fragments = true;
                out.push(ChatDelta::ToolArgs { choice: 0, index: *index, fragment: delta.partial_json });
            }
            (Kind::Raw { input, .. }, "input_json_delta") => input.push_str(&delta.partial_json),
            (Kind::Text { start }, "citations_delta") => {
                let cited = delta.citation.as_ref().and_then(|citation| wire::citation(citation, *start, chars));
                let fields = json!({"type": "citations_delta", "citation": delta.citation});
                if let Value::Object(fields) = fields {
                    out.push(ChatDelta::Native { choice: 0, rest: Box::new(Rest { dialect: Dialect::Anthropic, fields }) });
                }
                out.extend(cited.map(|annotation| ChatDelta::Annotation { choice: 0, annotation }));
            }
            _ => {}
        }
    }

    fn close(&mut self, index: u64, out: &mut Vec<ChatDelta>) {
        let Some(block) = self.blocks.iter_mut().rfind(|block| block.index == index) else { return };
        match std::mem::replace(&mut block.kind, Kind::Done) {
            Kind::Tool { index, whole, fragments: false } if whole.as_object().is_some_and(|input| !input.is_empty()) => {
                out.push(ChatDelta::ToolArgs { choice: 0, index, fragment: whole.to_string() });
            }
            Kind::Raw { mut value, input } => {
                if !input.is_empty() {
                    value["input"] = wire::input_of(&input);
                }
                let part = PartKind::Raw { dialect: Dialect::Anthropic, value }.into();
                out.push(ChatDelta::Block { choice: 0, part });
            }
            _ => {}
        }
    }
}

/// A tool call that waits for its turn: Anthropic's blocks never overlap.
#[derive(Debug)]
struct Waiting {
    index: u32,
    id: String,
    name: String,
    args: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Thinking,
    Tool(u32),
}

/// Writes events. Only the first answer can be expressed.
pub(super) struct Writer {
    head: StreamHead,
    started: bool,
    open: Open,
    index: u64,
    /// The arguments of the open tool so far, to know when they are whole.
    args: String,
    waiting: Vec<Waiting>,
    usage: Usage,
    finish: Option<Finish>,
    /// Citations came in this dialect already.
    native: bool,
}

#[derive(Serialize)]
struct EndOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: &'a Map<String, Value>,
    usage: UsageOut,
}

impl Writer {
    pub(super) fn new(head: StreamHead) -> Self {
        Self {
            head,
            started: false,
            open: Open::Nothing,
            index: 0,
            args: String::new(),
            waiting: Vec::new(),
            usage: Usage::default(),
            finish: None,
            native: false,
        }
    }

    /// The first event waits for the first content, so that it can carry the usage if the provider tells it early.
    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        let mut usage = self.usage;
        usage.output = usage.output.max(1);
        let usage = serde_json::to_value(UsageOut::new(&usage, None)).unwrap_or_default();
        let message = json!({
            "id": self.head.id, "type": "message", "role": "assistant", "model": self.head.model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage,
        });
        send("message_start", &json!({"type": "message_start", "message": message}), out);
    }

    fn open(&mut self, open: Open, block: Value, out: &mut Vec<u8>) {
        self.close(out);
        self.start(out);
        send("content_block_start", &json!({"type": "content_block_start", "index": self.index, "content_block": block}), out);
        self.open = open;
    }

    fn delta(&self, delta: &Value, out: &mut Vec<u8>) {
        send("content_block_delta", &json!({"type": "content_block_delta", "index": self.index, "delta": delta}), out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::Nothing {
            return;
        }
        self.open = Open::Nothing;
        self.args.clear();
        send("content_block_stop", &json!({"type": "content_block_stop", "index": self.index}), out);
        self.index += 1;
    }

    fn whole(&mut self, block: Value, out: &mut Vec<u8>) {
        self.settle_tools(out);
        self.open(Open::Text, block, out);
        self.close(out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if self.open != Open::Text {
            self.settle_tools(out);
            self.open(Open::Text, json!({"type": "text", "text": ""}), out);
        }
        self.delta(&json!({"type": "text_delta", "text": text}), out);
    }

    fn thinking(&mut self, out: &mut Vec<u8>) {
        if self.open != Open::Thinking {
            self.settle_tools(out);
            self.open(Open::Thinking, json!({"type": "thinking", "thinking": "", "signature": ""}), out);
        }
    }

    fn tool(&mut self, tool: Waiting, out: &mut Vec<u8>) {
        self.open(Open::Tool(tool.index), json!({"type": "tool_use", "id": tool.id, "name": tool.name, "input": {}}), out);
        self.tool_args(&tool.args, out);
    }

    fn tool_args(&mut self, fragment: &str, out: &mut Vec<u8>) {
        if !fragment.is_empty() {
            self.args.push_str(fragment);
            self.delta(&json!({"type": "input_json_delta", "partial_json": fragment}), out);
        }
    }

    /// Writes the calls that waited, each as a whole block.
    fn settle_tools(&mut self, out: &mut Vec<u8>) {
        for tool in std::mem::take(&mut self.waiting) {
            self.tool(tool, out);
        }
    }

    fn tool_start(&mut self, tool: Waiting, out: &mut Vec<u8>) {
        let busy = matches!(self.open, Open::Tool(_)) && serde_json::from_str::<serde::de::IgnoredAny>(&self.args).is_err();
        if busy || !self.waiting.is_empty() {
            self.waiting.push(tool);
        } else {
            self.tool(tool, out);
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, delta: &ChatDelta, out: &mut Vec<u8>) {
        match delta {
            ChatDelta::Text { choice: 0, text } | ChatDelta::Refusal { choice: 0, text } => self.text(text, out),
            ChatDelta::Thinking { choice: 0, text } => {
                self.thinking(out);
                self.delta(&json!({"type": "thinking_delta", "thinking": text}), out);
            }
            ChatDelta::ThinkingSignature { choice: 0, signature } => {
                self.thinking(out);
                let proof = marks::tag_signature(signature, Dialect::Anthropic);
                self.delta(&json!({"type": "signature_delta", "signature": proof}), out);
                self.close(out);
            }
            ChatDelta::RedactedThinking { choice: 0, data } => self.whole(json!({"type": "redacted_thinking", "data": data}), out),
            ChatDelta::ToolStart { choice: 0, index, id, name, signature } => {
                let id = marks::carry_on_id(id, signature.as_deref());
                self.tool_start(Waiting { index: *index, id, name: name.clone(), args: String::new() }, out);
            }
            ChatDelta::ToolArgs { choice: 0, index, fragment } => {
                if self.open == Open::Tool(*index) {
                    self.tool_args(fragment, out);
                } else if let Some(tool) = self.waiting.iter_mut().find(|tool| tool.index == *index) {
                    tool.args.push_str(fragment);
                }
            }
            ChatDelta::Block { choice: 0, part } if matches!(part.kind, PartKind::Text(_) | PartKind::Raw { .. }) => {
                if let Some(block) = wire::write_part(part) {
                    self.whole(block, out);
                }
            }
            ChatDelta::Native { choice: 0, rest } if rest.dialect == Dialect::Anthropic && self.open != Open::Nothing => {
                self.native = true;
                self.delta(&Value::Object(rest.fields.clone()), out);
            }
            ChatDelta::Annotation { choice: 0, annotation } if self.open == Open::Text && !self.native => {
                let citation = json!({
                    "type": "web_search_result_location", "url": annotation.url, "title": annotation.title,
                    "cited_text": "", "encrypted_index": "",
                });
                self.delta(&json!({"type": "citations_delta", "citation": citation}), out);
            }
            ChatDelta::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            ChatDelta::Usage(usage) => self.usage = *usage,
            _ => {}
        }
    }

    fn end(&mut self, usage: Option<&Usage>, bill: Option<&Bill>, _include_usage: bool, out: &mut Vec<u8>) {
        self.settle_tools(out);
        self.close(out);
        self.start(out);
        let finish = self.finish.take().unwrap_or_else(|| Finish::new(FinishKind::Stop, "end_turn"));
        let Value::Object(delta) = json!({
            "stop_reason": finish_word(&finish), "stop_sequence": finish.stop_sequence, "stop_details": stop_details(&finish),
        }) else {
            return;
        };
        let usage = UsageOut::new(usage.unwrap_or(&self.usage), bill);
        send("message_delta", &EndOut { kind: "message_delta", delta: &delta, usage }, out);
        send("message_stop", &json!({"type": "message_stop"}), out);
    }

    fn error(&mut self, status: u16, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend_from_slice(&fault::write(status, fault, request_id));
        out.extend_from_slice(b"\n\n");
    }
}

fn send(name: &str, data: &impl Serialize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(&serde_json::to_vec(data).unwrap_or_default());
    out.extend_from_slice(b"\n\n");
}
