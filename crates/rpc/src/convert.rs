//! Between rows of the store and messages.

use std::str::FromStr;

use domain::{Code, NanoUsd, OrgScope, OrganizationId, UnixMicros};
use proto::directory::v1 as wire;
use proto::directory::v1::provider_key_use::Outcome;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{ChangeKind, ChangeRow, KeyOutcome, LeaseGranted, ProviderKeyUse, StoreError};
use tonic::{Code as GrpcCode, Status};

use crate::feed::News;

/// What the other side says, as an error of the store: whoever asks cannot tell where the store is.
pub(crate) fn refused(act: &'static str, status: Status) -> StoreError {
    match status.code() {
        GrpcCode::NotFound => StoreError::NotFound { what: act },
        GrpcCode::AlreadyExists => StoreError::Conflict { what: act },
        GrpcCode::InvalidArgument => StoreError::Invalid { what: act },
        GrpcCode::Internal | GrpcCode::DataLoss | GrpcCode::Unimplemented => StoreError::Failed { act, source: status.into() },
        _ => StoreError::Unavailable { act, source: status.into() },
    }
}

/// An error of the store for the other side. What is behind it is for the log here.
pub(crate) fn status(error: StoreError) -> Status {
    let say = error.to_string();
    match error {
        StoreError::NotFound { .. } => Status::not_found(say),
        StoreError::Conflict { .. } | StoreError::Archived => Status::already_exists(say),
        StoreError::Invalid { .. } => Status::invalid_argument(say),
        StoreError::Unavailable { source, .. } => {
            tracing::warn!(say, source, "a gateway's question cannot be answered now");
            Status::unavailable(say)
        }
        StoreError::Corrupt { .. } => {
            tracing::error!(say, "a gateway's question cannot be answered");
            Status::internal(say)
        }
        StoreError::Failed { source, .. } => {
            tracing::error!(say, source, "a gateway's question cannot be answered");
            Status::internal(say)
        }
    }
}

/// A row as it travels.
pub(crate) fn row_spell<T: Serialize>(row: &T) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(row).map_err(|_| Status::internal("a row cannot be spelled"))
}

/// A row as it came. The error quotes nothing of it.
pub(crate) fn row_read<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt { what })
}

/// An id that came in a message.
pub(crate) fn id<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Invalid { what })
}

#[expect(clippy::disallowed_methods, reason = "the cluster's token was shown: a gateway asks for a caller whose key it was given")]
pub(crate) fn scope(organization: &str) -> Result<OrgScope, StoreError> {
    id::<OrganizationId>(organization, "organization").map(OrgScope::proven)
}

pub(crate) fn hash(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Invalid { what: "a SHA-256 has 32 bytes" })
}

pub(crate) fn news_spell(news: News) -> wire::WatchResponse {
    let changes = news.changes.into_iter().map(|change| wire::Change {
        revision: change.revision,
        organization: change.organization.to_string(),
        kind: change.kind.as_str().to_owned(),
        subject: change.subject,
        key_hash: change.key_hash.map(Vec::from).unwrap_or_default(),
        at_us: change.at.0,
    });
    wire::WatchResponse { revision: news.revision, reset: news.reset, changes: changes.collect() }
}

pub(crate) fn news_read(message: wire::WatchResponse) -> Result<News, StoreError> {
    let changes = message.changes.into_iter().map(|change| {
        Ok(ChangeRow {
            revision: change.revision,
            organization: id(&change.organization, "organization")?,
            // A kind of a later version: all callers of the organization are read again.
            kind: ChangeKind::parse(&change.kind).unwrap_or(ChangeKind::OrganizationChanged),
            subject: change.subject,
            key_hash: if change.key_hash.is_empty() { None } else { Some(hash(&change.key_hash)?) },
            at: UnixMicros(change.at_us),
        })
    });
    Ok(News { revision: message.revision, reset: message.reset, changes: changes.collect::<Result<_, StoreError>>()? })
}

pub(crate) fn use_spell(key: &ProviderKeyUse) -> wire::ProviderKeyUse {
    let outcome = match key.outcome {
        KeyOutcome::Well => Outcome::Well(wire::Well {}),
        KeyOutcome::Neutral => Outcome::Neutral(wire::Neutral {}),
        KeyOutcome::Failed { code, cooling_until } => {
            Outcome::Failed(wire::Failed { code: code.to_owned(), cooling_until_us: cooling_until.map(|at| at.0) })
        }
    };
    wire::ProviderKeyUse {
        organization: key.organization.to_string(),
        id: key.id.to_string(),
        used_at_us: key.used_at.0,
        outcome: Some(outcome),
    }
}

pub(crate) fn use_read(key: wire::ProviderKeyUse) -> Result<ProviderKeyUse, StoreError> {
    let outcome = match key.outcome.ok_or(StoreError::Invalid { what: "a use without its outcome" })? {
        Outcome::Well(_) => KeyOutcome::Well,
        Outcome::Neutral(_) => KeyOutcome::Neutral,
        Outcome::Failed(failed) => {
            // A code of a later version is none of ours to show.
            let code = Code::ALL.iter().find(|code| code.as_str() == failed.code).copied().unwrap_or(Code::Internal);
            KeyOutcome::Failed { code: code.as_str(), cooling_until: failed.cooling_until_us.map(UnixMicros) }
        }
    };
    Ok(ProviderKeyUse {
        organization: id(&key.organization, "organization")?,
        id: id(&key.id, "provider key")?,
        used_at: UnixMicros(key.used_at_us),
        outcome,
    })
}

pub(crate) fn granted_read(answer: &proto::broker::v1::LeaseResponse) -> LeaseGranted {
    LeaseGranted { granted: NanoUsd(answer.granted_nano_usd), available: NanoUsd(answer.available_nano_usd) }
}

pub(crate) fn granted_spell(granted: LeaseGranted) -> proto::broker::v1::LeaseResponse {
    proto::broker::v1::LeaseResponse { granted_nano_usd: granted.granted.0, available_nano_usd: granted.available.0 }
}
