//! What changes, as it changes.

use std::time::Duration;

use store::{ChangeRow, Db, StoreError};
use tokio::time::Interval;
use tonic::Streaming;

use proto::directory::v1 as wire;

use crate::convert;

/// How often the store is asked. A revoke is effective within this, one query and, elsewhere, one message.
pub(crate) const PERIOD: Duration = Duration::from_millis(150);
/// Limit: changes in one piece of news.
const CHANGES_MAX: u32 = 1_000;
/// Control elsewhere says each second that it is there; this long without a word, and it is not.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// What is new.
#[derive(Debug)]
pub struct News {
    /// The newest change that this covers.
    pub revision: i64,
    /// What was known before may be wrong: all of it is to be forgotten.
    pub reset: bool,
    /// Oldest first; none: control is there, and nothing has changed.
    pub changes: Vec<ChangeRow>,
}

/// Follows the changes.
pub enum Feed {
    /// In this process.
    Local(Box<LocalFeed>),
    /// Elsewhere.
    Remote(Box<Streaming<wire::WatchResponse>>),
}

/// Asks the store.
pub struct LocalFeed {
    db: Db,
    revision: i64,
    is_begun: bool,
    ticks: Interval,
}

impl Feed {
    pub(crate) fn local(db: Db, after_revision: i64) -> Self {
        Self::Local(Box::new(LocalFeed::new(db, after_revision)))
    }

    /// Waits for news, or for the sign that there is none. An error ends the feed: begin another one.
    pub async fn next(&mut self) -> Result<News, StoreError> {
        match self {
            Self::Local(feed) => feed.next().await,
            Self::Remote(stream) => {
                const ACT: &str = "follow changes";
                let silent = |source: domain::fault::Cause| StoreError::Unavailable { act: ACT, source };
                let message = tokio::time::timeout(SILENCE_MAX, stream.message()).await.map_err(|elapsed| silent(elapsed.into()))?;
                let message = message.map_err(|status| convert::refused(ACT, status))?;
                convert::news_read(message.ok_or_else(|| silent("control ended the feed".into()))?)
            }
        }
    }
}

impl LocalFeed {
    pub(crate) fn new(db: Db, after_revision: i64) -> Self {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self { db, revision: after_revision, is_begun: false, ticks }
    }

    pub(crate) async fn next(&mut self) -> Result<News, StoreError> {
        self.ticks.tick().await;
        if !self.is_begun {
            let latest = store::revision_latest(&self.db).await?;
            // Nothing is known yet, or more than ever happened here: the store is another one, or went back to a backup.
            let reset = self.revision < 0 || self.revision > latest;
            if reset {
                self.revision = latest;
            }
            self.is_begun = true;
            if reset {
                return Ok(News { revision: latest, reset, changes: Vec::new() });
            }
        }
        let changes = store::changes_after(&self.db, self.revision, CHANGES_MAX).await?;
        if let Some(last) = changes.last() {
            self.revision = last.revision;
            // There may be more of them.
            self.ticks.reset_immediately();
        }
        Ok(News { revision: self.revision, reset: false, changes })
    }
}
