//! A stream between two dialects: provider's events → steps → client's events.

use bytes::Bytes;
use domain::{Code, Usage};
use llm::chat::FinishKind;
use llm::sse::Decoder;
use llm::{Bill, ChatDelta, Dialect, Restore, StreamHead, StreamReader, StreamWriter, UpstreamFault};

use crate::settle::Seen;

/// A translating stream.
pub(crate) struct Translation {
    decoder: Decoder,
    reader: Box<dyn StreamReader + Send>,
    writer: Box<dyn StreamWriter + Send>,
    restore: Restore,
    deltas: Vec<ChatDelta>,
    in_word: bool,
    finished: Option<FinishKind>,
}

impl Translation {
    pub(crate) fn new(provider: Dialect, client: Dialect, restore: Restore, head: StreamHead) -> Self {
        Self {
            decoder: Decoder::new(),
            reader: provider.codec().stream_reader(),
            writer: client.codec().stream_writer(head),
            restore,
            deltas: Vec::new(),
            in_word: false,
            finished: None,
        }
    }

    /// Takes a chunk and gives the client's bytes for it.
    pub(crate) fn push(&mut self, chunk: Bytes, seen: &mut Seen, out: &mut Vec<u8>) -> Result<(), UpstreamFault> {
        self.decoder.push(chunk);
        loop {
            let event = match self.decoder.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(error) => return Err(broken(error.to_string())),
            };
            let read = self.reader.push(&event, &mut self.deltas);
            self.write(seen, out);
            read?;
        }
    }

    fn write(&mut self, seen: &mut Seen, out: &mut Vec<u8>) {
        for delta in std::mem::take(&mut self.deltas) {
            let Some(delta) = self.restore.delta(delta) else { continue };
            self.note(&delta, seen);
            self.writer.write(&delta, out);
        }
    }

    fn note(&mut self, delta: &ChatDelta, seen: &mut Seen) {
        match delta {
            ChatDelta::Start { id, .. } => seen.upstream_id = id.clone().or_else(|| seen.upstream_id.take()),
            ChatDelta::Usage(usage) => seen.usage = Some(*usage),
            ChatDelta::Finish { finish, .. } => {
                self.finished = Some(finish.kind);
                seen.finish = Some(finish.kind.as_str().to_owned());
            }
            ChatDelta::Text { text, .. } | ChatDelta::Refusal { text, .. } | ChatDelta::Thinking { text, .. } => self.count(text, seen),
            ChatDelta::ToolStart { name, .. } => {
                self.in_word = false;
                self.count(name, seen);
                self.in_word = false;
            }
            ChatDelta::ToolArgs { fragment, .. } => self.count(fragment, seen),
            _ => {}
        }
    }

    fn count(&mut self, text: &str, seen: &mut Seen) {
        seen.text_bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        for c in text.chars() {
            let white = c.is_whitespace();
            seen.words += u64::from(!white && !self.in_word);
            self.in_word = !white;
        }
    }

    /// The provider's stream is over; an error when it was cut off.
    pub(crate) fn finish(&mut self, seen: &mut Seen, out: &mut Vec<u8>) -> Result<(), UpstreamFault> {
        let end = self.reader.finish(&mut self.deltas);
        self.write(seen, out);
        seen.usage = end.usage.or(seen.usage);
        if end.complete || self.finished.is_some() { Ok(()) } else { Err(broken("the stream was cut off".to_owned())) }
    }

    /// True when the answer ended by itself, so that it may be kept.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.finished, Some(FinishKind::Stop | FinishKind::StopSequence | FinishKind::ToolCalls))
    }

    pub(crate) fn end(&mut self, usage: &Usage, bill: &Bill, include_usage: bool, out: &mut Vec<u8>) {
        self.writer.end(Some(usage), Some(bill), include_usage, out);
    }

    pub(crate) fn error(&mut self, status: u16, fault: &domain::Fault, request_id: &str, out: &mut Vec<u8>) {
        self.writer.error(status, fault, request_id, out);
    }
}

fn broken(message: String) -> UpstreamFault {
    UpstreamFault {
        code: Code::UpstreamInvalidResponse,
        message,
        status: None,
        provider_code: None,
        provider_type: None,
        param: None,
        retry_after_ms: None,
    }
}
