//! What a route is about, by its path: for members who are limited to projects, and for keys with scopes. A path that is not listed
//! here is about everything, and neither gets in.

use domain::{Code, Fault};

/// What a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// `/api/v1/usage`.
    Usage,
    /// `/api/v1/calls`.
    Calls,
    /// `/api/v1/credits`.
    Credits,
    /// `/api/v1/billing`.
    Billing,
    /// `/api/v1/budgets`.
    Budgets,
    /// `/api/v1/api-keys`.
    ApiKeys,
    /// `/api/v1/sub-accounts`.
    SubAccounts,
    /// `/api/v1/provider-keys`.
    ProviderKeys,
    /// `/api/v1/projects`.
    Projects,
    /// `/api/v1/organization`.
    Organization,
    /// `/api/v1/members`.
    Members,
    /// `/api/v1/invites`.
    Invites,
    /// `/api/v1/management-keys`.
    ManagementKeys,
    /// `/api/v1/audit`.
    Audit,
    /// `/api/v1/export`.
    Export,
    /// `/api/v1/operator`.
    Operator,
}

/// The first segment behind `/api/v1/`, and what it is about.
pub(crate) const SEGMENTS: &[(&str, Area)] = &[
    ("usage", Area::Usage),
    ("calls", Area::Calls),
    ("credits", Area::Credits),
    ("billing", Area::Billing),
    ("budgets", Area::Budgets),
    ("api-keys", Area::ApiKeys),
    ("sub-accounts", Area::SubAccounts),
    ("provider-keys", Area::ProviderKeys),
    ("projects", Area::Projects),
    ("organization", Area::Organization),
    ("members", Area::Members),
    ("invites", Area::Invites),
    ("management-keys", Area::ManagementKeys),
    ("audit", Area::Audit),
    ("export", Area::Export),
    ("operator", Area::Operator),
];

impl Area {
    /// What a path is about.
    pub fn of(path: &str) -> Option<Self> {
        // A table of the same rows (`usage.csv`) is about the same.
        let segment = path.strip_prefix("/api/v1/")?.split(['/', '.']).next()?;
        Self::of_segment(segment)
    }

    /// What a segment is about.
    pub(crate) fn of_segment(segment: &str) -> Option<Self> {
        SEGMENTS.iter().find(|(name, _)| *name == segment).map(|(_, area)| *area)
    }

    /// Its segment.
    pub(crate) fn segment(self) -> &'static str {
        SEGMENTS.iter().find(|(_, area)| *area == self).map_or("", |(name, _)| *name)
    }

    /// Whether its answers are about single projects, or about nothing that a project's member should not see.
    const fn is_by_project(self) -> bool {
        matches!(self, Self::Usage | Self::Calls | Self::ApiKeys | Self::SubAccounts | Self::Projects | Self::Organization | Self::Members)
    }

    /// Lets a member who is limited to projects in, or not.
    pub(crate) fn limited(path: &str) -> Result<(), Fault> {
        if Self::of(path).is_some_and(Self::is_by_project) {
            return Ok(());
        }
        let say = "this is about the whole organization, and you are limited to some of its projects; ask an owner or admin";
        Err(Fault::new(Code::PermissionDenied, say))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_about_its_first_segment() {
        assert_eq!(Area::of("/api/v1/api-keys/key_1/rotate"), Some(Area::ApiKeys));
        assert_eq!(Area::of("/api/v1/usage.csv"), Some(Area::Usage));
        assert_eq!(Area::of("/api/v1/projects"), Some(Area::Projects));
        for path in ["/api/v1/api-keysx", "/api/v1/", "/api/v2/projects", "/api/v1/organizations", ""] {
            assert_eq!(Area::of(path), None, "{path}");
            assert!(Area::limited(path).is_err());
        }
    }
}
