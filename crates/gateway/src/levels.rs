//! The levels that hold a key's calls to something: its organization, its project, itself. A call passes when each of them lets it
//! pass, so that a further level only ever narrows what may be called.

use std::net::IpAddr;
use std::sync::Arc;

use catalog::{Catalog, Deployment};
use domain::{Code, Fault, UnixMicros};
use kv::Wanted;
use service::address::NetworkError;
use store::{Level, LevelRow};
use uuid::Uuid;

use crate::call::Options;
use crate::rules::Rules;

/// Levels that say something, widest first; empty for most keys.
#[derive(Debug, Default)]
pub(crate) struct Levels(Vec<OneLevel>);

#[derive(Debug)]
struct OneLevel {
    level: Level,
    /// What its limits are counted under: all calls below it share them.
    id: Uuid,
    rpm: Option<u32>,
    tpm: Option<u32>,
    concurrency: Option<u32>,
    allowed_models: Option<Vec<String>>,
    rules: Option<Rules>,
}

impl Levels {
    pub(crate) fn new(rows: Vec<LevelRow>) -> Result<Self, NetworkError> {
        let one = |row: LevelRow| {
            let narrowing = row.narrowing;
            Ok(OneLevel {
                level: row.level,
                id: row.id,
                rpm: narrowing.rpm,
                tpm: narrowing.tpm,
                concurrency: narrowing.concurrency,
                allowed_models: narrowing.allowed_models,
                rules: Rules::new(row.level, narrowing.rules)?,
            })
        };
        rows.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    fn rules(&self) -> impl Iterator<Item = &Rules> {
        self.0.iter().filter_map(|level| level.rules.as_ref())
    }

    /// Refuses a call from an address that a level does not name.
    pub(crate) fn address_allowed(&self, client: IpAddr) -> Result<(), Fault> {
        self.rules().try_for_each(|rules| rules.address_allowed(client))
    }

    /// Refuses a model that a level does not name. `root` is the catalog's id, `asked` what the caller wrote.
    pub(crate) fn model_allowed(&self, root: &str, asked: &str) -> Result<(), Fault> {
        for level in &self.0 {
            let Some(allowed) = &level.allowed_models else { continue };
            if !allowed.iter().any(|model| model == root || model == asked) {
                let subject = subject(level.level);
                let say = format!("{subject} may not call `{asked}`; it may call: {}", allowed.join(", "));
                return Err(Fault::new(Code::PermissionDenied, say).param("model"));
            }
        }
        Ok(())
    }

    /// Whether rules look at deployments at all.
    pub(crate) fn have_rules(&self) -> bool {
        self.rules().next().is_some()
    }

    /// The rule that keeps calls away from this deployment, as a sentence; none when it may be called.
    pub(crate) fn bar(&self, catalog: &Catalog, deployment: &Arc<Deployment>, now: UnixMicros) -> Option<String> {
        self.rules().find_map(|rules| rules.bar(catalog, deployment, now))
    }

    /// Adds the levels' tags and metadata to a call's own; what a narrower level says wins.
    pub(crate) fn note(&self, options: &mut Options) -> Result<(), Fault> {
        self.0.iter().rev().filter_map(|level| level.rules.as_ref()).try_for_each(|rules| rules.note(options))
    }

    /// What a call wants of each level's limits of requests and of calls at once.
    pub(crate) fn wanted_request(&self) -> Vec<(Uuid, Wanted)> {
        let limited = self.0.iter().filter(|level| level.rpm.is_some() || level.concurrency.is_some());
        limited.map(|level| (level.id, Wanted { rpm: level.rpm, concurrency: level.concurrency, ..Wanted::default() })).collect()
    }

    /// What a call wants of each level's limit of tokens.
    pub(crate) fn wanted_tokens(&self, tokens: u64) -> Vec<(Uuid, Wanted)> {
        self.token_limits().map(|(id, tpm)| (id, Wanted { tpm: Some(tpm), tokens, ..Wanted::default() })).collect()
    }

    /// What counts tokens, and how many a minute.
    pub(crate) fn token_limits(&self) -> impl Iterator<Item = (Uuid, u32)> {
        self.0.iter().filter_map(|level| level.tpm.map(|tpm| (level.id, tpm)))
    }

    /// Whose limits are counted under an id.
    pub(crate) fn level_of(&self, id: Uuid) -> Level {
        self.0.iter().find(|level| level.id == id).map_or(Level::ApiKey, |level| level.level)
    }
}

/// Who it is that may not.
pub(crate) fn subject(level: Level) -> &'static str {
    match level {
        Level::Organization => "this organization",
        Level::Project => "this project",
        Level::SubAccount => "this sub-account",
        Level::ApiKey => "this API key",
    }
}

#[cfg(test)]
#[path = "levels_tests.rs"]
mod tests;
