//! The tenant scope: the first argument of every query.

use crate::ids::OrganizationId;

/// Says that the caller was proven to act for this organization.
///
/// Only the places that prove it may make one (`clippy.toml` forbids `proven` elsewhere, each exception carries its
/// reason), so a query cannot be written without a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrgScope {
    organization: OrganizationId,
}

impl OrgScope {
    /// For the code that has just proven it: key look-up, session look-up, event consumers, operator commands.
    pub const fn proven(organization: OrganizationId) -> Self {
        Self { organization }
    }

    /// The organization that every row of the query must belong to.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }
}
