//! `/api/v1/provider-keys`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{Fault, ProviderKeyId, Secret, UnixMicros};
use serde::{Deserialize, Serialize};
use store::{ProviderKeyRow, ProviderKeySettings, ProviderKeyStatus, ProviderOptions};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{Admin, Management};
use crate::app::checks::invalid;
use crate::app::key_check::{KeyTested, KeyVerdict};
use crate::app::provider_keys::{ProviderKeyChange, ProviderKeyNew, ProviderKeyTest};
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};
use crate::http::provider_settings::{self, CredentialsIn, ProviderOptionsBody, SecretKindOut, SpendWindowInOut};

/// Whether a provider key is used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProviderKeyStatusInOut {
    /// It is.
    Active,
    /// It is switched off.
    Disabled,
}

impl From<ProviderKeyStatus> for ProviderKeyStatusInOut {
    fn from(status: ProviderKeyStatus) -> Self {
        match status {
            ProviderKeyStatus::Active => Self::Active,
            ProviderKeyStatus::Disabled => Self::Disabled,
        }
    }
}

impl From<ProviderKeyStatusInOut> for ProviderKeyStatus {
    fn from(status: ProviderKeyStatusInOut) -> Self {
        match status {
            ProviderKeyStatusInOut::Active => Self::Active,
            ProviderKeyStatusInOut::Disabled => Self::Disabled,
        }
    }
}

/// How a provider key does.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HealthOut {
    /// The last call or test went well.
    Healthy,
    /// The last call or test failed.
    Failing,
    /// It failed a moment ago; calls try others first.
    CoolingDown,
    /// It was neither used nor tested for certain.
    Unknown,
}

impl HealthOut {
    fn of(row: &ProviderKeyRow, now: UnixMicros) -> Self {
        if row.cooling_until.is_some_and(|until| until > now) {
            return Self::CoolingDown;
        }
        match (&row.last_error, row.tested_at.or(row.last_used_at)) {
            (Some(_), _) => Self::Failing,
            (None, Some(_)) => Self::Healthy,
            (None, None) => Self::Unknown,
        }
    }
}

/// An own key at a provider: everything but the key itself, which nobody sees again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderKeyOut {
    #[schema(example = "pkey_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    #[schema(example = "openai")]
    provider: String,
    /// Unique for its provider.
    #[schema(example = "production")]
    name: String,
    /// The key's beginning; empty for a short key.
    #[schema(example = "sk-p")]
    prefix: String,
    /// The key's end; empty for a short key.
    #[schema(example = "x9Qa")]
    last4: String,
    /// Where it is sent; null: to the provider's usual address.
    base_url: Option<String>,
    /// The lowest is used first.
    priority: u32,
    /// Share among those of the same priority.
    weight: u32,
    #[schema(inline)]
    status: ProviderKeyStatusInOut,
    /// When the provider last took it in a test; null: it could not be asked for certain.
    tested_at: Option<String>,
    /// Code of the last failed test or call, if none went well since.
    #[schema(example = "upstream_authentication")]
    last_error: Option<String>,
    last_error_at: Option<String>,
    /// About.
    last_used_at: Option<String>,
    #[schema(inline)]
    health: HealthOut,
    /// Until when calls leave it alone, because it failed.
    cooling_until: Option<String>,
    #[schema(inline)]
    kind: SecretKindOut,
    /// Where its account is. A call that asks for a region (`provider/model:region`) uses keys of that region or of none.
    #[schema(example = "eu-west-1")]
    region: Option<String>,
    /// By kind of provider.
    options: Option<ProviderOptionsBody>,
    /// Model ids that it is used for; null: all.
    allowed_models: Option<Vec<String>>,
    /// The most that its calls may cost at the provider's prices, in nano-USD; null: no cap. Calls in flight when it is reached end.
    #[schema(example = 20_000_000_000_i64)]
    spend_cap_nano_usd: Option<i64>,
    /// Null without a cap.
    #[schema(inline)]
    spend_window: Option<SpendWindowInOut>,
    /// What its calls cost this month (UTC).
    spent_month_nano_usd: i64,
    /// What all its calls cost.
    spent_total_nano_usd: i64,
    /// Who brought it.
    created_by: Option<String>,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    updated_at: String,
}

impl From<ProviderKeyRow> for ProviderKeyOut {
    fn from(row: ProviderKeyRow) -> Self {
        let now = service::clock::now();
        let health = HealthOut::of(&row, now);
        Self {
            id: row.id.to_string(),
            provider: row.provider,
            name: row.name,
            prefix: row.prefix,
            last4: row.last4,
            base_url: row.base_url,
            priority: row.priority,
            weight: row.weight,
            status: row.status.into(),
            tested_at: row.tested_at.map(output::time),
            last_error: row.last_error,
            last_error_at: row.last_error_at.map(output::time),
            last_used_at: row.last_used_at.map(output::time),
            health,
            cooling_until: row.cooling_until.filter(|until| *until > now).map(output::time),
            kind: row.kind.into(),
            region: row.settings.region,
            options: row.settings.options.map(ProviderOptionsBody::from),
            allowed_models: row.settings.allowed_models,
            spend_cap_nano_usd: row.settings.spend_cap.map(|cap| cap.amount.0),
            spend_window: row.settings.spend_cap.map(|cap| cap.window.into()),
            spent_month_nano_usd: row.spent_month.0,
            spent_total_nano_usd: row.spent_total.0,
            created_by: row.created_by.map(|by| by.to_string()),
            created_at: output::time(row.created_at),
            updated_at: output::time(row.updated_at),
        }
    }
}

/// A page of provider keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderKeysOut {
    /// By provider, in the order of their use.
    data: Vec<ProviderKeyOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// A provider key to save.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderKeyIn {
    /// Id of the provider.
    #[schema(example = "openai")]
    provider: String,
    /// Unique for its provider, 1 to 200 characters.
    #[schema(example = "production")]
    name: String,
    /// The key. It is tested by a real call, sealed, and never shown again.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    key: Option<Secret<String>>,
    /// Instead of `key`: an AWS access key, or a Google service account.
    credentials: Option<CredentialsIn>,
    /// Where it is sent instead of the provider's usual address.
    #[schema(example = "https://eu.api.openai.com/v1")]
    base_url: Option<String>,
    /// The lowest is used first: 0 to 1000. Default: 0.
    #[serde(default)]
    #[schema(maximum = 1_000)]
    priority: u32,
    /// Share among those of the same priority: 1 to 1000. Default: 1.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1_000)]
    weight: u32,
    /// Where its account is: needed for AWS Bedrock and Google Vertex AI.
    #[schema(example = "eu-west-1")]
    region: Option<String>,
    /// By kind of provider: needed for Google Vertex AI.
    options: Option<ProviderOptionsBody>,
    /// Model ids that it is used for, 1 to 200. Default: all.
    #[schema(example = json!(["gpt-4o"]))]
    allowed_models: Option<Vec<String>>,
    /// The most that its calls may cost, in nano-USD. Default: no cap.
    #[schema(minimum = 1, example = 20_000_000_000_i64)]
    spend_cap_nano_usd: Option<i64>,
    /// Default: `month`.
    #[schema(inline)]
    spend_window: Option<SpendWindowInOut>,
}

const fn one() -> u32 {
    1
}

/// New settings; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderKeyChangeIn {
    /// Unique for its provider, 1 to 200 characters.
    name: Option<String>,
    /// Another key instead of the stored one. It is tested like a new one.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    key: Option<Secret<String>>,
    /// Instead of `key`.
    credentials: Option<CredentialsIn>,
    /// Another address, null for the provider's usual one. Needs `key`: a stored key is sent nowhere else.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<String>)]
    base_url: Option<Option<String>>,
    /// The lowest is used first: 0 to 1000.
    #[schema(maximum = 1_000)]
    priority: Option<u32>,
    /// Share among those of the same priority: 1 to 1000.
    #[schema(minimum = 1, maximum = 1_000)]
    weight: Option<u32>,
    #[schema(inline)]
    status: Option<ProviderKeyStatusInOut>,
    /// Another region, null for none. Needs `key` where it is part of the address.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<String>)]
    region: Option<Option<String>>,
    /// Other options, null for none; all of them. Another resource needs `key`.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<ProviderOptionsBody>)]
    options: Option<Option<ProviderOptionsBody>>,
    /// Other model ids, null for all.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_models: Option<Option<Vec<String>>>,
    /// Another cap in nano-USD, null for none.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    spend_cap_nano_usd: Option<Option<i64>>,
    /// Of the cap that is given with it. Default: `month`.
    #[schema(inline)]
    spend_window: Option<SpendWindowInOut>,
}

/// What to test: a stored key by its `id`, or else a `provider` with a `key` that is not saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderKeyTestIn {
    /// A stored key, at its own address.
    #[schema(example = "pkey_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: Option<String>,
    /// Id of the provider.
    #[schema(example = "openai")]
    provider: Option<String>,
    #[schema(value_type = Option<String>, format = Password, write_only)]
    key: Option<Secret<String>>,
    /// Instead of `key`.
    credentials: Option<CredentialsIn>,
    /// Instead of the provider's usual address.
    base_url: Option<String>,
    region: Option<String>,
    options: Option<ProviderOptionsBody>,
}

/// What a test says about a key.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerdictOut {
    /// The provider takes it.
    Works,
    /// The provider's answer says nothing about the key.
    Unsure,
    /// The provider refuses it.
    Refused,
    /// The provider did not answer, or failed.
    NoAnswer,
}

/// A test's result.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderKeyTestOut {
    #[schema(inline)]
    verdict: VerdictOut,
    /// The provider's HTTP status; null when it did not answer.
    status: Option<u16>,
    /// Why, for programs; null when nothing is wrong.
    code: Option<&'static str>,
    /// In words.
    #[schema(example = "OpenAI takes this key")]
    detail: String,
}

impl From<KeyTested> for ProviderKeyTestOut {
    fn from(tested: KeyTested) -> Self {
        let verdict = match tested.verdict {
            KeyVerdict::Works => VerdictOut::Works,
            KeyVerdict::Unsure => VerdictOut::Unsure,
            KeyVerdict::Refused => VerdictOut::Refused,
            KeyVerdict::NoAnswer => VerdictOut::NoAnswer,
        };
        Self { verdict, status: tested.status, code: tested.code.map(domain::Code::as_str), detail: tested.detail }
    }
}

/// Provider keys
#[utoipa::path(get, path = "/api/v1/provider-keys", tag = "Provider keys", params(PageQuery),
    responses((status = 200, description = "A page of keys by provider, in the order of their use.", body = ProviderKeysOut)))]
pub(super) async fn provider_key_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<ProviderKeysOut>, Refused> {
    let list = control.provider_key_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(ProviderKeysOut { data: list.rows.into_iter().map(ProviderKeyOut::from).collect(), has_more, next_cursor }))
}

/// Save a provider key
///
/// For owners and admins. The key is tested by a real call first (the provider's list of models); one that the provider
/// refuses is not saved. Nobody sees it again.
#[utoipa::path(post, path = "/api/v1/provider-keys", tag = "Provider keys", request_body = ProviderKeyIn,
    responses((status = 201, description = "Saved.", body = ProviderKeyOut)))]
pub(super) async fn provider_key_create(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ProviderKeyIn>,
) -> Result<(StatusCode, Json<ProviderKeyOut>), Refused> {
    let row = control.provider_key_create(&who, new(body)?).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Change a provider key
///
/// For owners and admins. Gateways follow within a second.
#[utoipa::path(patch, path = "/api/v1/provider-keys/{id}", tag = "Provider keys", params(("id" = String, Path, description = "`pkey_…`")),
    request_body = ProviderKeyChangeIn,
    responses((status = 200, description = "The key as it is now.", body = ProviderKeyOut)))]
pub(super) async fn provider_key_update(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProviderKeyId>,
    input::Json(body): input::Json<ProviderKeyChangeIn>,
) -> Result<Json<ProviderKeyOut>, Refused> {
    Ok(Json(control.provider_key_update(&who, id, change(body)?).await?.into()))
}

/// Delete a provider key
///
/// For owners and admins. Gateways follow within a second.
#[utoipa::path(delete, path = "/api/v1/provider-keys/{id}", tag = "Provider keys", params(("id" = String, Path, description = "`pkey_…`")),
    responses((status = 204, description = "Deleted.")))]
pub(super) async fn provider_key_delete(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProviderKeyId>,
) -> Result<StatusCode, Refused> {
    control.provider_key_delete(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test a provider key
///
/// For owners and admins. Asks the provider for its list of models with the key; nothing is saved but, for a stored key, how
/// it went.
#[utoipa::path(post, path = "/api/v1/provider-keys/test", tag = "Provider keys", request_body = ProviderKeyTestIn,
    responses((status = 200, description = "What the provider says.", body = ProviderKeyTestOut)))]
pub(super) async fn provider_key_test(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ProviderKeyTestIn>,
) -> Result<Json<ProviderKeyTestOut>, Refused> {
    Ok(Json(control.provider_key_test(&who, test(body)?).await?.into()))
}

fn new(body: ProviderKeyIn) -> Result<ProviderKeyNew, Fault> {
    let ProviderKeyIn { provider, name, key, credentials, base_url, priority, weight, region, options, allowed_models, .. } = body;
    let spend_cap = provider_settings::cap(body.spend_cap_nano_usd, body.spend_window)?;
    let settings = ProviderKeySettings { region, options: options.map(ProviderOptions::from), allowed_models, spend_cap };
    let secret = provider_settings::secret(key, credentials)?;
    Ok(ProviderKeyNew { provider, name, secret, base_url, priority, weight, settings })
}

fn change(body: ProviderKeyChangeIn) -> Result<ProviderKeyChange, Fault> {
    let ProviderKeyChangeIn { name, key, credentials, base_url, priority, weight, status, region, options, allowed_models, .. } = body;
    let spend_cap = match body.spend_cap_nano_usd {
        Some(None) if body.spend_window.is_none() => Some(None),
        amount => provider_settings::cap(amount.flatten(), body.spend_window)?.map(Some),
    };
    Ok(ProviderKeyChange {
        name,
        secret: provider_settings::secret_opt(key, credentials)?,
        base_url,
        priority,
        weight,
        status: status.map(ProviderKeyStatus::from),
        region,
        options: options.map(|options| options.map(ProviderOptions::from)),
        allowed_models,
        spend_cap,
    })
}

fn test(body: ProviderKeyTestIn) -> Result<ProviderKeyTest, Fault> {
    let ProviderKeyTestIn { id, provider, key, credentials, base_url, region, options } = body;
    let is_bare = key.is_none() && credentials.is_none() && base_url.is_none() && region.is_none() && options.is_none();
    match (id, provider) {
        (Some(id), None) if is_bare => {
            let id = input::id("id", Some(&id))?;
            id.map(ProviderKeyTest::Stored).ok_or_else(|| invalid("id", "`id` is missing"))
        }
        (None, Some(provider)) => {
            let settings = ProviderKeySettings { region, options: options.map(ProviderOptions::from), ..ProviderKeySettings::default() };
            Ok(ProviderKeyTest::Given {
                provider,
                secret: provider_settings::secret(key, credentials)?,
                base_url,
                settings: Box::new(settings),
            })
        }
        _ => Err(invalid("id", "give either `id` alone, or `provider` with `key` or `credentials`, and what else its address needs")),
    }
}
