//! OpenAI's chat completions, and everybody compatible with them.

mod fault;
mod request;
mod response;
mod stream;
mod wire;

use domain::{Fault, Usage};

use crate::chat::{ChatCall, ChatReply};
use crate::dialect::{Bill, CallPath, Codec, Outgoing, StreamHead, StreamReader, StreamWriter, Target, UpstreamFault};

/// Reads a usage object; `None` when it is not one.
pub(crate) fn usage_of(raw: &str) -> Option<Usage> {
    serde_json::from_str::<Option<wire::UsageIn>>(raw).ok()?.map(|usage| usage.usage())
}

/// The codec.
pub struct OpenAiChat;

/// The one instance.
pub static CODEC: OpenAiChat = OpenAiChat;

impl Codec for OpenAiChat {
    fn request_read(&self, body: &[u8], path: &CallPath<'_>) -> Result<ChatCall, Fault> {
        request::read(body, path)
    }

    fn request_write(&self, call: &ChatCall, target: &Target<'_>) -> Result<Outgoing, Fault> {
        request::write(call, target)
    }

    fn response_read(&self, body: &[u8]) -> Result<ChatReply, Fault> {
        response::read(body)
    }

    fn response_write(&self, reply: &ChatReply, bill: Option<&Bill>) -> Vec<u8> {
        response::write(reply, bill)
    }

    fn stream_reader(&self) -> Box<dyn StreamReader + Send> {
        Box::new(stream::Reader::default())
    }

    fn stream_writer(&self, head: StreamHead) -> Box<dyn StreamWriter + Send> {
        Box::new(stream::Writer::new(head))
    }

    fn fault_read(&self, status: u16, body: &[u8]) -> UpstreamFault {
        fault::read(status, body)
    }

    fn fault_write(&self, status: u16, fault: &Fault, request_id: &str) -> Vec<u8> {
        fault::write(status, fault, request_id)
    }

    fn keep_alive(&self) -> &'static [u8] {
        b": keep-alive\n\n"
    }
}
