//! From the text that a caller sends to a model and the deployments it may go to.

use std::fmt;
use std::sync::Arc;

use crate::lookup::{Catalog, Served};
use crate::model::{Deployment, Model};
use crate::provider::Provider;

/// Suggestions of an unknown model's error, at most.
const SUGGESTIONS_MAX: usize = 3;
/// Limit: longer texts get no suggestions.
const SUGGEST_BYTES_MAX: usize = 96;
/// Edits between a text and its suggestion, at most.
const SUGGEST_EDITS_MAX: usize = 3;

/// What a suffix asks of routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// `:free`: only deployments that cost nothing.
    Free,
    /// `:floor`: the cheapest first.
    Floor,
    /// `:nitro`: the fastest first.
    Nitro,
}

/// What a model id means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The model.
    pub model: &'a Arc<Model>,
    /// The provider, if the caller named one.
    pub pinned: Option<&'a Arc<Provider>>,
    /// The one deployment that the name means, if it is the name of a regional one.
    pub exact: Option<&'a Arc<Deployment>>,
    /// The text after `provider/model:`, whether or not the catalog has such a region.
    pub region: Option<&'a str>,
    /// `:free`, `:floor`, `:nitro`.
    pub variant: Option<Variant>,
}

impl<'a> Resolved<'a> {
    /// The deployments that the call may go to, in catalog order: the exact one; or those of the asked region, if the
    /// catalog has it; or the providers' defaults. Never empty.
    pub fn deployments(&self) -> impl Iterator<Item = &'a Arc<Deployment>> + use<'a> {
        let Self { model, pinned, exact, region, .. } = *self;
        let on_provider = move |d: &Deployment| pinned.is_none_or(|p| Arc::ptr_eq(p, &d.provider));
        let known = region.filter(|r| model.deployments.iter().any(|d| on_provider(d) && d.region.as_deref() == Some(r)));
        model.deployments.iter().filter(move |d| match exact {
            Some(exact) => Arc::ptr_eq(exact, d),
            None => on_provider(d) && d.region.as_deref() == known,
        })
    }
}

/// Why a model id means nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveError {
    /// `provider/…` with a provider that the catalog lacks.
    UnknownProvider {
        /// As sent.
        provider: String,
    },
    /// No such model (at that provider, if one is named).
    UnknownModel {
        /// As sent.
        id: String,
        /// Known ids that look like it, nearest first, at most three.
        suggestions: Vec<Arc<str>>,
    },
    /// The model is known, the provider is known, and the one does not serve the other.
    NotServed {
        /// Root id.
        model: Arc<str>,
        /// Provider id.
        provider: Arc<str>,
        /// Providers that do serve it.
        served_by: Vec<Arc<str>>,
    },
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownProvider { provider } => write!(f, "there is no provider `{provider}`"),
            Self::UnknownModel { id, suggestions } => {
                write!(f, "there is no model `{id}`")?;
                list(f, "; did you mean", suggestions)
            }
            Self::NotServed { model, provider, served_by } => {
                write!(f, "the provider `{provider}` does not serve the model `{model}`")?;
                list(f, "; it is served by", served_by)
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, lead: &str, items: &[Arc<str>]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        write!(f, "{} `{item}`", if index == 0 { lead } else { "," })?;
    }
    Ok(())
}

impl std::error::Error for ResolveError {}

impl Catalog {
    /// Finds what `id` means: `model`, `provider/model`, `maker/model`, each with an optional `:free`, `:floor` or
    /// `:nitro`, and `provider/model:region`. Hash look-ups only; allocates nothing when it finds.
    ///
    /// # Errors
    /// See [`ResolveError`]. A name that the catalog lacks is refused also when its provider is known.
    pub fn resolve<'a>(&'a self, id: &'a str) -> Result<Resolved<'a>, ResolveError> {
        if let Some(found) = self.find(id) {
            return Ok(found);
        }
        let split = id.rsplit_once(':').filter(|(_, suffix)| !suffix.is_empty() && !suffix.contains('/'));
        if let Some((base, suffix)) = split
            && let Some(found) = self.find(base)
        {
            let variant = match suffix {
                "free" => Some(Variant::Free),
                "floor" => Some(Variant::Floor),
                "nitro" => Some(Variant::Nitro),
                _ => None,
            };
            if variant.is_some() {
                return Ok(Resolved { variant, ..found });
            }
            if found.pinned.is_some() {
                return Ok(Resolved { region: Some(suffix), ..found });
            }
        }
        Err(self.miss(id, split.map_or(id, |(base, _)| base)))
    }

    fn find<'a>(&'a self, id: &str) -> Option<Resolved<'a>> {
        let root = |index: u32| {
            let model = self.model_at(index)?;
            Some(Resolved { model, pinned: None, exact: None, region: None, variant: None })
        };
        let Some((first, rest)) = id.split_once('/') else {
            return root(*self.roots.get(id)?);
        };
        if let Some(&provider) = self.provider_names.get(first) {
            let Served { model, deployment } = *self.served.get(provider as usize)?.get(rest)?;
            let model = self.model_at(model)?;
            let exact = deployment.and_then(|index| model.deployments.get(index as usize));
            return Some(Resolved { model, pinned: self.providers.get(provider as usize), exact, region: None, variant: None });
        }
        if let Some(maker) = self.maker_names.get(first) {
            return root(*self.roots.get(rest)?).filter(|found| found.model.owner == *maker);
        }
        root(*self.roots.get(id)?)
    }

    fn miss(&self, id: &str, base: &str) -> ResolveError {
        let Some((first, rest)) = base.split_once('/') else {
            return self.unknown_model(id, base);
        };
        let Some(provider) = self.provider(first) else {
            return if self.maker_names.contains_key(first) {
                self.unknown_model(id, rest)
            } else {
                ResolveError::UnknownProvider { provider: first.to_owned() }
            };
        };
        let Some(model) = self.model(rest).or_else(|| self.model(rest.rsplit_once('/').map_or(rest, |(_, last)| last))) else {
            return self.unknown_model(id, rest);
        };
        let mut served_by: Vec<Arc<str>> = model.deployments.iter().map(|d| Arc::clone(&d.provider.id)).collect();
        served_by.dedup();
        served_by.truncate(SUGGESTIONS_MAX);
        ResolveError::NotServed { model: Arc::clone(&model.id), provider: Arc::clone(&provider.id), served_by }
    }

    fn unknown_model(&self, id: &str, name: &str) -> ResolveError {
        ResolveError::UnknownModel { id: id.to_owned(), suggestions: self.suggest(name) }
    }

    /// Root ids whose spelling is near `name`. Looks only at names that begin alike and are about as long.
    fn suggest(&self, name: &str) -> Vec<Arc<str>> {
        if name.len() > SUGGEST_BYTES_MAX {
            return Vec::new();
        }
        let near =
            |known: &str| known.len().abs_diff(name.len()) <= SUGGEST_EDITS_MAX && known.as_bytes().first() == name.as_bytes().first();
        let mut found: Vec<(usize, Arc<str>)> = self
            .roots
            .iter()
            .filter(|(known, _)| near(known))
            .filter_map(|(known, &index)| Some((edits(known.as_bytes(), name.as_bytes()), Arc::clone(&self.model_at(index)?.id))))
            .filter(|(distance, _)| *distance <= SUGGEST_EDITS_MAX)
            .collect();
        found.sort();
        let mut ids: Vec<Arc<str>> = Vec::with_capacity(SUGGESTIONS_MAX);
        for (_, id) in found {
            if ids.len() < SUGGESTIONS_MAX && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

/// Levenshtein's distance in bytes.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
