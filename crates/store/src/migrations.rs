//! The schema's steps, embedded in the binary. Steps are only added; one that ran is never edited.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

const SQLITE: &[(i64, &str, &str)] = &[
    (1, "directory", include_str!("../../../migrations/sqlite/0001_directory.sql")),
    (2, "ledger", include_str!("../../../migrations/sqlite/0002_ledger.sql")),
    (3, "session", include_str!("../../../migrations/sqlite/0003_session.sql")),
    (4, "provider_key", include_str!("../../../migrations/sqlite/0004_provider_key.sql")),
    (6, "audit", include_str!("../../../migrations/sqlite/0006_audit.sql")),
    (7, "invite", include_str!("../../../migrations/sqlite/0007_invite.sql")),
    (8, "member_project", include_str!("../../../migrations/sqlite/0008_member_project.sql")),
    (9, "management_key_scope", include_str!("../../../migrations/sqlite/0009_management_key_scope.sql")),
    (10, "idempotency", include_str!("../../../migrations/sqlite/0010_idempotency.sql")),
    (11, "key_rules", include_str!("../../../migrations/sqlite/0011_key_rules.sql")),
    (12, "account", include_str!("../../../migrations/sqlite/0012_account.sql")),
    (13, "second_factor", include_str!("../../../migrations/sqlite/0013_second_factor.sql")),
    (14, "identity", include_str!("../../../migrations/sqlite/0014_identity.sql")),
    (16, "budget", include_str!("../../../migrations/sqlite/0016_budget.sql")),
    (18, "sub_account", include_str!("../../../migrations/sqlite/0018_sub_account.sql")),
    (20, "narrowing", include_str!("../../../migrations/sqlite/0020_narrowing.sql")),
    (22, "provider_key_options", include_str!("../../../migrations/sqlite/0022_provider_key_options.sql")),
    (24, "billing_email", include_str!("../../../migrations/sqlite/0024_billing_email.sql")),
    (25, "list_indexes", include_str!("../../../migrations/sqlite/0025_list_indexes.sql")),
    (26, "lifecycle", include_str!("../../../migrations/sqlite/0026_lifecycle.sql")),
    (27, "master_key", include_str!("../../../migrations/sqlite/0027_master_key.sql")),
];

const POSTGRES: &[(i64, &str, &str)] = &[
    (1, "directory", include_str!("../../../migrations/postgres/0001_directory.sql")),
    (2, "ledger", include_str!("../../../migrations/postgres/0002_ledger.sql")),
    (3, "session", include_str!("../../../migrations/postgres/0003_session.sql")),
    (4, "provider_key", include_str!("../../../migrations/postgres/0004_provider_key.sql")),
    (6, "audit", include_str!("../../../migrations/postgres/0006_audit.sql")),
    (7, "invite", include_str!("../../../migrations/postgres/0007_invite.sql")),
    (8, "member_project", include_str!("../../../migrations/postgres/0008_member_project.sql")),
    (9, "management_key_scope", include_str!("../../../migrations/postgres/0009_management_key_scope.sql")),
    (10, "idempotency", include_str!("../../../migrations/postgres/0010_idempotency.sql")),
    (11, "key_rules", include_str!("../../../migrations/postgres/0011_key_rules.sql")),
    (12, "account", include_str!("../../../migrations/postgres/0012_account.sql")),
    (13, "second_factor", include_str!("../../../migrations/postgres/0013_second_factor.sql")),
    (14, "identity", include_str!("../../../migrations/postgres/0014_identity.sql")),
    (16, "budget", include_str!("../../../migrations/postgres/0016_budget.sql")),
    (18, "sub_account", include_str!("../../../migrations/postgres/0018_sub_account.sql")),
    (20, "narrowing", include_str!("../../../migrations/postgres/0020_narrowing.sql")),
    (22, "provider_key_options", include_str!("../../../migrations/postgres/0022_provider_key_options.sql")),
    (24, "billing_email", include_str!("../../../migrations/postgres/0024_billing_email.sql")),
    (25, "list_indexes", include_str!("../../../migrations/postgres/0025_list_indexes.sql")),
    (26, "lifecycle", include_str!("../../../migrations/postgres/0026_lifecycle.sql")),
    (27, "master_key", include_str!("../../../migrations/postgres/0027_master_key.sql")),
];

/// All steps for SQLite.
pub(crate) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// All steps for PostgreSQL. The migrator takes a lock, so that services that start at once run them once.
pub(crate) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

fn migrator(steps: &[(i64, &'static str, &'static str)]) -> Migrator {
    let steps = steps
        .iter()
        .map(|&(version, name, sql)| Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false));
    Migrator::with_migrations(steps.collect())
}

#[cfg(test)]
mod tests {
    use super::{POSTGRES, SQLITE};

    #[test]
    fn every_file_of_the_folders_is_embedded() {
        for (folder, steps) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let folder = format!("{}/../../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<String> =
                std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            files.sort();
            let embedded: Vec<String> = steps.iter().map(|(version, name, _)| format!("{version:04}_{name}.sql")).collect();
            assert_eq!(files, embedded);
        }
    }
}
