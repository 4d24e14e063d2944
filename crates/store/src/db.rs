//! The database behind every question: SQLite in a file, or a PostgreSQL server.
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
    /// One pool. Writers wait for one lock (see [`Db::begin_write`]).
    Postgres { pool: AnyPool },
}

/// `synchronous = FULL`: a commit waits for the disk. With NORMAL a power cut may take the last commits back, and a
/// grant that a gateway already spends would be granted a second time. Commits are few (grants and batches, not calls).
/// `secure_delete`: what is deleted is overwritten.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;";

/// No statement and no wait for a lock outlives its caller's patience, and a transaction that was forgotten ends.
const POSTGRES_SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '60s';";

/// Taken by every transaction that writes, until it ends; it returns no row, unlike a SELECT of the same function.
const POSTGRES_WRITE_LOCK: &str = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7812790117); END $$";

impl Db {
    /// Opens `sqlite://path`, creating the file when there is none, or `postgres://user:password@host/database`, which must
    /// be there. Does not migrate.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url, options).await;
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(StoreError::Invalid { what: "the database URL begins with neither `sqlite:` nor `postgres://`" });
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

    async fn open_postgres(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        install_default_drivers();
        let at: AnyConnectOptions = url.parse().map_err(|_| StoreError::Invalid { what: "the database URL cannot be read" })?;
        let pool = AnyPoolOptions::new()
            // One more than readers, so that a writer that waits for its turn keeps no reader out.
            .max_connections(options.readers_max.max(1) + 1)
            .acquire_timeout(options.acquire_timeout)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(POSTGRES_SETTINGS).await.map(drop) }))
            .connect_with(at)
            .await
            .act("open the database")?;
        Ok(Self { backend: Backend::Postgres { pool } })
    }

    /// Brings the schema up to date. Safe to repeat.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let done = match &self.backend {
            Backend::Sqlite { write, .. } => migrations::sqlite().run(write).await,
            Backend::Postgres { pool } => migrations::postgres().run(pool).await,
        };
        done.map_err(|error| StoreError::Failed { act: "migrate the database", source: Box::new(error) })
    }

    /// Says whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(self.read()).await.act("ping the database")?;
        Ok(())
    }

    /// Lets the embedded file forget what was overwritten: its write-ahead file is copied back and emptied. Where a reader keeps that
    /// from happening now, the next one does it.
    pub async fn settle(&self) -> Result<(), StoreError> {
        if let Backend::Sqlite { write, .. } = &self.backend {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(write).await.act("empty the write-ahead file")?;
        }
        Ok(())
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Backend::Postgres { pool } => pool.close().await,
        }
    }

    /// For questions.
    pub(crate) const fn read(&self) -> &AnyPool {
        match &self.backend {
            Backend::Sqlite { read: pool, .. } | Backend::Postgres { pool } => pool,
        }
    }

    /// One consistent view for several questions.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        match &self.backend {
            Backend::Sqlite { read, .. } => read.begin().await,
            Backend::Postgres { pool } => pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await,
        }
        .map(Tx)
        .act("begin a read transaction")
    }

    /// For everything that changes something: one transaction at a time, on either backend. SQLite takes the write lock at
    /// once: a transaction that reads first and writes later would fail when another wrote in between. PostgreSQL is given
    /// the same order by a lock of ours, so that what was read in a transaction still holds when it writes, and the
    /// outbox's revisions become visible in their own order.
    pub(crate) async fn begin_write(&self) -> Result<Tx, StoreError> {
        const ACT: &str = "begin a write transaction";
        match &self.backend {
            Backend::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx).act(ACT),
            Backend::Postgres { pool } => {
                let mut tx = pool.begin().await.act(ACT)?;
                tx.execute(POSTGRES_WRITE_LOCK).await.act(ACT)?;
                Ok(Tx(tx))
            }
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
        for url in ["", "mysql://localhost/llmg", "postgres://host:port/x", "sqlite::memory:", "sqlite://", "sqlite://x.db?mode=ro"] {
            assert!(matches!(Db::open(url, OpenOptions::default()).await, Err(StoreError::Invalid { .. })), "{url}");
        }
        let nowhere = Db::open("sqlite:///nowhere/at/all.db", OpenOptions::default()).await;
        assert!(matches!(nowhere, Err(StoreError::Unavailable { .. })));
    }

    /// Names of all columns, `table.column`.
    async fn columns(db: &Db, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(db.read()).await.unwrap()
    }

    #[tokio::test]
    async fn both_schemas_have_the_same_tables_and_columns() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = format!("sqlite://{}", folder.path().join("llmg.db").display());
        let embedded = Db::open(&embedded, OpenOptions::default()).await.unwrap();
        let server = Db::open(&testkit::postgres::database().await, OpenOptions::default()).await.unwrap();
        for db in [&embedded, &server] {
            db.migrate().await.unwrap();
        }
        let of_embedded = "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '_sqlx%' ORDER BY 1";
        let of_server = "SELECT CAST(table_name || '.' || column_name AS TEXT) COLLATE \"C\" FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%' ORDER BY 1";
        let (of_embedded, of_server) = (columns(&embedded, of_embedded).await, columns(&server, of_server).await);
        assert!(of_embedded.len() > 100);
        assert_eq!(of_embedded, of_server);
    }
}
