//! Offers of one model become one row; rows keep the price history that was there before.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use catalog::row::{DeploymentRow, Header, ModelRow, PriceRow};
use catalog::{Capabilities, Catalog, Modalities, Tokenizer};
use domain::UnixMicros;

use super::gather::Offer;
use super::naming;

/// A model with its offers, best first per provider and region.
pub struct Merged<'a> {
    id: String,
    owner: String,
    aliases: Vec<String>,
    /// Those of the maker's own providers first.
    offers: Vec<Placed<'a>>,
    /// How many of them are the maker's own.
    own: usize,
}

/// An offer, and the other names of the same thing.
struct Placed<'a> {
    offer: &'a Offer,
    region: Option<&'a str>,
    names: Vec<&'a str>,
}

/// Groups offers by model.
pub fn models<'a>(catalog: &Catalog, offers: &'a [Offer]) -> Vec<Merged<'a>> {
    let mut groups: BTreeMap<String, Vec<&'a Offer>> = BTreeMap::new();
    for offer in offers {
        groups.entry(naming::key(&offer.name.model)).or_default().push(offer);
    }
    join_snapshots(&mut groups);
    let mut models: Vec<Merged<'a>> = groups.iter().map(|(key, offers)| merged(catalog, key, offers)).collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models
}

/// A Claude without a date and its only snapshot are one model: the maker's undated names mean that snapshot.
fn join_snapshots(groups: &mut BTreeMap<String, Vec<&Offer>>) {
    let mut snapshots: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in groups.keys() {
        if let Some(base) = naming::undated(key) {
            snapshots.entry(base.to_owned()).or_default().push(key.clone());
        }
    }
    for (base, dated) in snapshots {
        if let [only] = dated.as_slice()
            && groups.contains_key(&base)
            && let Some(offers) = groups.remove(only)
        {
            groups.entry(base).or_default().extend(offers);
        }
    }
}

fn merged<'a>(catalog: &Catalog, key: &str, offers: &[&'a Offer]) -> Merged<'a> {
    let by_name = offers.iter().find_map(|offer| naming::owner(catalog, &offer.name.model));
    let by_path =
        || offers.iter().find_map(|offer| offer.name.upstream.split(['/', '.']).find_map(|part| catalog.maker(&part.to_ascii_lowercase())));
    let by_provider = || {
        let runs = |provider: &str| catalog.makers().iter().find(|maker| maker.providers.iter().any(|own| **own == *provider));
        offers.iter().find_map(|offer| runs(&offer.name.provider)).map(|maker| maker.id.to_string())
    };
    let owner = by_name.or_else(|| by_path().map(|maker| maker.id.to_string())).or_else(by_provider).unwrap_or_else(|| "other".to_owned());
    let own_providers = catalog.maker(&owner).map(|maker| maker.providers.as_slice()).unwrap_or_default();
    let place = |offer: &Offer| own_providers.iter().position(|own| **own == *offer.name.provider).unwrap_or(usize::MAX);
    let mut placed = distinct(offers);
    placed.sort_by_key(|placed| place(placed.offer));
    let own = placed.iter().filter(|placed| place(placed.offer) != usize::MAX).count();
    let id = spelling(key, offers, |offer| place(offer) != usize::MAX);
    let mut aliases: BTreeSet<String> = offers.iter().map(|offer| offer.name.model.clone()).collect();
    for spelled in aliases.clone() {
        let key = naming::key(&spelled);
        aliases.insert(naming::dotted(&key));
        aliases.insert(key);
    }
    aliases.remove(&id);
    Merged { id, owner, aliases: aliases.into_iter().collect(), offers: placed, own }
}

/// The maker's own spelling, else the most frequent, else the shortest. A date is left out where the group has both.
fn spelling(key: &str, offers: &[&Offer], is_own: impl Fn(&Offer) -> bool) -> String {
    let undated = || offers.iter().filter(|offer| naming::key(&offer.name.model) == key);
    if let Some(first) = undated().find(|offer| is_own(offer)) {
        return first.name.model.clone();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for offer in undated() {
        *counts.entry(&offer.name.model).or_default() += 1;
    }
    let best = counts.into_iter().max_by_key(|(name, count)| (*count, std::cmp::Reverse(name.len())));
    best.map_or_else(|| key.to_owned(), |(name, _)| name.to_owned())
}

/// One offer per provider and region; each provider has one without a region.
fn distinct<'a>(offers: &[&'a Offer]) -> Vec<Placed<'a>> {
    let mut places: BTreeMap<(&str, Option<&str>), Vec<&'a Offer>> = BTreeMap::new();
    for offer in offers {
        places.entry((&offer.name.provider, offer.name.region.as_deref())).or_default().push(offer);
    }
    let mut placed: Vec<Placed<'a>> = Vec::new();
    for ((_, region), mut same) in places {
        same.sort_by_key(|offer| std::cmp::Reverse(preference(offer)));
        let Some((&best, rest)) = same.split_first() else { continue };
        let spellings = rest.iter().map(|offer| offer.name.upstream.as_str()).chain(same.iter().map(|offer| offer.spelled.as_str()));
        let names: BTreeSet<&str> = spellings.filter(|name| *name != best.name.upstream).collect();
        placed.push(Placed { offer: best, region, names: names.into_iter().collect() });
    }
    let providers: BTreeSet<&str> = placed.iter().map(|placed| placed.offer.name.provider.as_str()).collect();
    for provider in providers {
        let mut here: Vec<&mut Placed<'_>> = placed.iter_mut().filter(|placed| placed.offer.name.provider == provider).collect();
        let rank = |region: Option<&str>| {
            ["global", "global-standard", "us", "us-east-1", "eu"].iter().position(|r| region == Some(*r)).unwrap_or(9)
        };
        if here.iter().all(|placed| placed.region.is_some())
            && let Some(default) = here.iter_mut().min_by_key(|placed| (rank(placed.region), placed.region))
        {
            default.region = None;
        }
    }
    placed
}

/// Among names of one model at one provider: chat before other modes, priced before unpriced, the dearer (two prices for
/// one thing must not undercharge), the fuller name, the dated name.
fn preference(offer: &Offer) -> (bool, bool, i128, usize, usize, std::cmp::Reverse<&str>) {
    let cost = offer.prices.as_ref().map_or(0, |(price, _)| i128::from(price.rates.input.0) + i128::from(price.rates.output.0));
    let name = &offer.name.upstream;
    let chat = offer.mode == catalog::Mode::Chat;
    (chat, offer.prices.is_ok(), cost, name.matches('/').count(), name.len(), std::cmp::Reverse(name))
}

/// The file's text.
pub fn write(header: &Header<'_>, models: &[Merged<'_>], before: &str) -> Result<String> {
    let mut history: BTreeMap<(&str, &str, Option<&str>), Vec<PriceRow<'_>>> = BTreeMap::new();
    for line in before.lines().skip(1) {
        let row: ModelRow<'_> = serde_json::from_str(line).context("read the models that are there")?;
        for at in row.at {
            history.insert((row.id, at.on, at.region), at.prices);
        }
    }
    let sources = sources(header, models);
    let mut text = serde_json::to_string(header)?;
    text.push('\n');
    for model in models {
        let mut row = row(model);
        for (at, placed) in row.at.iter_mut().zip(&model.offers) {
            let old = history.get(&(row.id, at.on, at.region)).cloned().unwrap_or_default();
            let source = placed.offer.page.as_deref().and_then(|page| sources.get(page)).map_or(header.source, String::as_str);
            at.prices = prices(placed.offer, old, header.released, source);
        }
        row.at.sort_by_key(|at| (at.on, at.region, at.upstream));
        text.push_str(&serde_json::to_string(&row)?);
        text.push('\n');
    }
    Ok(text)
}

/// What to write as the source of a price that names a page.
fn sources<'a>(header: &Header<'_>, models: &[Merged<'a>]) -> BTreeMap<&'a str, String> {
    let pages = models.iter().flat_map(|model| &model.offers).filter_map(|placed| placed.offer.page.as_deref());
    pages.map(|page| (page, format!("{}, {page}", header.source))).collect()
}

/// The history, and a new version when the price is another one than before.
fn prices<'a>(offer: &Offer, mut old: Vec<PriceRow<'a>>, released: UnixMicros, source: &'a str) -> Vec<PriceRow<'a>> {
    let Ok((price, services)) = &offer.prices else {
        // Unknown now: what held before must not be billed on.
        return Vec::new();
    };
    if old.last().is_some_and(|last| last.price == *price && last.services == *services) {
        return old;
    }
    // A second import of one release corrects its version instead of adding one.
    let corrected = old.pop_if(|last| last.from >= released).map(|last| last.v);
    let v = corrected.unwrap_or_else(|| old.last().map_or(1, |last| last.v + 1));
    old.push(PriceRow { v, from: released, source, price: price.clone(), services: services.clone() });
    old
}

fn row<'a>(model: &'a Merged<'a>) -> ModelRow<'a> {
    let telling: Vec<&Offer> = model.offers.iter().take(model.own.max(1)).map(|placed| placed.offer).collect();
    let all: Vec<&Offer> = if model.own == 0 { model.offers.iter().map(|placed| placed.offer).collect() } else { telling.clone() };
    let first = |number: fn(&Offer) -> Option<u64>| telling.iter().chain(&all).find_map(|offer| number(offer));
    let (context_window, max_output) = (first(|offer| offer.context_window), first(|offer| offer.max_output));
    let mode = telling.first().map_or(catalog::Mode::Chat, |offer| offer.mode);
    let capabilities = all.iter().fold(Capabilities::NONE, |set, offer| set.union(offer.can));
    let unless = |own: Option<u64>, model: Option<u64>| own.filter(|_| own != model);
    let at = model.offers.iter().map(|placed| DeploymentRow {
        on: &placed.offer.name.provider,
        upstream: Some(placed.offer.name.upstream.as_str()).filter(|upstream| *upstream != model.id),
        names: placed.names.iter().copied().filter(|name| *name != model.id && !model.aliases.iter().any(|alias| alias == name)).collect(),
        region: placed.region,
        mode: Some(placed.offer.mode).filter(|own| *own != mode),
        lacks: placed.offer.cannot.intersection(capabilities),
        context_window: unless(placed.offer.context_window, context_window),
        max_output: unless(placed.offer.max_output, max_output),
        prices: Vec::new(),
    });
    ModelRow {
        id: &model.id,
        owner: &model.owner,
        aliases: model.aliases.iter().map(String::as_str).collect(),
        mode,
        input: all.iter().fold(Modalities::NONE, |set, offer| set.union(offer.input)),
        output: all.iter().fold(Modalities::NONE, |set, offer| set.union(offer.output)),
        capabilities,
        context_window,
        max_output,
        tokenizer: Tokenizer::Bytes,
        simulated: false,
        at: at.collect(),
    }
}
