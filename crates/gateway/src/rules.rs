//! The rules of one level beside its limits: where its calls may come from, what they may reach, and what is noted of each.
//!
//! They only narrow: a call that they let through is still held to everything else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use catalog::{Catalog, Deployment, Rates};
use domain::{Code, Fault, PicoUsdPerUnit, UnixMicros};
use service::address::{NetworkError, Networks};
use store::{KeyRules, Level};

use crate::call::{METADATA_BYTES_MAX, Options, TAGS_MAX};

/// A pico-USD for a token is so many nano-USD for a million.
const NANO_USD_PER_MILLION: i128 = 1_000;

/// A level's rules, ready to be held against calls. Levels without any have none of these.
#[derive(Debug)]
pub(crate) struct Rules {
    level: Level,
    /// None: calls come from anywhere.
    networks: Option<Networks>,
    rules: KeyRules,
}

impl Rules {
    /// None when there are none, which is what most keys have.
    pub(crate) fn new(level: Level, rules: KeyRules) -> Result<Option<Self>, NetworkError> {
        if rules == KeyRules::default() {
            return Ok(None);
        }
        let networks = if rules.allowed_ips.is_empty() { None } else { Some(Networks::read(&rules.allowed_ips)?) };
        Ok(Some(Self { level, networks, rules }))
    }

    /// Refuses a call from an address that is not on the list.
    pub(crate) fn address_allowed(&self, client: IpAddr) -> Result<(), Fault> {
        match &self.networks {
            Some(networks) if !networks.contains(client) => Err(Fault::new(
                Code::PermissionDenied,
                format!(
                    "this API key may not be used from {client}: {} `allowed_ips` do not name that address; call from one that they name",
                    self.whose()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// As sentences about a key call it.
    fn whose(&self) -> &'static str {
        match self.level {
            Level::Organization => "its organization's",
            Level::Project => "its project's",
            Level::SubAccount => "its sub-account's",
            Level::ApiKey => "its",
        }
    }

    /// The rule that keeps calls away from this deployment, as a sentence; none when it may be called.
    pub(crate) fn bar(&self, catalog: &Catalog, deployment: &Arc<Deployment>, now: UnixMicros) -> Option<String> {
        let (rules, provider, whose) = (&self.rules, &deployment.provider, self.whose());
        let named = |list: &[String]| list.iter().any(|name| **name == *provider.id);
        if let Some(entry) = rules.denied_models.iter().find(|entry| is_meant(entry, catalog, deployment)) {
            return Some(format!("{whose} `denied_models` name `{entry}`"));
        }
        if named(&rules.denied_providers) {
            return Some(format!("{whose} `denied_providers` name `{}`", provider.id));
        }
        if !rules.allowed_providers.is_empty() && !named(&rules.allowed_providers) {
            return Some(format!("{whose} `allowed_providers` are {}", rules.allowed_providers.join(", ")));
        }
        let too_dear = |max: Option<u64>, name: &str, of: fn(&Rates) -> PicoUsdPerUnit| {
            let max = max?;
            match dearest(deployment, now, of) {
                Some(price) if price * NANO_USD_PER_MILLION <= i128::from(max) => None,
                Some(_) => Some(format!("{whose} `{name}` is {max}, and `{}` costs more at `{}`", deployment.upstream, provider.id)),
                None => {
                    Some(format!("{whose} `{name}` is {max}, and the price of `{}` at `{}` is not known", deployment.upstream, provider.id))
                }
            }
        };
        too_dear(rules.input_price_max_nano_usd_per_million, "input_price_max_nano_usd_per_million", |rates| rates.input).or_else(|| {
            too_dear(rules.output_price_max_nano_usd_per_million, "output_price_max_nano_usd_per_million", |rates| rates.output)
        })
    }

    /// Adds the level's tags and metadata to a call's own.
    pub(crate) fn note(&self, options: &mut Options) -> Result<(), Fault> {
        for tag in &self.rules.tags {
            if !options.tags.contains(tag) {
                options.tags.push(tag.clone());
            }
        }
        if options.tags.len() > TAGS_MAX {
            let say =
                format!("this call and the rules that it is held to have more than {TAGS_MAX} tags together; send fewer in `x-llmg-tags`");
            return Err(Fault::new(Code::InvalidRequest, say).param("x-llmg-tags"));
        }
        if self.rules.metadata.is_empty() {
            return Ok(());
        }
        let mut metadata = self.rules.metadata.clone();
        if !options.metadata_json.is_empty() {
            let own: BTreeMap<String, String> =
                serde_json::from_str(&options.metadata_json).map_err(|error| Fault::internal("read a call's metadata again", error))?;
            metadata.extend(own);
        }
        let json = serde_json::to_string(&metadata).map_err(|error| Fault::internal("spell a call's metadata", error))?;
        if json.len() > METADATA_BYTES_MAX {
            let say = format!(
                "the metadata of this call and of the rules that it is held to have more than {METADATA_BYTES_MAX} bytes together; send less in `x-llmg-metadata`"
            );
            return Err(Fault::new(Code::InvalidRequest, say).param("x-llmg-metadata"));
        }
        options.metadata_json = json;
        Ok(())
    }
}

/// Whether a name in a list of models means this deployment. A name without a provider means all of them.
pub(crate) fn is_meant(entry: &str, catalog: &Catalog, deployment: &Arc<Deployment>) -> bool {
    let Ok(meant) = catalog.resolve(entry) else { return false };
    if !meant.model.deployments.iter().any(|found| Arc::ptr_eq(found, deployment)) {
        return false;
    }
    match (meant.pinned, meant.exact.is_some() || meant.region.is_some()) {
        (None, _) => true,
        (Some(provider), false) => Arc::ptr_eq(provider, &deployment.provider),
        (Some(_), true) => meant.deployments().any(|found| Arc::ptr_eq(found, deployment)),
    }
}

/// The highest price of a token, short and long calls alike. None: not known, or not by tokens alone.
fn dearest(deployment: &Deployment, now: UnixMicros, of: fn(&Rates) -> PicoUsdPerUnit) -> Option<i128> {
    let price = &deployment.price_at(now).filter(|version| !version.price.is_by_units())?.price;
    price.tiers.iter().map(|tier| &tier.rates).chain([&price.rates]).map(|rates| i128::from(of(rates).0)).max()
}

#[cfg(test)]
mod tests {
    use domain::Code;
    use http::HeaderMap;
    use store::{KeyRules, Level};

    use super::Rules;
    use crate::call::Options;

    fn rules(tags: &[&str], metadata: &[(&str, &str)]) -> Rules {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let rules = KeyRules {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            metadata: metadata.iter().map(own).collect(),
            ..KeyRules::default()
        };
        Rules::new(Level::ApiKey, rules).unwrap().unwrap()
    }

    fn noted(rules: &Rules, headers: &[(&'static str, &str)]) -> Result<(Vec<String>, String), Option<String>> {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let mut options = Options::read(&headers).unwrap();
        rules.note(&mut options).map_err(|fault| {
            assert_eq!(fault.code(), Code::InvalidRequest);
            fault.wrong_param().map(str::to_owned)
        })?;
        Ok((options.tags, options.metadata_json))
    }

    #[test]
    fn a_level_without_rules_has_none() {
        assert!(Rules::new(Level::ApiKey, KeyRules::default()).unwrap().is_none());
        assert!(Rules::new(Level::ApiKey, KeyRules { allowed_ips: vec!["nowhere".to_owned()], ..KeyRules::default() }).is_err());
    }

    #[test]
    fn tags_are_united_and_the_calls_own_metadata_wins() {
        let key = rules(&["search", "eu"], &[("team", "search"), ("stage", "test")]);
        let json = r#"{"stage":"test","team":"search"}"#;
        assert_eq!(noted(&key, &[]), Ok((vec!["search".to_owned(), "eu".to_owned()], json.to_owned())));
        let headers = [("x-llmg-tags", "eu,beta"), ("x-llmg-metadata", r#"{"stage":"live","user":"7"}"#)];
        let (tags, metadata) = noted(&key, &headers).unwrap();
        assert_eq!(tags, ["eu", "beta", "search"]);
        assert_eq!(metadata, r#"{"stage":"live","team":"search","user":"7"}"#);
        let own = noted(&rules(&["a"], &[]), &[("x-llmg-metadata", r#"{"b":"1",  "a":"2"}"#)]).unwrap();
        assert_eq!(own.1, r#"{"b":"1",  "a":"2"}"#, "what the key does not add to stays as it was sent");
    }

    #[test]
    fn together_they_keep_within_a_calls_limits() {
        let twenty: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
        let twenty: Vec<&str> = twenty.iter().map(String::as_str).collect();
        let key = rules(&twenty, &[]);
        assert!(noted(&key, &[("x-llmg-tags", "t0,t19")]).is_ok());
        assert_eq!(noted(&key, &[("x-llmg-tags", "one more")]), Err(Some("x-llmg-tags".to_owned())));
        let long = "x".repeat(3_000);
        let more = format!(r#"{{"b":"{long}"}}"#);
        assert_eq!(noted(&rules(&[], &[("a", &long)]), &[("x-llmg-metadata", &more)]), Err(Some("x-llmg-metadata".to_owned())));
    }
}
