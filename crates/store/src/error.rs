//! What can go wrong between a question and the database, as far as a caller branches on it.

use domain::fault::Cause;
use sqlx::error::ErrorKind;

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The name or hash is taken, or the same id was used for something else.
    #[error("{what} is taken, or was used for something else")]
    Conflict {
        /// What clashes.
        what: &'static str,
    },
    /// There is no such row in this scope.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The project is archived, and so is everything in it.
    #[error("the project is archived")]
    Archived,
    /// An argument makes no sense.
    #[error("{what}")]
    Invalid {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The database does not answer now; the same question may be asked again.
    #[error("{act}: the database does not answer")]
    Unavailable {
        /// What was being done.
        act: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
    /// A stored value is not what it can be.
    #[error("the database holds a wrong {what}")]
    Corrupt {
        /// Which column.
        what: &'static str,
    },
    /// Anything else.
    #[error("{act}")]
    Failed {
        /// What was being done.
        act: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    /// Sorts a driver's error.
    pub(crate) fn of(act: &'static str, error: sqlx::Error) -> Self {
        if is_unavailable(&error) { Self::Unavailable { act, source: error.into() } } else { Self::Failed { act, source: error.into() } }
    }
}

/// Names the act that failed.
pub(crate) trait Act<T> {
    /// Any failure.
    fn act(self, act: &'static str) -> Result<T, StoreError>;

    /// A unique column that is taken is a conflict about `what`; a missing parent row means that there is no such
    /// `what`; any other failure is that of the act.
    fn act_unique(self, act: &'static str, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Act<T> for Result<T, sqlx::Error> {
    fn act(self, act: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::of(act, error))
    }

    fn act_unique(self, act: &'static str, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| match error.as_database_error().map(|refusal| refusal.kind()) {
            Some(ErrorKind::UniqueViolation) => StoreError::Conflict { what },
            Some(ErrorKind::ForeignKeyViolation) => StoreError::NotFound { what },
            _ => StoreError::of(act, error),
        })
    }
}

/// SQLite's primary result codes for "busy", "locked", "disk full" and "cannot open"; extended codes keep them in their
/// lowest byte.
const SQLITE_PASSING: [i32; 4] = [5, 6, 13, 14];

/// PostgreSQL's classes for "connection lost", "rolled back for another's sake" (40), "out of resources" (53), "stopped by
/// an operator, a shutdown or a time limit" (57), and its code for "waited too long for a lock".
const POSTGRES_PASSING: [&str; 5] = ["08", "40", "53", "57", "55P03"];

fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    }
}

/// PostgreSQL's codes have five letters; SQLite's are numbers of at most four digits.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 {
        return POSTGRES_PASSING.iter().any(|class| code.starts_with(class));
    }
    code.parse::<i32>().is_ok_and(|code| SQLITE_PASSING.contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn what_passes_is_told_from_what_stays_wrong() {
        for code in ["5", "261", "6", "13", "14", "08006", "40001", "40P01", "53300", "57P01", "57P03", "57014", "55P03"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["1", "19", "2067", "1555", "23505", "23503", "42601", "42P01", "22003", "25P02", "P0001", "55000"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
