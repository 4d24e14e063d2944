//! A plan with everything that an attempt needs: endpoints, prices, and the bounds that holds are made of.

use std::sync::Arc;

use catalog::{Catalog, Deployment, Model, Price, PriceVersion, Provider, ResolveError, Resolved};
use domain::{Code, Fault, NanoUsd, UnixMicros};
use llm::tokens::InputTokens;
use policy::pricing;
use policy::routing::{self, Keys, Order, Surroundings};
use store::{BudgetCounts, ProjectMode, SpendWindow};

use crate::call::Call;
use crate::cooldown::Cooldowns;
use crate::credentials::{Credential, Credentials};
use crate::endpoint::Endpoint;
use crate::key_spend::KeySpends;
use crate::levels::Levels;
use crate::own_keys::{OwnKey, OwnKeys};

/// Limit: candidates of one plan, as many as a call makes attempts.
const CANDIDATES_MAX: usize = routing::CANDIDATES_MAX;
/// The most output per choice that is believed where no hold bounds it: more than any model makes.
const OUTPUT_UNKNOWN_TOKENS: u64 = 1_000_000;
/// The price version of a call whose price is not known. The catalog's count from 1.
const PRICE_UNKNOWN: u32 = 0;

/// One place that the call may go to.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) model: Arc<Model>,
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) price_version: u32,
    pub(crate) input: InputTokens,
    /// The most output that it can make: the caller's limit or the model's, all choices together.
    pub(crate) output_max: u64,
    pub(crate) markup_basis_points: u32,
}

impl Candidate {
    /// The organization's own key is used, so that nothing is held or charged.
    pub(crate) fn is_own(&self) -> bool {
        self.endpoint.credential.is_own()
    }

    /// The name that the provider is given for the model.
    pub(crate) fn sent_as(&self) -> &str {
        self.endpoint.sent_as(&self.model, &self.deployment)
    }

    /// The price version that the call was admitted with. None: the price is not known.
    pub(crate) fn version(&self) -> Option<&PriceVersion> {
        self.deployment.price_version(self.price_version)
    }

    fn price(&self) -> Option<&Price> {
        self.version().map(|version| &version.price)
    }

    /// What must be held so that any bill with at most this much output is covered. `MAX` without a price: fail closed.
    pub(crate) fn hold_for(&self, output_tokens: u64) -> NanoUsd {
        self.price().map_or(NanoUsd::MAX, |price| {
            pricing::charged_bound(pricing::bound(price, self.input.max, output_tokens), self.markup_basis_points)
        })
    }

    /// The same for what a budget counts: the provider's price, whoever pays, or what is charged.
    pub(crate) fn counted_for(&self, counts: BudgetCounts, output_tokens: u64) -> NanoUsd {
        match (counts, self.price()) {
            (BudgetCounts::Charged, _) if self.is_own() => NanoUsd::ZERO,
            (BudgetCounts::Charged, _) => self.hold_for(output_tokens),
            (BudgetCounts::Cost, None) => NanoUsd::MAX,
            (BudgetCounts::Cost, Some(price)) => pricing::charged_bound(pricing::bound(price, self.input.max, output_tokens), 0),
        }
    }

    /// The most output whose bill `funds` cover.
    pub(crate) fn output_within(&self, funds: NanoUsd) -> u64 {
        self.output_most(|output| self.hold_for(output) <= funds)
    }

    /// The most output that fits this much room of a budget.
    pub(crate) fn output_counted_within(&self, counts: BudgetCounts, room: NanoUsd) -> u64 {
        self.output_most(|output| self.counted_for(counts, output) <= room)
    }

    /// By bisection: bounds grow with output, and tiers make steps.
    fn output_most(&self, fits: impl Fn(u64) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.output_max);
        while low < high {
            let middle = high - (high - low) / 2;
            if fits(middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// Output that a provider may make without showing it, so that a hold cannot follow it chunk by chunk. (The
    /// simulated provider shows its reasoning.)
    pub(crate) fn hides_output(&self) -> bool {
        let thinks = llm::Facts::guess(self.endpoint.dialect, &self.deployment.upstream).reasoning != llm::ReasoningStyle::None;
        (thinks || self.model.capabilities.has(catalog::Capability::Reasoning)) && !self.model.simulated
    }
}

struct PlatformKeys<'a>(&'a Known<'a>);

impl Surroundings for PlatformKeys<'_> {
    fn is_available(&self, provider: &Provider) -> bool {
        self.0.credentials.of(provider).is_some()
    }
    fn is_allowed(&self, deployment: &Arc<Deployment>) -> bool {
        self.0.bar(deployment).is_none()
    }
    fn is_cooling(&self, deployment: &Deployment) -> bool {
        self.0.cooldowns.is_cooling(deployment, Credential::Platform)
    }
}

/// The organization's own keys, for a call that may ask for a region.
struct OrganizationsKeys<'a> {
    known: &'a Known<'a>,
    region: Option<&'a str>,
}

/// Why a key is not used for a deployment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyBar {
    Models,
    Region,
    /// It has a cap, and nobody knows what the call costs.
    Unpriced,
    Spent,
}

impl<'a> OrganizationsKeys<'a> {
    fn bar(&self, key: &OwnKey, deployment: &Arc<Deployment>) -> Option<KeyBar> {
        if !key.serves(self.known.catalog, deployment) {
            return Some(KeyBar::Models);
        }
        if !key.is_in(self.region) {
            return Some(KeyBar::Region);
        }
        let cap = key.settings.spend_cap.as_ref()?;
        if price_version(deployment, self.known.now).is_none() {
            return Some(KeyBar::Unpriced);
        }
        self.known.spends.is_spent(key.id, cap, self.known.now).then_some(KeyBar::Spent)
    }

    fn all(&self, provider: &Provider) -> &'a [OwnKey] {
        self.known.own_keys.map_or(&[], |keys| keys.all(provider))
    }

    /// The reason of all keys that might have served the call, when there are any: no key is used, and the caller learns why.
    fn refusal(&self, resolved: &Resolved<'_>) -> Option<Fault> {
        let mut bars = Vec::new();
        for deployment in resolved.deployments().filter(|d| d.is_callable()) {
            bars.extend(self.all(&deployment.provider).iter().filter_map(|key| self.bar(key, deployment).map(|bar| (bar, key))));
        }
        let id = &resolved.model.id;
        let spent = bars.iter().find(|(bar, _)| *bar == KeyBar::Spent);
        if let Some((key, cap)) = spent.and_then(|(_, key)| key.settings.spend_cap.map(|cap| (key.id, cap))) {
            let anew = match cap.window {
                SpendWindow::Month => "it is counted anew from the first of next month (UTC); raise it, or use another key",
                SpendWindow::Total => "raise it, or use another key",
            };
            let say = format!("the organization's own key `{key}` has reached its spend cap of ${}; {anew}", cap.amount);
            return Some(Fault::new(Code::BudgetExceeded, say));
        }
        let (bar, key) = bars.first()?;
        let why = match bar {
            KeyBar::Models => "its `allowed_models` do not name that model",
            KeyBar::Region => "its `region` is another one than the call asks for",
            KeyBar::Unpriced | KeyBar::Spent => "it has a spend cap, and the price of that model is not known",
        };
        let say = format!("the organization's own key `{}` is not used for `{id}`: {why}; change it under Provider keys", key.id);
        Some(Fault::new(Code::ProviderNotConfigured, say).param("model"))
    }
}

impl Surroundings for OrganizationsKeys<'_> {
    fn is_available(&self, provider: &Provider) -> bool {
        self.known.own_keys.is_some_and(|keys| keys.has(provider))
    }
    fn is_allowed(&self, deployment: &Arc<Deployment>) -> bool {
        self.known.bar(deployment).is_none() && self.all(&deployment.provider).iter().any(|key| self.bar(key, deployment).is_none())
    }
    fn is_cooling(&self, deployment: &Deployment) -> bool {
        self.all(&deployment.provider).iter().all(|key| self.known.cooldowns.is_cooling(deployment, Credential::Own(key.id)))
    }
}

/// What a plan is made from, beside the call.
pub(crate) struct Known<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) credentials: &'a Credentials,
    /// None: the project's mode has no use for them.
    pub(crate) own_keys: Option<&'a OwnKeys>,
    /// `http://ip:port` of the built-in simulated provider.
    pub(crate) simulated: Option<&'a str>,
    pub(crate) cooldowns: &'a Cooldowns,
    pub(crate) mode: ProjectMode,
    pub(crate) markup_basis_points: u32,
    pub(crate) now: UnixMicros,
    /// Random: draws among own keys of one priority.
    pub(crate) lot: u64,
    pub(crate) spends: &'a KeySpends,
    /// What the caller may reach.
    pub(crate) levels: &'a Levels,
    /// In which order the project tries what can serve a call.
    pub(crate) order: Order,
}

impl Known<'_> {
    /// The rule of the caller that keeps it away from a deployment.
    fn bar(&self, deployment: &Arc<Deployment>) -> Option<String> {
        self.levels.bar(self.catalog, deployment, self.now)
    }

    /// The rule that leaves nothing of what could be called otherwise; none when there is something left, or nothing at all.
    fn bar_of_all(&self, resolved: &Resolved<'_>) -> Option<String> {
        if !self.levels.have_rules() {
            return None;
        }
        let (platform, own) = (PlatformKeys(self), OrganizationsKeys { known: self, region: resolved.region });
        let reached = |d: &&Arc<Deployment>| match self.mode {
            ProjectMode::Credits => platform.is_available(&d.provider),
            ProjectMode::ApiKeys => own.is_available(&d.provider),
            ProjectMode::Hybrid => platform.is_available(&d.provider) || own.is_available(&d.provider),
        };
        let mut bars = resolved.deployments().filter(|d| d.is_callable()).filter(reached).map(|d| self.bar(d));
        let first = bars.next()??;
        bars.all(|bar| bar.is_some()).then_some(first)
    }
}

/// The candidates of a call, best first; never empty.
///
/// Own keys come before the platform's. What is cooling comes after what is not, whoever pays, and still has its turn.
pub(crate) fn make(call: &mut Call, known: &Known<'_>) -> Result<Vec<Candidate>, Fault> {
    let asked = call.model.clone();
    let resolved = known.catalog.resolve(&asked).map_err(|error| unresolved(&error))?;
    if let Some(bar) = known.bar_of_all(&resolved) {
        let say = format!("this API key may not call `{asked}`: {bar}; choose another model from GET /v1/models");
        return Err(Fault::new(Code::PermissionDenied, say).param("model"));
    }
    match known.mode {
        ProjectMode::Credits => by_platform(call, known, &resolved, Keys::Platform),
        ProjectMode::ApiKeys => by_organization(call, known, &resolved),
        ProjectMode::Hybrid => by_either(call, known, &resolved),
    }
}

/// Own keys first, and one place at least for the platform's, so that a call whose own keys all fail gets through.
fn by_either(call: &mut Call, known: &Known<'_>, resolved: &Resolved<'_>) -> Result<Vec<Candidate>, Fault> {
    let mut own = match by_organization(call, known, resolved) {
        Ok(own) => own,
        // Our own fault is told only when credits do not get the call through.
        Err(fault) if fault.code() == Code::Internal => return by_platform(call, known, resolved, Keys::Either).map_err(|_| fault),
        Err(_) => return by_platform(call, known, resolved, Keys::Either),
    };
    if call.options.no_fallback {
        return Ok(own);
    }
    // What credits cannot pay for (an unknown price, no platform key) is no obstacle while there is an own key.
    let platform = by_platform(call, known, resolved, Keys::Either).unwrap_or_default();
    if !platform.is_empty() {
        own.truncate(CANDIDATES_MAX - 1);
    }
    own.extend(platform);
    own.sort_by_key(|candidate| known.cooldowns.is_cooling(&candidate.deployment, candidate.endpoint.credential));
    own.truncate(CANDIDATES_MAX);
    Ok(own)
}

/// On the platform's keys. Those without a known price are left out, and when none is left the call is refused: credits
/// never pay an unknown price.
fn by_platform(call: &mut Call, known: &Known<'_>, resolved: &Resolved<'_>, keys: Keys) -> Result<Vec<Candidate>, Fault> {
    let mut plan = routing::plan(resolved, &PlatformKeys(known), keys, known.order, known.now)?;
    if call.options.no_fallback {
        plan.candidates.truncate(1);
    }
    let mut candidates = Vec::with_capacity(plan.candidates.len());
    for deployment in plan.candidates {
        let Some(version) = price_version(&deployment, known.now) else { continue };
        let Some(endpoint) = known.credentials.of(&deployment.provider) else { continue };
        let (input, Some(output_max)) = bounds(call, &plan.model, &deployment)? else { continue };
        candidates.push(Candidate {
            model: Arc::clone(&plan.model),
            endpoint: Arc::clone(endpoint),
            price_version: version,
            input,
            output_max,
            markup_basis_points: known.markup_basis_points,
            deployment,
        });
    }
    if candidates.is_empty() { Err(unpriced(&plan.model)) } else { Ok(candidates) }
}

/// On the organization's own keys: each deployment with each of its provider's keys.
fn by_organization(call: &mut Call, known: &Known<'_>, resolved: &Resolved<'_>) -> Result<Vec<Candidate>, Fault> {
    let own = OrganizationsKeys { known, region: resolved.region };
    let plan = routing::plan(resolved, &own, Keys::Own, known.order, known.now).map_err(|fault| {
        if fault.code() != Code::ProviderNotConfigured {
            return fault;
        }
        if let Some(refusal) = own.refusal(resolved) {
            return refusal;
        }
        let shut = known.own_keys.is_some_and(|keys| resolved.deployments().any(|d| keys.is_shut(&d.provider)));
        if shut {
            return Fault::internal("plan a call on own provider keys", "a stored key cannot be opened; an earlier line says which");
        }
        fault
    })?;
    let mut candidates = Vec::with_capacity(plan.candidates.len());
    for deployment in plan.candidates {
        let (input, output_max) = bounds(call, &plan.model, &deployment)?;
        let keys = known.own_keys.map(|keys| keys.in_turn(&deployment.provider, known.lot)).unwrap_or_default();
        let usable = keys.into_iter().filter(|key| own.bar(key, &deployment).is_none());
        let endpoints = usable.filter_map(|key| key.endpoint(&deployment, known.simulated));
        candidates.extend(endpoints.map(|endpoint| Candidate {
            model: Arc::clone(&plan.model),
            deployment: Arc::clone(&deployment),
            endpoint,
            price_version: price_version(&deployment, known.now).unwrap_or(PRICE_UNKNOWN),
            input,
            output_max: output_max.unwrap_or(u64::MAX).min(OUTPUT_UNKNOWN_TOKENS.saturating_mul(call.n)),
            markup_basis_points: known.markup_basis_points,
        }));
    }
    candidates.sort_by_key(|candidate| known.cooldowns.is_cooling(&candidate.deployment, candidate.endpoint.credential));
    candidates.truncate(if call.options.no_fallback { 1 } else { CANDIDATES_MAX });
    if candidates.is_empty() {
        let say = format!("no own provider key can be sent to a provider of `{}`; give its address together with the key", plan.model.id);
        return Err(Fault::new(Code::ProviderNotConfigured, say).param("model"));
    }
    Ok(candidates)
}

fn price_version(deployment: &Deployment, now: UnixMicros) -> Option<u32> {
    deployment.price_at(now).filter(|version| !version.price.is_by_units()).map(|version| version.version)
}

/// The most input, and the most output if it is known: the caller's limit or the model's, all choices together.
fn bounds(call: &mut Call, model: &Model, deployment: &Deployment) -> Result<(InputTokens, Option<u64>), Fault> {
    let window = model.context_window_at(deployment);
    let input = call.input_tokens(model.tokenizer, &deployment.upstream, window)?;
    let most = model.max_output_at(deployment);
    // A provider caps or refuses what is asked beyond the model's own limit.
    let asked = call.max_tokens.map(|asked| most.map_or(asked, |most| asked.min(most)));
    Ok((input, asked.or(most).or(window).map(|limit| limit.saturating_mul(call.n))))
}

fn unresolved(error: &ResolveError) -> Fault {
    let (code, mend) = match error {
        ResolveError::UnknownProvider { .. } => {
            (Code::ProviderNotFound, "; write a provider id of the catalog before the slash, or leave it out")
        }
        ResolveError::UnknownModel { .. } | ResolveError::NotServed { .. } => {
            (Code::ModelNotFound, "; GET /v1/models lists what can be called")
        }
    };
    Fault::new(code, format!("{error}{mend}")).param("model")
}

fn unpriced(model: &Model) -> Fault {
    let say = format!(
        "the price or the output limit of `{}` is not known, so credits cannot pay for it; the operator can add a price in catalog_file, or send `max_tokens` if only the limit is missing",
        model.id
    );
    Fault::new(Code::PriceUnknown, say).param("model")
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
