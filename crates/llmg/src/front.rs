//! What the control plane is given: where browsers come in, what seals provider keys, and how they are tested.

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::Catalog;
use control::{Front, KeyAnswer, KeyCheck, KeyQuestion, SignInProvider, Smtp};
use domain::NanoUsd;
use gateway::probe::{Probe, Probed, ProbedKey};
use seal::MasterKeys;
use service::Config;
use service::config::{ConfigError, SignInConfig};

/// What the first organization of an instance begins with when its person signs up; `llmg bootstrap` grants the same.
const STARTER_CREDIT_USD: i32 = 5;

/// `at` is where browsers come in; without it nobody does.
pub(crate) fn control_settings(
    config: &Config,
    master_keys: Arc<MasterKeys>,
    catalog: Catalog,
    at: Option<SocketAddr>,
) -> Result<control::Settings, ConfigError> {
    let front = at.map(|at| Front::of(config.public_url.as_deref(), config.tls_cert.is_some(), at)).unwrap_or_default();
    if at.is_some() && !front.is_open() {
        tracing::warn!(
            "nobody can log in with a browser: passwords do not travel over plain http; set `tls_cert` and `tls_key`, or a `public_url` \
             that begins with https://, or listen on a loopback address"
        );
    }
    let smtp = match (&config.smtp_url, &config.mail_from) {
        (Some(url), Some(from)) => {
            let wrong =
                |(field, reason): (&'static str, &'static str)| ConfigError::new("settings", field, reason, "see docs/configuration.md");
            Some(Smtp::new(url, from).map_err(wrong)?)
        }
        _ => None,
    };
    Ok(control::Settings {
        signup: config.signup,
        front,
        starter_credit: NanoUsd::from_usd(STARTER_CREDIT_USD),
        catalog: Arc::new(catalog),
        master_keys: Some(master_keys),
        key_check: key_check(config),
        smtp,
        outbox: Some(config.data_dir.join("outbox")),
        plain_providers: config.private_upstreams_allowed(),
        sign_in: sign_in(config),
        deletion_grace_days: u32::try_from(config.organization_deletion_grace_days).unwrap_or(u32::MAX),
        requests_per_minute: u32::try_from(config.api_requests_per_minute).unwrap_or(u32::MAX),
    })
}

/// The configuration was checked: each has all that it needs.
fn sign_in(config: &Config) -> Vec<SignInProvider> {
    let one = |(id, set): (&String, &SignInConfig)| {
        let known = match id.as_str() {
            "google" => "Google",
            "github" => "GitHub",
            other => other,
        };
        Some(SignInProvider {
            id: id.clone(),
            name: set.name.clone().unwrap_or_else(|| known.to_owned()),
            issuer: set.issuer_of(id)?.to_owned(),
            client_id: set.client_id.clone()?,
            client_secret: set.client_secret.clone()?,
        })
    };
    config.sign_in.iter().filter_map(one).collect()
}

/// By asking the provider, through the gateway's guarded dialler.
fn key_check(config: &Config) -> KeyCheck {
    let probe = Arc::new(Probe::new(config.private_upstreams_allowed()));
    KeyCheck::Ask(Arc::new(move |question| {
        let probe = Arc::clone(&probe);
        Box::pin(async move { asked(&probe, &question).await })
    }))
}

async fn asked(probe: &Probe, question: &KeyQuestion) -> KeyAnswer {
    let provider = &question.provider;
    // The built-in provider takes every key.
    if provider.simulated && question.base_url.is_none() {
        return KeyAnswer::Status(200);
    }
    let key = ProbedKey { secret: &question.secret, base_url: question.base_url.as_deref(), settings: &question.settings };
    match probe.ask(provider, &key).await {
        Probed::Unclear(status) => KeyAnswer::Unclear(status),
        Probed::Status(status) => KeyAnswer::Status(status),
        Probed::Unreachable => KeyAnswer::Unreachable,
        Probed::TimedOut => KeyAnswer::TimedOut,
    }
}
