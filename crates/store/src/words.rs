//! The closed lists of words that columns hold.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident => $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$word_doc])* $variant,)* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As stored, and as shown to users.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads the stored spelling.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("no such ", stringify!($name))))
            }
        }
    )*};
}

words! {
    /// Who pays for a project's calls.
    ProjectMode {
        /// Platform keys, charged to credits.
        Credits => "credits",
        /// The organization's own provider keys only.
        ApiKeys => "api-keys",
        /// Own keys first, credits when they are missing or fail.
        Hybrid => "hybrid",
    }
    /// Whether a project's keys open.
    ProjectStatus {
        /// They do.
        Active => "active",
        /// They do not, and nothing in it changes, until it is restored.
        Archived => "archived",
    }
    /// In which order a project's calls try what can serve them.
    RoutingStrategy {
        /// The model's maker first, then by what the catalog knows of the others.
        Smart => "smart",
        /// The cheapest first.
        Price => "price",
    }
    /// What holds calls to rules, widest first.
    Level {
        /// The tenant.
        Organization => "organization",
        /// One of its projects.
        Project => "project",
        /// A customer's customer.
        SubAccount => "sub_account",
        /// A key.
        ApiKey => "api_key",
    }
    /// Who paid for one call.
    UsedMode {
        /// The organization's credits.
        Credits => "credits",
        /// The organization's own provider key.
        ApiKeys => "api-keys",
    }
    /// Whether a key opens its door.
    KeyStatus {
        /// It does, until it expires.
        Active => "active",
        /// It never will again.
        Revoked => "revoked",
    }
    /// Whether a sub-account may call.
    SubAccountStatus {
        /// It may.
        Active => "active",
        /// It may not until it is resumed.
        Suspended => "suspended",
        /// It never will again.
        Closed => "closed",
    }
    /// Whether an organization's own key at a provider is used.
    ProviderKeyStatus {
        /// It is.
        Active => "active",
        /// Somebody switched it off.
        Disabled => "disabled",
    }
    /// What a stored provider secret is.
    SecretKind {
        /// A key that is sent as it is.
        Key => "key",
        /// An AWS access key.
        Aws => "aws",
        /// A Google service account.
        ServiceAccount => "service_account",
    }
    /// Since when a key's spend is counted.
    SpendWindow {
        /// The first of this month, in UTC.
        Month => "month",
        /// Its first call.
        Total => "total",
    }
    /// Whether an organization may call.
    OrganizationStatus {
        /// It may.
        Active => "active",
        /// An operator stopped it.
        Suspended => "suspended",
        /// An owner asked to delete it, and can take that back.
        Deleting => "deleting",
        /// Nothing is left of it but the books.
        Deleted => "deleted",
    }
    /// What a member may do in an organization.
    Role {
        /// Everything, also giving the organization away.
        Owner => "owner",
        /// Everything but ownership.
        Admin => "admin",
        /// Money.
        Billing => "billing",
        /// Keys and calls.
        Developer => "developer",
        /// Looking.
        Viewer => "viewer",
    }
    /// What became of an invitation.
    InviteStatus {
        /// It waits, until it expires.
        Pending => "pending",
        /// Somebody came.
        Accepted => "accepted",
        /// It was taken back, or a later one replaced it.
        Revoked => "revoked",
    }
    /// What became of a letter.
    MailStatus {
        /// It is to be brought away.
        Waiting => "waiting",
        /// A mail server took it.
        Sent => "sent",
        /// It lies in the outbox, for the operator to pass on.
        Kept => "kept",
        /// No mail server took it.
        Failed => "failed",
        /// What it would open was used, taken back or expired.
        Withdrawn => "withdrawn",
    }
    /// What a letter's token does.
    TokenPurpose {
        /// Proves that its person gets the address's mail.
        VerifyEmail => "verify_email",
        /// Gives its person another password.
        ResetPassword => "reset_password",
    }
    /// What kind of actor did something.
    ActorKind {
        /// Somebody with an account.
        Person => "person",
        /// A program.
        ManagementKey => "management_key",
        /// Who runs the instance, in that capacity.
        Operator => "operator",
    }
    /// What proved a person when a session began.
    SessionProof {
        /// The password.
        Password => "password",
        /// A sign-in provider.
        Provider => "provider",
    }
    /// What proved them beside that.
    SecondFactor {
        /// A code of an authenticator app.
        Totp => "totp",
        /// A recovery code.
        RecoveryCode => "recovery_code",
    }
    /// What kind of thing something was done to.
    SubjectKind {
        /// Somebody with an account.
        Person => "person",
        /// A browser that is logged in.
        Session => "session",
        /// Somebody as a member of the organization.
        Member => "member",
        /// An invitation.
        Invite => "invite",
        /// The organization itself.
        Organization => "organization",
        /// A project.
        Project => "project",
        /// A customer's customer.
        SubAccount => "sub_account",
        /// An `llmg_` key, or an imported one.
        ApiKey => "api_key",
        /// An `llmgm_` key.
        ManagementKey => "management_key",
        /// An own key at a provider.
        ProviderKey => "provider_key",
        /// A budget.
        Budget => "budget",
        /// A transfer of the ledger.
        Transfer => "transfer",
    }
    /// What was done: the stable codes of the audit log.
    AuditAction {
        /// The instance got its first operator from the shell.
        Bootstrapped => "instance.bootstrapped",
        /// A person made an account.
        SignedUp => "person.signed_up",
        /// A person began a session.
        LoggedIn => "person.logged_in",
        /// A person ended the session that asked.
        LoggedOut => "person.logged_out",
        /// A person took another password, and the other sessions ended.
        PasswordChanged => "person.password_changed",
        /// A person may come in through a sign-in provider.
        IdentityLinked => "person.identity_linked",
        /// And may no more.
        IdentityUnlinked => "person.identity_unlinked",
        /// A person who did not know theirs took another password, and all sessions ended.
        PasswordReset => "person.password_reset",
        /// A person proved to get their address's mail.
        EmailVerified => "person.email_verified",
        /// A person's log-in asks for a second factor from now on.
        SecondFactorAdded => "person.second_factor_added",
        /// A person's log-in asks for no second factor any more.
        SecondFactorRemoved => "person.second_factor_removed",
        /// A person took other recovery codes.
        RecoveryCodesRenewed => "person.recovery_codes_renewed",
        /// A person was switched off by an operator.
        PersonDisabled => "person.disabled",
        /// A person was switched on again by an operator.
        PersonEnabled => "person.enabled",
        /// A person became an operator of the instance, or is none any more.
        OperatorChanged => "person.operator_changed",
        /// A person ended a session.
        SessionRevoked => "session.revoked",
        /// A person ended all sessions but the one that asked.
        SessionsRevoked => "session.others_revoked",
        /// A person let a session show another organization.
        SessionSwitched => "session.switched",
        /// A further organization was made.
        OrganizationCreated => "organization.created",
        /// Its name changed.
        OrganizationChanged => "organization.changed",
        /// Words about its money go to another address.
        BillingChanged => "organization.billing_changed",
        /// Somebody took everything that is stored of it with them.
        OrganizationExported => "organization.exported",
        /// An owner asked to delete it: its keys stopped.
        OrganizationDeletionAsked => "organization.deletion_asked",
        /// An owner took that back: its keys open again.
        OrganizationDeletionCancelled => "organization.deletion_cancelled",
        /// A person deleted their account.
        AccountDeleted => "person.account_deleted",
        /// A member may do other things.
        MemberRoleChanged => "member.role_changed",
        /// A member sees other projects.
        MemberProjectsChanged => "member.projects_changed",
        /// A member was made to go.
        MemberRemoved => "member.removed",
        /// A member went.
        MemberLeft => "member.left",
        /// An owner made another member owner instead.
        OwnershipTransferred => "organization.transferred",
        /// Somebody was invited.
        InviteCreated => "invite.created",
        /// An invitation was taken back.
        InviteRevoked => "invite.revoked",
        /// Somebody who has an account came in.
        InviteAccepted => "invite.accepted",
        /// A fresh API key.
        ApiKeyCreated => "api_key.created",
        /// Another product's key was taken over.
        ApiKeyImported => "api_key.imported",
        /// Other limits or another name.
        ApiKeyChanged => "api_key.changed",
        /// A key got a successor.
        ApiKeyRotated => "api_key.rotated",
        /// A key was closed for ever.
        ApiKeyRevoked => "api_key.revoked",
        /// A sub-account was made.
        SubAccountCreated => "sub_account.created",
        /// Its limits, its price or another setting changed.
        SubAccountChanged => "sub_account.changed",
        /// Its calls are refused until it is resumed.
        SubAccountSuspended => "sub_account.suspended",
        /// It may call again.
        SubAccountResumed => "sub_account.resumed",
        /// It was closed for ever, with its keys.
        SubAccountClosed => "sub_account.closed",
        /// Keys were made for it.
        SubAccountKeysCreated => "sub_account.keys_created",
        /// A fresh management key.
        ManagementKeyCreated => "management_key.created",
        /// A management key was closed for ever.
        ManagementKeyRevoked => "management_key.revoked",
        /// A key for a provider was brought.
        ProviderKeyCreated => "provider_key.created",
        /// Its settings or the key itself changed.
        ProviderKeyChanged => "provider_key.changed",
        /// It was deleted.
        ProviderKeyDeleted => "provider_key.deleted",
        /// It was sent to its provider to see whether it works.
        ProviderKeyTested => "provider_key.tested",
        /// A further project was made.
        ProjectCreated => "project.created",
        /// A project's settings changed.
        ProjectChanged => "project.changed",
        /// A project was put away: its keys stopped.
        ProjectArchived => "project.archived",
        /// A project was taken back: its keys open again.
        ProjectRestored => "project.restored",
        /// The organization holds its calls to other rules.
        RulesChanged => "organization.rules_changed",
        /// A budget was made.
        BudgetCreated => "budget.created",
        /// A budget's amount or another setting changed.
        BudgetChanged => "budget.changed",
        /// A budget was deleted.
        BudgetDeleted => "budget.deleted",
        /// Credit was given.
        CreditsGranted => "credits.granted",
        /// Credit was corrected.
        CreditsCorrected => "credits.corrected",
    }
    /// What a row of the outbox tells of.
    ChangeKind {
        /// A key was made or imported: forget that its hash is nobody's.
        KeyCreated => "key_created",
        /// A key no longer opens.
        KeyRevoked => "key_revoked",
        /// A key's limits or rights changed.
        KeyChanged => "key_changed",
        /// A project's settings changed: forget every key of it.
        ProjectChanged => "project_changed",
        /// A sub-account's status or settings changed: forget every key of the organization, and what is known of its sub-accounts.
        SubAccountChanged => "sub_account_changed",
        /// An organization's plan or status changed: forget every key of it.
        OrganizationChanged => "organization_changed",
        /// An organization's own keys at providers changed.
        ProviderKeysChanged => "provider_keys_changed",
        /// Budgets changed: forget every key of the organization.
        BudgetsChanged => "budgets_changed",
        /// Credit came in: forget that there was none.
        CreditsGranted => "credits_granted",
    }
    /// Why money moved.
    TransferKind {
        /// Credit was given or bought.
        Grant => "grant",
        /// A gateway reserved credit.
        LeaseGrant => "lease_grant",
        /// Reserved credit came back unused.
        LeaseReturn => "lease_return",
        /// Calls were paid from a lease.
        Usage => "usage",
        /// Calls were paid from credits because no lease covered them.
        Overshoot => "overshoot",
        /// What a provider produced and nobody pays.
        CrashLoss => "crash_loss",
        /// A repair, with reason and author.
        Correction => "correction",
    }
    /// What a budget is about.
    BudgetScopeKind {
        /// All calls.
        Organization => "organization",
        /// Calls with a project's keys.
        Project => "project",
        /// Calls for a customer's customer.
        SubAccount => "sub_account",
        /// Calls with keys that a member made.
        Member => "member",
        /// Calls with a key.
        ApiKey => "api_key",
        /// Calls with a short-lived token.
        Ephemeral => "ephemeral",
        /// Calls with a tag, be it their own or their key's.
        Tag => "tag",
        /// Calls that a model answers, by its id in the catalog.
        Model => "model",
        /// Calls that a provider answers, by its id in the catalog.
        Provider => "provider",
    }
    /// What a budget's amount is in.
    BudgetUnit {
        /// Money.
        NanoUsd => "nano_usd",
    }
    /// What becomes of a call that does not fit a budget.
    Enforcement {
        /// It is refused.
        Hard => "hard",
        /// It goes on; only alerts tell.
        Soft => "soft",
    }
    /// What a call adds to a budget.
    BudgetCounts {
        /// Its provider's price, whoever pays.
        Cost => "cost",
        /// What was taken from credits.
        Charged => "charged",
    }
    /// Whether a budget counts.
    BudgetStatus {
        /// It does.
        Active => "active",
        /// Somebody switched it off.
        Disabled => "disabled",
        /// It is not shown any more.
        Deleted => "deleted",
    }
    /// The life of a lease.
    LeaseState {
        /// Calls may hold against it, and it may grow.
        Active => "active",
        /// The gateway is done with it; events may still be on their way.
        Draining => "draining",
        /// Nothing is left on it.
        Closed => "closed",
    }
    /// How a call ended.
    OutcomeKind {
        /// Its usage is known or counted.
        Settled => "settled",
        /// Nothing was sent, or it failed before the first token.
        Voided => "voided",
        /// Its gateway died; billed to the last progress.
        Orphaned => "orphaned",
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeKind, LeaseState, OutcomeKind, TransferKind};

    #[test]
    fn every_word_reads_back() {
        for word in ChangeKind::ALL {
            assert_eq!(ChangeKind::parse(word.as_str()), Some(*word));
        }
        for word in TransferKind::ALL {
            assert_eq!(TransferKind::parse(word.as_str()), Some(*word));
        }
        assert_eq!(LeaseState::parse("Active"), None);
        assert_eq!(OutcomeKind::parse(""), None);
    }
}
