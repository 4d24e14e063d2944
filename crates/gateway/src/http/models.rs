//! `GET /v1/models`: what can be called on this instance, with limits and prices.

use std::sync::Arc;

use catalog::{Deployment, Model};
use domain::{Code, Fault, PicoUsdPerUnit, UnixMicros};
use http::{HeaderMap, Response};
use serde_json::{Value, json};

use super::{caller, reply};
use crate::body::Body;
use crate::credentials::Credentials;
use crate::gateway::Gateway;

impl Gateway {
    /// Models that have a provider here. Open to all; a key that is sent must be good, and narrows the list.
    pub(super) async fn models(&self, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
        let now = service::clock::now();
        let allowed = self.allowed(headers, now).await?;
        let (catalog, credentials) = (self.catalog.load(), self.credentials.load());
        let data: Vec<Value> = catalog
            .models()
            .iter()
            .filter(|model| allowed.as_ref().is_none_or(|ids| ids.iter().any(|id| **id == *model.id)))
            .filter(|model| model.deployments.iter().any(|d| credentials.of(&d.provider).is_some()))
            .map(|model| document(model, &credentials, now))
            .collect();
        Ok(reply::json(&json!({ "object": "list", "data": data })))
    }

    /// One model of the catalog, whether or not it can be called here.
    pub(super) async fn model(&self, name: &str, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
        let now = service::clock::now();
        self.allowed(headers, now).await?;
        let catalog = self.catalog.load();
        match catalog.resolve(name) {
            Ok(resolved) => Ok(reply::json(&document(resolved.model, &self.credentials.load(), now))),
            Err(error) => Err(Fault::new(Code::NotFound, format!("{error}; GET /v1/models lists what can be called")).param("model")),
        }
    }

    async fn allowed(&self, headers: &HeaderMap, now: UnixMicros) -> Result<Option<Vec<String>>, Fault> {
        match caller::presented(headers)? {
            Some(key) => Ok(self.directory.resolve(key, now).await?.allowed_models.clone()),
            None => Ok(None),
        }
    }
}

fn document(model: &Arc<Model>, credentials: &Credentials, now: UnixMicros) -> Value {
    let providers: Vec<Value> = model.deployments.iter().map(|d| deployment(model, d, credentials, now)).collect();
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

fn deployment(model: &Model, deployment: &Deployment, credentials: &Credentials, now: UnixMicros) -> Value {
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
        "available": credentials.of(&deployment.provider).is_some(),
        "context_window": model.context_window_at(deployment),
        "max_output_tokens": model.max_output_at(deployment),
        "pricing": pricing,
    })
}
