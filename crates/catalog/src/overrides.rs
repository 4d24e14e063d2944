//! Local changes to the catalog, read from one TOML text.
//!
//! ```toml
//! [[providers]]                     # new, or changed by id
//! id = "my-vllm"
//! dialect = "openai_chat"
//! base_url = "http://vllm.internal:8000/v1"
//!
//! [[models]]                        # a model at a provider, new or changed
//! id = "my-llama"
//! provider = "my-vllm"
//! upstream = "meta-llama/Llama-3.3-70B-Instruct"
//! context_window = 131072
//! effective = "2026-12-01"          # without it: the price holds for all time
//! [models.price]
//! input = "0.25"                    # dollars per million tokens, in quotes; or whole pico-USD per token
//! output = 1000000
//! search = "0.01"                   # dollars each, in quotes; or whole pico-USD each
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Quirks, UnixMicros};
use serde::Deserialize;
use toml::Spanned;

use crate::capability::{Capabilities, Capability, Modalities, Modality};
use crate::date;
use crate::lookup::Catalog;
use crate::model::{Deployment, Mode, Model, Tokenizer};
use crate::override_error::OverrideError;
use crate::override_price::PriceIn;
use crate::price::PriceVersion;
use crate::provider::{AuthScheme, Dialect, Provider};

/// Versions of local prices count from here, by the day on which they take effect, so that they never meet an imported
/// version's number. Change the date when you change the price.
const LOCAL_VERSIONS_FROM: u32 = 1_000_000;
const LOCAL: &str = "local override";
const SECONDS_PER_DAY: i64 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    providers: Vec<ProviderIn>,
    #[serde(default)]
    models: Vec<ModelIn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderIn {
    id: Spanned<Arc<str>>,
    name: Option<Arc<str>>,
    aliases: Option<Vec<Arc<str>>>,
    dialect: Option<Dialect>,
    base_url: Option<Spanned<Arc<str>>>,
    auth: Option<AuthScheme>,
    quirks: Option<Quirks>,
    docs: Option<Arc<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelIn {
    id: Spanned<Arc<str>>,
    provider: Spanned<Arc<str>>,
    upstream: Option<Arc<str>>,
    region: Option<Arc<str>>,
    owner: Option<Arc<str>>,
    aliases: Option<Vec<Arc<str>>>,
    mode: Option<Mode>,
    capabilities: Option<Capabilities>,
    input: Option<Modalities>,
    output: Option<Modalities>,
    context_window: Option<u64>,
    max_output: Option<u64>,
    effective: Option<Day>,
    price: Option<Spanned<PriceIn>>,
}

#[derive(Deserialize)]
struct Day(#[serde(with = "date")] UnixMicros);

impl Catalog {
    /// This catalog with the changes of a local file. Apply it to the built-in catalog, not to the result of an earlier
    /// call. A model's fields that are not given stay as they are; a new model gets text in and out, tools, streaming and
    /// system messages. A price replaces those that take effect on its day or later.
    ///
    /// # Errors
    /// One line that names line, field, reason and mend; nothing is changed then, so the service keeps what it had.
    pub fn with_overrides(&self, text: &str) -> Result<Self, OverrideError> {
        let file: File = toml::from_str(text).map_err(|error| OverrideError::of_toml(text, &error))?;
        let mut providers = self.providers.clone();
        for row in file.providers {
            change_provider(&mut providers, row, text)?;
        }
        let by_name = names(&providers);
        let mut models: Vec<Model> = self.models.iter().map(|model| renewed(model, &by_name)).collect();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        for (index, model) in models.iter().enumerate() {
            for name in std::iter::once(&model.id).chain(&model.aliases) {
                places.entry(Arc::clone(name)).or_insert(index);
            }
        }
        for row in file.models {
            let Some(provider) = by_name.get(row.provider.get_ref()).cloned() else {
                let reason = format!("there is no provider `{}`", row.provider.get_ref());
                return Err(OverrideError::at(
                    text,
                    row.provider.span(),
                    "provider",
                    reason,
                    "name a provider of the catalog or add it under [[providers]]",
                ));
            };
            let place = *places.entry(Arc::clone(row.id.get_ref())).or_insert_with(|| {
                models.push(new_model(row.id.get_ref()));
                models.len() - 1
            });
            if let Some(model) = models.get_mut(place) {
                change_model(model, &provider, row, text)?;
            }
        }
        Ok(Self::build(providers, self.makers.clone(), models))
    }
}

/// Providers by id, then by alias.
fn names(providers: &[Arc<Provider>]) -> HashMap<Arc<str>, Arc<Provider>> {
    let mut names: HashMap<Arc<str>, Arc<Provider>> = providers.iter().map(|p| (Arc::clone(&p.id), Arc::clone(p))).collect();
    for provider in providers {
        for alias in &provider.aliases {
            names.entry(Arc::clone(alias)).or_insert_with(|| Arc::clone(provider));
        }
    }
    names
}

/// The model with its deployments at the providers as they are now.
fn renewed(model: &Model, providers: &HashMap<Arc<str>, Arc<Provider>>) -> Model {
    let mut model = model.clone();
    for deployment in &mut model.deployments {
        if let Some(now) = providers.get(&deployment.provider.id).filter(|now| !Arc::ptr_eq(now, &deployment.provider)) {
            let changed = Deployment { provider: Arc::clone(now), ..Deployment::clone(deployment) };
            *deployment = Arc::new(changed);
        }
    }
    model
}

fn change_provider(providers: &mut Vec<Arc<Provider>>, row: ProviderIn, text: &str) -> Result<(), OverrideError> {
    let id = row.id.get_ref();
    if id.is_empty() || id.contains(['/', ':']) || id.contains(char::is_whitespace) {
        let reason = format!("`{id}` cannot be told from the rest of `provider/model`");
        return Err(OverrideError::at(text, row.id.span(), "id", reason, "use letters, digits, `-` and `_`"));
    }
    if let Some(url) = row.base_url.as_ref().filter(|url| !url.get_ref().starts_with("https://") && !url.get_ref().starts_with("http://")) {
        let reason = format!("`{}` is no web address", url.get_ref());
        return Err(OverrideError::at(text, url.span(), "base_url", reason, "begin it with https:// or http://"));
    }
    let known = providers.iter().position(|provider| provider.id == *id);
    let mut provider = match known.and_then(|index| providers.get(index)) {
        Some(known) => Provider::clone(known),
        None => {
            let Some(dialect) = row.dialect else {
                let reason = format!("the new provider `{id}` has no dialect");
                return Err(OverrideError::at(
                    text,
                    row.id.span(),
                    "dialect",
                    reason,
                    "add dialect = \"openai_chat\" (or anthropic, gemini)",
                ));
            };
            Provider {
                id: Arc::clone(id),
                name: Arc::clone(id),
                aliases: Vec::new(),
                dialect,
                base_url: None,
                auth: AuthScheme::Bearer,
                quirks: Quirks::default(),
                docs: None,
                simulated: false,
            }
        }
    };
    provider.name = row.name.unwrap_or(provider.name);
    provider.aliases = row.aliases.unwrap_or(provider.aliases);
    provider.dialect = row.dialect.unwrap_or(provider.dialect);
    provider.base_url = row.base_url.map(|url| Arc::from(url.get_ref().trim_end_matches('/'))).or(provider.base_url);
    provider.auth = row.auth.unwrap_or(provider.auth);
    provider.quirks = row.quirks.unwrap_or(provider.quirks);
    provider.docs = row.docs.or(provider.docs);
    match known.and_then(|index| providers.get_mut(index)) {
        Some(place) => *place = Arc::new(provider),
        None => providers.push(Arc::new(provider)),
    }
    Ok(())
}

fn new_model(id: &Arc<str>) -> Model {
    let usual = [Capability::Tools, Capability::ToolChoice, Capability::Streaming, Capability::SystemMessages];
    Model {
        id: Arc::clone(id),
        owner: Arc::from("local"),
        aliases: Vec::new(),
        mode: Mode::Chat,
        input: Modalities::NONE.with(Modality::Text),
        output: Modalities::NONE.with(Modality::Text),
        capabilities: usual.into_iter().collect(),
        context_window: None,
        max_output: None,
        tokenizer: Tokenizer::Bytes,
        simulated: false,
        deployments: Vec::new(),
    }
}

/// Limits that are given hold at this provider; they become the model's if it has none. Everything else that is said of
/// the model holds everywhere.
fn change_model(model: &mut Model, provider: &Arc<Provider>, row: ModelIn, text: &str) -> Result<(), OverrideError> {
    let price = local_price(&row, text)?;
    model.owner = row.owner.unwrap_or_else(|| Arc::clone(&model.owner));
    model.aliases.extend(row.aliases.into_iter().flatten());
    if model.deployments.is_empty() {
        model.mode = row.mode.unwrap_or(model.mode);
    }
    model.capabilities = row.capabilities.unwrap_or(model.capabilities);
    model.input = row.input.unwrap_or(model.input);
    model.output = row.output.unwrap_or(model.output);
    model.context_window = model.context_window.or(row.context_window);
    model.max_output = model.max_output.or(row.max_output);
    let here = |d: &Arc<Deployment>| d.provider.id == provider.id && d.region == row.region;
    let known = model.deployments.iter().position(here);
    let mut deployment = match known.and_then(|index| model.deployments.get(index)) {
        Some(known) => Deployment::clone(known),
        None => Deployment {
            provider: Arc::clone(provider),
            upstream: Arc::clone(&model.id),
            names: Vec::new(),
            region: row.region,
            mode: model.mode,
            lacks: Capabilities::NONE,
            context_window: None,
            max_output: None,
            prices: Vec::new(),
        },
    };
    deployment.upstream = row.upstream.unwrap_or(deployment.upstream);
    deployment.mode = row.mode.unwrap_or(deployment.mode);
    deployment.context_window = row.context_window.or(deployment.context_window);
    deployment.max_output = row.max_output.or(deployment.max_output);
    if let Some(price) = price {
        deployment.prices.retain(|earlier| earlier.effective_from < price.effective_from);
        deployment.prices.push(price);
    }
    match known.and_then(|index| model.deployments.get_mut(index)) {
        Some(place) => *place = Arc::new(deployment),
        None => model.deployments.push(Arc::new(deployment)),
    }
    Ok(())
}

fn local_price(row: &ModelIn, text: &str) -> Result<Option<PriceVersion>, OverrideError> {
    let Some(price) = &row.price else {
        return match row.effective {
            Some(_) => Err(OverrideError::at(
                text,
                row.id.span(),
                "effective",
                "a day without a price".to_owned(),
                "add [models.price] or remove it",
            )),
            None => Ok(None),
        };
    };
    let effective_from = row.effective.as_ref().map_or(UnixMicros(0), |day| day.0);
    let day = u32::try_from(effective_from.seconds() / SECONDS_PER_DAY).unwrap_or_default();
    let built = price.get_ref().build();
    if !built.is_sound() {
        let reason = "the tiers' thresholds do not rise".to_owned();
        return Err(OverrideError::at(text, price.span(), "tiers", reason, "list each threshold once, the lowest first"));
    }
    Ok(Some(PriceVersion {
        version: LOCAL_VERSIONS_FROM + day,
        effective_from,
        source: Arc::from(LOCAL),
        price: built,
        services: Vec::new(),
    }))
}
