//! Every question to a store: with a deadline, and with its failures sorted into faults.

use std::time::Duration;

use analytics::AnalyticsError;
use domain::{Code, Fault};
use store::StoreError;

/// A question to the relational store may take this long, its queue included.
const STORE_DEADLINE: Duration = Duration::from_secs(5);
/// A question about usage reads more rows.
const ANALYTICS_DEADLINE: Duration = Duration::from_secs(20);
/// When a caller should try again after an outage.
const RETRY_AFTER_MS: u64 = 1_000;

/// Asks the relational store; `away` is the code of its outage.
pub(super) async fn store<T>(away: Code, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
    match tokio::time::timeout(STORE_DEADLINE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(store_fault(away, error)),
        Err(late) => Err(unavailable(away).note("the database did not answer in time").because(late)),
    }
}

/// Asks the analytics store.
pub(super) async fn analytics<T>(asked: impl Future<Output = Result<T, AnalyticsError>>) -> Result<T, Fault> {
    match tokio::time::timeout(ANALYTICS_DEADLINE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(analytics_fault(error)),
        Err(late) => Err(unavailable(Code::MeteringUnavailable).note("analytics did not answer in time").because(late)),
    }
}

fn store_fault(away: Code, error: StoreError) -> Fault {
    match error {
        StoreError::Conflict { what } => Fault::new(Code::Conflict, format!("the {what} is taken, or was used for something else")),
        StoreError::Archived => {
            Fault::new(Code::Conflict, "the project is archived, so that nothing in it changes; restore it first").param("project_id")
        }
        StoreError::NotFound { what } => not_found(what),
        StoreError::Invalid { what } => Fault::new(Code::InvalidRequest, what),
        unavailable_now @ StoreError::Unavailable { .. } => unavailable(away).because(unavailable_now),
        broken @ (StoreError::Corrupt { .. } | StoreError::Failed { .. }) => Fault::internal("ask the database", broken),
    }
}

fn analytics_fault(error: AnalyticsError) -> Fault {
    match error {
        AnalyticsError::NotFound { what } => not_found(what),
        AnalyticsError::Invalid { what } => Fault::new(Code::InvalidRequest, what),
        unavailable_now @ AnalyticsError::Unavailable { .. } => unavailable(Code::MeteringUnavailable).because(unavailable_now),
        broken @ (AnalyticsError::Corrupt { .. } | AnalyticsError::Failed { .. }) => Fault::internal("ask analytics", broken),
    }
}

/// The one answer about things that do not exist and about things of others.
pub(crate) fn not_found(what: &str) -> Fault {
    let place = if what == "organization" { "" } else { " in this organization" };
    Fault::new(Code::NotFound, format!("there is no such {what}{place}"))
}

fn unavailable(code: Code) -> Fault {
    let say = match code {
        Code::MeteringUnavailable => "usage cannot be read now, for a reason of ours; try again in a moment",
        Code::CreditsUnavailable => "credits cannot be read or changed now, for a reason of ours; try again in a moment",
        _ => "the database does not answer now, for a reason of ours; try again in a moment",
    };
    Fault::new(code, say).retry_after_ms(RETRY_AFTER_MS)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_away() {
        let fault = store::<()>(Code::CreditsUnavailable, pending()).await.unwrap_err();
        assert_eq!((fault.code(), fault.retry_after()), (Code::CreditsUnavailable, Some(RETRY_AFTER_MS)));
        let fault = analytics::<()>(pending()).await.unwrap_err();
        assert_eq!(fault.code(), Code::MeteringUnavailable);
    }

    #[tokio::test]
    async fn only_an_outage_is_worth_another_try() {
        let broken = store::<()>(Code::CreditsUnavailable, async { Err(StoreError::Corrupt { what: "mode" }) }).await.unwrap_err();
        assert_eq!((broken.code(), broken.retry_after()), (Code::Internal, None));
        assert_eq!(broken.chain(), "ask the database: the database holds a wrong mode");
        assert!(!broken.say().contains("mode"));
    }
}
