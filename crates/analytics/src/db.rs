//! The analytics database: one enum of backends, SQLite now.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, Sqlite, SqlitePool, Transaction};

use crate::error::{Act, AnalyticsError};
use crate::fill::rollup_fill;

/// An open transaction; rolled back when dropped.
pub(crate) type Tx = Transaction<'static, Sqlite>;

/// How long a question waits for its connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache of a connection, in KiB (negative: that is how SQLite tells KiB from pages).
const CACHE_KIB: &str = "-16384";

/// Pages in the write-ahead file before they are copied to their places: 32 MiB. Batches write the same pages of sums and
/// indexes again and again; with SQLite's 4 MiB each batch would copy them.
const CHECKPOINT_PAGES: &str = "8192";

pub(crate) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "calls", include_str!("../../../migrations/analytics-sqlite/0001_calls.sql")),
    (2, "rollup", include_str!("../../../migrations/analytics-sqlite/0002_rollup.sql")),
];

/// The analytics store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Analytics {
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    /// One connection writes (SQLite has one writer at a time), the others read.
    Sqlite { read: SqlitePool, write: SqlitePool },
}

impl Analytics {
    /// Opens the file, creating it when there is none. Does not migrate.
    ///
    /// `synchronous = NORMAL`: a power cut may take the last commits back, and the offset goes back with them, so that
    /// their events are read again. That is why a commit need not wait for the disk here.
    pub async fn open(path: &Path, readers_max: u32) -> Result<Self, AnalyticsError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .pragma("cache_size", CACHE_KIB)
            // What is deleted is overwritten.
            .pragma("secure_delete", "ON")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .foreign_keys(true);
        let write = pool(1).connect_with(options.clone()).await.act("open the analytics database")?;
        let read = pool(readers_max.max(1)).connect_lazy_with(options);
        Ok(Self { backend: Backend::Sqlite { read, write } })
    }

    /// Brings the schema and the sums up to date. Safe to repeat, also when it was broken off.
    pub async fn migrate(&self) -> Result<(), AnalyticsError> {
        self.migrate_to(MIGRATIONS).await?;
        rollup_fill(self).await
    }

    pub(crate) async fn migrate_to(&self, migrations: &[(i64, &'static str, &'static str)]) -> Result<(), AnalyticsError> {
        let Backend::Sqlite { write, .. } = &self.backend;
        let steps = migrations
            .iter()
            .map(|&(version, name, sql)| Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false));
        Migrator::with_migrations(steps.collect())
            .run(write)
            .await
            .map_err(|error| AnalyticsError::Failed { act: "migrate the analytics database", source: Box::new(error) })
    }

    /// Says whether the database answers.
    pub async fn ping(&self) -> Result<(), AnalyticsError> {
        sqlx::query("SELECT 1").execute(self.read()).await.act("ping the analytics database")?;
        Ok(())
    }

    /// Lets the file forget what was overwritten: its write-ahead file is copied back and emptied. Where a reader keeps that from
    /// happening now, the next one does it.
    pub async fn settle(&self) -> Result<(), AnalyticsError> {
        let Backend::Sqlite { write, .. } = &self.backend;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(write).await.act("empty the write-ahead file")?;
        Ok(())
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        let Backend::Sqlite { read, write } = &self.backend;
        read.close().await;
        write.close().await;
    }

    pub(crate) const fn read(&self) -> &SqlitePool {
        let Backend::Sqlite { read, .. } = &self.backend;
        read
    }

    pub(crate) async fn begin_write(&self) -> Result<Tx, AnalyticsError> {
        let Backend::Sqlite { write, .. } = &self.backend;
        write.begin_with("BEGIN IMMEDIATE").await.act("begin a write transaction")
    }
}

fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/analytics-sqlite");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let embedded: Vec<String> = MIGRATIONS.iter().map(|(version, name, _)| format!("{version:04}_{name}.sql")).collect();
        assert_eq!(files, embedded);
    }
}
