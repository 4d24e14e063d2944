//! Streams: a provider's partial answers → deltas, and deltas → a client's partial answers.

use domain::{Fault, Usage};
use serde_json::{Map, Value, json};

use crate::chat::{ChatDelta, Finish, FinishKind, Part, PartKind, Rest, Thinking};
use crate::dialect::{Bill, Dialect, StreamEnd, StreamHead, StreamReader, StreamWriter, UpstreamFault};
use crate::sse::SseEvent;

use super::fault;
use super::response::{ReplyOut, blocked, finish_of, finish_word, read_part};
use super::wire::{self, CandidateIn, ReplyIn, UsageOut};

/// What is known of one answer.
#[derive(Debug, Default)]
struct Answer {
    index: u32,
    calls: u32,
    /// The text so far: sources are given by place in it.
    text: String,
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    id: String,
    answers: Vec<Answer>,
    searches: u64,
    usage: Option<Usage>,
    finished: bool,
}

impl StreamReader for Reader {
    fn push(&mut self, event: &SseEvent<'_>, out: &mut Vec<ChatDelta>) -> Result<(), UpstreamFault> {
        let data = event.data.trim_ascii();
        if data.is_empty() {
            return Ok(());
        }
        let reply: ReplyIn = serde_json::from_slice(data).map_err(UpstreamFault::unreadable)?;
        if let Some(error) = reply.error.as_ref().filter(|error| !error.is_null()) {
            return Err(fault::from_error(0, error));
        }
        if !self.started {
            self.started = true;
            self.id = reply.response_id.clone().unwrap_or_default();
            out.push(ChatDelta::Start { id: reply.response_id, model: reply.model_version });
        }
        for (at, candidate) in reply.candidates.into_iter().flatten().enumerate() {
            self.read_candidate(candidate, at, out);
        }
        if let Some(feedback) = reply.prompt_feedback.filter(|feedback| feedback.block_reason.is_some()) {
            self.finished = true;
            out.push(ChatDelta::Finish { choice: 0, finish: blocked(feedback) });
        }
        if let Some(usage) = reply.usage_metadata {
            let usage = usage.usage(self.searches);
            self.usage = Some(usage);
            out.push(ChatDelta::Usage(usage));
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<ChatDelta>) -> StreamEnd {
        StreamEnd { complete: self.finished, usage: self.usage }
    }
}

impl Reader {
    fn read_candidate(&mut self, mut candidate: CandidateIn, at: usize, out: &mut Vec<ChatDelta>) {
        let index = u32::try_from(candidate.index.unwrap_or_else(|| u64::try_from(at).unwrap_or(0))).unwrap_or(0);
        let place = self.answers.iter().position(|answer| answer.index == index).unwrap_or_else(|| {
            self.answers.push(Answer { index, ..Answer::default() });
            self.answers.len() - 1
        });
        let answer = &mut self.answers[place];
        let native = candidate.native();
        for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            let first = answer.calls;
            let mut parts = Vec::new();
            read_part(part, (&self.id, index, &mut answer.calls), &mut parts);
            for part in parts {
                push_part(index, first, part, answer, out);
            }
        }
        if let Some(rest) = Rest::of(Dialect::Gemini, native) {
            out.push(ChatDelta::Native { choice: index, rest });
        }
        if let Some(grounding) = &candidate.grounding_metadata {
            self.searches = self.searches.max(wire::searches(grounding));
            let sources = wire::annotations(grounding, &answer.text);
            out.extend(sources.into_iter().map(|annotation| ChatDelta::Annotation { choice: index, annotation }));
        }
        if let Some(result) = &candidate.logprobs_result {
            out.push(ChatDelta::Logprobs { choice: index, value: wire::logprobs_in(result) });
        }
        if let Some(word) = candidate.finish_reason {
            self.finished = true;
            // Calls and the end may come in different chunks.
            out.push(ChatDelta::Finish { choice: index, finish: finish_of(&word, answer.calls > 0, candidate.finish_message) });
        }
    }
}

fn push_part(choice: u32, index: u32, part: Part, answer: &mut Answer, out: &mut Vec<ChatDelta>) {
    match part.kind {
        PartKind::Text(text) => {
            answer.text.push_str(&text);
            out.push(ChatDelta::Text { choice, text });
        }
        PartKind::Thinking(thinking) => {
            if !thinking.text.is_empty() {
                out.push(ChatDelta::Thinking { choice, text: thinking.text });
            }
            out.extend(thinking.signature.map(|signature| ChatDelta::ThinkingSignature { choice, signature }));
        }
        PartKind::RedactedThinking(data) => out.push(ChatDelta::RedactedThinking { choice, data }),
        PartKind::ToolCall(call) => {
            out.push(ChatDelta::ToolStart { choice, index, id: call.id, name: call.name, signature: call.signature });
            out.push(ChatDelta::ToolArgs { choice, index, fragment: call.arguments });
        }
        kind => out.push(ChatDelta::Block { choice, part: kind.into() }),
    }
}

/// A call that is gathered: here calls come whole.
#[derive(Debug)]
struct Gathered {
    choice: u32,
    index: u32,
    id: String,
    name: String,
    args: String,
    signature: Option<String>,
}

/// Writes partial answers.
pub(super) struct Writer {
    head: StreamHead,
    calls: Vec<Gathered>,
    ends: Vec<(u32, Finish)>,
    usage: Option<Usage>,
    /// Fields of candidates in this dialect, for the last chunk.
    native: Vec<(u32, Map<String, Value>)>,
}

impl Writer {
    pub(super) fn new(head: StreamHead) -> Self {
        Self { head, calls: Vec::new(), ends: Vec::new(), usage: None, native: Vec::new() }
    }

    fn send(&self, candidates: Vec<Value>, usage: Option<UsageOut>, out: &mut Vec<u8>) {
        let reply = ReplyOut { candidates, usage_metadata: usage, model_version: &self.head.model, response_id: &self.head.id, rest: None };
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&serde_json::to_vec(&reply).unwrap_or_default());
        out.extend_from_slice(b"\n\n");
    }

    fn parts(&self, choice: u32, parts: &[Part], out: &mut Vec<u8>) {
        let parts = wire::answer_parts(parts);
        if !parts.is_empty() {
            self.send(vec![json!({"content": {"role": "model", "parts": parts}, "index": choice})], None, out);
        }
    }

    /// The gathered calls of an answer, in one chunk.
    fn flush_calls(&mut self, choice: u32, out: &mut Vec<u8>) {
        let (done, left): (Vec<Gathered>, Vec<Gathered>) =
            std::mem::take(&mut self.calls).into_iter().partition(|call| call.choice == choice);
        self.calls = left;
        if done.is_empty() {
            return;
        }
        let parts: Vec<Value> =
            done.iter().map(|call| wire::function_call(&call.id, &call.name, &call.args, call.signature.as_deref())).collect();
        self.send(vec![json!({"content": {"role": "model", "parts": parts}, "index": choice})], None, out);
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, delta: &ChatDelta, out: &mut Vec<u8>) {
        match delta {
            ChatDelta::Start { .. } => {}
            ChatDelta::Text { choice, text } | ChatDelta::Refusal { choice, text } => {
                self.parts(*choice, &[Part::text(text.as_str())], out)
            }
            ChatDelta::Thinking { choice, text } => {
                let thinking = Thinking { text: text.clone(), signature: None };
                self.parts(*choice, &[PartKind::Thinking(thinking).into()], out);
            }
            ChatDelta::ThinkingSignature { choice, signature } => {
                let thinking = Thinking { text: String::new(), signature: Some(signature.clone()) };
                self.parts(*choice, &[PartKind::Thinking(thinking).into()], out);
            }
            ChatDelta::RedactedThinking { choice, data } => {
                self.parts(*choice, &[PartKind::RedactedThinking(data.clone()).into()], out);
            }
            ChatDelta::ToolStart { choice, index, id, name, signature } => self.calls.push(Gathered {
                choice: *choice,
                index: *index,
                id: id.clone(),
                name: name.clone(),
                args: String::new(),
                signature: signature.clone(),
            }),
            ChatDelta::ToolArgs { choice, index, fragment } => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.choice == *choice && call.index == *index) {
                    call.args.push_str(fragment);
                }
            }
            ChatDelta::Block { choice, part } => self.parts(*choice, std::slice::from_ref(part), out),
            ChatDelta::Native { choice, rest } if rest.dialect == Dialect::Gemini => {
                match self.native.iter_mut().find(|(index, _)| index == choice) {
                    Some((_, fields)) => fields.extend(rest.fields.clone()),
                    None => self.native.push((*choice, rest.fields.clone())),
                }
            }
            ChatDelta::Native { .. } => {}
            // The whole grounding goes out at the end.
            ChatDelta::Annotation { .. } if !self.native.is_empty() => {}
            ChatDelta::Annotation { choice, annotation } => {
                let chunk = json!({"web": {"uri": annotation.url, "title": annotation.title}});
                self.send(vec![json!({"index": choice, "groundingMetadata": {"groundingChunks": [chunk]}})], None, out);
            }
            ChatDelta::Logprobs { choice, value } => {
                self.send(vec![json!({"index": choice, "logprobsResult": wire::logprobs_out(value)})], None, out);
            }
            ChatDelta::Finish { choice, finish } => {
                self.flush_calls(*choice, out);
                self.ends.push((*choice, finish.clone()));
            }
            ChatDelta::Usage(usage) => self.usage = Some(*usage),
        }
    }

    fn end(&mut self, usage: Option<&Usage>, bill: Option<&Bill>, _include_usage: bool, out: &mut Vec<u8>) {
        let open: Vec<u32> = self.calls.iter().map(|call| call.choice).collect();
        for choice in open {
            self.flush_calls(choice, out);
        }
        if self.ends.is_empty() {
            self.ends.push((0, Finish::new(FinishKind::Stop, "STOP")));
        }
        let mut candidates: Vec<Value> = self.ends.iter().map(|(choice, finish)| end_of(*choice, finish)).collect();
        for (choice, fields) in std::mem::take(&mut self.native) {
            if let Some(Value::Object(candidate)) = candidates.iter_mut().find(|candidate| candidate["index"] == choice) {
                candidate.extend(fields);
            }
        }
        let usage = usage.or(self.usage.as_ref()).map(|usage| UsageOut::new(usage, bill));
        self.send(candidates, usage, out);
    }

    fn error(&mut self, status: u16, fault: &Fault, request_id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&fault::write(status, fault, request_id));
        out.extend_from_slice(b"\n\n");
    }
}

fn end_of(choice: u32, finish: &Finish) -> Value {
    // The SDK's words are upper case; any other raw word is another dialect's.
    let native = finish.raw.as_ref().is_some_and(|raw| !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    let from = if native { Dialect::Gemini } else { Dialect::OpenAiChat };
    let mut out =
        json!({"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": finish_word(finish, from), "index": choice});
    if let Some(detail) = &finish.detail {
        out["finishMessage"] = json!(detail);
    }
    out
}
