//! An organization's credits: asked for by its members, granted by operators.

use domain::ids::TransferId;
use domain::{Code, Fault, NanoUsd, OrgScope, OrganizationId};
use service::{clock, random};
use sha2::{Digest, Sha256};
use store::{Account, Balance, CreditsGrant};
use uuid::Builder;

use crate::app::caller::{Management, Operator};
use crate::app::{Control, ask, checks};

/// Limit: one grant, against a slip of the hand.
const GRANT_MAX: NanoUsd = NanoUsd::from_usd(1_000_000);
/// Limit: characters of an idempotency key.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Credit about to be granted.
#[derive(Debug, Clone)]
pub struct GrantNew {
    /// To whom; `None`: the operator's own organization.
    pub organization: Option<OrganizationId>,
    /// Above zero.
    pub amount: NanoUsd,
    /// In words.
    pub reason: String,
    /// The same key for the same organization grants once.
    pub idempotency_key: Option<String>,
}

/// A grant, and where the organization's credit is after it.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The ledger's id of it.
    pub transfer: TransferId,
    /// To whom.
    pub organization: OrganizationId,
    /// How much.
    pub amount: NanoUsd,
    /// False when this idempotency key had granted it before.
    pub created: bool,
    /// Afterwards.
    pub balance: Balance,
}

impl Control {
    /// Where the organization's credit is.
    pub async fn credits_balance(&self, who: &Management) -> Result<Balance, Fault> {
        ask::store(Code::CreditsUnavailable, store::balance(&self.db, who.scope())).await
    }

    /// Grants credit from the promotion account.
    pub async fn credits_grant(&self, who: &Operator, new: GrantNew) -> Result<Granted, Fault> {
        if new.amount <= NanoUsd::ZERO || new.amount > GRANT_MAX {
            return Err(checks::invalid("amount_usd", format!("a grant must be above zero and at most {GRANT_MAX} USD")));
        }
        let reason = checks::name("reason", &new.reason)?;
        let caller = who.management();
        let organization = new.organization.unwrap_or_else(|| caller.scope().organization());
        #[expect(clippy::disallowed_methods, reason = "an operator grants to any organization, and nothing of it is shown but its balance")]
        let scope = OrgScope::proven(organization);
        ask::store(Code::CreditsUnavailable, store::organization_get(&self.db, &scope))
            .await
            .map_err(|fault| fault.param("organization_id"))?;
        let transfer = match &new.idempotency_key {
            Some(key) => grant_id(organization, key)?,
            None => TransferId::from_uuid(random::uuid()),
        };
        let grant = CreditsGrant {
            transfer,
            from: Account::Promo,
            amount: new.amount,
            reason,
            author: caller.user().to_string(),
            now: clock::now(),
        };
        let author = who.author(grant.now);
        let granted = store::credits_grant(&self.db, &scope, &grant, &author);
        let created = ask::store(Code::CreditsUnavailable, granted).await.map_err(|fault| {
            if fault.code() == Code::Conflict {
                return Fault::new(Code::Conflict, "this Idempotency-Key granted another amount before; use a new one")
                    .param("Idempotency-Key");
            }
            fault
        })?;
        tracing::info!(transfer.id = %transfer, organization.id = %organization, by = %caller.via(), created, "credit was granted");
        let balance = ask::store(Code::CreditsUnavailable, store::balance(&self.db, &scope)).await?;
        Ok(Granted { transfer, organization, amount: new.amount, created, balance })
    }
}

/// The transfer that an idempotency key stands for: the same for ever, and another for each organization.
fn grant_id(organization: OrganizationId, key: &str) -> Result<TransferId, Fault> {
    let chars = key.chars().count();
    if chars == 0 || chars > IDEMPOTENCY_KEY_CHARS_MAX {
        return Err(checks::invalid("Idempotency-Key", format!("`Idempotency-Key` must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters")));
    }
    let digest = Sha256::new().chain_update(b"credits grant\0").chain_update(organization.uuid().as_bytes()).chain_update(key).finalize();
    let mut bytes = [0u8; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Ok(TransferId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid()))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_idempotency_key_names_one_transfer_per_organization() {
        let [a, b] = [1, 2].map(|n| OrganizationId::from_uuid(Uuid::from_u128(n)));
        let id = |organization, key| grant_id(organization, key).unwrap();
        assert_eq!(id(a, "x"), id(a, "x"));
        assert_ne!(id(a, "x"), id(a, "y"));
        assert_ne!(id(a, "x"), id(b, "x"));
        for key in ["", &"k".repeat(256)] {
            assert_eq!(grant_id(a, key).unwrap_err().wrong_param(), Some("Idempotency-Key"));
        }
    }
}
