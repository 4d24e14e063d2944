//! `/api`: routes, and what is around all of them. Handlers parse, call `app` and render.

mod account;
mod audit;
mod auth;
mod billing;
mod budgets;
mod call_out;
pub(crate) mod caller;
mod calls;
mod cookie;
mod credits;
mod csv;
mod deletion;
mod docs;
mod docs_schema;
mod edge;
mod export;
mod input;
mod invites;
mod key_change;
mod key_rules;
mod keys;
mod limited;
mod management_keys;
mod members;
mod once;
pub(crate) mod openapi;
mod operator;
mod organizations;
mod output;
mod page;
mod people;
mod projects;
mod provider_keys;
mod provider_settings;
mod rules;
mod second_factor;
mod sessions;
mod sign_in;
mod streamed;
mod sub_accounts;
mod usage;
mod usage_csv;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Control;

/// Limit: bytes of a JSON body.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// Everything under `/api`, with full paths; any other path is answered 404.
pub fn router(control: Arc<Control>) -> Router {
    let (api, document) = api();
    api.route("/api/openapi.json", get(openapi::json(&document)))
        .route("/api/docs", get(docs::page(&document)))
        .fallback(edge::nothing_here)
        .method_not_allowed_fallback(edge::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), once::once))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), limited::limited))
        .layer(middleware::from_fn(edge::answer))
        .with_state(control)
}

/// Every route that answers about a tenant, and the document that describes them. The routes and the document are made
/// by the same lines, so that neither can miss one.
fn api() -> (Router<Arc<Control>>, OpenApi) {
    let (router, document) = of_people(OpenApiRouter::with_openapi(openapi::head()))
        .routes(routes!(usage::usage_get))
        .routes(routes!(usage::usage_csv))
        .routes(routes!(calls::call_list))
        .routes(routes!(calls::call_get))
        .routes(routes!(credits::credits_get))
        .routes(routes!(credits::credits_grant))
        .routes(routes!(billing::billing_get, billing::billing_update))
        .routes(routes!(billing::transfer_list))
        .routes(routes!(keys::key_list, keys::key_create))
        .routes(routes!(keys::key_revoke, key_change::key_update))
        .routes(routes!(key_change::key_rotate))
        .routes(routes!(provider_keys::provider_key_list, provider_keys::provider_key_create))
        .routes(routes!(provider_keys::provider_key_update, provider_keys::provider_key_delete))
        .routes(routes!(provider_keys::provider_key_test))
        .routes(routes!(budgets::budget_list, budgets::budget_create))
        .routes(routes!(budgets::budget_get, budgets::budget_update, budgets::budget_delete))
        .routes(routes!(sub_accounts::sub_account_list, sub_accounts::sub_account_create))
        .routes(routes!(sub_accounts::sub_account_get, sub_accounts::sub_account_update))
        .routes(routes!(sub_accounts::sub_account_suspend))
        .routes(routes!(sub_accounts::sub_account_resume))
        .routes(routes!(sub_accounts::sub_account_close))
        .routes(routes!(sub_accounts::sub_account_keys_create))
        .routes(routes!(projects::project_list, projects::project_create))
        .routes(routes!(projects::project_get, projects::project_update))
        .routes(routes!(projects::project_archive))
        .routes(routes!(projects::project_restore))
        .routes(routes!(rules::project_rules_get, rules::project_rules_update))
        .routes(routes!(rules::organization_rules_get, rules::organization_rules_update))
        .routes(routes!(organizations::organization_list, organizations::organization_create))
        .routes(routes!(organizations::organization_get, organizations::organization_update))
        .routes(routes!(management_keys::management_key_list, management_keys::management_key_create))
        .routes(routes!(management_keys::management_key_revoke))
        .routes(routes!(members::ownership_transfer))
        .routes(routes!(members::member_leave))
        .routes(routes!(members::member_list))
        .routes(routes!(members::member_update, members::member_remove))
        .routes(routes!(members::member_limit_set))
        .routes(routes!(invites::invite_list, invites::invite_create))
        .routes(routes!(invites::invite_revoke))
        .routes(routes!(invites::invite_accept))
        .routes(routes!(deletion::deletion_begin, deletion::deletion_cancel))
        .routes(routes!(deletion::account_delete))
        .routes(routes!(deletion::deletion_list))
        .routes(routes!(operator::outbox_list))
        .routes(routes!(people::people_list))
        .routes(routes!(people::people_update))
        .routes(routes!(second_factor::second_factor_remove))
        .routes(routes!(audit::audit_list))
        .routes(routes!(audit::audit_export))
        .routes(routes!(export::export))
        .split_for_parts();
    (router, openapi::finished(document))
}

/// What is about a person and not about an organization.
fn of_people(router: OpenApiRouter<Arc<Control>>) -> OpenApiRouter<Arc<Control>> {
    router
        .routes(routes!(auth::auth_settings))
        .routes(routes!(auth::sign_up))
        .routes(routes!(account::sign_up_confirm))
        .routes(routes!(auth::log_in))
        .routes(routes!(second_factor::log_in_second))
        .routes(routes!(auth::log_out))
        .routes(routes!(auth::session_get, organizations::session_switch))
        .routes(routes!(auth::password_change))
        .routes(routes!(second_factor::second_factor_get))
        .routes(routes!(second_factor::totp_set_up))
        .routes(routes!(second_factor::totp_confirm))
        .routes(routes!(second_factor::recovery_codes_renew))
        .routes(routes!(second_factor::totp_remove))
        .routes(routes!(account::password_forgot))
        .routes(routes!(account::password_reset))
        .routes(routes!(account::email_verify))
        .routes(routes!(account::email_resend))
        .routes(routes!(sessions::session_list, sessions::sessions_revoke))
        .routes(routes!(sessions::session_revoke))
        .routes(routes!(sign_in::sign_in_begin))
        .routes(routes!(sign_in::sign_in_finish))
        .routes(routes!(sign_in::identity_list))
        .routes(routes!(sign_in::identity_begin))
        .routes(routes!(sign_in::identity_finish))
        .routes(routes!(sign_in::identity_unlink))
}

#[cfg(test)]
pub(crate) fn document() -> OpenApi {
    api().1
}
