//! What is sealed under which of the instance's master keys, and sealing it anew under the first: for the operator's shell.
//!
//! What data keys sealed stays as it is, so that nothing that is in use anywhere changes.

use domain::{Code, Fault};
use seal::MasterKeyId;

use crate::app::vault::{PEOPLE, nonce};
use crate::app::{Control, ask};

/// Data keys of one read.
const PAGE: u32 = 100;

/// How many data keys a master key seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyUse {
    /// None: which one is not written beside them, because they are older than ids.
    pub id: Option<String>,
    /// This process has it. Of those without an id that is not known.
    pub here: bool,
    /// It is the one that seals.
    pub seals: bool,
    /// Data keys under it.
    pub data_keys: u64,
}

/// What sealing anew did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrapped {
    /// The key that all is sealed under now, but for what is left.
    pub master_key: MasterKeyId,
    /// Data keys, and secrets of people, that were sealed anew.
    pub sealed_anew: u64,
    /// Those that do not open with the master keys of this process.
    pub left: u64,
}

impl Control {
    /// Every master key of this process or of the store, those of this process first and in their order.
    pub async fn master_keys_status(&self) -> Result<Vec<MasterKeyUse>, Fault> {
        let ids: Vec<String> = self.master_keys()?.ids().iter().map(ToString::to_string).collect();
        let counts = ask::store(Code::DirectoryUnavailable, store::data_key_counts(&self.db)).await?;
        let counted = |id: &str| counts.iter().find(|(of, _)| of.as_deref() == Some(id)).map_or(0, |(_, data_keys)| *data_keys);
        let ours = ids.iter().enumerate().map(|(at, id)| MasterKeyUse {
            id: Some(id.clone()),
            here: true,
            seals: at == 0,
            data_keys: counted(id),
        });
        let others = counts.iter().filter(|(id, _)| !id.as_ref().is_some_and(|id| ids.contains(id)));
        let others = others.map(|(id, data_keys)| MasterKeyUse { id: id.clone(), here: false, seals: false, data_keys: *data_keys });
        Ok(ours.chain(others).collect())
    }

    /// Seals everything that is under another master key anew under the first. Safe to repeat, to stop and to run twice at
    /// once: each is replaced by itself, and only while it is what it was.
    pub async fn master_keys_rewrap(&self) -> Result<Rewrapped, Fault> {
        let keys = self.master_keys()?;
        let first = *keys.ids().first().ok_or_else(|| Fault::internal("seal data keys anew", "there is no master key"))?;
        let id = first.to_string();
        let mut done = Rewrapped { master_key: first, sealed_anew: 0, left: 0 };
        let mut after = None;
        loop {
            let page = ask::store(Code::DirectoryUnavailable, store::data_keys_under_others(&self.db, &id, after, PAGE)).await?;
            let Some((organization, row)) = page.last() else { return self.people_rewrap(done).await };
            after = Some((*organization, row.version));
            for (organization, row) in &page {
                let sealed = match keys.data_key_reseal(*organization, row.version, row.master_key.as_deref(), &row.sealed, nonce()?) {
                    Ok(sealed) => sealed,
                    Err(error) => {
                        tracing::error!(organization.id = %organization, version = row.version, %error, "a data key cannot be sealed anew");
                        done.left += 1;
                        continue;
                    }
                };
                let write = store::data_key_resealed(&self.db, *organization, row, (&id, &sealed.sealed));
                if ask::store(Code::DirectoryUnavailable, write).await? {
                    done.sealed_anew += 1;
                }
            }
        }
    }

    /// What is sealed under the master keys themselves: the secrets of people's authenticators.
    async fn people_rewrap(&self, mut done: Rewrapped) -> Result<Rewrapped, Fault> {
        let keys = self.master_keys()?;
        let mut after = None;
        loop {
            let page = ask::store(Code::DirectoryUnavailable, store::totps_sealed(&self.db, after, PAGE)).await?;
            let Some((person, _)) = page.last() else { return Ok(done) };
            after = Some(*person);
            for (person, was) in &page {
                match keys.reseal(PEOPLE, &person.to_string(), was, nonce()?) {
                    Ok(None) => {}
                    Ok(Some(sealed)) => {
                        let write = store::totp_resealed(&self.db, *person, was, &sealed);
                        done.sealed_anew += u64::from(ask::store(Code::DirectoryUnavailable, write).await?);
                    }
                    Err(error) => {
                        tracing::error!(user.id = %person, %error, "a person's secret cannot be sealed anew");
                        done.left += 1;
                    }
                }
            }
        }
    }
}
