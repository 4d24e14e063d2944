//! Streams: a provider's chunks → deltas, and deltas → a client's chunks.

use domain::{Fault, Usage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::chat::{ChatDelta, FinishKind, Part, PartKind, Thinking};
use crate::dialect::{Bill, Dialect, StreamEnd, StreamHead, StreamReader, StreamWriter, UpstreamFault};
use crate::marks;
use crate::sse::SseEvent;

use super::fault;
use super::response::{
    annotation_value, audio_out, finish_of, finish_words, image_out, own_thoughts, read_annotation, read_block, thoughts,
};
use super::wire::{self, ChoiceIn, MessageIn, ReplyIn, ToolCallIn, UsageOut};

/// One tool call that is under way.
#[derive(Debug)]
struct OpenCall {
    choice: u32,
    /// The provider's index.
    wire: u64,
    /// Ours, counted without gaps.
    index: u32,
    id: String,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    done: bool,
    finished: bool,
    usage: Option<Usage>,
    calls: Vec<OpenCall>,
    thinking: bool,
}

impl StreamReader for Reader {
    fn push(&mut self, event: &SseEvent<'_>, out: &mut Vec<ChatDelta>) -> Result<(), UpstreamFault> {
        let data = event.data.trim_ascii();
        if data.is_empty() || self.done {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: ReplyIn = serde_json::from_slice(data).map_err(UpstreamFault::unreadable)?;
        let inner = chunk.x_groq.as_ref().and_then(|groq| groq.error.as_ref());
        if let Some(error) = chunk.error.as_ref().or(inner).filter(|error| !error.is_null()) {
            return Err(fault::from_error(0, error));
        }
        if event.name == "error" && chunk.choices.is_none() {
            return Err(fault::read(0, data));
        }
        self.read_chunk(chunk, out)
    }

    fn finish(&mut self, _out: &mut Vec<ChatDelta>) -> StreamEnd {
        StreamEnd { complete: self.done || self.finished, usage: self.usage }
    }
}

impl Reader {
    fn read_chunk(&mut self, chunk: ReplyIn, out: &mut Vec<ChatDelta>) -> Result<(), UpstreamFault> {
        if !self.started {
            self.started = true;
            out.push(ChatDelta::Start { id: chunk.id.filter(|id| !id.is_empty()), model: chunk.model.filter(|model| !model.is_empty()) });
        }
        for choice in chunk.choices.into_iter().flatten() {
            self.read_choice(choice, out)?;
        }
        if let Some(usage) = chunk.usage.or(chunk.x_groq.and_then(|groq| groq.usage)) {
            let usage = usage.usage();
            // Some send zeros with every chunk.
            if usage.total() > 0 {
                self.usage = Some(usage);
                out.push(ChatDelta::Usage(usage));
            }
        }
        Ok(())
    }

    fn read_choice(&mut self, choice: ChoiceIn, out: &mut Vec<ChatDelta>) -> Result<(), UpstreamFault> {
        if let Some(error) = choice.error.as_ref().filter(|error| !error.is_null()) {
            return Err(fault::from_error(0, error));
        }
        let index = u32::try_from(choice.index).unwrap_or(0);
        self.read_message(index, choice.delta.or(choice.message).unwrap_or_default(), out);
        if let Some(value) = choice.logprobs.filter(|value| !value.is_null()) {
            out.push(ChatDelta::Logprobs { choice: index, value });
        }
        if let Some(word) = choice.finish_reason {
            let calls = self.calls.iter().any(|call| call.choice == index);
            // A few send an empty word with every chunk.
            if !word.is_empty() || calls {
                self.finished = true;
                out.push(ChatDelta::Finish { choice: index, finish: finish_of(&word, calls) });
            }
        }
        Ok(())
    }

    fn read_message(&mut self, choice: u32, message: MessageIn, out: &mut Vec<ChatDelta>) {
        let blocks = message.thinking_blocks.as_deref().unwrap_or_default();
        let mut parts: Vec<Part> = blocks.iter().filter_map(wire::thinking_block).collect();
        if let Some(text) = thoughts(&message).filter(|text| !text.is_empty() && !has_thoughts(&parts)) {
            parts.insert(0, PartKind::Thinking(Thinking { text, signature: None }).into());
            self.thinking = true;
        }
        match &message.content {
            Some(Value::String(text)) if !text.is_empty() => parts.push(Part::text(text.as_str())),
            Some(Value::Array(list)) => list.iter().for_each(|block| read_block(block, &mut parts)),
            _ => {}
        }
        for part in parts {
            self.push_part(choice, part, out);
        }
        if let Some(text) = message.refusal.filter(|text| !text.is_empty()) {
            out.push(ChatDelta::Refusal { choice, text });
        }
        for image in message.images.iter().flatten() {
            if let Some(url) = image.pointer("/image_url/url").and_then(Value::as_str) {
                out.push(ChatDelta::Block { choice, part: PartKind::Image(crate::media::from_url(url.to_owned())).into() });
            }
        }
        if let Some(audio) = message.audio.filter(Value::is_object) {
            let value = json!({"audio": audio});
            out.push(ChatDelta::Block { choice, part: PartKind::Raw { dialect: Dialect::OpenAiChat, value }.into() });
        }
        for annotation in message.annotations.iter().flatten().filter_map(read_annotation) {
            out.push(ChatDelta::Annotation { choice, annotation });
        }
        for (at, call) in message.tool_calls.into_iter().flatten().enumerate() {
            self.close_thoughts(choice, out);
            self.read_call(choice, at, call, out);
        }
    }

    fn push_part(&mut self, choice: u32, part: Part, out: &mut Vec<ChatDelta>) {
        match part.kind {
            PartKind::Text(text) => {
                self.close_thoughts(choice, out);
                out.push(ChatDelta::Text { choice, text });
            }
            PartKind::Thinking(thinking) => {
                if !thinking.text.is_empty() {
                    out.push(ChatDelta::Thinking { choice, text: thinking.text });
                }
                if let Some(signature) = thinking.signature {
                    if signature.dialect == Some(Dialect::OpenAiChat) {
                        self.thinking = true;
                    } else {
                        self.thinking = false;
                        out.push(ChatDelta::ThinkingSignature { choice, signature });
                    }
                }
            }
            PartKind::RedactedThinking(data) => out.push(ChatDelta::RedactedThinking { choice, data }),
            kind => out.push(ChatDelta::Block { choice, part: kind.into() }),
        }
    }

    /// Ends thoughts that have no proof with the mark that says whose they are.
    fn close_thoughts(&mut self, choice: u32, out: &mut Vec<ChatDelta>) {
        if self.thinking {
            self.thinking = false;
            out.push(ChatDelta::ThinkingSignature { choice, signature: own_thoughts() });
        }
    }

    fn read_call(&mut self, choice: u32, at: usize, call: ToolCallIn, out: &mut Vec<ChatDelta>) {
        let signature = call.signature();
        let function = call.function.unwrap_or_default();
        let id = call.id.unwrap_or_default();
        let wire = call.index.unwrap_or_else(|| u64::try_from(at).unwrap_or(0));
        let fragment = wire::arguments_text(function.arguments);
        // A new call has a name and a new id. (Some send the same index for every call, some a new id with every piece.)
        let nameless = function.name.as_deref().is_none_or(str::is_empty);
        let known = self.calls.iter().rposition(|open| {
            let same_place = call.index.is_none() || open.wire == wire;
            open.choice == choice && same_place && (id.is_empty() || open.id == id || (nameless && call.index.is_some()))
        });
        let index = match known {
            Some(place) => self.calls[place].index,
            None => {
                let count = self.calls.iter().filter(|open| open.choice == choice).count();
                let index = u32::try_from(count).unwrap_or(u32::MAX);
                let (plain, carried) = marks::split_id(&id);
                let shown = if plain.is_empty() { format!("call_{choice}_{index}") } else { plain.to_owned() };
                let name = function.name.unwrap_or_default();
                out.push(ChatDelta::ToolStart { choice, index, id: shown, name, signature: signature.or(carried) });
                self.calls.push(OpenCall { choice, wire, index, id });
                index
            }
        };
        if !fragment.is_empty() {
            out.push(ChatDelta::ToolArgs { choice, index, fragment });
        }
    }
}

fn has_thoughts(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(&part.kind, PartKind::Thinking(thinking) if !thinking.text.is_empty()))
}

/// Writes chunks. The unchanging part of a chunk is rendered once.
pub(super) struct Writer {
    head: String,
    opened: Vec<u32>,
    /// Calls that have had no argument bytes yet: (choice, index).
    bare: Vec<(u32, u32)>,
    images: usize,
}

#[derive(Serialize)]
struct UsageChunk {
    choices: [u8; 0],
    usage: UsageOut,
}

impl Writer {
    pub(super) fn new(head: StreamHead) -> Self {
        let (id, model) = (json!(head.id), json!(head.model));
        let head = format!("data: {{\"id\":{id},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{model},", head.created);
        Self { head, opened: Vec::new(), bare: Vec::new(), images: 0 }
    }

    fn chunk(&mut self, choice: u32, mut delta: Value, tail: &str, out: &mut Vec<u8>) {
        if !self.opened.contains(&choice) {
            self.opened.push(choice);
            if let Value::Object(map) = &mut delta {
                map.shift_insert(0, "role".to_owned(), json!("assistant"));
                if map.len() == 1 || !map.contains_key("content") {
                    map.insert("content".to_owned(), if map.contains_key("tool_calls") { Value::Null } else { json!("") });
                }
            }
        }
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(format!("\"choices\":[{{\"index\":{choice},\"delta\":{delta},{tail}}}]}}\n\n").as_bytes());
    }

    fn plain(&mut self, choice: u32, delta: Value, out: &mut Vec<u8>) {
        self.chunk(choice, delta, "\"logprobs\":null,\"finish_reason\":null", out);
    }

    fn args(&mut self, choice: u32, index: u32, fragment: &str, out: &mut Vec<u8>) {
        self.bare.retain(|call| *call != (choice, index));
        self.plain(choice, json!({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}), out);
    }

    /// A call without argument bytes gets an empty object: clients parse the arguments.
    fn fill_bare(&mut self, choice: u32, out: &mut Vec<u8>) {
        let bare: Vec<(u32, u32)> = self.bare.iter().copied().filter(|call| call.0 == choice).collect();
        for (choice, index) in bare {
            self.args(choice, index, "{}", out);
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, delta: &ChatDelta, out: &mut Vec<u8>) {
        match delta {
            ChatDelta::Start { .. } => self.plain(0, json!({}), out),
            ChatDelta::Text { choice, text } => self.plain(*choice, json!({"content": text}), out),
            ChatDelta::Refusal { choice, text } => self.plain(*choice, json!({"refusal": text}), out),
            ChatDelta::Thinking { choice, text } => self.plain(*choice, json!({"reasoning_content": text}), out),
            ChatDelta::ThinkingSignature { choice, signature } => {
                if !signature.text.is_empty() {
                    let block = wire::thinking_block_value(&Thinking { text: String::new(), signature: Some(signature.clone()) });
                    self.plain(*choice, json!({"thinking_blocks": [block]}), out);
                }
            }
            ChatDelta::RedactedThinking { choice, data } => {
                self.plain(*choice, json!({"thinking_blocks": [{"type": "redacted_thinking", "data": data}]}), out);
            }
            ChatDelta::ToolStart { choice, index, id, name, signature } => {
                self.bare.push((*choice, *index));
                let id = marks::carry_on_id(id, signature.as_deref());
                let mut call = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
                if let Some(signature) = signature {
                    call["extra_content"] = json!({"google": {"thought_signature": signature}});
                    call["provider_specific_fields"] = json!({"thought_signature": signature});
                }
                self.plain(*choice, json!({"tool_calls": [call]}), out);
            }
            ChatDelta::ToolArgs { choice, index, fragment } => self.args(*choice, *index, fragment, out),
            ChatDelta::Block { choice, part } => self.block(*choice, part, out),
            ChatDelta::Annotation { choice, annotation } => {
                self.plain(*choice, json!({"annotations": [annotation_value(annotation)]}), out);
            }
            ChatDelta::Logprobs { choice, value } => {
                self.chunk(*choice, json!({}), &format!("\"logprobs\":{value},\"finish_reason\":null"), out);
            }
            ChatDelta::Finish { choice, finish } => {
                if finish.kind == FinishKind::ToolCalls {
                    self.fill_bare(*choice, out);
                }
                let (word, native) = finish_words(finish);
                let native = native.map(|raw| format!(",\"native_finish_reason\":{}", json!(raw))).unwrap_or_default();
                self.chunk(*choice, json!({}), &format!("\"logprobs\":null,\"finish_reason\":\"{word}\"{native}"), out);
            }
            // Usage is held back: only clients that asked get it, in the last chunk.
            ChatDelta::Usage(_) | ChatDelta::Native { .. } => {}
        }
    }

    fn end(&mut self, usage: Option<&Usage>, bill: Option<&Bill>, include_usage: bool, out: &mut Vec<u8>) {
        if let Some(usage) = usage.filter(|_| include_usage) {
            let chunk = UsageChunk { choices: [], usage: UsageOut::new(usage, bill) };
            let text = serde_json::to_string(&chunk).unwrap_or_default();
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(text.strip_prefix('{').unwrap_or("}").as_bytes());
            out.extend_from_slice(b"\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn error(&mut self, status: u16, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        // No `[DONE]` behind it: that would be a clean end.
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&fault::write(status, fault, request_id));
        out.extend_from_slice(b"\n\n");
    }
}

impl Writer {
    fn block(&mut self, choice: u32, part: &Part, out: &mut Vec<u8>) {
        match &part.kind {
            PartKind::Text(text) => self.plain(choice, json!({"content": text}), out),
            PartKind::Image(image) => {
                if let Some(image) = image_out(image, self.images) {
                    self.images += 1;
                    self.plain(choice, json!({"images": [image]}), out);
                }
            }
            PartKind::Audio(sound) => {
                if let Some(audio) = audio_out(sound) {
                    self.plain(choice, json!({"audio": audio}), out);
                }
            }
            PartKind::Raw { dialect: Dialect::OpenAiChat, value } => self.plain(choice, value.clone(), out),
            PartKind::Raw { value, .. } => self.plain(choice, json!({"provider_specific_fields": {"blocks": [value]}}), out),
            _ => {}
        }
    }
}
