//! From the provider's answer to the client's: whole answers here, streams in `stream`.

mod standing;
mod stream;
mod translate;

use std::time::Instant;

use bytes::Bytes;
use domain::{Code, Fault, Usage};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use llm::passthrough::{self, Answer};
use llm::{Bill, Dialect, Restore};

use crate::attempt::Served;
use crate::gateway::Gateway;
use crate::settle::{Ending, OpenCall};

pub(crate) use stream::{StreamBody, Wishes};

/// Limit: bytes of a whole answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A stream's first chunk, and when it came.
pub(crate) struct Peeked {
    pub(crate) chunk: Bytes,
    pub(crate) at: Instant,
}

/// A whole answer, settled, as the client gets it.
pub(crate) struct Relayed {
    pub(crate) body: Vec<u8>,
    pub(crate) bill: Bill,
    /// The same without its bill, for the cache; none when the answer is not complete.
    pub(crate) keep: Option<(Bytes, Usage)>,
}

/// Who answers whom.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a> {
    pub(crate) provider: &'a str,
    pub(crate) provider_dialect: Dialect,
    pub(crate) client: Dialect,
    /// Seconds since 1970, for dialects whose answers do not say.
    pub(crate) created: i64,
}

/// Reads the whole answer, settles the call, and writes it for the client.
pub(crate) async fn whole(open: &mut OpenCall, served: Served, client: Dialect, created: i64) -> Result<Relayed, Fault> {
    let Served { response, candidate, restore, passes, .. } = served;
    let gateway = open.gateway().clone();
    open.seen.upstream_status = response.status().as_u16();
    let sides = Sides { provider: &candidate.deployment.provider.id, provider_dialect: candidate.endpoint.dialect, client, created };
    let began = Instant::now();
    let bytes = read(&gateway, response.into_body(), sides.provider).await;
    open.upstream_us += u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let bytes = bytes?;
    open.seen.first_token = Some(Instant::now());
    open.seen.complete = true;
    if passes { passed(open, sides, bytes) } else { translated(open, sides, &bytes, &restore) }
}

/// The body's first part must come within the first-byte limit, each further one within the idle limit.
async fn read(gateway: &Gateway, mut body: Incoming, provider: &str) -> Result<Bytes, Fault> {
    let broken = |code: Code, why: &str| Fault::new(code, format!("the provider `{provider}` {why}; try again, or name another model"));
    let mut parts: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    loop {
        let limits = &gateway.upstream.limits;
        let limit = if parts.is_empty() { limits.first_byte } else { limits.idle };
        match tokio::time::timeout(limit, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => parts.extend(frame.into_data().ok()),
            Ok(Some(Err(error))) => return Err(broken(Code::UpstreamError, "broke its answer off").because(error)),
            Err(_) => return Err(broken(Code::UpstreamTimeout, "did not finish its answer in time")),
        }
        bytes += parts.last().map_or(0, Bytes::len);
        if bytes > ANSWER_BYTES_MAX {
            return Err(broken(Code::UpstreamInvalidResponse, "sent an answer that is too long"));
        }
    }
    Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Bytes::from(parts.concat()) })
}

fn unreadable(provider: &str, error: &serde_json::Error) -> Fault {
    Fault::new(
        Code::UpstreamInvalidResponse,
        format!("the provider `{provider}` answered something that is no answer; try again, or name another model"),
    )
    .note(llm::unreadable_at(error))
}

fn passed(open: &mut OpenCall, sides: Sides<'_>, bytes: Bytes) -> Result<Relayed, Fault> {
    let answer = Answer::read(&bytes).map_err(|error| {
        open.seen.complete = false;
        unreadable(sides.provider, &error)
    })?;
    open.seen.usage = answer.usage;
    open.seen.finish = answer.finish.as_deref().map(str::to_owned);
    open.seen.upstream_id = answer.id.as_deref().map(str::to_owned);
    if answer.usage.is_none_or(|usage| usage.output == 0) {
        // Only an answer without usage is read again for its text.
        let reply = Dialect::OpenAiChat.codec().response_read(&bytes)?;
        count(open, &reply);
    }
    let complete = matches!(answer.finish.as_deref(), Some("stop" | "tool_calls"));
    let usage = open.usage_so_far();
    let bill = open.settle(Ending::Done);
    let body = passthrough::with_bill(&bytes, &answer, &usage, bill.cost, bill.charged);
    let keep = complete.then(|| (bytes.clone(), usage));
    Ok(Relayed { body, bill, keep })
}

fn translated(open: &mut OpenCall, sides: Sides<'_>, bytes: &[u8], restore: &Restore) -> Result<Relayed, Fault> {
    let mut reply = sides.provider_dialect.codec().response_read(bytes).inspect_err(|_| open.seen.complete = false)?;
    restore.reply(&mut reply);
    reply.created = reply.created.or(Some(sides.created));
    if reply.id.is_empty() {
        reply.id = format!("chatcmpl-{}", open.id);
    }
    open.seen.usage = reply.usage;
    open.seen.upstream_id = Some(reply.id.clone());
    let finish = reply.choices.first().and_then(|choice| choice.finish.as_ref()).map(|finish| finish.kind);
    open.seen.finish = finish.map(|kind| kind.as_str().to_owned());
    if reply.usage.is_none_or(|usage| usage.output == 0) {
        count(open, &reply);
    }
    let usage = open.usage_so_far();
    reply.usage = Some(usage);
    let bill = open.settle(Ending::Done);
    let codec = sides.client.codec();
    let complete =
        matches!(finish, Some(llm::chat::FinishKind::Stop | llm::chat::FinishKind::StopSequence | llm::chat::FinishKind::ToolCalls));
    let keep = complete.then(|| (Bytes::from(codec.response_write(&reply, None)), usage));
    Ok(Relayed { body: codec.response_write(&reply, Some(&bill)), bill, keep })
}

/// Counts the text of an answer whose provider reported no usage.
fn count(open: &mut OpenCall, reply: &llm::ChatReply) {
    use llm::chat::PartKind;
    for part in reply.choices.iter().flat_map(|choice| &choice.parts) {
        let texts: [&str; 2] = match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => [text, ""],
            PartKind::Thinking(thinking) => [&thinking.text, ""],
            PartKind::ToolCall(call) => [&call.name, &call.arguments],
            _ => continue,
        };
        for text in texts {
            open.seen.text_bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
            open.seen.words += llm::tokens::words(text);
        }
    }
}
