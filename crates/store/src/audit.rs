//! The audit log of each organization: who changed what, from where, and when.
//!
//! No transaction that writes can end without saying what it leaves there: [`commit`](crate::db::commit) takes a [`Trail`].

use domain::{ManagementKeyId, OrgScope, OrganizationId, UnixMicros, UserId};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::{Act, StoreError};
use crate::row::{Columns, like};
use crate::words::{ActorKind, AuditAction, SubjectKind};

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A person, for themself or as a member.
    Person(UserId),
    /// A program with a management key.
    ManagementKey(ManagementKeyId),
    /// Who runs the instance, in that capacity.
    Operator(UserId),
}

impl Actor {
    /// Which of the three.
    pub const fn kind(self) -> ActorKind {
        match self {
            Self::Person(_) => ActorKind::Person,
            Self::ManagementKey(_) => ActorKind::ManagementKey,
            Self::Operator(_) => ActorKind::Operator,
        }
    }

    fn id(self) -> String {
        match self {
            Self::Person(id) | Self::Operator(id) => id.to_string(),
            Self::ManagementKey(id) => id.to_string(),
        }
    }
}

/// Who changes something, from where, and when: what every change of the directory takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub actor: Actor,
    /// Where from; may be empty.
    pub address: String,
    /// With what; may be empty.
    pub user_agent: String,
    /// When: also the time of the change itself.
    pub at: UnixMicros,
}

/// What happened to what. `before` and `after` are objects without secrets, or null.
#[derive(Debug, Clone)]
pub(crate) struct NewAudit {
    pub organization: OrganizationId,
    pub action: AuditAction,
    pub subject: (SubjectKind, String),
    pub before: Value,
    pub after: Value,
}

/// What a transaction that commits leaves in the audit log.
#[derive(Debug)]
pub(crate) enum Trail<'a> {
    /// Somebody's act.
    Audit(&'a Author, &'a NewAudit),
    /// Nobody's act: uses, leases, postings. A change that somebody asked for is never this.
    Bookkeeping,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Counts from 1 in the organization, without gaps.
    pub number: i64,
    /// When.
    pub at: UnixMicros,
    /// What kind of actor.
    pub actor_kind: ActorKind,
    /// `user_…` or `mkey_…`.
    pub actor: String,
    /// A person's address now; `None` for others.
    pub actor_email: Option<String>,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing.
    pub subject_kind: SubjectKind,
    /// Its id.
    pub subject: String,
    /// What was: of a change, the fields that changed.
    pub before: Option<Value>,
    /// What is: of a change, the fields that changed.
    pub after: Option<Value>,
    /// Where from; may be empty.
    pub address: String,
    /// With what; may be empty.
    pub user_agent: String,
}

/// Which lines; `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Id of who acted.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<AuditAction>,
    /// Kind of what it was done to.
    pub subject_kind: Option<SubjectKind>,
    /// Id of what it was done to.
    pub subject: Option<String>,
    /// Not earlier than this.
    pub from: Option<UnixMicros>,
    /// Earlier than this.
    pub to: Option<UnixMicros>,
    /// A text that one of a line's fields or its actor's address has, in any spelling of case (of ASCII).
    pub text: Option<String>,
}

/// Lines in which a text was found.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditFound {
    /// Newest first.
    pub rows: Vec<AuditRow>,
    /// Every line from this number on was looked at; 1: all were.
    pub searched_to: i64,
}

/// Limit: lines that one search looks through. No index knows what is within a line.
const SEARCH_LINES_MAX: i64 = 50_000;

/// The question with one more condition, which an index begins with.
macro_rules! list_by {
    ($condition:literal) => {
        concat!(
            "SELECT a.number, a.at_us, a.actor_kind, a.actor_id, a.action, a.subject_kind, a.subject_id, a.before_json, a.after_json, \
             a.address, a.user_agent, p.email FROM audit_event a LEFT JOIN person p ON a.actor_kind = 'person' AND p.id = a.actor_id AND p.deleted_at_us IS NULL \
             WHERE a.organization_id = $1 AND a.number < $2 AND ($3 = '' OR a.actor_id = $3) AND ($4 = '' OR a.action = $4) \
             AND ($5 = '' OR a.subject_kind = $5) AND ($6 = '' OR a.subject_id = $6) AND a.at_us >= $7 AND a.at_us < $8 AND a.number >= $10 AND ($11 = '' OR LOWER(a.action || ' ' || \
             a.actor_kind || ' ' || a.actor_id || ' ' || COALESCE(p.email, '') || ' ' || a.subject_kind || ' ' || a.subject_id || ' ' || \
             COALESCE(a.before_json, '') || ' ' || COALESCE(a.after_json, '') || ' ' || a.address || ' ' || a.user_agent) \
             LIKE $11 ESCAPE '\\') ",
            $condition,
            " ORDER BY a.number DESC LIMIT $9"
        )
    };
}

impl AuditFilter {
    /// The question that goes through the fewest lines.
    const fn sql(&self) -> &'static str {
        if self.subject.is_some() {
            list_by!("AND a.subject_id = $6")
        } else if self.actor.is_some() {
            list_by!("AND a.actor_id = $3")
        } else if self.action.is_some() {
            list_by!("AND a.action = $4")
        } else if self.subject_kind.is_some() {
            list_by!("AND a.subject_kind = $5")
        } else {
            list_by!("")
        }
    }
}

/// Lines of the scope, newest first, older than a number. A filter with a text goes through all of them: see [`audit_search`].
pub async fn audit_list(
    db: &Db,
    scope: &OrgScope,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    audit_lines(db, scope, filter, (1, before), limit).await
}

/// The same among the newest 50000 lines that are older than a number, so that a search for what is nowhere ends, too.
pub async fn audit_search(
    db: &Db,
    scope: &OrgScope,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<AuditFound, StoreError> {
    let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM audit_event WHERE organization_id = $1")
        .bind(scope.organization().to_string())
        .fetch_one(db.read())
        .await
        .act("read the end of the audit log")?;
    let before = before.unwrap_or(i64::MAX).min(last.saturating_add(1));
    let searched_to = before.saturating_sub(SEARCH_LINES_MAX).max(1);
    let rows = audit_lines(db, scope, filter, (searched_to, Some(before)), limit).await?;
    Ok(AuditFound { rows, searched_to })
}

async fn audit_lines(
    db: &Db,
    scope: &OrgScope,
    filter: &AuditFilter,
    (from, before): (i64, Option<i64>),
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let rows = sqlx::query(filter.sql())
        .bind(scope.organization().to_string())
        .bind(before.unwrap_or(i64::MAX))
        .bind(filter.actor.clone().unwrap_or_default())
        .bind(filter.action.map(|action| action.as_str().to_owned()).unwrap_or_default())
        .bind(filter.subject_kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default())
        .bind(filter.subject.clone().unwrap_or_default())
        .bind(filter.from.map_or(i64::MIN, |at| at.0))
        .bind(filter.to.map_or(i64::MAX, |at| at.0))
        .bind(i64::from(limit))
        .bind(from)
        .bind(filter.text.as_deref().map(|text| format!("%{}%", like(&text.to_ascii_lowercase()))).unwrap_or_default())
        .fetch_all(db.read())
        .await
        .act("read the audit log")?;
    rows.iter().map(audit_row).collect()
}

/// Writes a line, in the transaction of what it tells of. The number is free of races because there is one writer at a
/// time; an engine with several gets a conflict on the primary key, and the change is not made.
pub(crate) async fn audit_insert(tx: &mut Tx, author: &Author, new: &NewAudit) -> Result<(), StoreError> {
    let (before, after) = changed(new.before.clone(), new.after.clone());
    sqlx::query(
        "INSERT INTO audit_event (organization_id, number, at_us, actor_kind, actor_id, action, subject_kind, subject_id, before_json, \
         after_json, address, user_agent) SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
         FROM audit_event WHERE organization_id = $1",
    )
    .bind(new.organization.to_string())
    .bind(author.at.0)
    .bind(author.actor.kind().as_str())
    .bind(author.actor.id())
    .bind(new.action.as_str())
    .bind(new.subject.0.as_str())
    .bind(&*new.subject.1)
    .bind((!before.is_null()).then(|| before.to_string()))
    .bind((!after.is_null()).then(|| after.to_string()))
    .bind(&*author.address)
    .bind(&*author.user_agent)
    .execute(&mut **tx)
    .await
    .act_unique("write the audit log", "number in the audit log")?;
    Ok(())
}

/// Of two objects, the fields that differ; anything else as it is.
fn changed(before: Value, after: Value) -> (Value, Value) {
    match (before, after) {
        (Value::Object(mut before), Value::Object(mut after)) => {
            before.retain(|name, value| {
                let same = after.get(name) == Some(value);
                if same {
                    after.remove(name);
                }
                !same
            });
            (Value::Object(before), Value::Object(after))
        }
        other => other,
    }
}

fn audit_row(row: &AnyRow) -> Result<AuditRow, StoreError> {
    let columns = Columns(row);
    let json = |column: &'static str| -> Result<Option<Value>, StoreError> {
        let text = columns.text_opt(column)?;
        text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Corrupt { what: column })
    };
    Ok(AuditRow {
        number: columns.int("number")?,
        at: columns.time("at_us")?,
        actor_kind: columns.word("actor_kind", ActorKind::parse)?,
        actor: columns.text("actor_id")?,
        actor_email: columns.text_opt("email")?,
        action: columns.word("action", AuditAction::parse)?,
        subject_kind: columns.word("subject_kind", SubjectKind::parse)?,
        subject: columns.text("subject_id")?,
        before: json("before_json")?,
        after: json("after_json")?,
        address: columns.text("address")?,
        user_agent: columns.text("user_agent")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::changed;

    #[test]
    fn a_change_shows_what_differs() {
        let (before, after) = changed(json!({"a": 1, "b": 2, "c": 3}), json!({"a": 1, "b": 3, "d": 4}));
        assert_eq!((before, after), (json!({"b": 2, "c": 3}), json!({"b": 3, "d": 4})));
        assert_eq!(changed(Value::Null, json!({"a": 1})), (Value::Null, json!({"a": 1})));
    }
}
