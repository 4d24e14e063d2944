//! The relational truth: who there is (people, organizations, projects, keys), what changed (an outbox that gateways
//! follow), and money (a double-entry ledger with leases).
//!
//! One file per aggregate, small functions `noun_verb(db, scope, …)`. Every question about a tenant takes an
//! [`OrgScope`](domain::OrgScope) right after the database. Ids and times are arguments. A handler above decides; this
//! crate speaks SQL and keeps the invariants of money that a transaction can keep:
//!
//! - Invariant V1: the leases of an organization never exceed its credits; no grant leaves a balance below zero.
//! - Invariant V2: of a lease, settled + returned never exceed granted.
//! - Invariant V4: each transfer debits one account and credits another; all balances add up to nothing.
//! - Invariant V7: an event posted twice counts once; each lane is posted without gaps.
//!
//! It never makes an id, never reads a clock, never stores a key of ours (only its SHA-256), never changes or deletes a
//! transfer or a posting.
//!
//! The SQL keeps to what SQLite and PostgreSQL share (see [`Db`]); a second backend adds a folder of migrations and an
//! arm of one enum.

mod account;
mod api_key;
mod api_key_change;
mod audit;
mod billing;
mod bootstrap;
mod budget;
mod caller;
mod change;
mod data_key;
mod db;
mod deletion;
mod error;
mod idempotency;
mod identity;
mod invite;
mod key_rules;
mod ledger;
mod letter_token;
mod mail;
mod management_key;
mod member;
mod member_project;
mod migrations;
mod narrowing;
mod organization;
mod page;
mod pending_log_in;
mod pending_sign_up;
mod people;
mod person;
mod project;
mod provider_key;
mod provider_key_health;
mod provider_key_read;
mod provider_options;
mod purge;
mod row;
mod second_factor;
mod session;
mod sign_up;
mod sub_account;
mod sub_account_key;
mod words;

pub use account::{AccountDelete, account_delete};
pub use api_key::{
    ApiKeyRow, ImportOutcome, KeyPage, NewApiKey, api_key_create, api_key_get, api_key_import, api_key_list, api_key_list_of,
    api_key_revoke, api_key_used,
};
pub use api_key_change::{ApiKeyRotate, ApiKeyUpdate, api_key_rotate, api_key_update};
pub use audit::{Actor, AuditFilter, AuditFound, AuditRow, Author, audit_list, audit_search};
pub use billing::{billing_email_get, billing_email_set};
pub use bootstrap::{Bootstrap, BootstrapState, Bootstrapped, bootstrap, bootstrap_state};
pub use budget::{
    BUDGETS_BY_CALL_MAX, BUDGETS_MAX, BUDGETS_PER_SCOPE_MAX, BudgetFilter, BudgetRow, BudgetScope, BudgetUpdate, NewBudget, budget_create,
    budget_delete, budget_ensure, budget_get, budget_list, budget_update, budgets_of,
};
pub use caller::{CallerRow, caller_by_key_hash};
pub use change::{ChangeRow, changes_after, revision_latest};
pub use data_key::{DataKeyRow, data_key_counts, data_key_create, data_key_get, data_key_resealed, data_keys_under_others};
pub use db::{Db, OpenOptions};
pub use deletion::{DeletionBegin, DeletionRow, deletion_begin, deletion_cancel, deletion_claim, deletion_get, deletions_list};
pub use error::StoreError;
pub use idempotency::{IdempotencyKey, IdempotencyRow, NewIdempotency, idempotency_answer, idempotency_begin, idempotency_forget};
pub use identity::{
    IdentityRow, IdentityUnlink, NewIdentity, identity_link, identity_list, identity_unlink, identity_used, person_by_identity,
};
pub use invite::{InviteRow, NewInvite, invite_accept, invite_by_hash, invite_create, invite_list, invite_revoke};
pub use key_rules::KeyRules;
pub use ledger::{
    Account, Balance, BudgetAlertRow, BudgetAsk, BudgetFigures, BudgetGranted, BudgetLeaseRow, BudgetUse, Correction, CrashLoss,
    CrashLossTotals, CreditsGrant, Difference, EpochClose, EpochRecord, EpochRow, Gap, LaneBehind, LeaseExtend, LeaseGrant, LeaseGranted,
    LeaseReturn, LeaseReturned, LeaseRow, LogOffset, Overshoot, PostBatch, Posted, PostedEvent, Proof, Totals, TransferRow, balance,
    budget_alerts_after, budget_figures, budget_lease_ask, budget_lease_get, budget_lease_return, budget_leases_recalled, crash_loss_post,
    crash_loss_totals, credits_correct, credits_grant, epoch_record, epochs_list, epochs_open, lease_extend, lease_get, lease_grant,
    lease_return, leases_close_epoch, leases_open, ledger_offsets, ledger_prove, ledger_totals, ledger_totals_by_epoch,
    ledger_totals_by_org, post_batch, transfers_list, watermarks_list,
};
pub use letter_token::{NewLetterToken, email_verify, letter_token_create, letter_token_person, password_reset};
pub use mail::{MailEnd, MailRow, NewMail, SECRET_MARK, mail_claim, mail_end, mail_has_room, mail_list, mail_sweep, mails_due};
pub use management_key::{
    ManagementCallerRow, ManagementKeyRow, NewManagementKey, management_caller_by_key_hash, management_key_create, management_key_get,
    management_key_list, management_key_revoke,
};
pub use member::{
    MemberChange, MemberPersonRow, MemberRemove, NewOrganization, member_list, member_person_get, member_remove, member_role_set,
    organization_create, owner_emails, ownership_transfer, session_switch,
};
pub use member_project::{Limits, member_limit, member_limit_set, member_limits};
pub use narrowing::{LevelRow, Narrowing, NarrowingUpdate, organization_narrowing_get, organization_narrowing_update};
pub use organization::{OrganizationRow, export_note, organization_get, organization_rename};
pub use page::{Moment, Page};
pub use pending_log_in::{PendingLogInRow, pending_log_in_create, pending_log_in_get, pending_log_in_take};
pub use pending_sign_up::{PendingSignUpRow, mail_send, pending_sign_up_create, pending_sign_up_get};
pub use people::{PeopleChange, PeopleRow, PeopleUpdate, people_get, people_list, people_update};
pub use person::{
    MemberRow, MembershipRow, PersonRow, member_get, memberships_of, operator_first, people_count, person_by_email, person_get,
    person_password_set,
};
pub use project::{ProjectRow, ProjectUpdate, project_create, project_get, project_list, project_status_set, project_update};
pub use provider_key::{
    NewProviderKey, ProviderKeyRow, ProviderKeySecret, ProviderKeyUpdate, SealedProviderKeyRow, provider_key_create, provider_key_delete,
    provider_key_tested, provider_key_update,
};
pub use provider_key_health::{KeyOutcome, ProviderKeyUse, provider_key_spent, provider_keys_used};
pub use provider_key_read::{ProviderKeyPlace, provider_key_get, provider_key_list, provider_keys_sealed};
pub use provider_options::{ProviderKeySettings, ProviderOptions, ProviderSecret, ServiceAccount, SpendCap};
pub use purge::{purge_close, purge_finish, purge_part};
pub use second_factor::{
    FactorUse, TotpRow, recovery_code_is, recovery_codes_count, recovery_codes_replace, second_factor_remove, totp_confirm, totp_create,
    totp_get, totp_remove, totp_resealed, totps_sealed,
};
pub use session::{
    NewSession, SessionCallerRow, SessionEnd, SessionRow, SessionsKept, session_caller_by_hash, session_create, session_list,
    session_revoke, session_used, sessions_revoke,
};
pub use sign_up::{SignUp, SignUpHome, SignedUp, sign_up};
pub use sub_account::{
    CallerSubAccount, NewSubAccount, SUB_ACCOUNTS_MAX, SubAccountFilter, SubAccountFound, SubAccountRow, SubAccountUpdate,
    sub_account_create, sub_account_find, sub_account_get, sub_account_list, sub_account_status_set, sub_account_update,
};
pub use sub_account_key::{sub_account_keys_create, sub_account_keys_list};
pub use words::{
    ActorKind, AuditAction, BudgetCounts, BudgetScopeKind, BudgetStatus, BudgetUnit, ChangeKind, Enforcement, InviteStatus, KeyStatus,
    LeaseState, Level, MailStatus, OrganizationStatus, OutcomeKind, ProjectMode, ProjectStatus, ProviderKeyStatus, Role, RoutingStrategy,
    SecondFactor, SecretKind, SessionProof, SpendWindow, SubAccountStatus, SubjectKind, TokenPurpose, TransferKind, UsedMode,
};

#[cfg(test)]
mod contract;
