//! A budget as a gateway keeps it with its keys: which calls count in it, and in which window.

use domain::{NanoUsd, UnixMicros, Window};
use parking_lot::Mutex;
use policy::budget::Clock;
use store::{BudgetCounts, BudgetRow, BudgetScopeKind, Enforcement, StoreError};

use crate::plan::Candidate;

/// One budget that calls of a key may count in.
#[derive(Debug)]
pub(crate) struct KeyBudget {
    pub(crate) row: BudgetRow,
    clock: Clock,
    /// The window that the last call was in: calendars are asked once per window.
    window: Mutex<Option<Window>>,
}

impl KeyBudget {
    pub(crate) fn new(row: BudgetRow) -> Result<Self, StoreError> {
        let clock = Clock::named(&row.time_zone).ok_or(StoreError::Corrupt { what: "time zone of a budget" })?;
        Ok(Self { row, clock, window: Mutex::new(None) })
    }

    pub(crate) fn is_hard(&self) -> bool {
        self.row.enforcement == Enforcement::Hard
    }

    /// Whether a call counts when this candidate serves it. Rows whose scope is not of the key are not kept with it.
    pub(crate) fn counts(&self, tags: &[String], candidate: &Candidate) -> bool {
        // Nothing is charged for what an own key pays.
        if candidate.is_own() && self.row.counts == BudgetCounts::Charged {
            return false;
        }
        let value = &*self.row.scope.value;
        match self.row.scope.kind {
            BudgetScopeKind::Tag => tags.iter().any(|tag| tag == value),
            BudgetScopeKind::Model => &*candidate.model.id == value,
            BudgetScopeKind::Provider => &*candidate.deployment.provider.id == value,
            BudgetScopeKind::Organization
            | BudgetScopeKind::Project
            | BudgetScopeKind::SubAccount
            | BudgetScopeKind::Member
            | BudgetScopeKind::ApiKey
            | BudgetScopeKind::Ephemeral => true,
        }
    }

    /// The window that calls are admitted in now. None: beyond what calendars reach.
    pub(crate) fn window(&self, now: UnixMicros) -> Option<Window> {
        let mut known = self.window.lock();
        if let Some(window) = known.filter(|window| window.contains(now)) {
            return Some(window);
        }
        *known = self.clock.window(self.row.period, now);
        *known
    }

    /// For refusals: which budget it is, and what it is on.
    pub(crate) fn named(&self) -> String {
        let BudgetRow { name, scope, amount, period, .. } = &self.row;
        let on = match scope.kind {
            BudgetScopeKind::Organization => "the organization".to_owned(),
            BudgetScopeKind::Project => format!("project {}", scope.value),
            BudgetScopeKind::SubAccount => format!("sub-account {}", scope.value),
            BudgetScopeKind::Member => format!("member {}", scope.value),
            BudgetScopeKind::ApiKey => format!("API key {}", scope.value),
            BudgetScopeKind::Ephemeral => "this short-lived token".to_owned(),
            BudgetScopeKind::Tag => format!("tag `{}`", scope.value),
            BudgetScopeKind::Model => format!("model `{}`", scope.value),
            BudgetScopeKind::Provider => format!("provider `{}`", scope.value),
        };
        format!("the budget `{name}` on {on} (${amount}, window `{}`)", period.as_str())
    }
}

/// When a window's figures begin anew, as the end of a sentence.
pub(crate) fn anew(window: &Window) -> String {
    window
        .end
        .map_or_else(|| "it is never counted anew".to_owned(), |end| format!("it is counted anew from {}", service::clock::rfc3339(end)))
}

/// What a refusal says is left.
pub(crate) fn left(amount: NanoUsd) -> NanoUsd {
    amount.max(NanoUsd::ZERO)
}
