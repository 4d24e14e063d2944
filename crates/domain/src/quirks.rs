//! What a provider does differently from the dialect it speaks, as data of its catalog row.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Changes to the top-level parameters of a request, applied in this order: rename, drop, clamp, require.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Parameter → the provider's name for it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// Parameters that the provider refuses; reported as dropped.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub drop: BTreeSet<String>,
    /// Numeric parameter → lowest and highest value it takes, in thousandths.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clamp_milli: BTreeMap<String, (i64, i64)>,
    /// Parameter → JSON text that is sent when the caller sent none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, String>,
    /// The provider refuses `stream_options` (it reports usage in streams anyway, or never).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_stream_options: bool,
    /// The provider knows only the older `max_tokens`, or (`max_completion_tokens`) only the newer name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens_name: Option<String>,
}

impl Quirks {
    /// True when a request of the provider's dialect may pass unchanged.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
