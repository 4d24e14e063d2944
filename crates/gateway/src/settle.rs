//! The end of a call: usage → cost → event → release, in a guard that runs however the call ends.

use std::sync::Arc;
use std::time::Instant;

use domain::{Code, Lane, NanoUsd, PicoUsd, RequestId, UnixMicros, Usage, UsageSource};
use kv::Allowance;
use llm::Bill;
use policy::pricing;
use proto::usage::v1::outcome::Kind;
use proto::usage::v1::{Attempt, BudgetUse, Facts, Intent, Outcome, Progress, Rates, UsageEvent, UsageTokens};
use store::{BudgetCounts, ProjectMode, UsedMode};

use crate::admit::Admitted;
use crate::budgets::RoomHold;
use crate::call::Call;
use crate::cover::Cover;
use crate::credentials::Credential;
use crate::directory::Caller;
use crate::funds::Hold;
use crate::gateway::{BodyBytes, Gateway, InFlight};
use crate::plan::Candidate;

/// Version of the event's schema.
const SCHEMA: u32 = 1;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer.
    Done,
    /// With a fault; what was received until then is billed.
    Failed(Code),
    /// The client left.
    Cancelled,
    /// From the cache: nothing was used.
    Cached,
}

/// What was seen of the answer so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) usage: Option<Usage>,
    /// The answer came to its own end, so that `usage` is the provider's last word.
    pub(crate) complete: bool,
    pub(crate) finish: Option<String>,
    pub(crate) upstream_id: Option<String>,
    /// Bytes of output text: an upper bound of its tokens.
    pub(crate) text_bytes: u64,
    /// Runs of non-white-space of output text.
    pub(crate) words: u64,
    pub(crate) first_token: Option<Instant>,
    pub(crate) upstream_status: u16,
}

/// Whether the response cache had a part in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheUse {
    Off,
    Miss,
    Hit,
}

impl CacheUse {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Miss => "miss",
            Self::Hit => "hit",
        }
    }
}

/// A call between its admission and its end. Dropping it ends it as cancelled.
pub(crate) struct OpenCall {
    gateway: Arc<Gateway>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) id: RequestId,
    facts: Facts,
    pub(crate) hold: Option<Hold>,
    /// Room in the budgets that the attempt under way counts in.
    pub(crate) budgets: Vec<RoomHold>,
    pub(crate) by_credits: Cover,
    pub(crate) covered: u64,
    /// What is set as the limit upstream, because the funds cover no more.
    pub(crate) output_cap: Option<u64>,
    pub(crate) candidate: Option<Candidate>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) seen: Seen,
    pub(crate) cache: CacheUse,
    allowance: Allowance,
    expected_tokens: Option<u64>,
    started: Instant,
    /// Microseconds spent waiting for providers, which is not our overhead.
    pub(crate) upstream_us: u64,
    last_progress: Instant,
    sent: bool,
    ended: bool,
    _places: (Option<InFlight>, Option<BodyBytes>),
}

impl OpenCall {
    pub(crate) fn new(gateway: Arc<Gateway>, caller: Arc<Caller>, call: &Call, id: RequestId, started: Instant, now: UnixMicros) -> Self {
        let bytes = |uuid: uuid::Uuid| uuid.into_bytes().to_vec();
        let facts = Facts {
            organization_id: bytes(caller.organization().uuid()),
            project_id: bytes(caller.project.uuid()),
            api_key_id: bytes(caller.key.uuid()),
            requested_model: call.model.clone(),
            dialect: call.dialect.as_str().to_owned(),
            stream: call.stream,
            mode: caller.mode.as_str().to_owned(),
            used_mode: if caller.mode == ProjectMode::ApiKeys { UsedMode::ApiKeys } else { UsedMode::Credits }.as_str().to_owned(),
            started_at_us: now.0,
            tags: call.options.tags.clone(),
            metadata_json: call.options.metadata_json.clone(),
            user: call.options.user.clone(),
            session: call.options.session.clone(),
            ..Facts::default()
        };
        gateway.metrics.opened();
        Self {
            gateway,
            caller,
            id,
            facts,
            hold: None,
            budgets: Vec::new(),
            by_credits: Cover::default(),
            covered: 0,
            output_cap: None,
            candidate: None,
            attempts: Vec::new(),
            seen: Seen::default(),
            cache: CacheUse::Off,
            allowance: Allowance::default(),
            expected_tokens: None,
            started,
            upstream_us: 0,
            last_progress: started,
            sent: false,
            ended: false,
            _places: (None, None),
        }
    }

    /// Keeps the call's places (among those in flight, and in memory) until it ends.
    pub(crate) fn keep(&mut self, in_flight: InFlight, body: Option<BodyBytes>) {
        self._places = (Some(in_flight), body);
    }

    /// An attempt failed: until the next one nothing is under way.
    pub(crate) fn unsend(&mut self) {
        self.sent = false;
    }

    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// What was taken from the key's limits; the place among its calls is given back when the call ends.
    pub(crate) fn allow(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    /// The tokens that were taken from the caller's limits, corrected when the call ends, and what is left of it.
    pub(crate) fn expect_tokens(&mut self, left: Option<(u64, u32)>, expected: u64) {
        self.allowance.tokens = left;
        self.expected_tokens = Some(expected);
    }

    pub(crate) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    pub(crate) fn admit(&mut self, admitted: Admitted) {
        self.facts.lease_id = admitted.hold.lease.uuid().into_bytes().to_vec();
        self.hold = Some(admitted.hold);
        self.by_credits = admitted.cover;
        self.cover_only(admitted.cover);
    }

    /// Credits pay from here on.
    pub(crate) fn pay_credits(&mut self) {
        self.used(UsedMode::Credits);
    }

    /// An own key pays from here on: nothing stays held, and nothing needs to be covered.
    pub(crate) fn pay_own(&mut self) {
        self.used(UsedMode::ApiKeys);
        self.facts.lease_id.clear();
        self.hold = None;
        self.by_credits = Cover { output: u64::MAX, output_cap: None };
        self.cover_only(self.by_credits);
    }

    /// Names the budgets that the next attempt counts in.
    pub(crate) fn count_in(&mut self, uses: Vec<BudgetUse>) {
        self.facts.budgets = uses;
    }

    fn used(&mut self, mode: UsedMode) {
        if self.facts.used_mode != mode.as_str() {
            mode.as_str().clone_into(&mut self.facts.used_mode);
        }
    }

    /// Names the model of the call when nothing goes upstream.
    pub(crate) fn route(&mut self, model: &str, provider: &str) {
        model.clone_into(&mut self.facts.model);
        provider.clone_into(&mut self.facts.provider);
    }

    /// Writes the intent: from here on the call has exactly one terminal event, whatever happens to this process.
    pub(crate) fn intend(&mut self, candidate: &Candidate, attempt: u32) -> Result<(), events::JournalError> {
        self.route(&candidate.model.id, &candidate.deployment.provider.id);
        self.facts.credential = candidate.endpoint.credential.label();
        let mut intent = Intent {
            request_id: self.id.uuid().into_bytes().to_vec(),
            facts: Some(std::mem::take(&mut self.facts)),
            hold_nano_usd: self.held().0,
            rates: candidate.version().map(|version| {
                let rates = version.price.rates_for(candidate.input.likely);
                Rates {
                    input: rates.input.0,
                    output: rates.output.0,
                    request: version.price.units.request.map_or(0, |price| price.0),
                    price_version: version.version,
                    markup_basis_points: candidate.markup_basis_points,
                }
            }),
            input_tokens_bound: candidate.input.max,
            attempt,
        };
        let written = self.gateway.journal.intent(&intent);
        self.facts = intent.facts.take().unwrap_or_default();
        written?;
        self.candidate = Some(candidate.clone());
        self.sent = true;
        Ok(())
    }

    /// Notes how far a stream got, at most every 250 ms.
    pub(crate) fn progress(&mut self) {
        const PERIOD: std::time::Duration = std::time::Duration::from_millis(250);
        let now = Instant::now();
        if now.duration_since(self.last_progress) < PERIOD {
            return;
        }
        self.last_progress = now;
        let usage = self.usage_so_far();
        let progress = Progress {
            request_id: self.id.uuid().into_bytes().to_vec(),
            input_tokens: usage.input,
            output_tokens: usage.output,
            hold_nano_usd: self.held().0,
        };
        if let Err(error) = self.gateway.journal.progress(&progress) {
            // The call goes on: its end is what counts, and the log keeps room for that.
            tracing::warn!(%error, call.id = %self.id, "the progress of a call could not be noted");
        }
    }

    fn held(&self) -> NanoUsd {
        self.hold.as_ref().map_or(NanoUsd::ZERO, Hold::amount)
    }

    /// The provider's figures if it had its last word and they say something; else what was counted, with what the
    /// provider said of the input.
    ///
    /// Invariant: never more than the call was admitted with, whatever a provider reports.
    pub(crate) fn usage_so_far(&self) -> Usage {
        let Some(candidate) = &self.candidate else { return self.seen.usage.unwrap_or_default() };
        let counted = match candidate.model.tokenizer {
            catalog::Tokenizer::Sim => self.seen.words,
            catalog::Tokenizer::Bytes => self.seen.text_bytes.div_ceil(4),
        };
        let said = self.seen.usage.unwrap_or_default();
        let usage = if self.seen.complete && self.seen.usage.is_some() && (said.output > 0 || counted == 0) {
            said
        } else {
            let input = if said.input > 0 { said.input } else { candidate.input.likely };
            Usage { input, output: said.output.max(counted), source: UsageSource::Estimated, ..said }
        };
        let most = candidate.input.max.max(candidate.model.context_window_at(&candidate.deployment).unwrap_or(0));
        Usage { input: usage.input.min(most), output: usage.output.min(candidate.output_max), ..usage }.clamped()
    }

    /// What is billed for this ending: a failure before the first token, and anything that was never sent, is free.
    fn billed(&self, ending: Ending) -> Usage {
        let received = self.received();
        match ending {
            Ending::Cached => Usage::default(),
            Ending::Done => self.usage_so_far(),
            Ending::Failed(_) if received => self.usage_so_far(),
            Ending::Cancelled if self.sent => self.usage_so_far(),
            Ending::Failed(_) | Ending::Cancelled => Usage::default(),
        }
    }

    /// Output came, so that a failure is no longer free.
    fn received(&self) -> bool {
        self.seen.text_bytes > 0 || self.seen.complete
    }

    fn price(&self, usage: &Usage) -> Bill {
        let free = Bill { cost: NanoUsd::ZERO, charged: NanoUsd::ZERO };
        if *usage == Usage::default() {
            return free;
        }
        let Some((candidate, version)) = self.candidate.as_ref().and_then(|c| c.version().map(|v| (c, v))) else { return free };
        let cost: PicoUsd = pricing::cost(&version.price, usage).exact();
        let charged = if candidate.is_own() { NanoUsd::ZERO } else { pricing::charged(cost, candidate.markup_basis_points) };
        Bill { cost: cost.round(), charged }
    }

    /// Ends the call: writes its terminal event and releases its hold. A second end does nothing.
    pub(crate) fn settle(&mut self, ending: Ending) -> Bill {
        let usage = self.billed(ending);
        let bill = self.price(&usage);
        if std::mem::replace(&mut self.ended, true) {
            return bill;
        }
        let mut event = self.event(ending, &usage, bill);
        if let Err(error) = self.gateway.journal.settle(&mut event) {
            // The intent stands in the log without an end: the next start closes it as an orphan, and the lease keeps
            // what this call held until then.
            tracing::error!(%error, call.id = %self.id, "the end of a call could not be recorded");
            self.gateway.metrics.unrecorded();
        }
        if let Some(hold) = self.hold.take() {
            hold.settle(bill.charged);
        }
        for hold in self.budgets.drain(..) {
            let spent = match hold.budget().row.counts {
                BudgetCounts::Cost => bill.cost,
                BudgetCounts::Charged => bill.charged,
            };
            hold.settle(spent);
        }
        if let Some(Credential::Own(key)) = self.candidate.as_ref().map(|candidate| candidate.endpoint.credential) {
            self.gateway.spends.add(key, bill.cost, service::clock::now());
        }
        self.correct_limits(&usage);
        self.gateway.metrics.closed(&event);
        self.allowance = Allowance::default();
        bill
    }

    fn correct_limits(&self, usage: &Usage) {
        let Some(expected) = self.expected_tokens else { return };
        let more = i64::try_from(usage.total()).unwrap_or(i64::MAX) - i64::try_from(expected).unwrap_or(i64::MAX);
        for (id, tpm) in self.caller.levels.token_limits() {
            self.gateway.limiter.correct_tokens(self.caller.organization(), id, tpm, more);
        }
    }

    fn event(&mut self, ending: Ending, usage: &Usage, bill: Bill) -> UsageEvent {
        let lane = Lane::of(self.caller.organization());
        let ended_at = service::clock::now();
        let outcome = self.outcome(ending);
        UsageEvent {
            schema: SCHEMA,
            request_id: self.id.uuid().into_bytes().to_vec(),
            lane: u32::from(lane.as_u8()),
            facts: Some(std::mem::take(&mut self.facts)),
            outcome: Some(outcome),
            usage: Some(tokens(usage)),
            cost_nano_usd: bill.cost.0,
            charged_nano_usd: bill.charged.0,
            hold_nano_usd: self.held().0,
            price_version: self.candidate.as_ref().map_or(0, |c| c.price_version),
            ended_at_us: ended_at.0,
            attempts: std::mem::take(&mut self.attempts),
            // Gateway, epoch and sequence number are set by the journal.
            ..UsageEvent::default()
        }
    }

    fn outcome(&self, ending: Ending) -> Outcome {
        let (status, error_code) = match ending {
            Ending::Done | Ending::Cached => (200, ""),
            Ending::Failed(code) => (u32::from(service::http_status::of(code).as_u16()), code.as_str()),
            Ending::Cancelled => (499, Code::RequestCancelled.as_str()),
        };
        let received = self.received();
        let kind = match ending {
            Ending::Done | Ending::Cached => Kind::Settled,
            Ending::Failed(_) if received => Kind::Settled,
            Ending::Cancelled if self.sent => Kind::Settled,
            Ending::Failed(_) | Ending::Cancelled => Kind::Voided,
        };
        let duration = self.started.elapsed();
        let total_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Outcome {
            kind: kind.into(),
            http_status: status,
            error_code: error_code.to_owned(),
            finish_reason: clipped(self.seen.finish.as_deref()),
            upstream_id: clipped(self.seen.upstream_id.as_deref()),
            duration_ms: u32::try_from(duration.as_millis()).unwrap_or(u32::MAX),
            first_token_ms: self
                .seen
                .first_token
                .map_or(0, |at| u32::try_from(at.duration_since(self.started).as_millis()).unwrap_or(u32::MAX)),
            overhead_us: u32::try_from(total_us.saturating_sub(self.upstream_us)).unwrap_or(u32::MAX),
            cancelled: ending == Ending::Cancelled,
            cache: self.cache.as_str().to_owned(),
            upstream_status: u32::from(self.seen.upstream_status),
        }
    }

    /// Microseconds of this call so far that were ours.
    pub(crate) fn overhead_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_sub(self.upstream_us)
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if !self.ended {
            self.settle(Ending::Cancelled);
        }
    }
}

/// Limit: bytes of a provider's word in an event, which must always fit the log.
const WORD_BYTES_MAX: usize = 128;

fn clipped(word: Option<&str>) -> String {
    let word = word.unwrap_or_default();
    word[..word.floor_char_boundary(WORD_BYTES_MAX)].to_owned()
}

fn tokens(usage: &Usage) -> UsageTokens {
    UsageTokens {
        input: usage.input,
        cached_input: usage.cached_input,
        cache_write_5m: usage.cache_write_5m,
        cache_write_1h: usage.cache_write_1h,
        audio_input: usage.audio_input,
        output: usage.output,
        reasoning: usage.reasoning,
        audio_output: usage.audio_output,
        image_output: usage.image_output,
        searches: usage.searches,
        estimated: usage.source == UsageSource::Estimated,
    }
}
