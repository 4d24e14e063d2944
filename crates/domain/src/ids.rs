//! Typed ids. Each is a UUID shown with a prefix that says what it names: `org_0190…`, `key_0190…`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The text is not `<prefix>` followed by 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedId;

impl fmt::Display for MalformedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed id")
    }
}

impl std::error::Error for MalformedId {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID that the caller made (services hold the id source; this crate has none).
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID without its prefix, as events and indexes carry it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0u8; uuid::fmt::Simple::LENGTH];
                f.write_str($prefix)?;
                f.write_str(self.0.as_simple().encode_lower(&mut digits))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let digits = text.strip_prefix($prefix).ok_or(MalformedId)?;
                if digits.len() != uuid::fmt::Simple::LENGTH {
                    return Err(MalformedId);
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| MalformedId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A person who can log in.
    UserId,
    "user_"
);
id!(
    /// A tenant: the unit of isolation and of billing.
    OrganizationId,
    "org_"
);
id!(
    /// A project of an organization; holds API keys and settings.
    ProjectId,
    "proj_"
);
id!(
    /// A customer of an organization, within one of its projects.
    SubAccountId,
    "sub_"
);
id!(
    /// An `llmg_` key's row (never the key itself).
    ApiKeyId,
    "key_"
);
id!(
    /// An `llmgm_` key's row (never the key itself).
    ManagementKeyId,
    "mkey_"
);
id!(
    /// A browser that is logged in (never the token itself).
    SessionId,
    "sess_"
);
id!(
    /// Who a sign-in provider says that a person is.
    IdentityId,
    "ident_"
);
id!(
    /// An invitation into an organization (never its token).
    InviteId,
    "inv_"
);
id!(
    /// A letter in the outbox.
    MailId,
    "mail_"
);
id!(
    /// An organization's own key at a provider (never the key itself).
    ProviderKeyId,
    "pkey_"
);
id!(
    /// One call from a client: the idempotency id of its event, its holds and its bill.
    RequestId,
    "req_"
);
id!(
    /// Credit that one gateway has reserved from one organization.
    LeaseId,
    "lease_"
);
id!(
    /// How much a scope may spend in each window.
    BudgetId,
    "bud_"
);
id!(
    /// A row of the double-entry ledger.
    TransferId,
    "tr_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_and_reads_back() {
        let id = OrganizationId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "org_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn refuses_other_kinds_and_other_spellings() {
        for text in [
            "",
            "org_",
            "key_00000000000000000000000000000007",
            "org_00000000-0000-0000-0000-000000000007",
            "org_0000000000000000000000000000000g",
        ] {
            assert_eq!(text.parse::<OrganizationId>(), Err(MalformedId), "{text}");
        }
    }
}
