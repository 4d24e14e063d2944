//! What a provider key may say beside the key, by the kind of its provider.

use catalog::{Catalog, Dialect, Provider};
use domain::{Fault, NanoUsd, Secret};
use serde::Deserialize;
use store::{ProviderKeySettings, ProviderOptions, ProviderSecret, ServiceAccount};

use crate::app::checks::invalid;

/// Limit: bytes of a provider's key.
const KEY_BYTES_MAX: usize = 4_096;
/// Limit: bytes of a service account's key file.
const ACCOUNT_BYTES_MAX: usize = 16 * 1_024;
/// Limit: bytes of a session token; AWS promises no length.
const TOKEN_BYTES_MAX: usize = 8_192;
/// Limit: models of a list, and deployments of a map.
const NAMES_MAX: usize = 200;
/// Limit: bytes of a name that goes into an address or a header.
const WORD_BYTES_MAX: usize = 100;
const AZURE: &str = "azure";
const MANTLE: &str = "aws-bedrock-mantle";

/// What opens a provider, as it was given.
#[derive(Debug, Clone)]
pub enum SecretGiven {
    /// A key that is sent as it is.
    Key(Secret<String>),
    /// An AWS access key.
    Aws {
        /// `AKIA…`.
        access_key_id: String,
        /// What signs.
        secret_access_key: Secret<String>,
        /// Of temporary credentials.
        session_token: Option<Secret<String>>,
    },
    /// The text of a Google service account's key file.
    ServiceAccount(Secret<String>),
}

/// What Google writes into the file, as far as it matters.
#[derive(Deserialize)]
struct AccountFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: Secret<String>,
    private_key_id: Option<String>,
    token_uri: String,
}

/// The secret as it is kept. Its errors quote nothing of it.
pub(super) fn secret(provider: &Provider, given: SecretGiven, plain: bool) -> Result<ProviderSecret, Fault> {
    match given {
        SecretGiven::Key(_) if provider.dialect == Dialect::Vertex => {
            Err(invalid("credentials", format!("{} is opened by a service account: give its key file in `credentials`", provider.name)))
        }
        SecretGiven::Key(key) => {
            graphic("key", &key, KEY_BYTES_MAX)?;
            Ok(ProviderSecret::Key(key))
        }
        SecretGiven::Aws { .. } | SecretGiven::ServiceAccount(_) if !takes(provider, &given) => {
            Err(invalid("credentials", format!("{} is opened by a key: give `key` instead of these `credentials`", provider.name)))
        }
        SecretGiven::Aws { access_key_id, secret_access_key, session_token } => {
            let id = Secret::new(access_key_id.clone());
            graphic("credentials.access_key_id", &id, WORD_BYTES_MAX)?;
            graphic("credentials.secret_access_key", &secret_access_key, KEY_BYTES_MAX)?;
            if let Some(token) = &session_token {
                graphic("credentials.session_token", token, TOKEN_BYTES_MAX)?;
            }
            Ok(ProviderSecret::Aws { access_key_id, secret_access_key, session_token })
        }
        SecretGiven::ServiceAccount(text) => account(&text, plain).map(ProviderSecret::ServiceAccount),
    }
}

fn takes(provider: &Provider, given: &SecretGiven) -> bool {
    match given {
        SecretGiven::Key(_) => provider.dialect != Dialect::Vertex,
        SecretGiven::Aws { .. } => is_aws(provider),
        SecretGiven::ServiceAccount(_) => provider.dialect == Dialect::Vertex,
    }
}

fn is_aws(provider: &Provider) -> bool {
    provider.dialect == Dialect::Bedrock || &*provider.id == MANTLE
}

fn graphic(param: &str, secret: &Secret<String>, bytes_max: usize) -> Result<(), Fault> {
    let text = secret.expose();
    if text.is_empty() || text.len() > bytes_max || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let say = format!("`{param}` must have 1 to {bytes_max} printable ASCII characters without blanks; copy it again");
        return Err(invalid(param, say));
    }
    Ok(())
}

fn account(text: &Secret<String>, plain: bool) -> Result<ServiceAccount, Fault> {
    let wrong =
        |say: &str| invalid("credentials.json", format!("`credentials.json` {say}; give the whole key file of the service account"));
    if text.expose().len() > ACCOUNT_BYTES_MAX {
        return Err(wrong("is too long"));
    }
    // serde's error would quote the file.
    let file: AccountFile = serde_json::from_str(text.expose()).map_err(|_| wrong("is not the key file of a service account"))?;
    if file.kind != "service_account" {
        return Err(wrong("is of another type than `service_account`"));
    }
    if !file.private_key.expose().contains("PRIVATE KEY-----") {
        return Err(wrong("holds no private key"));
    }
    let is_address = file.token_uri.starts_with("https://") || plain && file.token_uri.starts_with("http://");
    if !is_address || file.token_uri.contains('@') || file.token_uri.parse::<axum::http::Uri>().is_err() {
        return Err(wrong("has a `token_uri` that is no https address"));
    }
    let AccountFile { client_email, private_key, private_key_id, token_uri, .. } = file;
    Ok(ServiceAccount { client_email, private_key, private_key_id, token_uri })
}

/// Whether the address follows from what was given, so that none must be named.
pub(super) fn has_place(provider: &Provider, settings: &ProviderKeySettings) -> bool {
    match &settings.options {
        Some(ProviderOptions::Azure { resource, .. }) => resource.is_some(),
        _ if provider.dialect == Dialect::Vertex || is_aws(provider) => settings.region.is_some(),
        _ => provider.base_url.is_some() || provider.simulated,
    }
}

/// What of the settings decides where a secret is sent: it changes only together with the secret.
pub(super) fn place<'a>(provider: &Provider, settings: &'a ProviderKeySettings) -> (Option<&'a str>, Option<&'a str>) {
    let resource = match &settings.options {
        Some(ProviderOptions::Azure { resource, .. }) => resource.as_deref(),
        _ => None,
    };
    let by_region = provider.dialect == Dialect::Vertex || is_aws(provider);
    (settings.region.as_deref().filter(|_| by_region), resource)
}

/// Refuses settings that the provider has no use for, and missing ones.
pub(super) fn checked(
    provider: &Provider,
    catalog: &Catalog,
    base_url: Option<&str>,
    settings: &ProviderKeySettings,
    is_signed: bool,
) -> Result<(), Fault> {
    if let Some(region) = &settings.region {
        word("region", region, "-")?;
    }
    let needs_region = provider.dialect == Dialect::Vertex || is_aws(provider) && (base_url.is_none() || is_signed);
    if needs_region && settings.region.is_none() {
        return Err(invalid("region", format!("{} has no address without a region: give `region`, such as eu-west-1", provider.name)));
    }
    options(provider, catalog, base_url, settings.options.as_ref())?;
    models(provider, catalog, settings.allowed_models.as_deref())?;
    if settings.spend_cap.is_some_and(|cap| cap.amount <= NanoUsd::ZERO) {
        return Err(invalid("spend_cap_nano_usd", "`spend_cap_nano_usd` must be above 0; leave it out for no cap"));
    }
    Ok(())
}

fn options(provider: &Provider, catalog: &Catalog, base_url: Option<&str>, options: Option<&ProviderOptions>) -> Result<(), Fault> {
    let is_azure = &*provider.id == AZURE;
    match options {
        None if provider.dialect == Dialect::Vertex => {
            Err(invalid("options", format!("{} needs `options` with the `project`", provider.name)))
        }
        None => Ok(()),
        Some(ProviderOptions::Azure { resource, api_version, deployments }) if is_azure => {
            match (resource, base_url) {
                (Some(resource), None) => word("options.resource", resource, "-")?,
                (None, Some(_)) => {}
                _ => return Err(invalid("options.resource", "give either `options.resource` or `base_url`, the resource's endpoint")),
            }
            if let Some(version) = api_version {
                word("options.api_version", version, "-")?;
            }
            if deployments.len() > NAMES_MAX {
                return Err(invalid("options.deployments", format!("`options.deployments` may name at most {NAMES_MAX} models")));
            }
            for (model, deployment) in deployments {
                let param = format!("options.deployments.{model}");
                if catalog.model(model).is_none() {
                    return Err(invalid(&param, format!("there is no model `{model}`; GET /v1/models lists them")));
                }
                word(&param, deployment, "-._")?;
            }
            Ok(())
        }
        Some(ProviderOptions::Vertex { project }) if provider.dialect == Dialect::Vertex => word("options.project", project, "-.:"),
        Some(ProviderOptions::Openai { organization, project }) if provider.dialect == Dialect::OpenaiChat && !is_azure => {
            for (param, text) in [("options.organization", organization), ("options.project", project)] {
                if let Some(text) = text {
                    word(param, text, "-_.")?;
                }
            }
            Ok(())
        }
        Some(_) => Err(invalid("options.kind", format!("`options` of this kind are not for {}", provider.name))),
    }
}

/// A name that goes into an address or a header.
fn word(param: &str, text: &str, beside: &str) -> Result<(), Fault> {
    let is_clean = text.chars().all(|c| c.is_ascii_alphanumeric() || beside.contains(c));
    if text.is_empty() || text.len() > WORD_BYTES_MAX || !is_clean || text.starts_with(['-', '.']) {
        let say =
            format!("`{param}` must have 1 to {WORD_BYTES_MAX} letters, digits or any of `{beside}`, and begin with a letter or digit");
        return Err(invalid(param, say));
    }
    Ok(())
}

fn models(provider: &Provider, catalog: &Catalog, allowed: Option<&[String]>) -> Result<(), Fault> {
    let Some(allowed) = allowed else { return Ok(()) };
    if allowed.is_empty() || allowed.len() > NAMES_MAX {
        return Err(invalid("allowed_models", format!("`allowed_models` must name 1 to {NAMES_MAX} models; leave it out for all")));
    }
    for (at, name) in allowed.iter().enumerate() {
        let param = format!("allowed_models[{at}]");
        let served = catalog.resolve(name).is_ok_and(|found| found.deployments().any(|d| d.provider.id == provider.id));
        if !served {
            let say = format!("`{param}`: {} serves no model of this name; GET /v1/models lists who serves what", provider.name);
            return Err(invalid(&param, say));
        }
    }
    Ok(())
}

/// Refuses texts that are shown and hold a secret: it was pasted into the wrong field, too.
pub(super) fn elsewhere(
    secret: &ProviderSecret,
    shown: &[(&str, Option<&str>)],
    settings: Option<&ProviderKeySettings>,
) -> Result<(), Fault> {
    /// A shorter one is no secret, and may well be part of a name.
    const SECRET_BYTES_MIN: usize = 8;
    let options = settings.and_then(|settings| settings.options.as_ref()).map(|options| format!("{options:?}"));
    let models = settings.and_then(|settings| settings.allowed_models.as_ref()).map(|models| models.join(" "));
    let region = settings.and_then(|settings| settings.region.as_deref());
    let more = [("options", options.as_deref()), ("allowed_models", models.as_deref()), ("region", region)];
    for secret in secret.secrets().into_iter().filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN) {
        let holds = |text: &str| text.contains(secret.expose().as_str());
        if let Some((param, _)) = shown.iter().chain(&more).find(|(_, text)| text.is_some_and(holds)) {
            return Err(invalid(param, format!("`{param}` holds the key itself; it is shown, so write something else")));
        }
    }
    Ok(())
}
