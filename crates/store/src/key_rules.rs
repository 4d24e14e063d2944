//! What an API key's calls are held to beside its limits, and what is noted of each of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// Rules of a key, kept as one JSON object. Each only narrows what the key may do; an empty one is none.
///
/// A rule that this version does not know makes the object unreadable: it must not be passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRules {
    /// CIDR blocks that calls may come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<String>,
    /// Model ids that it may not call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_models: Vec<String>,
    /// Provider ids that its calls may go to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_providers: Vec<String>,
    /// Provider ids that its calls may not go to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_providers: Vec<String>,
    /// The most that a million input tokens may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_price_max_nano_usd_per_million: Option<u64>,
    /// The most that a million output tokens may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_price_max_nano_usd_per_million: Option<u64>,
    /// Added to the tags of each call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Added to the metadata of each call, unless the call says otherwise.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// As a column holds them; nothing when there are none.
pub(crate) fn rules_stored(rules: &KeyRules) -> Result<Option<String>, StoreError> {
    if *rules == KeyRules::default() {
        return Ok(None);
    }
    let spelled = serde_json::to_string(rules).map(Some);
    spelled.map_err(|error| StoreError::Failed { act: "spell a key's rules", source: error.into() })
}

pub(crate) fn rules_read(text: Option<String>) -> Result<KeyRules, StoreError> {
    let Some(text) = text else { return Ok(KeyRules::default()) };
    serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { what: "rules" })
}

#[cfg(test)]
mod tests {
    use super::{KeyRules, rules_read, rules_stored};
    use crate::StoreError;

    #[test]
    fn none_is_null_and_an_unknown_rule_is_not_passed_over() {
        assert_eq!(rules_stored(&KeyRules::default()).unwrap(), None);
        assert_eq!(rules_read(None).unwrap(), KeyRules::default());
        let rules = KeyRules { denied_models: vec!["gpt-4o".to_owned()], ..KeyRules::default() };
        let text = rules_stored(&rules).unwrap().unwrap();
        assert_eq!(text, r#"{"denied_models":["gpt-4o"]}"#);
        assert_eq!(rules_read(Some(text)).unwrap(), rules);
        for wrong in [r#"{"moon_phase":"full"}"#, "7", ""] {
            assert!(matches!(rules_read(Some(wrong.to_owned())), Err(StoreError::Corrupt { what: "rules" })), "{wrong}");
        }
    }
}
