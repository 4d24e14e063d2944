//! The database behind every question: one enum of backends, SQLite now.
//!
//! SQL here keeps to what SQLite and PostgreSQL share through sqlx's `Any`: `$1` placeholders; BIGINT, TEXT and BLOB
//! columns; 0 and 1 for booleans; sums cast to BIGINT; conditional single-statement updates for balances; and
//! [`Db::begin_write`] for every transaction that writes.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyConnection, AnyPool, Executor, Transaction};

use crate::audit::{Trail, audit_insert};
use crate::error::{Act, StoreError};
use crate::migrations;

/// An open transaction; rolled back when dropped. It ends well through [`commit`] only.
#[derive(Debug)]
pub(crate) struct Tx(Transaction<'static, Any>);

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// How to open.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// Connections that read at the same time.
    pub readers_max: u32,
    /// How long a question waits for its connection before the database counts as away.
    pub acquire_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { readers_max: 8, acquire_timeout: Duration::from_secs(5) }
    }
}

/// The relational store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    /// SQLite has one writer at a time, so there is one connection for writing: writers wait in the pool's fair queue
    /// instead of polling the file's lock.
    Sqlite { read: AnyPool, write: AnyPool },
}

/// `synchronous = FULL`: a commit waits for the disk. With NORMAL a power cut may take the last commits back, and a
/// grant that a gateway already spends would be granted a second time. Commits are few (grants and batches, not calls).
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;";

impl Db {
    /// Opens `sqlite://path`, creating the file when there is none. Does not migrate.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(StoreError::Invalid { what: "the database URL does not begin with `sqlite:`" });
        };
        if path.contains(":memory:") || path.contains('?') || path.trim_start_matches('/').is_empty() {
            return Err(StoreError::Invalid { what: "the database URL must name a file, without parameters: `sqlite://path`" });
        }
        install_default_drivers();
        let at: AnyConnectOptions = format!("{url}?mode=rwc").parse().act("read the database URL")?;
        let write = sqlite_pool(1, options.acquire_timeout).connect_with(at.clone()).await.act("open the database")?;
        let read = sqlite_pool(options.readers_max.max(1), options.acquire_timeout).connect_lazy_with(at);
        Ok(Self { backend: Backend::Sqlite { read, write } })
    }

    /// Brings the schema up to date. Safe to repeat.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite { write, .. } => migrations::sqlite()
                .run(write)
                .await
                .map_err(|error| StoreError::Failed { act: "migrate the database", source: Box::new(error) }),
        }
    }

    /// Says whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(self.read()).await.act("ping the database")?;
        Ok(())
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
        }
    }

    /// For questions.
    pub(crate) const fn read(&self) -> &AnyPool {
        match &self.backend {
            Backend::Sqlite { read, .. } => read,
        }
    }

    /// One consistent view for several questions.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        match &self.backend {
            Backend::Sqlite { read, .. } => read.begin().await.map(Tx).act("begin a read transaction"),
        }
    }

    /// For everything that changes something. SQLite takes the write lock at once: a transaction that reads first and
    /// writes later would fail when another wrote in between.
    pub(crate) async fn begin_write(&self) -> Result<Tx, StoreError> {
        match &self.backend {
            Backend::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx).act("begin a write transaction"),
        }
    }
}

fn sqlite_pool(connections_max: u32, acquire_timeout: Duration) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SQLITE_SETTINGS).await?;
                Ok(())
            })
        })
}

/// Commits, naming the act and what it leaves in the audit log.
pub(crate) async fn commit(mut tx: Tx, act: &'static str, trail: Trail<'_>) -> Result<(), StoreError> {
    match trail {
        Trail::Audit(author, new) => audit_insert(&mut tx, author, new).await?,
        Trail::Bookkeeping => {}
    }
    tx.0.commit().await.act(act)
}

#[cfg(test)]
mod tests {
    use super::{Db, OpenOptions};
    use crate::{StoreError, revision_latest};

    #[tokio::test]
    async fn opens_a_file_with_any_name_and_finds_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Our data #1 100%.db");
        let url = format!("sqlite://{}", file.display().to_string().replace('%', "%25").replace('#', "%23"));
        for _ in 0..2 {
            let db = Db::open(&url, OpenOptions::default()).await.unwrap();
            db.migrate().await.unwrap();
            assert_eq!(revision_latest(&db).await.unwrap(), 0);
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(db.read()).await.unwrap();
            let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(db.read()).await.unwrap();
            assert_eq!((&*mode, synchronous), ("wal", 2));
            db.close().await;
        }
        assert!(file.exists());
    }

    #[tokio::test]
    async fn refuses_what_is_no_file() {
        for url in ["", "postgres://localhost/llmg", "sqlite::memory:", "sqlite://", "sqlite://x.db?mode=ro"] {
            assert!(matches!(Db::open(url, OpenOptions::default()).await, Err(StoreError::Invalid { .. })), "{url}");
        }
        let nowhere = Db::open("sqlite:///nowhere/at/all.db", OpenOptions::default()).await;
        assert!(matches!(nowhere, Err(StoreError::Unavailable { .. })));
    }
}
