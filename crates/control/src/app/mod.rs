//! What may be done and how: rules, ids and times, without HTTP and without SQL.

pub mod bootstrap;
pub mod caller;
pub mod calls;
pub mod credits;
pub mod keys;
pub mod projects;
pub mod usage;

pub(crate) mod ask;
pub(crate) mod checks;
mod console;
mod password;

use analytics::Analytics;
use store::Db;

use crate::app::password::Passwords;

/// The control plane of one instance. Share it in an `Arc`.
#[derive(Debug)]
pub struct Control {
    db: Db,
    analytics: Analytics,
    passwords: Passwords,
}

impl Control {
    /// On stores that are open and migrated.
    pub fn new(db: Db, analytics: Analytics) -> Self {
        Self { db, analytics, passwords: Passwords::new() }
    }
}
