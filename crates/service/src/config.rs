//! Configuration: defaults, then `llmg.toml`, then the environment; parsed once into types that cannot be half set.
//!
//! Every refusal is one line that names the place, the field, the reason and the mend.

mod sign_in;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::Secret;
use serde::Deserialize;
use toml::{Table, Value};

pub use self::sign_in::SignInConfig;
use self::values::{log_format, optional, optional_secret, parsed, tristate, whole};

use crate::address::TrustedProxies;
use crate::fields;
use crate::telemetry::LogFormat;

/// A refused configuration, as one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: `{field}`: {reason}; {mend}")]
pub struct ConfigError {
    place: String,
    field: String,
    reason: String,
    mend: String,
}

impl ConfigError {
    /// For checks that need more than this crate knows, such as a provider id.
    pub fn new(place: impl Into<String>, field: impl Into<String>, reason: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { place: place.into(), field: field.into(), reason: one_line(&reason.into()), mend: mend.into() }
    }
}

/// When a call's log record is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Against a killed process; a power cut may lose the last 10 ms.
    Process,
    /// Against a power cut too.
    Power,
}

/// Who may sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    /// Anyone.
    Open,
    /// The invited.
    Invite,
    /// Addresses of verified domains.
    Domain,
    /// Nobody.
    Closed,
}

/// The operator's own credential for a provider, and where that provider is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The platform's key at this provider.
    pub api_key: Option<Secret<String>>,
    /// Instead of the catalog's address.
    pub base_url: Option<String>,
}

/// A running instance's settings. `fields::FIELDS` describes each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of `/v1`, `/api` and the dashboard.
    pub listen: SocketAddr,
    /// Address of `/metrics`, `/healthz`, `/readyz`.
    #[serde(deserialize_with = "optional")]
    pub ops_listen: Option<SocketAddr>,
    /// URL that users reach the instance at.
    #[serde(deserialize_with = "optional")]
    pub public_url: Option<String>,
    /// URL of the control service.
    #[serde(deserialize_with = "optional")]
    pub control_url: Option<String>,
    /// PEM certificate that control's is signed by.
    #[serde(deserialize_with = "optional")]
    pub control_ca: Option<PathBuf>,
    /// Address where control answers gateways.
    #[serde(deserialize_with = "optional")]
    pub control_listen: Option<SocketAddr>,
    /// What control and gateways share.
    #[serde(deserialize_with = "optional_secret")]
    pub cluster_token: Option<Secret<String>>,
    /// Folder for the event log; `None`: in `data_dir`.
    #[serde(deserialize_with = "optional")]
    pub events_dir: Option<PathBuf>,
    /// Folder for the embedded stores.
    pub data_dir: PathBuf,
    /// Keys of 64 hexadecimal digits, or as the key management service wrapped them, separated by commas.
    #[serde(deserialize_with = "optional_secret")]
    pub master_key: Option<Secret<String>>,
    /// File with such keys.
    #[serde(deserialize_with = "optional")]
    pub master_key_file: Option<PathBuf>,
    /// The key management service that wraps them.
    #[serde(deserialize_with = "optional")]
    pub kms_url: Option<String>,
    /// File with the token for it.
    #[serde(deserialize_with = "optional")]
    pub kms_token_file: Option<PathBuf>,
    /// PEM certificate chain.
    #[serde(deserialize_with = "optional")]
    pub tls_cert: Option<PathBuf>,
    /// PEM private key.
    #[serde(deserialize_with = "optional")]
    pub tls_key: Option<PathBuf>,
    /// Proxies whose X-Forwarded-For is believed.
    #[serde(deserialize_with = "parsed")]
    pub trusted_proxies: TrustedProxies,
    /// Who may sign up.
    pub signup: Signup,
    /// The mail server, with user and password; unset: letters stay in the outbox.
    #[serde(deserialize_with = "optional_secret")]
    pub smtp_url: Option<Secret<String>>,
    /// Sender of letters.
    #[serde(deserialize_with = "optional")]
    pub mail_from: Option<String>,
    /// Unset: SQLite. It may hold a password.
    #[serde(deserialize_with = "optional_secret")]
    pub database_url: Option<Secret<String>>,
    /// Unset: in process.
    #[serde(deserialize_with = "optional")]
    pub redis_url: Option<String>,
    /// Unset: the local event log.
    #[serde(deserialize_with = "optional")]
    pub kafka_brokers: Option<String>,
    /// Unset: SQLite.
    #[serde(deserialize_with = "optional")]
    pub clickhouse_url: Option<String>,
    /// Own providers, models and prices.
    #[serde(deserialize_with = "optional")]
    pub catalog_file: Option<PathBuf>,
    /// When a call's log record is safe.
    pub durability: Durability,
    /// Largest request body in bytes.
    #[serde(deserialize_with = "whole::<_, 1, 1_073_741_824>")]
    pub body_bytes_max: u64,
    /// Calls served at once.
    #[serde(deserialize_with = "whole::<_, 1, 1_000_000>")]
    pub in_flight_max: u64,
    /// Unknown API keys that an address may present in a minute.
    #[serde(deserialize_with = "whole::<_, 1, 1_000_000>")]
    pub unknown_keys_per_minute: u64,
    /// Requests to `/api` that a key or a session may make in a minute.
    #[serde(deserialize_with = "whole::<_, 1, 1_000_000>")]
    pub api_requests_per_minute: u64,
    /// Days until an organization whose owner asked to delete it is erased.
    #[serde(deserialize_with = "whole::<_, 1, 365>")]
    pub organization_deletion_grace_days: u64,
    /// Milliseconds to connect to a provider.
    #[serde(deserialize_with = "whole::<_, 1, 600_000>")]
    pub upstream_connect_timeout_ms: u64,
    /// Milliseconds until a provider's first byte.
    #[serde(deserialize_with = "whole::<_, 1, 3_600_000>")]
    pub upstream_first_byte_timeout_ms: u64,
    /// Milliseconds between two chunks of a provider's stream.
    #[serde(deserialize_with = "whole::<_, 1, 3_600_000>")]
    pub upstream_idle_timeout_ms: u64,
    /// Memory for cached answers in bytes.
    #[serde(deserialize_with = "whole::<_, 0, 68_719_476_736>")]
    pub cache_bytes_max: u64,
    /// Whether upstream addresses may be private; `None`: only while `listen` is loopback.
    #[serde(deserialize_with = "tristate")]
    pub allow_private_upstreams: Option<bool>,
    /// Milliseconds for open calls when the process stops.
    #[serde(deserialize_with = "whole::<_, 0, 3_600_000>")]
    pub drain_timeout_ms: u64,
    /// Log filter.
    pub log: String,
    /// How log lines look.
    #[serde(deserialize_with = "log_format")]
    pub log_format: LogFormat,
    /// The operator's own provider credentials by provider id.
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Who else says who people are, by a name of the operator's choice.
    #[serde(default)]
    pub sign_in: BTreeMap<String, SignInConfig>,
}

impl Config {
    /// Parses defaults, the file's text (with its name, for messages) and the environment's `LLMG_…` variables.
    pub fn parse(file: Option<(&str, &str)>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let file_name = file.map_or("llmg.toml", |(name, _)| name);
        let mut table = Table::new();
        for f in fields::FIELDS {
            table.insert(f.name.to_owned(), Value::String(f.default.to_owned()));
        }
        if let Some((name, text)) = file {
            let from_file: Table = text.parse().map_err(|e: toml::de::Error| {
                ConfigError::new(name, position(text, &e), e.message(), "write it as TOML: `name = \"value\"`")
            })?;
            for (key, value) in from_file {
                table.insert(key, value);
            }
        }
        let mut from_env = BTreeMap::new();
        for (name, value) in env {
            overlay(&mut table, &mut from_env, &name, value)?;
        }
        let config: Self = serde_path_to_error::deserialize(Value::Table(table)).map_err(|e| {
            let path = e.path().to_string();
            refusal(file_name, &from_env, &path, &e.into_inner().to_string())
        })?;
        config.checked(file_name, &from_env)
    }

    /// Reads the file and the process's environment. Without a path, `LLMG_CONFIG` or `llmg.toml` in the working folder if there is one.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let vars: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .filter(|(k, _)| k.starts_with("LLMG_"))
            .collect();
        let named = path.map(Path::to_path_buf).or_else(|| vars.iter().find(|(k, _)| k == "LLMG_CONFIG").map(|(_, v)| PathBuf::from(v)));
        let path = named.clone().unwrap_or_else(|| PathBuf::from("llmg.toml"));
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => None,
            Err(e) => return Err(ConfigError::new(shown, "(file)", e.to_string(), "name a readable file")),
        };
        Self::parse(text.as_deref().map(|t| (shown.as_str(), t)), vars.into_iter().filter(|(k, _)| k != "LLMG_CONFIG"))
    }

    /// Whether upstream addresses may be private or loopback.
    pub fn private_upstreams_allowed(&self) -> bool {
        self.allow_private_upstreams.unwrap_or_else(|| self.listen.ip().is_loopback())
    }

    /// What gateways and control say to each other.
    fn control_checked(&self, file: &str, env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        if self.control_url.as_deref().is_some_and(|url| !(url.starts_with("http://") || url.starts_with("https://"))) {
            return Err(refusal(file, env, "control_url", "not a URL"));
        }
        let weak = |token: &Secret<String>| {
            token.expose().len() < CLUSTER_TOKEN_MIN || !token.expose().bytes().all(|byte| byte.is_ascii_graphic())
        };
        if self.cluster_token.as_ref().is_some_and(weak) {
            return Err(refusal(file, env, "cluster_token", "not 32 or more visible ASCII letters"));
        }
        let needs = [("control_url", self.control_url.is_some()), ("control_listen", self.control_listen.is_some())];
        match needs.iter().find(|(_, is_set)| *is_set && self.cluster_token.is_none()) {
            Some((field, _)) => Err(ConfigError::new(place(file, env, field), *field, "set without `cluster_token`", "set both")),
            None => Ok(()),
        }
    }

    fn checked(self, file: &str, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let later = [
            ("redis_url", self.redis_url.is_some()),
            ("kafka_brokers", self.kafka_brokers.is_some()),
            ("clickhouse_url", self.clickhouse_url.is_some()),
        ];
        if let Some((name, _)) = later.iter().find(|(_, set)| *set) {
            return Err(ConfigError::new(place(file, env, name), *name, "this version runs on the embedded default only", "unset it"));
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(ConfigError::new(
                place(file, env, "tls_cert"),
                "tls_cert",
                "set without its pair",
                "set both tls_cert and tls_key, or neither",
            ));
        }
        self.control_checked(file, env)?;
        if self.smtp_url.is_some() != self.mail_from.is_some() {
            return Err(ConfigError::new(
                place(file, env, "smtp_url"),
                "smtp_url",
                "set without its pair",
                "set both smtp_url and mail_from, or neither",
            ));
        }
        let url_wrong = |url: &str| !(url.starts_with("http://") || url.starts_with("https://"));
        if self.public_url.as_deref().is_some_and(url_wrong) {
            return Err(refusal(file, env, "public_url", "not a URL"));
        }
        if let Some((id, _)) = self.providers.iter().find(|(_, p)| p.base_url.as_deref().is_some_and(url_wrong)) {
            let field = format!("providers.{id}.base_url");
            return Err(ConfigError::new(place(file, env, &field), &field, "not a URL", "write it as http://… or https://…"));
        }
        if let Some((field, (reason, mend))) = sign_in::first_wrong(&self.sign_in) {
            return Err(ConfigError::new(place(file, env, &field), &field, reason, mend));
        }
        let known =
            |url: &Secret<String>| ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
        if self.database_url.as_ref().is_some_and(|url| !known(url)) {
            return Err(refusal(file, env, "database_url", "begins with neither postgres:// nor sqlite:"));
        }
        self.master_key_checked(file, env)?;
        Ok(self)
    }
}

impl Config {
    fn master_key_checked(&self, file: &str, env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        if self.kms_url.is_some() != self.kms_token_file.is_some() {
            let place = place(file, env, "kms_url");
            return Err(ConfigError::new(place, "kms_url", "set without its pair", "set both kms_url and kms_token_file, or neither"));
        }
        let Some(keys) = &self.master_key else { return Ok(()) };
        if self.master_key_file.is_some() {
            let place = place(file, env, "master_key");
            return Err(ConfigError::new(place, "master_key", "set beside master_key_file", "set one of the two"));
        }
        let hex = |key: &str| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        let wrapped = |key: &str| self.kms_url.is_some() && key.contains(':');
        if keys.expose().split(',').map(str::trim).any(|key| !hex(key) && !wrapped(key)) {
            return Err(refusal(file, env, "master_key", "not 64 hexadecimal digits"));
        }
        Ok(())
    }
}

/// Letters that a cluster's token has at least.
const CLUSTER_TOKEN_MIN: usize = 32;

/// Puts one `LLMG_…` variable into the table and remembers where the value came from.
fn overlay(table: &mut Table, from_env: &mut BTreeMap<String, String>, name: &str, value: String) -> Result<(), ConfigError> {
    let Some(rest) = name.strip_prefix("LLMG_") else { return Ok(()) };
    if let Some((section, named)) = SECTIONS.iter().find_map(|section| Some((section, rest.strip_prefix(section.prefix)?))) {
        return overlay_section(table, from_env, section, (name, named), value);
    }
    let field = rest.to_ascii_lowercase();
    if fields::find(&field).is_none() {
        // Scripts and tests keep variables of their own under this prefix; only what looks like a slip is refused.
        if nearest_within(&field, TYPO_EDITS_MAX).is_none() {
            return Ok(());
        }
        return Err(ConfigError::new("environment", name, "unknown setting", format!("{}unset it", nearest(&field))));
    }
    from_env.insert(field.clone(), name.to_owned());
    table.insert(field, Value::String(value));
    Ok(())
}

/// Tables whose parts have names of the operator's choice.
struct Section {
    prefix: &'static str,
    table: &'static str,
    fields: &'static [&'static str],
    mend: &'static str,
}

const SECTIONS: &[Section] = &[
    Section {
        prefix: "PROVIDER_",
        table: "providers",
        fields: &["api_key", "base_url"],
        mend: "a provider takes LLMG_PROVIDER_<ID>_API_KEY and LLMG_PROVIDER_<ID>_BASE_URL",
    },
    Section {
        prefix: "SIGN_IN_",
        table: "sign_in",
        fields: &["issuer", "client_id", "client_secret", "name"],
        mend: "a sign-in provider takes LLMG_SIGN_IN_<ID>_CLIENT_ID, …_CLIENT_SECRET, …_ISSUER and …_NAME",
    },
];

/// The same for `LLMG_PROVIDER_OPENAI_API_KEY`: a field of a part of a section.
fn overlay_section(
    table: &mut Table,
    from_env: &mut BTreeMap<String, String>,
    section: &Section,
    (name, named): (&str, &str),
    value: String,
) -> Result<(), ConfigError> {
    let lower = named.to_ascii_lowercase();
    let parts = section.fields.iter().find_map(|field| Some((lower.strip_suffix(field)?.strip_suffix('_')?, *field)));
    let Some((id, field)) = parts else { return Err(ConfigError::new("environment", name, "unknown setting", section.mend)) };
    if value.is_empty() {
        return Ok(());
    }
    let id = id.replace('_', "-");
    from_env.insert(format!("{}.{id}.{field}", section.table), name.to_owned());
    let parts = table.entry(section.table).or_insert_with(|| Value::Table(Table::new()));
    if let Some(part) = parts.as_table_mut().map(|t| t.entry(id).or_insert_with(|| Value::Table(Table::new())))
        && let Some(fields) = part.as_table_mut()
    {
        fields.insert(field.to_owned(), Value::String(value));
    }
    Ok(())
}

fn place(file: &str, env: &BTreeMap<String, String>, path: &str) -> String {
    env.get(path).map_or_else(|| file.to_owned(), |name| format!("environment {name}"))
}

fn refusal(file: &str, env: &BTreeMap<String, String>, path: &str, reason: &str) -> ConfigError {
    let mend = match fields::find(path) {
        Some(f) => format!("it takes: {}", f.what),
        None if path == "." || reason.starts_with("unknown field") => {
            let unknown = reason.split('`').nth(1).unwrap_or_default();
            format!("{}remove it", nearest(unknown))
        }
        None if path.starts_with("sign_in") => "a sign-in provider takes client_id, client_secret, issuer and name".to_owned(),
        None => "a provider takes api_key and base_url".to_owned(),
    };
    // The list of all expected fields would not be one line that a person reads.
    let reason = reason.split(", expected one of").next().unwrap_or(reason);
    let field = if path == "." { reason.split('`').nth(1).unwrap_or(path) } else { path };
    ConfigError::new(place(file, env, path), field, reason, mend)
}

/// `did you mean `listen`? ` when a setting's name is close.
fn nearest(name: &str) -> String {
    nearest_within(name, 3).map_or_else(String::new, |known| format!("did you mean `{known}`? else "))
}

/// Edits that make an unknown variable a slip of a known one.
const TYPO_EDITS_MAX: usize = 2;

/// The known setting that is at most so many edits away, and fewer than half of its own letters.
fn nearest_within(name: &str, edits_max: usize) -> Option<&'static str> {
    let near = fields::FIELDS.iter().map(|f| (distance(f.name, name), f.name)).min();
    near.filter(|(edits, known)| *edits <= edits_max && edits * 2 < known.len()).map(|(_, known)| known)
}

/// Edits between two short names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

fn position(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(0, |span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
    format!("line {line}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
