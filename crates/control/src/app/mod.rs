//! What may be done and how: rules, ids and times, without HTTP and without SQL.

pub mod account;
pub mod audit;
pub mod auth;
pub mod billing;
pub mod bootstrap;
pub mod budgets;
pub mod caller;
pub mod calls;
pub mod credits;
pub mod deletion;
pub mod export;
pub mod front;
pub mod invites;
pub mod key_change;
pub mod key_check;
mod key_rules;
pub mod keys;
mod letters;
pub mod log_in;
pub mod management_keys;
pub mod master_keys;
pub mod members;
pub mod organizations;
mod outbox;
pub mod page;
mod password_reset;
pub mod people;
pub mod projects;
pub mod provider_keys;
pub mod provider_settings;
pub mod rights;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod sign_up;
pub mod smtp;
pub mod sub_accounts;
pub mod usage;

pub(crate) mod areas;
pub(crate) mod ask;
mod attempts;
pub(crate) mod checks;
mod console;
mod email;
pub(crate) mod idempotency;
mod mail;
mod password;
pub(crate) mod rates;
mod rules;
pub(crate) mod scopes;
mod vault;

use std::path::PathBuf;
use std::sync::Arc;

use analytics::Analytics;
use catalog::Catalog;
use domain::NanoUsd;
use seal::MasterKeys;
use service::config::Signup;
use store::Db;
use tokio::sync::Semaphore;

use crate::app::attempts::Attempts;
use crate::app::front::Front;
use crate::app::key_check::{KeyAnswer, KeyCheck};
use crate::app::mail::Desk;
use crate::app::password::Passwords;
use crate::app::rates::Rates;
use crate::app::sign_in::{Outside, SignInProvider};
use crate::app::smtp::Smtp;

/// What the control plane takes from the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may sign up. Whoever comes first always may.
    pub signup: Signup,
    /// Where browsers reach this instance.
    pub front: Front,
    /// What the first organization begins with when its person signs up.
    pub starter_credit: NanoUsd,
    /// Which providers there are.
    pub catalog: Arc<Catalog>,
    /// The first seals what is stored and never shown; without them no provider key is saved.
    pub master_keys: Option<Arc<MasterKeys>>,
    /// How provider keys are tested.
    pub key_check: KeyCheck,
    /// The mail server; without it letters lie in the outbox for the operator.
    pub smtp: Option<Smtp>,
    /// Where letters lie as files, too; without it they are in the database only.
    pub outbox: Option<PathBuf>,
    /// Provider keys may be sent over plain http: to providers on this machine.
    pub plain_providers: bool,
    /// Requests to `/api` in a minute, of one key or session.
    pub requests_per_minute: u32,
    /// Who else says who people are.
    pub sign_in: Vec<SignInProvider>,
    /// Days until a deleted organization is erased.
    pub deletion_grace_days: u32,
}

/// Limit: provider keys that are tested at once.
const KEY_TESTS_MAX: usize = 8;

impl Default for Settings {
    /// For a command line: nobody comes in.
    fn default() -> Self {
        Self {
            signup: Signup::Closed,
            front: Front::Closed,
            starter_credit: NanoUsd::ZERO,
            catalog: Arc::default(),
            master_keys: None,
            key_check: KeyCheck::Fixed(KeyAnswer::Unreachable),
            smtp: None,
            outbox: None,
            plain_providers: false,
            requests_per_minute: u32::MAX,
            sign_in: Vec::new(),
            deletion_grace_days: 30,
        }
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
    key_tests: Semaphore,
    desk: Desk,
    rates: Rates,
    outside: Outside,
}

impl Control {
    /// On stores that are open and migrated.
    pub fn new(db: Db, analytics: Analytics, settings: Settings) -> Self {
        let (passwords, attempts, key_tests) = (Passwords::new(), Attempts::default(), Semaphore::new(KEY_TESTS_MAX));
        let outside = Outside::new(settings.plain_providers);
        Self { db, analytics, settings, passwords, attempts, key_tests, desk: Desk::new(), rates: Rates::default(), outside }
    }

    /// Who asked how often.
    pub(crate) const fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Requests to `/api` in a minute, of one key or session.
    pub(crate) const fn requests_per_minute(&self) -> u32 {
        self.settings.requests_per_minute
    }

    /// Where browsers reach this instance.
    pub(crate) const fn front(&self) -> &Front {
        &self.settings.front
    }
}
