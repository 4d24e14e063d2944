//! What tests of several crates need, and no product code may use.

#![expect(clippy::expect_used, reason = "a broken test shall stop where it broke")]

pub mod postgres;

use sqlx::Connection;

/// Runs one statement on a store's database, for rows that no function of the store makes yet.
///
/// # Panics
/// When the statement fails: the test is wrong then.
pub async fn sql(url: &str, statement: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(url).await.expect("open the database");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.expect("run the statement");
    connection.close().await.expect("close the database");
}
