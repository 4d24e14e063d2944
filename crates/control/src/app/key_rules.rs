//! What an API key's rules may say, and how they are kept: in one spelling, which gateways compare as it is.

use catalog::Catalog;
use domain::Fault;
use service::address::Networks;
use store::KeyRules;

use crate::app::checks::{self, invalid};

/// Limit: networks that a key may name.
const IPS_MAX: usize = 100;
/// Limit: models, and providers, that a list may name.
const NAMES_MAX: usize = 200;
/// Limit: tags of a key and bytes of one, as of a call.
const TAGS_MAX: usize = 20;
const TAG_BYTES_MAX: usize = 100;
/// Limit: bytes of a key's metadata as JSON, as of a call.
const METADATA_BYTES_MAX: usize = 4_096;

/// The rules as they are kept, or the first field that is wrong.
pub(super) fn checked(rules: KeyRules, catalog: &Catalog) -> Result<KeyRules, Fault> {
    let allowed_ips = networks(&rules.allowed_ips)?;
    names("rules.denied_models", &rules.denied_models)?;
    tags(&rules.tags)?;
    metadata(&rules)?;
    Ok(KeyRules {
        allowed_ips,
        allowed_providers: providers("rules.allowed_providers", &rules.allowed_providers, catalog)?,
        denied_providers: providers("rules.denied_providers", &rules.denied_providers, catalog)?,
        ..rules
    })
}

fn networks(texts: &[String]) -> Result<Vec<String>, Fault> {
    if texts.len() > IPS_MAX {
        return Err(invalid("rules.allowed_ips", format!("`rules.allowed_ips` may name at most {IPS_MAX} addresses or CIDR blocks")));
    }
    let one = |(at, text): (usize, &String)| {
        let param = format!("rules.allowed_ips[{at}]");
        Networks::read([text]).map(|network| network.spelled()).map_err(|error| invalid(&param, format!("`{param}`: {error}")))
    };
    Ok(texts.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?.concat())
}

fn names(param: &str, names: &[String]) -> Result<(), Fault> {
    if names.len() > NAMES_MAX {
        return Err(invalid(param, format!("`{param}` may name at most {NAMES_MAX}")));
    }
    for (at, name) in names.iter().enumerate() {
        let param = format!("{param}[{at}]");
        if checks::name(&param, name)? != *name {
            return Err(invalid(&param, format!("`{param}` must have no blanks around it")));
        }
    }
    Ok(())
}

/// The catalog's ids: a name that it does not know would allow nothing, or deny nothing.
fn providers(param: &str, named: &[String], catalog: &Catalog) -> Result<Vec<String>, Fault> {
    names(param, named)?;
    let one = |(at, name): (usize, &String)| {
        let param = format!("{param}[{at}]");
        let known = catalog.provider(name).map(|provider| provider.id.to_string());
        known
            .ok_or_else(|| invalid(&param, format!("`{param}`: there is no provider `{name}`; write an id of the catalog, such as openai")))
    };
    named.iter().enumerate().map(one).collect()
}

fn tags(tags: &[String]) -> Result<(), Fault> {
    let wrong = |tag: &String| {
        tag.is_empty() || tag.len() > TAG_BYTES_MAX || tag.trim() != tag || tag.contains(|c: char| c == ',' || c.is_control())
    };
    if tags.len() > TAGS_MAX || tags.iter().any(wrong) {
        let say =
            format!("`rules.tags` may hold at most {TAGS_MAX} tags of 1 to {TAG_BYTES_MAX} bytes, without commas or blanks around them");
        return Err(invalid("rules.tags", say));
    }
    Ok(())
}

fn metadata(rules: &KeyRules) -> Result<(), Fault> {
    let bytes = serde_json::to_string(&rules.metadata).map_err(|error| Fault::internal("spell a key's metadata", error))?.len();
    if bytes > METADATA_BYTES_MAX || rules.metadata.contains_key("") {
        let say = format!("`rules.metadata` may have at most {METADATA_BYTES_MAX} bytes as JSON, and no empty name");
        return Err(invalid("rules.metadata", say));
    }
    Ok(())
}
