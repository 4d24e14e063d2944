//! `/api/v1/projects`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ProjectId;
use serde::{Deserialize, Serialize};
use store::{ProjectMode, ProjectRow, ProjectStatus, RoutingStrategy};
use utoipa::ToSchema;

use crate::app::Control;
use crate::app::caller::{Admin, Management};
use crate::app::projects::ProjectChange;
use crate::http::edge::Refused;
use crate::http::input::{self, Id, NoParams, Params};
use crate::http::output;
use crate::http::page::{self, PageQuery};

/// Who pays for a project's calls.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    /// Platform keys, charged to credits.
    Credits,
    /// The organization's own provider keys only.
    ApiKeys,
    /// Own keys first, credits when they are missing or fail.
    Hybrid,
}

impl From<ProjectMode> for Mode {
    fn from(mode: ProjectMode) -> Self {
        match mode {
            ProjectMode::Credits => Self::Credits,
            ProjectMode::ApiKeys => Self::ApiKeys,
            ProjectMode::Hybrid => Self::Hybrid,
        }
    }
}

impl From<Mode> for ProjectMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Credits => Self::Credits,
            Mode::ApiKeys => Self::ApiKeys,
            Mode::Hybrid => Self::Hybrid,
        }
    }
}

/// Whether a project's keys open.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProjectStatusOut {
    /// They do.
    Active,
    /// They do not, and nothing in it changes, until it is restored.
    Archived,
}

impl From<ProjectStatus> for ProjectStatusOut {
    fn from(status: ProjectStatus) -> Self {
        match status {
            ProjectStatus::Active => Self::Active,
            ProjectStatus::Archived => Self::Archived,
        }
    }
}

/// In which order a project's calls try what can serve them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Routing {
    /// The model's maker first, then the others as the catalog orders them.
    Smart,
    /// The cheapest first; what has no known price last.
    Price,
}

impl From<RoutingStrategy> for Routing {
    fn from(strategy: RoutingStrategy) -> Self {
        match strategy {
            RoutingStrategy::Smart => Self::Smart,
            RoutingStrategy::Price => Self::Price,
        }
    }
}

impl From<Routing> for RoutingStrategy {
    fn from(routing: Routing) -> Self {
        match routing {
            Routing::Smart => Self::Smart,
            Routing::Price => Self::Price,
        }
    }
}

/// A project: it holds API keys and settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProjectOut {
    #[schema(example = "proj_0190a6d4c1e47c0f8d5a6f1b2c3d4e5f")]
    id: String,
    /// Unique in the organization.
    #[schema(example = "Default")]
    name: String,
    #[schema(inline)]
    status: ProjectStatusOut,
    #[schema(inline)]
    mode: Mode,
    /// Whether answers are kept for identical calls.
    cache_enabled: bool,
    /// For how long.
    cache_ttl_seconds: u32,
    #[schema(inline)]
    routing: Routing,
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    created_at: String,
    /// When a setting last changed.
    #[schema(example = "2026-11-20T12:34:56.789012Z")]
    updated_at: String,
}

impl From<ProjectRow> for ProjectOut {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            status: row.status.into(),
            mode: row.mode.into(),
            cache_enabled: row.cache_enabled,
            cache_ttl_seconds: row.cache_ttl_seconds,
            routing: row.routing.into(),
            created_at: output::time(row.created_at),
            updated_at: output::time(row.updated_at),
        }
    }
}

/// A page of projects.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProjectsOut {
    /// Oldest first.
    data: Vec<ProjectOut>,
    /// Whether another page follows.
    has_more: bool,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// New settings; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectIn {
    /// Unique in the organization, 1 to 200 characters.
    name: Option<String>,
    #[schema(inline)]
    mode: Option<Mode>,
    /// Whether answers are kept for identical calls.
    cache_enabled: Option<bool>,
    /// For how long: 10 seconds to 1 year.
    #[schema(minimum = 10, maximum = 31_536_000)]
    cache_ttl_seconds: Option<u32>,
    #[schema(inline)]
    routing: Option<Routing>,
}

/// A project to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectNewIn {
    /// Unique in the organization, 1 to 200 characters.
    #[schema(example = "Shop")]
    name: String,
    /// Default: `hybrid`.
    #[schema(inline)]
    mode: Option<Mode>,
    /// Whether answers are kept for identical calls. Default: false.
    cache_enabled: Option<bool>,
    /// For how long: 10 seconds to 1 year. Default: an hour.
    #[schema(minimum = 10, maximum = 31_536_000)]
    cache_ttl_seconds: Option<u32>,
    /// Default: `smart`.
    #[schema(inline)]
    routing: Option<Routing>,
}

/// Projects
#[utoipa::path(get, path = "/api/v1/projects", tag = "Projects", params(PageQuery),
    responses((status = 200, description = "A page of projects, oldest first.", body = ProjectsOut)))]
pub(super) async fn project_list(
    who: Management,
    State(control): State<Arc<Control>>,
    Params(query): Params<PageQuery>,
) -> Result<Json<ProjectsOut>, Refused> {
    let list = control.project_list(&who, query.page()?).await?;
    let (has_more, next_cursor) = page::next(list.next);
    Ok(Json(ProjectsOut { data: list.rows.into_iter().map(ProjectOut::from).collect(), has_more, next_cursor }))
}

/// One project
#[utoipa::path(get, path = "/api/v1/projects/{id}", tag = "Projects", params(("id" = String, Path, description = "`proj_…`")),
    responses((status = 200, description = "The project.", body = ProjectOut)))]
pub(super) async fn project_get(
    who: Management,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProjectId>,
) -> Result<Json<ProjectOut>, Refused> {
    Ok(Json(control.project_get(&who, id).await?.into()))
}

/// Change a project
///
/// For owners and admins. Gateways follow within a second.
#[utoipa::path(patch, path = "/api/v1/projects/{id}", tag = "Projects", params(("id" = String, Path, description = "`proj_…`")),
    request_body = ProjectIn,
    responses((status = 200, description = "The project as it is now.", body = ProjectOut)))]
pub(super) async fn project_update(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProjectId>,
    input::Json(body): input::Json<ProjectIn>,
) -> Result<Json<ProjectOut>, Refused> {
    let change = ProjectChange {
        name: body.name,
        mode: body.mode.map(ProjectMode::from),
        cache_enabled: body.cache_enabled,
        cache_ttl_seconds: body.cache_ttl_seconds,
        routing: body.routing.map(RoutingStrategy::from),
    };
    Ok(Json(control.project_update(&who, id, change).await?.into()))
}

/// Make a project
///
/// For owners and admins.
#[utoipa::path(post, path = "/api/v1/projects", tag = "Projects", request_body = ProjectNewIn,
    responses((status = 201, description = "Made.", body = ProjectOut)))]
pub(super) async fn project_create(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    input::Json(body): input::Json<ProjectNewIn>,
) -> Result<(StatusCode, Json<ProjectOut>), Refused> {
    let settings = ProjectChange {
        name: None,
        mode: body.mode.map(ProjectMode::from),
        cache_enabled: body.cache_enabled,
        cache_ttl_seconds: body.cache_ttl_seconds,
        routing: body.routing.map(RoutingStrategy::from),
    };
    Ok((StatusCode::CREATED, Json(control.project_create(&who, &body.name, settings).await?.into())))
}

/// Archive a project
///
/// For owners and admins. Its keys stop on every gateway within a second, and nothing in it changes until it is restored; its usage
/// stays. Repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/projects/{id}/archive", tag = "Projects",
    params(("id" = String, Path, description = "`proj_…`")),
    responses((status = 200, description = "The project as it is now.", body = ProjectOut)))]
pub(super) async fn project_archive(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProjectId>,
) -> Result<Json<ProjectOut>, Refused> {
    Ok(Json(control.project_status_set(&who, id, ProjectStatus::Archived).await?.into()))
}

/// Restore a project
///
/// For owners and admins. Its keys open again. Repeating it changes nothing.
#[utoipa::path(post, path = "/api/v1/projects/{id}/restore", tag = "Projects",
    params(("id" = String, Path, description = "`proj_…`")),
    responses((status = 200, description = "The project as it is now.", body = ProjectOut)))]
pub(super) async fn project_restore(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
    Id(id): Id<ProjectId>,
) -> Result<Json<ProjectOut>, Refused> {
    Ok(Json(control.project_status_set(&who, id, ProjectStatus::Active).await?.into()))
}
