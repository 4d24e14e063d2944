//! What whoever asks sees of the organization: all of it, or some projects.

use std::collections::BTreeSet;

use domain::ProjectId;
use sqlx::{QueryBuilder, Sqlite};

use crate::calls::blob;

/// The projects that somebody sees; `None`: all. An argument of its own behind the scope, and no part of a filter: what somebody
/// asks for can narrow it and never widen it. At most 1000.
pub type Seen<'a> = Option<&'a BTreeSet<ProjectId>>;

/// Leaves the calls of other projects out.
pub(crate) fn seen_push(ask: &mut QueryBuilder<Sqlite>, seen: Seen<'_>) {
    let Some(projects) = seen else { return };
    ask.push(" AND project_id IN (");
    let mut ids = ask.separated(", ");
    for project in projects {
        ids.push_bind(blob(project.uuid()));
    }
    ask.push(")");
}
