//! What may be done and how: rules, ids and times, without HTTP and without SQL.

pub mod auth;
pub mod bootstrap;
pub mod caller;
pub mod calls;
pub mod credits;
pub mod front;
pub mod key_change;
pub mod keys;
pub mod projects;
pub mod sessions;
pub mod usage;

pub(crate) mod ask;
mod attempts;
pub(crate) mod checks;
mod console;
mod password;

use analytics::Analytics;
use domain::NanoUsd;
use service::config::Signup;
use store::Db;

use crate::app::attempts::Attempts;
use crate::app::front::Front;
use crate::app::password::Passwords;

/// What the control plane takes from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may sign up. Whoever comes first always may.
    pub signup: Signup,
    /// Where browsers reach this instance.
    pub front: Front,
    /// What the first organization begins with when its person signs up.
    pub starter_credit: NanoUsd,
}

impl Default for Settings {
    /// For a command line: nobody comes in.
    fn default() -> Self {
        Self { signup: Signup::Closed, front: Front::Closed, starter_credit: NanoUsd::ZERO }
    }
}

/// The control plane of one instance. Share it in an `Arc`.
#[derive(Debug)]
pub struct Control {
    db: Db,
    analytics: Analytics,
    settings: Settings,
    passwords: Passwords,
    attempts: Attempts,
}

impl Control {
    /// On stores that are open and migrated.
    pub fn new(db: Db, analytics: Analytics, settings: Settings) -> Self {
        Self { db, analytics, settings, passwords: Passwords::new(), attempts: Attempts::default() }
    }

    /// Where browsers reach this instance.
    pub(crate) const fn front(&self) -> &Front {
        &self.settings.front
    }
}
