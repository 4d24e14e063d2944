//! What belongs to a provider key beside the key, as it is written and read.

use std::collections::BTreeMap;

use domain::{Fault, NanoUsd, Secret};
use serde::{Deserialize, Serialize};
use store::{ProviderOptions, SecretKind, SpendCap, SpendWindow};
use utoipa::ToSchema;

use crate::app::checks::invalid;
use crate::app::provider_settings::SecretGiven;

/// What opens a provider that no single key opens.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum CredentialsIn {
    /// An AWS access key, for Bedrock.
    #[schema(title = "AwsCredentials")]
    Aws {
        #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
        access_key_id: String,
        #[schema(value_type = String, format = Password, write_only)]
        secret_access_key: Secret<String>,
        /// Of temporary credentials.
        #[schema(value_type = Option<String>, format = Password, write_only)]
        session_token: Option<Secret<String>>,
    },
    /// A Google service account, for Vertex AI.
    #[schema(title = "ServiceAccountCredentials")]
    ServiceAccount {
        /// The text of its key file.
        #[schema(value_type = String, format = Password, write_only)]
        json: Secret<String>,
    },
}

/// The key, or the credentials: one of them.
pub(super) fn secret(key: Option<Secret<String>>, credentials: Option<CredentialsIn>) -> Result<SecretGiven, Fault> {
    secret_opt(key, credentials)?.ok_or_else(|| invalid("key", "`key` is missing (or `credentials`, for AWS Bedrock and Google Vertex AI)"))
}

/// The key, or the credentials, or neither.
pub(super) fn secret_opt(key: Option<Secret<String>>, credentials: Option<CredentialsIn>) -> Result<Option<SecretGiven>, Fault> {
    match (key, credentials) {
        (Some(_), Some(_)) => Err(invalid("credentials", "give either `key` or `credentials`")),
        (Some(key), None) => Ok(Some(SecretGiven::Key(key))),
        (None, Some(CredentialsIn::Aws { access_key_id, secret_access_key, session_token })) => {
            Ok(Some(SecretGiven::Aws { access_key_id, secret_access_key, session_token }))
        }
        (None, Some(CredentialsIn::ServiceAccount { json })) => Ok(Some(SecretGiven::ServiceAccount(json))),
        (None, None) => Ok(None),
    }
}

/// What kind of secret a key is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecretKindOut {
    /// A key that is sent as it is.
    Key,
    /// An AWS access key.
    Aws,
    /// A Google service account.
    ServiceAccount,
}

impl From<SecretKind> for SecretKindOut {
    fn from(kind: SecretKind) -> Self {
        match kind {
            SecretKind::Key => Self::Key,
            SecretKind::Aws => Self::Aws,
            SecretKind::ServiceAccount => Self::ServiceAccount,
        }
    }
}

/// From model ids to deployments. It has a name of its own, because generators of clients make two of it otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!({"gpt-4o": "my-gpt-4o"}))]
pub(super) struct Deployments(BTreeMap<String, String>);

/// Options by kind of provider.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ProviderOptionsBody {
    /// Azure OpenAI.
    #[schema(title = "AzureOptions")]
    Azure {
        /// Of the address `https://{resource}.openai.azure.com`; left out when `base_url` is the resource's endpoint.
        #[schema(example = "my-resource")]
        resource: Option<String>,
        /// Of the older address with `/openai/deployments/…`; left out for `/openai/v1/…`.
        #[schema(example = "2024-10-21")]
        api_version: Option<String>,
        /// From model ids to deployments; a model that is not here has a deployment of its own name.
        #[serde(default)]
        #[schema(required = false)]
        deployments: Deployments,
    },
    /// Google Vertex AI; `region` is its location.
    #[schema(title = "VertexOptions")]
    Vertex {
        /// Id of the cloud project.
        #[schema(example = "my-project")]
        project: String,
    },
    /// OpenAI, and others of its dialect.
    #[schema(title = "OpenaiOptions")]
    Openai {
        /// Sent as `OpenAI-Organization`.
        #[schema(example = "org-abc123")]
        organization: Option<String>,
        /// Sent as `OpenAI-Project`.
        #[schema(example = "proj_abc123")]
        project: Option<String>,
    },
}

impl From<ProviderOptions> for ProviderOptionsBody {
    fn from(options: ProviderOptions) -> Self {
        match options {
            ProviderOptions::Azure { resource, api_version, deployments } => {
                Self::Azure { resource, api_version, deployments: Deployments(deployments) }
            }
            ProviderOptions::Vertex { project } => Self::Vertex { project },
            ProviderOptions::Openai { organization, project } => Self::Openai { organization, project },
        }
    }
}

impl From<ProviderOptionsBody> for ProviderOptions {
    fn from(options: ProviderOptionsBody) -> Self {
        match options {
            ProviderOptionsBody::Azure { resource, api_version, deployments: Deployments(deployments) } => {
                Self::Azure { resource, api_version, deployments }
            }
            ProviderOptionsBody::Vertex { project } => Self::Vertex { project },
            ProviderOptionsBody::Openai { organization, project } => Self::Openai { organization, project },
        }
    }
}

/// Since when a key's spend is counted.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpendWindowInOut {
    /// The first of this month, in UTC.
    Month,
    /// Its first call.
    Total,
}

impl From<SpendWindow> for SpendWindowInOut {
    fn from(window: SpendWindow) -> Self {
        match window {
            SpendWindow::Month => Self::Month,
            SpendWindow::Total => Self::Total,
        }
    }
}

impl From<SpendWindowInOut> for SpendWindow {
    fn from(window: SpendWindowInOut) -> Self {
        match window {
            SpendWindowInOut::Month => Self::Month,
            SpendWindowInOut::Total => Self::Total,
        }
    }
}

/// A cap of its fields; a window alone is none.
pub(super) fn cap(amount: Option<i64>, window: Option<SpendWindowInOut>) -> Result<Option<SpendCap>, Fault> {
    match (amount, window) {
        (Some(amount), window) => {
            Ok(Some(SpendCap { amount: NanoUsd(amount), window: window.map_or(SpendWindow::Month, SpendWindow::from) }))
        }
        (None, Some(_)) => Err(invalid("spend_cap_nano_usd", "give `spend_cap_nano_usd` together with `spend_window`")),
        (None, None) => Ok(None),
    }
}
