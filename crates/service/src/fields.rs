//! The table of settings: name, default, and what a right value looks like. `docs/configuration.md` is checked against it.

/// One setting: `name` in `llmg.toml`, `LLMG_<NAME>` in the environment (which wins).
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Key in `llmg.toml`.
    pub name: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it is and how a right value is written.
    pub what: &'static str,
}

const fn field(name: &'static str, default: &'static str, what: &'static str) -> Field {
    Field { name, default, what }
}

/// Every setting but `[providers.<id>]`.
pub const FIELDS: &[Field] = &[
    field("listen", "127.0.0.1:4000", "address of `/v1`, `/api` and the dashboard, as `IP:PORT`"),
    field(
        "ops_listen",
        "",
        "address of `/metrics`, `/healthz`, `/readyz`, as `IP:PORT`; they are on `listen` too only when that is loopback",
    ),
    field(
        "public_url",
        "",
        "URL that users reach the instance at, beginning with http:// or https://; browsers log in at this address only",
    ),
    field("control_url", "", "URL of the control service, for a gateway that runs apart from it"),
    field("data_dir", "./data", "folder for the embedded stores, the event log and the master key"),
    field(
        "master_key",
        "",
        "64 hexadecimal digits that seal what is stored and never shown, or several such keys separated by commas: the first seals, all open; unset: `master_key_file`",
    ),
    field(
        "master_key_file",
        "",
        "file with such keys, one a line, read again when it changes; unset: `master.key` in the data folder, made at the first start",
    ),
    field("kms_url", "", "vault+https://HOST:PORT/MOUNT/KEY of a transit key that wraps the master keys; needs `kms_token_file`"),
    field("kms_token_file", "", "file with the token for `kms_url`"),
    field("tls_cert", "", "PEM file with the certificate chain; needs `tls_key`"),
    field("tls_key", "", "PEM file with the private key; needs `tls_cert`"),
    field("trusted_proxies", "", "CIDR blocks, separated by commas, of the proxies whose X-Forwarded-For is believed"),
    field(
        "signup",
        "open",
        "one of open, invite, domain, closed: who may sign up; invite and domain let nobody in yet; whoever comes first always may",
    ),
    field(
        "smtp_url",
        "",
        "smtps://user:password@host (TLS) or smtp://user:password@host?tls=required (STARTTLS); needs `mail_from`; unset: letters stay in the outbox",
    ),
    field("mail_from", "", "sender of letters, such as `llmg <no-reply@example.com>`; needs `smtp_url`"),
    field("database_url", "", "postgres://user:password@host/database; unset: SQLite in the data folder"),
    field("redis_url", "", "unset: in process"),
    field("kafka_brokers", "", "unset: the local event log"),
    field("clickhouse_url", "", "unset: SQLite in the data folder"),
    field("catalog_file", "", "TOML file with own providers, models and prices, read again when it changes"),
    field(
        "durability",
        "process",
        "process: a killed process loses nothing; power: a power cut loses nothing either, at the price of a disk flush per call",
    ),
    field("body_bytes_max", "33554432", "largest request body in bytes, 1 to 1073741824"),
    field("in_flight_max", "20000", "calls served at once before 503 `overloaded`, 1 to 1000000"),
    field(
        "unknown_keys_per_minute",
        "60",
        "unknown API keys that a client's address may present in a minute before 429 `rate_limit_exceeded`, 1 to 1000000",
    ),
    field(
        "api_requests_per_minute",
        "3000",
        "requests to `/api` that a key or a session may make in a minute before 429 `rate_limit_exceeded`, and an address ten times as many; 1 to 1000000",
    ),
    field(
        "organization_deletion_grace_days",
        "30",
        "days until an organization whose owner asked to delete it is erased, and in which its owners can take that back; 1 to 365",
    ),
    field("upstream_connect_timeout_ms", "5000", "milliseconds, 1 to 600000"),
    field("upstream_first_byte_timeout_ms", "600000", "milliseconds until the provider's first byte, 1 to 3600000"),
    field("upstream_idle_timeout_ms", "120000", "milliseconds between two chunks of a provider's stream, 1 to 3600000"),
    field("cache_bytes_max", "67108864", "memory for cached answers in bytes, 0 to 68719476736"),
    field(
        "allow_private_upstreams",
        "auto",
        "organizations may send their own provider keys to private addresses and over plain http; auto: only while `listen` is loopback; or true, false",
    ),
    field("drain_timeout_ms", "30000", "milliseconds that open calls get to end when the process stops, 0 to 3600000"),
    field("log", "info", "log filter, such as `info` or `info,gateway=debug`"),
    field("log_format", "auto", "one of auto, text, json"),
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.name == name)
}
