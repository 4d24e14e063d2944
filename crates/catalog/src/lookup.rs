//! The catalog: reading its data, building its indexes, swapping it whole.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::model::{Deployment, Mode, Model};
use crate::price::PriceVersion;
use crate::provider::Provider;
use crate::row::{DeploymentRow, FORMAT, Header, ModelRow, PriceRow};

const PROVIDERS: &str = include_str!("../data/providers.toml");
const MAKERS: &str = include_str!("../data/makers.toml");
const MODELS: &str = include_str!("../data/models.jsonl");
const SUPPLEMENT: &str = include_str!("../data/supplement.jsonl");

/// About how many different names the data has, so that the tables need not grow on the way.
const NAMES: usize = 8_192;

/// Who makes models: `data/makers.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maker {
    /// Our id, which models carry as their owner.
    pub id: Arc<str>,
    /// Other spellings, as in `meta-llama/…`.
    #[serde(default)]
    pub aliases: Vec<Arc<str>>,
    /// The providers that the maker runs itself, best first.
    #[serde(default)]
    pub providers: Vec<Arc<str>>,
    /// Beginnings of the names of its models, for the import.
    #[serde(default)]
    pub prefixes: Vec<Arc<str>>,
}

/// A line of a data file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// Which data.
    pub file: &'static str,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// Why.
    pub reason: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "catalog data {} line {}: {}", self.file, self.line, self.reason)
    }
}

impl std::error::Error for FormatError {}

/// Where a name after `provider/` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) model: u32,
    /// Set when the name belongs to one regional deployment only.
    pub(crate) deployment: Option<u32>,
}

/// All providers and models, with indexes. Immutable; a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(crate) providers: Vec<Arc<Provider>>,
    pub(crate) models: Vec<Arc<Model>>,
    pub(crate) makers: Vec<Maker>,
    pub(crate) provider_names: HashMap<Arc<str>, u32>,
    pub(crate) maker_names: HashMap<Arc<str>, Arc<str>>,
    pub(crate) roots: HashMap<Arc<str>, u32>,
    /// By provider index.
    pub(crate) served: Vec<HashMap<Arc<str>, Served>>,
}

impl Catalog {
    /// The catalog that is compiled in.
    ///
    /// # Errors
    /// When the compiled-in data is broken, which a test excludes.
    pub fn builtin() -> Result<Self, FormatError> {
        Self::from_data(PROVIDERS, MAKERS, &[("models.jsonl", MODELS), ("supplement.jsonl", SUPPLEMENT)])
    }

    /// A catalog from the texts of its data files.
    ///
    /// # Errors
    /// When a line is not of our format or names a provider that is not listed. A model of an earlier file may come
    /// again with more aliases and deployments; the rest of its row counts once.
    pub fn from_data(providers: &str, makers: &str, models: &[(&'static str, &str)]) -> Result<Self, FormatError> {
        let providers = providers_from(providers)?;
        let makers = makers_from(makers)?;
        let mut reader = Reader { providers: HashMap::new(), names: HashSet::with_capacity(NAMES), places: HashMap::new() };
        for provider in &providers {
            reader.providers.insert(Arc::clone(&provider.id), Arc::clone(provider));
        }
        let mut read: Vec<Model> = Vec::new();
        for &(file, text) in models {
            reader.file(file, text, &mut read)?;
        }
        Ok(Self::build(providers, makers, read))
    }

    /// Sorts and indexes. The first of two equal names wins: ids before aliases before upstream names.
    pub(crate) fn build(providers: Vec<Arc<Provider>>, makers: Vec<Maker>, mut models: Vec<Model>) -> Self {
        models.sort_by(|a, b| a.id.cmp(&b.id));
        let own: HashMap<&str, &[Arc<str>]> = makers.iter().map(|maker| (&*maker.id, &*maker.providers)).collect();
        for model in &mut models {
            let own = own.get(&*model.owner).copied().unwrap_or_default();
            model.deployments.sort_by_cached_key(|deployment| rank(deployment, own));
        }
        let mut catalog = Self { models: models.into_iter().map(Arc::new).collect(), ..Self::default() };
        catalog.served = providers.iter().map(|_| HashMap::new()).collect();
        catalog.roots.reserve(catalog.models.len() * 3);
        for (index, provider) in (0u32..).zip(&providers) {
            catalog.provider_names.insert(Arc::clone(&provider.id), index);
        }
        for (index, provider) in (0u32..).zip(&providers) {
            for alias in &provider.aliases {
                catalog.provider_names.entry(Arc::clone(alias)).or_insert(index);
            }
        }
        for maker in &makers {
            for name in std::iter::once(&maker.id).chain(&maker.aliases) {
                catalog.maker_names.entry(Arc::clone(name)).or_insert_with(|| Arc::clone(&maker.id));
            }
        }
        catalog.providers = providers;
        catalog.makers = makers;
        catalog.index_models();
        catalog
    }

    fn index_models(&mut self) {
        for (index, model) in (0u32..).zip(&self.models) {
            self.roots.entry(Arc::clone(&model.id)).or_insert(index);
        }
        for (index, model) in (0u32..).zip(&self.models) {
            for alias in &model.aliases {
                self.roots.entry(Arc::clone(alias)).or_insert(index);
            }
        }
        let root_names = |model: &Model| std::iter::once(&model.id).chain(&model.aliases).cloned().collect::<Vec<_>>();
        for by_root in [true, false] {
            for (index, model) in (0u32..).zip(&self.models) {
                let roots = if by_root { root_names(model) } else { Vec::new() };
                for (place, deployment) in (0u32..).zip(&model.deployments) {
                    let Some(names) = self.provider_names.get(&deployment.provider.id).and_then(|&p| self.served.get_mut(p as usize))
                    else {
                        continue;
                    };
                    let only_regional = deployment.region.as_ref().map(|_| place);
                    for name in roots.iter().filter(|_| deployment.region.is_none()) {
                        names.entry(Arc::clone(name)).or_insert(Served { model: index, deployment: None });
                    }
                    let own = std::iter::once(&deployment.upstream).chain(&deployment.names).filter(|_| !by_root);
                    for name in own {
                        names.entry(Arc::clone(name)).or_insert(Served { model: index, deployment: only_regional });
                    }
                }
            }
        }
    }

    /// Every provider, in the order of the data.
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// Every model, by id.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// A provider by its id or an alias.
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.provider_names.get(name).and_then(|&index| self.providers.get(index as usize))
    }

    /// Who makes models.
    pub fn makers(&self) -> &[Maker] {
        &self.makers
    }

    /// A maker by its id or an alias.
    pub fn maker(&self, name: &str) -> Option<&Maker> {
        let id = self.maker_names.get(name)?;
        self.makers.iter().find(|maker| maker.id == *id)
    }

    /// A model by its root id or an alias of that.
    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.roots.get(name).and_then(|&index| self.model_at(index))
    }

    pub(crate) fn model_at(&self, index: u32) -> Option<&Arc<Model>> {
        self.models.get(index as usize)
    }
}

/// Sorts deployments: field by field.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Regional ones last.
    regional: bool,
    /// The maker's own providers first.
    place: usize,
    /// The cheaper first, by its last price; unknown last.
    cost: i128,
    provider: Arc<str>,
    region: Option<Arc<str>>,
    upstream: Arc<str>,
}

fn rank(deployment: &Deployment, own: &[Arc<str>]) -> Rank {
    let Deployment { provider, upstream, region, prices, .. } = deployment;
    Rank {
        regional: region.is_some(),
        place: own.iter().position(|id| *id == provider.id).unwrap_or(usize::MAX),
        cost: prices.last().map_or(i128::MAX, |version| {
            let rates = &version.price.rates;
            i128::from(rates.input.0) + i128::from(rates.output.0)
        }),
        provider: Arc::clone(&provider.id),
        region: region.clone(),
        upstream: Arc::clone(upstream),
    }
}

fn toml_error(file: &'static str, text: &str, error: &toml::de::Error) -> FormatError {
    let line = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|&b| b == b'\n').count() + 1);
    FormatError { file, line, reason: error.message().to_owned() }
}

fn providers_from(text: &str) -> Result<Vec<Arc<Provider>>, FormatError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        providers: Vec<Arc<Provider>>,
    }
    toml::from_str::<File>(text).map(|file| file.providers).map_err(|error| toml_error("providers.toml", text, &error))
}

/// The makers of a `makers.toml`.
///
/// # Errors
/// When the text is not of our format.
pub fn makers_from(text: &str) -> Result<Vec<Maker>, FormatError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        makers: Vec<Maker>,
    }
    toml::from_str::<File>(text).map(|file| file.makers).map_err(|error| toml_error("makers.toml", text, &error))
}

/// Turns rows into models, sharing equal strings.
struct Reader {
    providers: HashMap<Arc<str>, Arc<Provider>>,
    names: HashSet<Arc<str>>,
    /// Where each model stands in the list, so that a later file can add deployments to it.
    places: HashMap<Arc<str>, usize>,
}

impl Reader {
    fn file(&mut self, file: &'static str, text: &str, models: &mut Vec<Model>) -> Result<(), FormatError> {
        let error = |index: usize, reason: String| FormatError { file, line: index + 1, reason };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().ok_or_else(|| error(0, "the header is missing".to_owned()))?;
        let header: Header<'_> = serde_json::from_str(first).map_err(|e| error(0, e.to_string()))?;
        if header.format != FORMAT {
            return Err(error(0, format!("format {} is not {FORMAT}", header.format)));
        }
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let row: ModelRow<'_> = serde_json::from_str(line).map_err(|e| error(index, e.to_string()))?;
            let model = self.model(row).map_err(|reason| error(index, reason))?;
            match self.places.get(&model.id).and_then(|&place| models.get_mut(place)) {
                Some(known) => {
                    let new = model.aliases.into_iter().filter(|alias| !known.aliases.contains(alias)).collect::<Vec<_>>();
                    known.aliases.extend(new);
                    known.deployments.extend(model.deployments);
                }
                None => {
                    self.places.insert(Arc::clone(&model.id), models.len());
                    models.push(model);
                }
            }
        }
        Ok(())
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.names.insert(Arc::clone(&new));
        new
    }

    fn model(&mut self, mut row: ModelRow<'_>) -> Result<Model, String> {
        let id = self.name(row.id);
        let at = std::mem::take(&mut row.at);
        let mut deployments = Vec::with_capacity(at.len());
        for at in at {
            deployments.push(Arc::new(self.deployment(row.mode, at, &id)?));
        }
        if deployments.iter().all(|deployment| deployment.region.is_some()) {
            return Err("no provider serves it by default".to_owned());
        }
        Ok(Model {
            id,
            owner: self.name(row.owner),
            aliases: row.aliases.iter().map(|alias| self.name(alias)).collect(),
            mode: row.mode,
            input: row.input,
            output: row.output,
            capabilities: row.capabilities,
            context_window: row.context_window,
            max_output: row.max_output,
            tokenizer: row.tokenizer,
            simulated: row.simulated,
            deployments,
        })
    }

    fn deployment(&mut self, mode: Mode, row: DeploymentRow<'_>, id: &Arc<str>) -> Result<Deployment, String> {
        let provider = self.providers.get(row.on).cloned().ok_or_else(|| format!("provider `{}` is not listed", row.on))?;
        let in_order = |pair: &[PriceRow<'_>]| matches!(pair, [a, b] if a.v < b.v && a.from <= b.from);
        if !row.prices.windows(2).all(in_order) {
            return Err(format!("the prices at `{}` are not in order", row.on));
        }
        if row.prices.iter().any(|version| !is_sound(version)) {
            return Err(format!("a price at `{}` is negative or its tiers do not rise", row.on));
        }
        Ok(Deployment {
            provider,
            upstream: row.upstream.map_or_else(|| Arc::clone(id), |name| self.name(name)),
            names: row.names.iter().map(|name| self.name(name)).collect(),
            region: row.region.map(|region| self.name(region)),
            mode: row.mode.unwrap_or(mode),
            lacks: row.lacks,
            context_window: row.context_window,
            max_output: row.max_output,
            prices: exact(row.prices.into_iter().map(|price| self.price(price))),
        })
    }

    fn price(&mut self, mut row: PriceRow<'_>) -> PriceVersion {
        row.services.shrink_to_fit();
        row.price.tiers.shrink_to_fit();
        for (_, price) in &mut row.services {
            price.tiers.shrink_to_fit();
        }
        let source = self.name(row.source);
        PriceVersion { version: row.v, effective_from: row.from, source, price: row.price, services: row.services }
    }
}

/// A list without room to grow. Collecting in place would keep the parser's larger one.
fn exact<T>(items: impl ExactSizeIterator<Item = T>) -> Vec<T> {
    let mut list = Vec::with_capacity(items.len());
    list.extend(items);
    list
}

fn is_sound(row: &PriceRow<'_>) -> bool {
    std::iter::once(&row.price).chain(row.services.iter().map(|(_, price)| price)).all(crate::price::Price::is_sound)
}

/// The catalog in use: cheap to read, swapped whole.
#[derive(Debug)]
pub struct CatalogHandle(ArcSwap<Catalog>);

impl CatalogHandle {
    /// Begins with `catalog`.
    pub fn new(catalog: Catalog) -> Self {
        Self(ArcSwap::from_pointee(catalog))
    }

    /// A snapshot that stays as it is while it is held.
    pub fn load(&self) -> Arc<Catalog> {
        self.0.load_full()
    }

    /// Everyone who loads from now on sees `catalog`.
    pub fn swap(&self, catalog: Catalog) {
        self.0.store(Arc::new(catalog));
    }
}
