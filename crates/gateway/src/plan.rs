//! A plan with everything that an attempt needs: endpoints, prices, and the bounds that holds are made of.

use std::sync::Arc;

use catalog::{Catalog, Deployment, Model, Price, PriceVersion, Provider, ResolveError};
use domain::{Code, Fault, NanoUsd, UnixMicros};
use llm::tokens::InputTokens;
use policy::pricing;
use policy::routing::{self, Surroundings};

use crate::call::Call;
use crate::cooldown::Cooldowns;
use crate::credentials::{Credentials, Endpoint};

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
    /// The price version that the call was admitted with.
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

    /// The most output whose bill `funds` cover, found by bisection: bounds grow with output and tiers make steps.
    pub(crate) fn output_within(&self, funds: NanoUsd) -> u64 {
        let (mut low, mut high) = (0, self.output_max);
        while low < high {
            let middle = high - (high - low) / 2;
            if self.hold_for(middle) <= funds {
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

struct Around<'a> {
    credentials: &'a Credentials,
    cooldowns: &'a Cooldowns,
}

impl Surroundings for Around<'_> {
    fn is_available(&self, provider: &Provider) -> bool {
        self.credentials.of(provider).is_some()
    }
    fn is_cooling(&self, deployment: &Deployment) -> bool {
        self.cooldowns.is_cooling(deployment)
    }
}

/// What a plan is made from, beside the call.
pub(crate) struct Known<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) credentials: &'a Credentials,
    pub(crate) cooldowns: &'a Cooldowns,
    pub(crate) markup_basis_points: u32,
    pub(crate) now: UnixMicros,
}

/// The candidates of a call, best first; never empty. Those without a known price are left out, and when none is left
/// the call is refused: credits never pay an unknown price.
pub(crate) fn make(call: &mut Call, known: &Known<'_>) -> Result<Vec<Candidate>, Fault> {
    let asked = call.model.clone();
    let resolved = known.catalog.resolve(&asked).map_err(|error| unresolved(&error))?;
    let around = Around { credentials: known.credentials, cooldowns: known.cooldowns };
    let mut plan = routing::plan(&resolved, &around, known.now)?;
    if call.options.no_fallback {
        plan.candidates.truncate(1);
    }
    let mut candidates = Vec::with_capacity(plan.candidates.len());
    for deployment in plan.candidates {
        let Some(version) = deployment.price_at(known.now).filter(|version| !version.price.is_by_units()) else { continue };
        let Some(endpoint) = known.credentials.of(&deployment.provider) else { continue };
        let window = plan.model.context_window_at(&deployment);
        let input = call.input_tokens(plan.model.tokenizer, &deployment.upstream, window)?;
        let most = plan.model.max_output_at(&deployment);
        // A provider caps or refuses what is asked beyond the model's own limit.
        let asked = call.max_tokens.map(|asked| most.map_or(asked, |most| asked.min(most)));
        let Some(limit) = asked.or(most).or(window) else { continue };
        candidates.push(Candidate {
            model: Arc::clone(&plan.model),
            endpoint: Arc::clone(endpoint),
            price_version: version.version,
            input,
            output_max: limit.saturating_mul(call.n),
            markup_basis_points: known.markup_basis_points,
            deployment,
        });
    }
    if candidates.is_empty() { Err(unpriced(&plan.model)) } else { Ok(candidates) }
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
