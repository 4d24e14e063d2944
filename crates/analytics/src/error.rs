//! What can go wrong between a question and the database, as far as a caller branches on it.

use domain::fault::Cause;

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnalyticsError {
    /// There is no such call in this scope.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
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

/// Names the act that failed.
pub(crate) trait Act<T> {
    /// Any failure.
    fn act(self, act: &'static str) -> Result<T, AnalyticsError>;
}

impl<T> Act<T> for Result<T, sqlx::Error> {
    fn act(self, act: &'static str) -> Result<T, AnalyticsError> {
        self.map_err(|error| {
            if is_unavailable(&error) {
                AnalyticsError::Unavailable { act, source: error.into() }
            } else {
                AnalyticsError::Failed { act, source: error.into() }
            }
        })
    }
}

/// SQLite's primary result codes for "busy", "locked", "disk full" and "cannot open"; extended codes keep them in their
/// lowest byte.
const SQLITE_PASSING: [i32; 4] = [5, 6, 13, 14];

fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(refusal) => {
            refusal.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| SQLITE_PASSING.contains(&(code & 0xff)))
        }
        _ => false,
    }
}
