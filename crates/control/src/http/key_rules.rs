//! The rules of an API key as they are written and read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::KeyRules;
use utoipa::ToSchema;

/// What a key's calls are held to beside its limits, and what is noted of each of them. Rules only narrow what the key's project
/// and organization allow. What is left out, or empty, is no rule.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeyRulesBody {
    /// Addresses and CIDR blocks (IPv4 or IPv6) that calls may come from, at most 100; empty: all.
    #[schema(required = false, example = json!(["203.0.113.0/24"]))]
    allowed_ips: Vec<String>,
    /// Models that it may not call, by id or alias. `provider/model` denies the model at that provider only.
    #[schema(required = false, example = json!(["gpt-4o"]))]
    denied_models: Vec<String>,
    /// Providers that its calls may go to; empty: all.
    #[schema(required = false, example = json!(["openai"]))]
    allowed_providers: Vec<String>,
    /// Providers that its calls may not go to.
    #[schema(required = false)]
    denied_providers: Vec<String>,
    /// The most that a million input tokens may cost at a provider, in nano-USD ($1 is 1,000,000,000). A provider whose price is
    /// not known is left out.
    #[schema(required = false, example = 2_500_000_000_u64)]
    input_price_max_nano_usd_per_million: Option<u64>,
    /// The same of output tokens.
    #[schema(required = false, example = 10_000_000_000_u64)]
    output_price_max_nano_usd_per_million: Option<u64>,
    /// Added to the tags of each call, at most 20.
    #[schema(required = false, example = json!(["team-search"]))]
    tags: Vec<String>,
    /// Added to the metadata of each call; what the call says itself wins.
    #[schema(required = false, example = json!({"department": "search"}))]
    metadata: BTreeMap<String, String>,
}

impl From<KeyRules> for KeyRulesBody {
    fn from(rules: KeyRules) -> Self {
        Self {
            allowed_ips: rules.allowed_ips,
            denied_models: rules.denied_models,
            allowed_providers: rules.allowed_providers,
            denied_providers: rules.denied_providers,
            input_price_max_nano_usd_per_million: rules.input_price_max_nano_usd_per_million,
            output_price_max_nano_usd_per_million: rules.output_price_max_nano_usd_per_million,
            tags: rules.tags,
            metadata: rules.metadata,
        }
    }
}

impl From<KeyRulesBody> for KeyRules {
    fn from(body: KeyRulesBody) -> Self {
        Self {
            allowed_ips: body.allowed_ips,
            denied_models: body.denied_models,
            allowed_providers: body.allowed_providers,
            denied_providers: body.denied_providers,
            input_price_max_nano_usd_per_million: body.input_price_max_nano_usd_per_million,
            output_price_max_nano_usd_per_million: body.output_price_max_nano_usd_per_million,
            tags: body.tags,
            metadata: body.metadata,
        }
    }
}
