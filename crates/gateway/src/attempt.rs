//! The only loop: candidates in order, until one answers or none is left. Nothing here runs after the first byte.

use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::fault::UpstreamDetail;
use domain::{Code, Fault, ProviderKeyId, UnixMicros};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use llm::passthrough::{self, Begin, Changes, StreamPass};
use llm::{CallPath, Dialect, Facts, Outgoing, Restore, Target, UpstreamFault};
use proto::usage::v1::Attempt;
use store::KeyOutcome;

use crate::admit;
use crate::call::Call;
use crate::cooldown;
use crate::credentials::Credential;
use crate::endpoint::{CHAT_PATH, Unauthorized};
use crate::gateway::Gateway;
use crate::plan::Candidate;
use crate::relay::Peeked;
use crate::settle::OpenCall;

/// Limit: attempts of one call on all candidates together.
const ATTEMPTS_MAX: u32 = 3;
/// Before the only candidate is tried once more.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Limit: a wait that a provider asks for is honoured for the only candidate if it is this short.
const RETRY_AFTER_MAX_MS: u64 = 2_000;
/// Limit: what a provider may ask callers to wait.
const RETRY_AFTER_FORWARDED_MAX_MS: u64 = 3_600_000;
/// Limit: bytes looked at for a stream's first event.
const BEGIN_BYTES_MAX: usize = 64 * 1024;
/// Limit: bytes read of a provider's error.
const ERROR_BYTES_MAX: usize = 256 * 1024;
/// Limit: characters of a provider's words about an own key's call.
const OWN_WORDS_CHARS_MAX: usize = 2_000;
/// Limit: bytes of a provider's name for an error.
const NAME_BYTES_MAX: usize = 64;
const ERROR_DEADLINE: Duration = Duration::from_secs(10);
const AGENT: &str = concat!("llmg/", env!("CARGO_PKG_VERSION"));
const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

/// An answer that began well.
pub(crate) struct Served {
    pub(crate) response: Response<Incoming>,
    pub(crate) candidate: Candidate,
    pub(crate) restore: Restore,
    /// Whether client and provider speak the same dialect, so that bytes pass.
    pub(crate) passes: bool,
    pub(crate) dropped: Vec<String>,
    pub(crate) attempts: u32,
    /// The beginning of a stream, read to be sure that it is no error.
    pub(crate) peeked: Option<Peeked>,
}

/// Why an attempt failed, and what that means for the next.
struct Failed {
    fault: Fault,
    /// Another candidate may do better.
    elsewhere: bool,
    /// The same candidate may do better in a moment.
    again: bool,
    /// The deployment is left alone for a while: it failed for everybody, not for this call.
    cools: bool,
    status: u16,
}

/// Tries candidates in order. Credits are held when the first candidate comes that they pay for, and budgets
/// for each.
pub(crate) async fn in_order(open: &mut OpenCall, call: &mut Call, candidates: &[Candidate]) -> Result<Served, Fault> {
    let mut attempts = 0;
    let mut queue: Vec<&Candidate> = candidates.iter().collect();
    queue.reverse();
    // Why credits or a budget do not pay, and how an own key failed: one may be the answer to the other.
    let (mut unpaid, mut own_failed): (Option<Fault>, Option<Fault>) = (None, None);
    while let Some(candidate) = queue.pop() {
        if let Err(refusal) = admit::pay(open, call, candidate, candidates).await {
            if refusal.of_credits {
                queue.retain(|left| left.is_own());
            }
            if queue.is_empty() {
                return Err(own_keys_first(refusal.fault, own_failed));
            }
            unpaid = Some(refusal.fault);
            continue;
        }
        attempts += 1;
        let began = Instant::now();
        let tried = one(open, call, candidate, attempts).await;
        let waited = began.elapsed();
        open.upstream_us += u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        let failed = match tried {
            Ok(mut served) => {
                note(open, candidate, served.response.status().as_u16(), "", waited);
                open.gateway().cooldowns.end(&candidate.deployment, candidate.endpoint.credential);
                noted(open, candidate, None);
                served.attempts = attempts;
                return Ok(served);
            }
            Err(failed) => failed,
        };
        open.unsend();
        note(open, candidate, failed.status, failed.fault.code().as_str(), waited);
        open.seen.upstream_status = failed.status;
        let last = attempts >= ATTEMPTS_MAX || (queue.is_empty() && !(failed.again && attempts == 1)) || !failed.elsewhere;
        noted(open, candidate, Some(&failed));
        if failed.cools {
            open.gateway().cooldowns.start(&candidate.deployment, candidate.endpoint.credential, failed.fault.retry_after());
        }
        if last {
            let mut detail = failed.fault.upstream_detail().cloned().unwrap_or_default();
            detail.attempts = attempts;
            if detail.provider.is_empty() {
                detail.provider = candidate.deployment.provider.id.to_string();
            }
            let fault = failed.fault.upstream(detail);
            return Err(match unpaid {
                Some(refusal) if failed.elsewhere => own_keys_first(refusal, Some(fault)),
                _ => fault,
            });
        }
        if queue.is_empty() {
            let asked = failed.fault.retry_after().map_or(RETRY_PAUSE, Duration::from_millis);
            tokio::time::sleep(asked.max(RETRY_PAUSE)).await;
            queue.push(candidate);
        }
        if candidate.is_own() {
            let detail = UpstreamDetail { attempts, ..failed.fault.upstream_detail().cloned().unwrap_or_default() };
            own_failed = Some(failed.fault.upstream(detail));
        }
    }
    Err(Fault::internal("try the candidates", "an empty plan"))
}

/// Credits would have paid where the own keys failed, and cannot: the caller learns both.
fn own_keys_first(refusal: Fault, own_failed: Option<Fault>) -> Fault {
    let Some(own) = own_failed else { return refusal };
    let say = format!("{}; the organization's own keys came first, and the last of them failed: {}", refusal.say(), own.say());
    refusal.reword(say).upstream(own.upstream_detail().cloned().unwrap_or_default())
}

fn note(open: &mut OpenCall, candidate: &Candidate, status: u16, code: &str, waited: Duration) {
    open.attempts.push(Attempt {
        provider: candidate.deployment.provider.id.to_string(),
        model: candidate.deployment.upstream.to_string(),
        status: u32::from(status),
        error_code: code.to_owned(),
        duration_ms: u32::try_from(waited.as_millis()).unwrap_or(u32::MAX),
        credential: candidate.endpoint.credential.label(),
    });
}

/// Tells those who look after an own key how this call found it.
fn noted(open: &OpenCall, candidate: &Candidate, failed: Option<&Failed>) {
    let Credential::Own(key) = candidate.endpoint.credential else { return };
    let now = service::clock::now();
    let outcome = match failed {
        None => KeyOutcome::Well,
        Some(failed) if !failed.elsewhere && !failed.cools => KeyOutcome::Neutral,
        Some(failed) => {
            let pause = failed.cools.then(|| cooldown::pause(failed.fault.retry_after()));
            let cooling_until = pause.map(|pause| UnixMicros(now.0.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX))));
            KeyOutcome::Failed { code: failed.fault.code().as_str(), cooling_until }
        }
    };
    open.gateway().key_health.note(open.caller.organization(), key, outcome, now);
}

async fn one(open: &mut OpenCall, call: &mut Call, candidate: &Candidate, attempt: u32) -> Result<Served, Failed> {
    let passes = call.peek().is_some() && candidate.endpoint.dialect == Dialect::OpenAiChat;
    let outgoing = outgoing(call, candidate, open.output_cap, passes).map_err(Failed::ours)?;
    let gateway = open.gateway().clone();
    let upstream = if candidate.is_own() { &gateway.upstream_own } else { &gateway.upstream };
    let mut request = request(open, candidate, &outgoing, attempt).map_err(Failed::ours)?;
    let authorized = candidate.endpoint.authorize(&mut request, &outgoing.body, upstream).await;
    authorized.map_err(|why| Failed::unauthorized(why, candidate))?;
    open.intend(candidate, attempt).map_err(|error| Failed::ours(unrecordable(error)))?;
    gateway.journal.durable().await.map_err(|error| Failed::ours(unrecordable(error)))?;
    let response = upstream.send(request.map(|()| Full::new(Bytes::from(outgoing.body)))).await.map_err(|down| Failed {
        elsewhere: true,
        // Once it was sent, a provider may have taken the call: it is not sent there a second time.
        again: down.unsent,
        cools: true,
        status: 0,
        fault: down.into_fault(&candidate.deployment.provider.id),
    })?;
    if !response.status().is_success() {
        return Err(refused(response, candidate).await);
    }
    let mut served = Served {
        response,
        candidate: candidate.clone(),
        restore: outgoing.restore,
        passes,
        dropped: outgoing.dropped,
        attempts: attempt,
        peeked: None,
    };
    if call.stream {
        served.peeked = Some(begin(&gateway, &mut served).await?);
    }
    Ok(served)
}

/// The bytes for the provider: spliced when both sides speak OpenAI chat, translated otherwise.
fn outgoing(call: &mut Call, candidate: &Candidate, output_cap: Option<u64>, passes: bool) -> Result<Outgoing, Fault> {
    let deployment = &candidate.deployment;
    if passes && let Some(peek) = call.peek() {
        let newer_limit = llm::openai_reasoner(&deployment.upstream);
        let changes = Changes { model: candidate.sent_as(), output_cap, quirks: &deployment.provider.quirks, newer_limit };
        let (body, dropped) = passthrough::rewrite(&call.body, peek, &changes).map_err(|e| Fault::internal("rewrite a request", e))?;
        if call.options.strict
            && let Some(first) = dropped.first()
        {
            let say =
                format!("the provider `{}` cannot take `{first}`; leave it out, or send without x-llmg-strict", deployment.provider.id);
            return Err(Fault::new(Code::UnsupportedParameter, say).param(first.clone()));
        }
        return Ok(Outgoing { path: CHAT_PATH.to_owned(), body, headers: Vec::new(), dropped, restore: Restore::default() });
    }
    let dialect = candidate.endpoint.dialect;
    let target = Target {
        model: candidate.sent_as(),
        stream: call.stream,
        output_cap,
        max_output: candidate.model.max_output_at(deployment),
        quirks: &deployment.provider.quirks,
        facts: Facts::guess(dialect, &deployment.upstream),
        strict: call.options.strict,
    };
    if dialect == call.dialect && dialect != Dialect::OpenAiChat {
        let path = CallPath { model: Some(&call.model), stream: call.stream };
        return llm::same::request(dialect, &call.body, &path, &target);
    }
    dialect.codec().request_write(call.parsed()?, &target)
}

fn request(open: &OpenCall, candidate: &Candidate, outgoing: &Outgoing, attempt: u32) -> Result<Request<()>, Fault> {
    let endpoint = &candidate.endpoint;
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri(&outgoing.path, candidate.sent_as()).map_err(|e| Fault::internal("address a provider", e))?;
    let headers = request.headers_mut();
    headers.reserve(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if let Ok(value) = HeaderValue::from_str(&format!("{}-{attempt}", open.id)) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in &outgoing.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(request)
}

fn unrecordable(error: events::JournalError) -> Fault {
    Fault::new(
        Code::MeteringUnavailable,
        "usage cannot be recorded right now, so the call was not sent and nothing was charged; try again in a moment",
    )
    .retry_after_ms(1_000)
    .because(error)
}

impl Failed {
    /// The provider was not asked: whoever gives out tokens for it refused, or was not there.
    fn unauthorized(why: Unauthorized, candidate: &Candidate) -> Self {
        let provider = &*candidate.deployment.provider.id;
        let fault = match why {
            Unauthorized::Broken(cause) => Fault::internal("authorize a call", cause),
            Unauthorized::Down(down) => {
                return Self { elsewhere: true, again: false, cools: true, status: 0, fault: down.into_fault(provider) };
            }
            Unauthorized::Refused(status) => {
                let key = candidate.endpoint.credential.label();
                let say = format!(
                    "the token endpoint of the provider `{provider}` refused the service account of the own key `{key}` (HTTP status {status}); replace it under Provider keys"
                );
                Fault::new(Code::UpstreamAuthentication, say)
            }
        };
        Self { fault, elsewhere: true, again: false, cools: true, status: 0 }
    }

    /// No candidate would do better.
    fn ours(fault: Fault) -> Self {
        Self { fault, elsewhere: false, again: false, cools: false, status: 0 }
    }

    fn said(said: UpstreamFault, status: u16, candidate: &Candidate) -> Self {
        let (code, own) = (said.code, candidate.is_own());
        let elsewhere = match code {
            Code::UpstreamRateLimited
            | Code::UpstreamOverloaded
            | Code::UpstreamError
            | Code::UpstreamTimeout
            | Code::UpstreamAuthentication => true,
            // An account that may not use a model is told that there is no such model.
            Code::ModelNotFound => own,
            _ => false,
        };
        let short = said.retry_after_ms.is_none_or(|ms| ms <= RETRY_AFTER_MAX_MS);
        let again = matches!(code, Code::UpstreamOverloaded | Code::UpstreamError | Code::UpstreamRateLimited) && short;
        // A 403 may be about what this caller sent; a 401 is about our credential, and so is an own key without credit.
        let cools = match code {
            Code::UpstreamAuthentication => status == StatusCode::UNAUTHORIZED.as_u16() || (own && said.is_out_of_credit()),
            Code::ModelNotFound => false,
            _ => elsewhere,
        };
        Self { fault: outward(said, candidate), elsewhere, again, cools, status }
    }
}

/// A provider's fault for the caller. What a provider says of its own state or of our account (keys, organizations, hosts)
/// stays in the log; what it says of the request, or of the organization's own account, goes out.
pub(crate) fn outward(mut said: UpstreamFault, candidate: &Candidate) -> Fault {
    let provider = &*candidate.deployment.provider.id;
    if let Credential::Own(key) = candidate.endpoint.credential {
        let words: String = said.message.chars().take(OWN_WORDS_CHARS_MAX).collect();
        said.message = candidate.endpoint.without_key(&words);
        if let Some(say) = of_own_key(&said, provider, key) {
            said.message = say;
            return said.into_fault(provider, 0);
        }
    }
    let ours = match said.code {
        Code::UpstreamAuthentication => "did not accept this instance's credential; tell the operator",
        Code::UpstreamRateLimited => "is at its rate limit; try again in a moment",
        Code::UpstreamOverloaded => "is overloaded; try again in a moment",
        Code::UpstreamError | Code::UpstreamTimeout => "failed; try again, or name another model",
        Code::UpstreamInvalidResponse => "answered something that is no answer; try again, or name another model",
        _ => return said.into_fault(provider, 0),
    };
    let note = for_the_log(&said);
    said.message = format!("the provider `{provider}` {ours}");
    said.into_fault(provider, 0).note(note)
}

/// What a log may hold of a provider's words: its status and its error's name. The sentence may quote what the caller wrote.
fn for_the_log(said: &UpstreamFault) -> String {
    let is_name =
        |word: &&str| word.len() <= NAME_BYTES_MAX && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_uppercase() || b == b'_');
    let name = [&said.provider_code, &said.provider_type].into_iter().flatten().map(String::as_str).find(is_name);
    format!("the provider answered {}, {}", said.status.map_or("nothing".to_owned(), |s| s.to_string()), name.unwrap_or("unnamed"))
}

/// What a provider said of the organization's own key or account, which is the caller's to mend, not the operator's.
fn of_own_key(said: &UpstreamFault, provider: &str, key: ProviderKeyId) -> Option<String> {
    let (what, mend) = match said.code {
        Code::UpstreamAuthentication if said.is_out_of_credit() => {
            ("is out of credit or quota there", "top up the account at the provider, or use another key")
        }
        Code::UpstreamAuthentication => ("was refused by it", "replace the key under Provider keys, or mend its rights at the provider"),
        Code::UpstreamRateLimited => ("is at its rate limit there", "try again in a moment, or ask the provider for higher limits"),
        _ => return None,
    };
    Some(format!("the organization's own key `{key}` at the provider `{provider}` {what}; {mend} (the provider says: {})", said.message))
}

/// Reads a provider's refusal.
async fn refused(response: Response<Incoming>, candidate: &Candidate) -> Failed {
    let (head, body) = response.into_parts();
    let body = tokio::time::timeout(ERROR_DEADLINE, Limited::new(body, ERROR_BYTES_MAX).collect()).await;
    // What cannot be read of an error is no reason to lose its status.
    let bytes = body.ok().and_then(Result::ok).map(|b| b.to_bytes()).unwrap_or_default();
    let mut said = candidate.endpoint.dialect.codec().fault_read(head.status.as_u16(), &bytes);
    said.retry_after_ms = said.retry_after_ms.or_else(|| retry_after_ms(&head.headers)).map(|ms| ms.min(RETRY_AFTER_FORWARDED_MAX_MS));
    Failed::said(said, head.status.as_u16(), candidate)
}

/// Seconds, or milliseconds by the header that some providers add. A date is not worth a clock here.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("retry-after-ms").or_else(|| number(RETRY_AFTER.as_str()).map(|seconds| seconds.saturating_mul(1_000)))
}

/// Reads a stream until its first event: an error there may still be answered by another candidate.
async fn begin(gateway: &Gateway, served: &mut Served) -> Result<Peeked, Failed> {
    let candidate = served.candidate.clone();
    let provider = &candidate.deployment.provider.id;
    let cut = |code: Code, why: &str| Failed {
        fault: Fault::new(code, format!("the provider `{provider}` {why}; try again, or name another model")),
        elsewhere: true,
        again: false,
        cools: true,
        status: StatusCode::OK.as_u16(),
    };
    let mut chunk = Bytes::new();
    loop {
        let frame = tokio::time::timeout(gateway.upstream.limits.first_byte, served.response.body_mut().frame()).await;
        let frame = match frame {
            Err(_) => return Err(cut(Code::UpstreamTimeout, "sent nothing in time")),
            Ok(None) if chunk.is_empty() => return Err(cut(Code::UpstreamInvalidResponse, "ended its stream before it began")),
            Ok(None) => return Ok(Peeked { chunk, at: Instant::now() }),
            Ok(Some(Err(_))) => return Err(cut(Code::UpstreamError, "broke its stream off before it began")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        chunk = if chunk.is_empty() { data } else { Bytes::from([chunk, data].concat()) };
        match StreamPass::begin(&chunk) {
            // The other dialects' errors read as content here; their readers find them.
            Begin::Error(error) if served.passes => {
                let said = candidate.endpoint.dialect.codec().fault_read(StatusCode::INTERNAL_SERVER_ERROR.as_u16(), &error);
                return Err(Failed::said(said, StatusCode::OK.as_u16(), &candidate));
            }
            Begin::Unknown if chunk.len() < BEGIN_BYTES_MAX => {}
            _ => return Ok(Peeked { chunk, at: Instant::now() }),
        }
    }
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
