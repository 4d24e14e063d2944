//! `/api/v1/export`: everything that is stored of an organization, as an archive that is made while it is sent.

use std::io::{self, Write};
use std::sync::Arc;

use analytics::CallFilter;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use domain::{Fault, UnixMicros};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::json;
use store::{AuditFilter, Page};
use tar::{EntryType, Header};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::app::Control;
use crate::app::caller::{Admin, Payer};
use crate::app::page::Listed;
use crate::app::sub_accounts::SubAccountSearch;
use crate::http::audit::AuditEventOut;
use crate::http::billing::TransferOut;
use crate::http::budgets::BudgetOut;
use crate::http::call_out::CallDetailOut;
use crate::http::edge::Refused;
use crate::http::input::NoParams;
use crate::http::invites::InviteOut;
use crate::http::keys::ApiKeyOut;
use crate::http::management_keys::ManagementKeyOut;
use crate::http::members::MemberOut;
use crate::http::organizations::OrganizationOut;
use crate::http::page::{self, Place};
use crate::http::projects::ProjectOut;
use crate::http::provider_keys::ProviderKeyOut;
use crate::http::streamed::{self, Piece};
use crate::http::sub_accounts::SubAccountOut;

/// Rows that one file of the archive holds at most: what is in memory at a time.
const FILE_ROWS: u32 = 200;
/// An archive ends with two empty blocks (POSIX pax).
const END: [u8; 1_024] = [0; 1_024];
const BLOCK_BYTES: usize = 512;

/// What is exported, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Organization,
    Projects,
    Members,
    Invites,
    SubAccounts,
    ApiKeys,
    ManagementKeys,
    ProviderKeys,
    Budgets,
    Transfers,
    Audit,
    Calls,
}

impl Table {
    const ALL: [Self; 12] = [
        Self::Organization,
        Self::Projects,
        Self::Members,
        Self::Invites,
        Self::SubAccounts,
        Self::ApiKeys,
        Self::ManagementKeys,
        Self::ProviderKeys,
        Self::Budgets,
        Self::Transfers,
        Self::Audit,
        Self::Calls,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Projects => "projects",
            Self::Members => "members",
            Self::Invites => "invites",
            Self::SubAccounts => "sub-accounts",
            Self::ApiKeys => "api-keys",
            Self::ManagementKeys => "management-keys",
            Self::ProviderKeys => "provider-keys",
            Self::Budgets => "budgets",
            Self::Transfers => "transfers",
            Self::Audit => "audit",
            Self::Calls => "calls",
        }
    }
}

/// How far an archive is.
struct Progress {
    archive: GzEncoder<Vec<u8>>,
    /// Place in [`Table::ALL`].
    table: usize,
    /// Where its next rows begin.
    cursor: Option<String>,
    /// Its files so far.
    files: u32,
}

/// Lines of a table, and where its next ones begin.
struct Part {
    lines: Vec<u8>,
    next: Option<String>,
}

/// Bytes of any kind, in words that generators of clients know.
struct Archive;

impl PartialSchema for Archive {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into()
    }
}

impl ToSchema for Archive {}

/// Export the organization
///
/// For owners and admins. A gzipped tar archive that is made while it is sent: for each table files of JSON Lines
/// (`calls/00001.jsonl` …) with the objects that the other routes of this API answer with: the organization, projects, members,
/// invitations, sub-accounts, keys and provider keys without their secrets, budgets, the movements of credits, the audit log, and every call. Calls
/// come newest first. An archive that cannot be finished breaks the connection off. That somebody asked is in the audit log.
#[utoipa::path(get, path = "/api/v1/export", tag = "Organizations",
    responses((status = 200, description = "The archive.", body = inline(Archive), content_type = "application/octet-stream")))]
pub(super) async fn export(
    who: Admin,
    State(control): State<Arc<Control>>,
    _: NoParams,
) -> Result<([(HeaderName, HeaderValue); 3], Body), Refused> {
    let at = control.export_begin(&who).await?;
    let asked = Arc::new((control, who, at));
    let more = move |asked: Arc<(Arc<Control>, Admin, UnixMicros)>, progress: Progress| async move { piece(&asked, progress).await };
    let archive = GzEncoder::new(Vec::new(), Compression::fast());
    let first = more(Arc::clone(&asked), Progress { archive, table: 0, cursor: None, files: 0 }).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"organization.tar.gz\"")),
        // It is small already.
        (CONTENT_ENCODING, HeaderValue::from_static("identity")),
    ];
    Ok((headers, streamed::body(first, move |progress| more(Arc::clone(&asked), progress))))
}

/// One more file of the archive, or its end.
async fn piece(asked: &(Arc<Control>, Admin, UnixMicros), mut progress: Progress) -> Result<Piece<Progress>, Fault> {
    let (control, who, at) = asked;
    let failed = |error: io::Error| Fault::internal("write an archive", error);
    let Some(table) = Table::ALL.get(progress.table).copied() else {
        progress.archive.write_all(&END).map_err(failed)?;
        return Ok(Piece { bytes: progress.archive.finish().map_err(failed)?, next: None });
    };
    let part = rows(control, who, table, progress.cursor.as_deref()).await?;
    if !part.lines.is_empty() {
        progress.files = progress.files.saturating_add(1);
        let name = format!("{}/{:05}.jsonl", table.name(), progress.files);
        file_write(&mut progress.archive, &name, &part.lines, *at).map_err(failed)?;
    }
    progress.cursor = part.next;
    if progress.cursor.is_none() {
        (progress.table, progress.files) = (progress.table + 1, 0);
    }
    let bytes = std::mem::take(progress.archive.get_mut());
    Ok(Piece { bytes, next: Some(progress) })
}

/// A header, the bytes, and zeros up to a whole block.
fn file_write(archive: &mut impl Write, name: &str, bytes: &[u8], at: UnixMicros) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(at.0 / 1_000_000).unwrap_or_default());
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    archive.write_all(header.as_bytes())?;
    archive.write_all(bytes)?;
    let rest = bytes.len() % BLOCK_BYTES;
    archive.write_all(END.get(..(BLOCK_BYTES - rest) % BLOCK_BYTES).unwrap_or_default())
}

async fn rows(control: &Control, who: &Admin, table: Table, cursor: Option<&str>) -> Result<Part, Fault> {
    let me = who.management();
    match table {
        Table::Organization => {
            let billing_email = control.billing_email(&Payer::try_from(me.clone())?).await?;
            let organization = OrganizationOut::from(control.organization_get(me).await?);
            Ok(Part { lines: line(&json!({ "organization": organization, "billing_email": billing_email }))?, next: None })
        }
        Table::Projects => part(control.project_list(me, at(cursor)?).await?, |row| Ok(ProjectOut::from(row))),
        Table::Members => part(control.member_list(me, at(cursor)?).await?, |row| Ok(MemberOut::from(row))),
        Table::Invites => part(control.invite_list(who, at(cursor)?).await?, |row| Ok(InviteOut::from(row))),
        Table::SubAccounts => {
            let all = SubAccountSearch::default();
            part(control.sub_account_list(me, &all, at(cursor)?).await?, |row| Ok(SubAccountOut::from(row)))
        }
        Table::ApiKeys => part(control.key_list(me, None, at(cursor)?).await?, |row| Ok(ApiKeyOut::from(row))),
        Table::ManagementKeys => part(control.management_key_list(who, at(cursor)?).await?, |row| Ok(ManagementKeyOut::from(row))),
        Table::ProviderKeys => part(control.provider_key_list(me, at(cursor)?).await?, |row| Ok(ProviderKeyOut::from(row))),
        Table::Budgets => part(control.budget_list(me, (None, None), at(cursor)?).await?, |row| Ok(BudgetOut::from(row))),
        Table::Transfers => {
            let list = control.transfer_list(&Payer::try_from(me.clone())?, at(cursor)?).await?;
            part(list, |row| Ok(TransferOut::from(row)))
        }
        Table::Audit => part(control.audit_list(who, &AuditFilter::default(), at(cursor)?).await?, |row| Ok(AuditEventOut::from(row))),
        Table::Calls => part(control.call_list(me, &CallFilter::default(), at(cursor)?).await?, |row| CallDetailOut::try_from(&row)),
    }
}

fn at<C: Place>(cursor: Option<&str>) -> Result<Page<C>, Fault> {
    Ok(Page { limit: FILE_ROWS, ..page::page(None, cursor)? })
}

fn part<T, C: Place, O: Serialize>(list: Listed<T, C>, shown: impl Fn(T) -> Result<O, Fault>) -> Result<Part, Fault> {
    let (_, next) = page::next(list.next);
    let mut lines = Vec::new();
    for row in list.rows {
        lines.extend(line(&shown(row)?)?);
    }
    Ok(Part { lines, next })
}

fn line(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| Fault::internal("spell a line of an export", error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_end_at_whole_blocks() {
        for length in [0, 1, 511, 512, 513] {
            let mut archive = Vec::new();
            file_write(&mut archive, "a/00001.jsonl", &vec![b'x'; length], UnixMicros(0)).unwrap();
            assert_eq!(archive.len(), 512 + length.div_ceil(512) * 512, "{length}");
        }
    }
}
