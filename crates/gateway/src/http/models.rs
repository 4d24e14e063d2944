//! `GET /v1/models`: what can be called on this instance, with limits and prices.

use std::net::IpAddr;
use std::sync::Arc;

use catalog::{Catalog, Deployment, Model};
use domain::{Code, Fault, PicoUsdPerUnit, UnixMicros};
use http::{HeaderMap, Response};
use serde_json::{Value, json};
use store::ProjectMode;

use super::{caller, reply};
use crate::body::Body;
use crate::credentials::Credentials;
use crate::directory::Caller;
use crate::gateway::Gateway;
use crate::own_keys::OwnKeys;

impl Gateway {
    /// Models that have a provider here for the caller: by the platform's keys, its organization's own ones or both, as its
    /// project's mode says. Open to all (on the platform's keys); a key that is sent must be good, and narrows the list.
    pub(super) async fn models(&self, headers: &HeaderMap, client: IpAddr) -> Result<Response<Body>, Fault> {
        let now = service::clock::now();
        let reach = self.reach(headers, client, now).await?;
        let catalog = self.catalog.load();
        let data: Vec<Value> = catalog
            .models()
            .iter()
            .filter(|model| reach.allows(model))
            .filter(|model| model.deployments.iter().any(|d| reach.has(d, &catalog, now)))
            .map(|model| document(model, &reach, &catalog, now))
            .collect();
        Ok(reply::json(&json!({ "object": "list", "data": data })))
    }

    /// One model of the catalog, whether or not it can be called here.
    pub(super) async fn model(&self, name: &str, headers: &HeaderMap, client: IpAddr) -> Result<Response<Body>, Fault> {
        let now = service::clock::now();
        let reach = self.reach(headers, client, now).await?;
        let catalog = self.catalog.load();
        match catalog.resolve(name) {
            Ok(resolved) => Ok(reply::json(&document(resolved.model, &reach, &catalog, now))),
            Err(error) => Err(Fault::new(Code::NotFound, format!("{error}; GET /v1/models lists what can be called")).param("model")),
        }
    }

    async fn reach(&self, headers: &HeaderMap, client: IpAddr, now: UnixMicros) -> Result<Reach, Fault> {
        let caller = match caller::presented(headers)? {
            Some(key) => Some(self.directory.resolve(key, client, now).await?),
            None => None,
        };
        let mode = caller.as_ref().map_or(ProjectMode::Credits, |caller| caller.mode);
        let own = match &caller {
            Some(caller) if mode != ProjectMode::Credits => Some(self.directory.own_keys(caller.scope).await?),
            _ => None,
        };
        let platform = (mode != ProjectMode::ApiKeys).then(|| self.credentials.load_full());
        Ok(Reach { caller, platform, own })
    }
}

/// What a caller can call.
struct Reach {
    /// None: nobody said who asks.
    caller: Option<Arc<Caller>>,
    platform: Option<Arc<Credentials>>,
    own: Option<Arc<OwnKeys>>,
}

impl Reach {
    fn allows(&self, model: &Model) -> bool {
        self.caller.as_ref().is_none_or(|caller| caller.levels.model_allowed(&model.id, &model.id).is_ok())
    }

    fn has(&self, deployment: &Arc<Deployment>, catalog: &Catalog, now: UnixMicros) -> bool {
        let provider = &deployment.provider;
        if self.caller.as_ref().is_some_and(|caller| caller.levels.bar(catalog, deployment, now).is_some()) {
            return false;
        }
        let own = self.own.as_ref().is_some_and(|keys| deployment.is_callable() && keys.serves(catalog, deployment));
        own || self.platform.as_ref().is_some_and(|credentials| credentials.of(provider).is_some())
    }
}

fn document(model: &Arc<Model>, reach: &Reach, catalog: &Catalog, now: UnixMicros) -> Value {
    let providers: Vec<Value> = model.deployments.iter().map(|d| deployment((model, d), reach, catalog, now)).collect();
    let created = model.deployments.first().and_then(|d| d.prices.first()).map_or(0, |price| price.effective_from.seconds());
    json!({
        "id": &*model.id,
        "object": "model",
        "created": created,
        "owned_by": &*model.owner,
        "aliases": model.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>(),
        "mode": model.mode.as_str(),
        "simulated": model.simulated,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output,
        "input_modalities": model.input.iter().map(|m| m.as_str()).collect::<Vec<_>>(),
        "output_modalities": model.output.iter().map(|m| m.as_str()).collect::<Vec<_>>(),
        "capabilities": model.capabilities.iter().map(|c| c.as_str()).collect::<Vec<_>>(),
        "providers": providers,
    })
}

fn deployment((model, deployment): (&Model, &Arc<Deployment>), reach: &Reach, catalog: &Catalog, now: UnixMicros) -> Value {
    let pricing = deployment.price_at(now).map(|version| {
        let rates = &version.price.rates;
        json!({
            "currency": "USD",
            "unit": "pico_usd_per_token",
            "input": rates.input.0,
            "output": rates.output.0,
            "cached_input": rates.cached_input.map(|PicoUsdPerUnit(p)| p),
            "cache_write": rates.cache_write_5m.map(|PicoUsdPerUnit(p)| p),
            "reasoning": rates.reasoning.map(|PicoUsdPerUnit(p)| p),
            "version": version.version,
            "effective_from": service::clock::rfc3339(version.effective_from),
            "source": &*version.source,
        })
    });
    json!({
        "provider": &*deployment.provider.id,
        "model": &*deployment.upstream,
        "region": deployment.region.as_deref(),
        "available": reach.has(deployment, catalog, now),
        "context_window": model.context_window_at(deployment),
        "max_output_tokens": model.max_output_at(deployment),
        "pricing": pricing,
    })
}
