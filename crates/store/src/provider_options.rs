//! What belongs to a provider key by the kind of its provider: options that are shown, and secrets that are not.

use std::collections::BTreeMap;

use domain::{NanoUsd, Secret};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::words::{SecretKind, SpendWindow};

/// Options of a provider key, kept as one JSON object. None of them is secret.
///
/// An option that this version does not know makes the object unreadable: a call must not go elsewhere than was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProviderOptions {
    /// Azure OpenAI.
    Azure {
        /// Of the address `https://{resource}.openai.azure.com`; `None`: the key has a base URL.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
        /// Of the older address, `…/openai/deployments/{deployment}/…?api-version=…`; `None`: `…/openai/v1/…`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api_version: Option<String>,
        /// From our ids of models to names of deployments; a model that is not here has a deployment of its own name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        deployments: BTreeMap<String, String>,
    },
    /// Google Vertex AI; the location is the key's region.
    Vertex {
        /// The cloud project.
        project: String,
    },
    /// OpenAI, and others of its dialect.
    Openai {
        /// Sent as `OpenAI-Organization`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        organization: Option<String>,
        /// Sent as `OpenAI-Project`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<String>,
    },
}

/// What opens a provider. One text of it is sealed; [`SecretKind`] says how that reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderSecret {
    /// Sent in a header as it is.
    Key(Secret<String>),
    /// Signs requests to AWS.
    Aws {
        /// `AKIA…`.
        access_key_id: String,
        /// What signs.
        secret_access_key: Secret<String>,
        /// Of temporary credentials.
        session_token: Option<Secret<String>>,
    },
    /// Signs for access tokens of Google Cloud.
    ServiceAccount(ServiceAccount),
}

/// The parts of a Google service account's key file that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Who it is.
    pub client_email: String,
    /// PEM, PKCS#8.
    pub private_key: Secret<String>,
    /// Which of its keys.
    pub private_key_id: Option<String>,
    /// Where tokens are given out.
    pub token_uri: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AwsText {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountText {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

impl ProviderSecret {
    /// How its text reads.
    pub const fn kind(&self) -> SecretKind {
        match self {
            Self::Key(_) => SecretKind::Key,
            Self::Aws { .. } => SecretKind::Aws,
            Self::ServiceAccount(_) => SecretKind::ServiceAccount,
        }
    }

    /// The text that is sealed.
    pub fn spelled(&self) -> Result<Secret<String>, StoreError> {
        let text = match self {
            Self::Key(key) => return Ok(key.clone()),
            Self::Aws { access_key_id, secret_access_key, session_token } => serde_json::to_string(&AwsText {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.expose().clone(),
                session_token: session_token.as_ref().map(|token| token.expose().clone()),
            }),
            Self::ServiceAccount(account) => serde_json::to_string(&AccountText {
                client_email: account.client_email.clone(),
                private_key: account.private_key.expose().clone(),
                private_key_id: account.private_key_id.clone(),
                token_uri: account.token_uri.clone(),
            }),
        };
        text.map(Secret::new).map_err(|source| StoreError::Failed { act: "spell a provider secret", source: source.into() })
    }

    /// Reads the text that was sealed. The error does not quote it.
    pub fn read(kind: SecretKind, text: Secret<String>) -> Result<Self, StoreError> {
        const WRONG: StoreError = StoreError::Corrupt { what: "sealed provider secret" };
        match kind {
            SecretKind::Key => Ok(Self::Key(text)),
            SecretKind::Aws => {
                let read: AwsText = serde_json::from_str(text.expose()).map_err(|_| WRONG)?;
                Ok(Self::Aws {
                    access_key_id: read.access_key_id,
                    secret_access_key: Secret::new(read.secret_access_key),
                    session_token: read.session_token.map(Secret::new),
                })
            }
            SecretKind::ServiceAccount => {
                let read: AccountText = serde_json::from_str(text.expose()).map_err(|_| WRONG)?;
                Ok(Self::ServiceAccount(ServiceAccount {
                    client_email: read.client_email,
                    private_key: Secret::new(read.private_key),
                    private_key_id: read.private_key_id,
                    token_uri: read.token_uri,
                }))
            }
        }
    }

    /// Each text of it that nobody may see.
    pub fn secrets(&self) -> Vec<&Secret<String>> {
        match self {
            Self::Key(key) => vec![key],
            Self::Aws { secret_access_key, session_token, .. } => std::iter::once(secret_access_key).chain(session_token).collect(),
            Self::ServiceAccount(account) => vec![&account.private_key],
        }
    }
}

/// The most that a key's calls may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendCap {
    /// At the provider's prices.
    pub amount: NanoUsd,
    /// Counted since when.
    pub window: SpendWindow,
}

/// What a key may be used for, and how: everything beside the secret and its place in the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderKeySettings {
    /// Where its account is; a call that asks for a region uses keys of that region or of none.
    pub region: Option<String>,
    /// By kind of provider.
    pub options: Option<ProviderOptions>,
    /// Model ids that it is used for; `None`: all.
    pub allowed_models: Option<Vec<String>>,
    /// The most that its calls may cost.
    pub spend_cap: Option<SpendCap>,
}

pub(crate) fn options_stored(options: Option<&ProviderOptions>) -> Result<Option<String>, StoreError> {
    let spelled = options.map(serde_json::to_string).transpose();
    spelled.map_err(|source| StoreError::Failed { act: "spell a provider key's options", source: source.into() })
}

pub(crate) fn options_read(text: Option<String>) -> Result<Option<ProviderOptions>, StoreError> {
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Corrupt { what: "options of a provider key" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_as_it_was_spelled() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let account = ServiceAccount {
            client_email: "a@b.iam.gserviceaccount.com".to_owned(),
            private_key: secret("-----BEGIN PRIVATE KEY-----\nAAAA\n"),
            private_key_id: None,
            token_uri: "https://oauth2.googleapis.com/token".to_owned(),
        };
        for value in [
            ProviderSecret::Key(secret("{\"kind\":\"aws\"}")),
            ProviderSecret::Aws { access_key_id: "AKIA".to_owned(), secret_access_key: secret("s"), session_token: Some(secret("t")) },
            ProviderSecret::ServiceAccount(account),
        ] {
            let text = value.spelled().unwrap();
            assert_eq!(ProviderSecret::read(value.kind(), text).unwrap(), value);
            assert!(!format!("{value:?}").contains("AAAA"));
        }
        let wrong = ProviderSecret::read(SecretKind::Aws, secret("sk-canary"));
        assert!(matches!(&wrong, Err(error) if !format!("{error:?}").contains("canary")), "{wrong:?}");
    }

    #[test]
    fn an_option_that_is_not_known_is_not_passed_over() {
        let text = r#"{"kind":"azure","resource":"eu-1"}"#;
        let read = options_read(Some(text.to_owned())).unwrap();
        assert_eq!(options_stored(read.as_ref()).unwrap().as_deref(), Some(text));
        for wrong in [r#"{"kind":"azure","moon":"full"}"#, r#"{"kind":"vertex"}"#, r#"{"kind":"moon"}"#, "{}"] {
            assert!(options_read(Some(wrong.to_owned())).is_err(), "{wrong}");
        }
    }
}
