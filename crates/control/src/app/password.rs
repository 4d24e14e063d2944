//! Passwords: Argon2id, off the async threads, a few at a time.

use argon2::password_hash::{Error, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::{Code, Fault, Secret};
use tokio::sync::Semaphore;

/// Memory of one hash: 64 MiB.
const MEMORY_KIB: u32 = 64 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// Limit: hashes at once, so that they take at most 128 MiB and leave cores for calls.
const AT_ONCE_MAX: usize = 2;
/// Limit: hashes that run or wait; more would answer later than anybody waits.
const QUEUE_MAX: usize = 64;
/// When to come again while the queue is full.
const RETRY_AFTER_MS: u64 = 2_000;

/// Hashes and verifies passwords.
#[derive(Debug)]
pub(super) struct Passwords {
    permits: Semaphore,
    queue: Semaphore,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self { permits: Semaphore::new(AT_ONCE_MAX), queue: Semaphore::new(QUEUE_MAX) }
    }

    /// A password as it is stored: with its parameters and a fresh salt.
    pub(super) async fn hash(&self, password: &Secret<String>) -> Result<String, Fault> {
        let salt = service::random::bytes::<SALT_BYTES>().map_err(|error| Fault::internal("make a salt", error))?;
        let password = password.clone();
        self.off_thread("hash a password", move || {
            let salt = SaltString::encode_b64(&salt)?;
            Ok(argon2()?.hash_password(password.expose().as_bytes(), &salt)?.to_string())
        })
        .await
    }

    /// Whether a password is the stored one.
    pub(super) async fn verify(&self, password: &Secret<String>, stored: &str) -> Result<bool, Fault> {
        let (password, stored) = (password.clone(), stored.to_owned());
        self.off_thread("verify a password", move || {
            let stored = PasswordHash::new(&stored)?;
            match argon2()?.verify_password(password.expose().as_bytes(), &stored) {
                Ok(()) => Ok(true),
                Err(Error::Password) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        act: &'static str,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let _place = self.queue.try_acquire().map_err(|full| {
            let say = "too many people log in at once; try again in a moment";
            Fault::new(Code::Overloaded, say).retry_after_ms(RETRY_AFTER_MS).because(full)
        })?;
        let permit =
            self.permits.acquire().await.map_err(|closed| Fault::new(Code::ShuttingDown, "this process is stopping").because(closed))?;
        let done = tokio::task::spawn_blocking(work).await;
        drop(permit);
        // `argon2`'s errors implement the standard trait only with a feature; their texts hold no secret.
        done.map_err(|error| Fault::internal(act, error))?.map_err(|error| Fault::internal(act, error.to_string()))
    }
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_fits_and_salts_differ() {
        let passwords = Passwords::new();
        let right = Secret::new("correct horse".to_owned());
        let stored = passwords.hash(&right).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=65536,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(&right, &stored).await.unwrap());
        assert!(!passwords.verify(&Secret::new("correct horsf".to_owned()), &stored).await.unwrap());
        assert_ne!(passwords.hash(&right).await.unwrap(), stored);
        assert_eq!(passwords.verify(&right, "nonsense").await.unwrap_err().code(), Code::Internal);
    }
}
