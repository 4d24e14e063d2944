//! The order of a chat call, and the only file that knows it:
//! limits → plan → rights → cache → attempts (a hold before credits pay) → relay → settle.

use std::sync::Arc;
use std::time::Instant;

use domain::fault::UpstreamDetail;
use domain::{Code, Fault, NanoUsd, RequestId, UnixMicros};
use llm::Bill;
use llm::passthrough::{Answer, StreamPass, with_bill};
use policy::routing::Order;
use store::{ProjectMode, RoutingStrategy};

use crate::access;
use crate::attempt;
use crate::body::Body;
use crate::cache::{self, Found, Place, Recorder};
use crate::call::Call;
use crate::directory::Caller;
use crate::gateway::{BodyBytes, Gateway, InFlight};
use crate::plan::{self, Candidate, Known};
use crate::relay::{self, StreamBody, Wishes};
use crate::settle::{CacheUse, Ending, OpenCall};

/// An answer with what its headers say.
pub(crate) struct Answered {
    pub(crate) body: Body,
    pub(crate) stream: bool,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) cache: CacheUse,
    pub(crate) attempts: u32,
    pub(crate) overhead_us: u64,
    /// None for streams, whose bill comes with their usage.
    pub(crate) bill: Option<Bill>,
    pub(crate) dropped: Vec<String>,
    pub(crate) output_cap: Option<u64>,
    pub(crate) allowance: kv::Allowance,
}

/// A call that is about to be made.
pub(crate) struct Begun {
    pub(crate) caller: Arc<Caller>,
    pub(crate) id: RequestId,
    pub(crate) started: Instant,
    pub(crate) now: UnixMicros,
    pub(crate) in_flight: InFlight,
    pub(crate) room: BodyBytes,
}

/// Makes one chat call. Whatever happens, it ends in the event log once.
pub(crate) async fn chat(gateway: &Arc<Gateway>, begun: Begun, mut call: Call) -> Result<Answered, Fault> {
    let Begun { caller, id, started, now, in_flight, room } = begun;
    let mut open = OpenCall::new(Arc::clone(gateway), caller, &call, id, started, now);
    open.keep(in_flight, Some(room));
    match steps(gateway, &mut open, &mut call, now).await {
        Ok(Step::Cached(found)) => replay(open, &call, &found, now),
        Ok(Step::Served(served, place)) => relayed(open, call, *served, place, now).await,
        Err(fault) => {
            open.settle(Ending::Failed(fault.code()));
            Err(fault)
        }
    }
}

enum Step {
    Cached(Found),
    Served(Box<attempt::Served>, Option<Place>),
}

async fn steps(gateway: &Arc<Gateway>, open: &mut OpenCall, call: &mut Call, now: UnixMicros) -> Result<Step, Fault> {
    let caller = Arc::clone(&open.caller);
    open.allow(access::request_limits(&gateway.limiter, caller.organization(), &caller.levels, now)?);
    let mut candidates = candidates(gateway, open, call, now).await?;
    let first = candidates.first().ok_or_else(|| Fault::internal("plan a call", "no candidates"))?;
    caller.levels.model_allowed(&first.model.id, &call.model)?;
    let expected = first.input.likely.saturating_add(call.max_tokens.unwrap_or(0));
    let left = access::token_limit(&gateway.limiter, caller.organization(), &caller.levels, expected, now)?;
    open.expect_tokens(left.tokens, expected);
    payable(call, &mut candidates)?;
    if candidates.first().is_some_and(Candidate::is_own) {
        open.pay_own();
    }
    let place = cache::place(&caller, call);
    if let Some(place) = &place {
        open.cache = CacheUse::Miss;
        if let Some(found) = cache::find(gateway, place, now) {
            return Ok(Step::Cached(found));
        }
    }
    let served = attempt::in_order(open, call, &candidates).await?;
    Ok(Step::Served(Box::new(served), place))
}

/// Leaves out what credits cannot pay for: a call with a parameter whose price is not known runs on own keys only.
fn payable(call: &Call, candidates: &mut Vec<Candidate>) -> Result<(), Fault> {
    let Some(param) = call.unpriced() else { return Ok(()) };
    candidates.retain(Candidate::is_own);
    if candidates.is_empty() {
        let say = format!("`{param}` changes what a call costs in a way that credits do not cover yet; leave it out");
        return Err(Fault::new(Code::UnsupportedParameter, say).param(param));
    }
    Ok(())
}

async fn candidates(gateway: &Gateway, open: &mut OpenCall, call: &mut Call, now: UnixMicros) -> Result<Vec<Candidate>, Fault> {
    let (caller, id) = (&open.caller, open.id);
    let own_keys = match caller.mode {
        ProjectMode::Credits => None,
        ProjectMode::ApiKeys | ProjectMode::Hybrid => Some(gateway.directory.own_keys(caller.scope).await?),
    };
    if let Some(keys) = own_keys.as_deref().filter(|keys| !keys.capped().is_empty()) {
        gateway.spends.load(caller.scope, keys.capped(), now).await?;
    }
    let (catalog, credentials) = (gateway.catalog.load(), gateway.credentials.load());
    let known = Known {
        catalog: &catalog,
        credentials: &credentials,
        own_keys: own_keys.as_deref(),
        simulated: gateway.simulated(),
        cooldowns: &gateway.cooldowns,
        spends: &gateway.spends,
        mode: caller.mode,
        markup_basis_points: caller.markup_basis_points,
        now,
        // The end of a request id is random.
        lot: id.uuid().as_u64_pair().1,
        levels: &caller.levels,
        order: order(caller.routing),
    };
    plan::make(call, &known)
}

fn order(routing: RoutingStrategy) -> Order {
    match routing {
        RoutingStrategy::Smart => Order::Smart,
        RoutingStrategy::Price => Order::Price,
    }
}

async fn relayed(
    mut open: OpenCall,
    call: Call,
    served: attempt::Served,
    place: Option<Place>,
    now: UnixMicros,
) -> Result<Answered, Fault> {
    let output_cap = open.output_cap;
    let provider = served.candidate.deployment.provider.id.to_string();
    let model = served.candidate.model.id.to_string();
    let (attempts, dropped) = (served.attempts, served.dropped.clone());
    let allowance = open.allowance().clone();
    let cache = open.cache;
    if call.stream {
        let overhead_us = open.overhead_us();
        let recorder = place.map(|place| Recorder::new(place, &model, &provider));
        let wishes = Wishes { dialect: call.dialect, include_usage: call.include_usage, created: now.seconds(), recorder };
        let body = Body::stream(StreamBody::new(open, served, wishes));
        return Ok(Answered {
            body,
            stream: true,
            provider,
            model,
            cache,
            attempts,
            overhead_us,
            bill: None,
            dropped,
            output_cap,
            allowance,
        });
    }
    let relayed = match relay::whole(&mut open, served, call.dialect, now.seconds()).await {
        Ok(relayed) => relayed,
        Err(fault) => {
            open.settle(Ending::Failed(fault.code()));
            let fault = without_key(&open, fault);
            let detail = fault.upstream_detail().cloned().unwrap_or_default();
            return Err(fault.upstream(UpstreamDetail { provider, attempts, ..detail }));
        }
    };
    if let (Some(place), Some((bytes, usage))) = (&place, &relayed.keep) {
        cache::keep(open.gateway(), place, &model, &provider, usage, bytes);
    }
    let overhead_us = open.overhead_us();
    let body = Body::whole(relayed.body);
    Ok(Answered {
        body,
        stream: false,
        provider,
        model,
        cache,
        attempts,
        overhead_us,
        bill: Some(relayed.bill),
        dropped,
        output_cap,
        allowance,
    })
}

/// The fault of an answer that was none may quote the provider, and the provider the key.
fn without_key(open: &OpenCall, fault: Fault) -> Fault {
    let Some(candidate) = open.candidate.as_ref().filter(|candidate| candidate.is_own()) else { return fault };
    let say = candidate.endpoint.without_key(fault.say());
    fault.reword(say)
}

/// Answers from the cache: the same bytes, at no cost.
fn replay(mut open: OpenCall, call: &Call, found: &Found, now: UnixMicros) -> Result<Answered, Fault> {
    open.cache = CacheUse::Hit;
    open.route(&found.model, &found.provider);
    let free = NanoUsd::ZERO;
    let bytes = if call.stream {
        let mut pass = StreamPass::default();
        let mut pieces = Vec::new();
        let _ = pass.push(found.body.clone(), &mut pieces);
        let mut bytes = pieces.concat();
        bytes.extend_from_slice(&pass.end(&found.usage, (free, free), call.include_usage, &found.model, now.seconds()));
        bytes
    } else {
        let answer = Answer::read(&found.body).map_err(|e| Fault::internal("read a kept answer", e))?;
        with_bill(&found.body, &answer, &found.usage, free, free)
    };
    let bill = open.settle(Ending::Cached);
    Ok(Answered {
        body: Body::whole(bytes),
        stream: call.stream,
        provider: found.provider.clone(),
        model: found.model.clone(),
        cache: CacheUse::Hit,
        attempts: 0,
        overhead_us: open.overhead_us(),
        bill: (!call.stream).then_some(bill),
        dropped: Vec::new(),
        output_cap: None,
        allowance: open.allowance().clone(),
    })
}
