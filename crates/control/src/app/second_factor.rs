//! Second factors of a person: an authenticator app whose codes count once, and recovery codes for when it is lost.

use domain::{Code, Fault, Secret, UnixMicros, UserId};
use qrcodegen::{QrCode, QrCodeEcc};
use service::{clock, random};
use sha2::{Digest, Sha256};
use store::{FactorUse, PeopleRow, SecondFactor};
use tokio::time::Instant;
use totp_rs::{Builder, Totp};
use url::form_urlencoded::byte_serialize;

use crate::app::auth::Visitor;
use crate::app::caller::{LoggedIn, Operator};
use crate::app::people::nobody;
use crate::app::{Control, ask};

/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;
/// Codes of so many steps around now fit, for phones whose clock is not right.
const SKEW_STEPS: u16 = 1;
/// Recovery codes that a person gets at once.
const RECOVERY_CODES: usize = 10;
/// 80 bits: what is stored of a code cannot be searched for.
const RECOVERY_BYTES: usize = 10;
/// Without letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a recovery code between two dashes.
const GROUP: usize = 4;
/// Limit: bytes of a code that is looked at.
const CODE_BYTES_MAX: usize = 64;

/// What an authenticator app is given, once.
#[derive(Debug, Clone)]
pub struct TotpSetUp {
    /// To be typed.
    pub secret: Secret<String>,
    /// To be scanned.
    pub url: Secret<String>,
    /// The same as a picture.
    pub qr: Qr,
}

/// A QR code.
#[derive(Debug, Clone)]
pub struct Qr {
    /// Modules in a row, and rows.
    pub size: u32,
    /// The dark ones as an SVG path, one unit each.
    pub path: Secret<String>,
}

/// What a person sees of their second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorsView {
    /// Since when an authenticator app is asked for.
    pub totp_at: Option<UnixMicros>,
    /// Recovery codes that were not used.
    pub recovery_codes: u64,
}

impl Control {
    /// What a person has beside their password.
    pub async fn factors_view(&self, who: &LoggedIn) -> Result<FactorsView, Fault> {
        let totp = ask::store(Code::DirectoryUnavailable, store::totp_get(&self.db, who.user())).await?;
        let left = ask::store(Code::DirectoryUnavailable, store::recovery_codes_count(&self.db, who.user())).await?;
        Ok(FactorsView { totp_at: totp.and_then(|row| row.confirmed_at), recovery_codes: left })
    }

    /// Makes the secret of an authenticator app. Nothing is asked for until its first code came.
    pub async fn totp_set_up(&self, who: &LoggedIn, password: &Secret<String>) -> Result<TotpSetUp, Fault> {
        self.password_proven(who.visitor(), who.user(), ("password", password)).await?;
        let bytes = random::bytes::<SECRET_BYTES>().map_err(|error| Fault::internal("make an authenticator's secret", error))?;
        let secret = Secret::new(totp_rs::Secret::from(bytes).to_base32());
        let sealed = self.person_seal(who.user(), &secret)?;
        let stored = store::totp_create(&self.db, who.user(), &sealed, clock::now());
        ask::store(Code::DirectoryUnavailable, stored).await.map_err(|fault| match fault.code() {
            Code::Conflict => Fault::new(Code::Conflict, "an authenticator app is set up already: remove it first"),
            _ => fault,
        })?;
        let email: String = byte_serialize(who.email().as_bytes()).collect();
        let url = format!("otpauth://totp/llmg:{email}?secret={}&issuer=llmg", secret.expose());
        let qr = qr_of(&url)?;
        Ok(TotpSetUp { secret, url: Secret::new(url), qr })
    }

    /// The app's first code: from now on a log-in asks for one. Answers the recovery codes; all other sessions end.
    pub async fn totp_confirm(&self, who: &LoggedIn, code: &Secret<String>) -> Result<Vec<Secret<String>>, Fault> {
        let taken = self.attempts.take_code(who.visitor().address, who.email(), Instant::now())?;
        let none = || Fault::new(Code::Conflict, "no authenticator app waits for its first code: set one up");
        let row = ask::store(Code::DirectoryUnavailable, store::totp_get(&self.db, who.user())).await?;
        let row = row.filter(|row| row.confirmed_at.is_none()).ok_or_else(none)?;
        let totp = authenticator(&self.person_open(who.user(), &row.sealed)?)?;
        let step = step_of(&totp, code.expose(), clock::now()).ok_or_else(wrong_code)?;
        self.attempts.give_back(taken, Instant::now());
        let RecoveryCodes { shown, hashes } = recovery_codes(who.user())?;
        let author = who.author(clock::now());
        let confirmed = store::totp_confirm(&self.db, who.user(), who.session(), step, &hashes, &author);
        ask::store(Code::DirectoryUnavailable, confirmed).await.map_err(|fault| if is_gone(&fault) { none() } else { fault })?;
        tracing::info!(user.id = %who.user(), "a second factor was added, and the person's other sessions ended");
        Ok(shown)
    }

    /// Other recovery codes; the old ones open nothing any more.
    pub async fn recovery_codes_renew(
        &self,
        who: &LoggedIn,
        password: &Secret<String>,
        code: &Secret<String>,
    ) -> Result<Vec<Secret<String>>, Fault> {
        let used = self.both_proven(who, password, code).await?;
        let RecoveryCodes { shown, hashes } = recovery_codes(who.user())?;
        let author = who.author(clock::now());
        let renewed = store::recovery_codes_replace(&self.db, who.user(), who.session(), used, &hashes, &author);
        ask::store(Code::DirectoryUnavailable, renewed).await.map_err(|fault| if is_gone(&fault) { wrong_code() } else { fault })?;
        Ok(shown)
    }

    /// The log-in asks for no code any more.
    pub async fn totp_remove(&self, who: &LoggedIn, password: &Secret<String>, code: &Secret<String>) -> Result<(), Fault> {
        let used = self.both_proven(who, password, code).await?;
        let author = who.author(clock::now());
        let removed = store::totp_remove(&self.db, who.user(), who.session(), used, &author);
        ask::store(Code::DirectoryUnavailable, removed).await.map_err(|fault| if is_gone(&fault) { wrong_code() } else { fault })?;
        tracing::info!(user.id = %who.user(), "a second factor was removed");
        Ok(())
    }

    /// An operator helps somebody who lost their app and their recovery codes.
    pub async fn second_factor_remove(&self, who: &Operator, person: UserId) -> Result<PeopleRow, Fault> {
        let (author, organization) = (who.author(clock::now()), who.management().scope().organization());
        let removed = store::second_factor_remove(&self.db, person, organization, &author);
        ask::store(Code::DirectoryUnavailable, removed).await.map_err(nobody)?;
        tracing::info!(user.id = %person, by = %who.management().via(), "an operator removed a person's second factor");
        ask::store(Code::DirectoryUnavailable, store::people_get(&self.db, person)).await.map_err(nobody)
    }

    /// Which stored thing a code would use up. A code that fits nothing costs the person a try.
    pub(super) async fn code_fits(
        &self,
        visitor: &Visitor,
        person: UserId,
        email: &str,
        code: &Secret<String>,
    ) -> Result<Option<FactorUse>, Fault> {
        let code = code.expose();
        let taken = if is_app_code(code) {
            self.attempts.take_code(visitor.address, email, Instant::now())?
        } else {
            self.attempts.take_recovery(visitor.address, email, Instant::now())?
        };
        let row = ask::store(Code::DirectoryUnavailable, store::totp_get(&self.db, person)).await?;
        let Some(row) = row.filter(|row| row.confirmed_at.is_some()) else { return Ok(None) };
        let used = if is_app_code(code) {
            let totp = authenticator(&self.person_open(person, &row.sealed)?)?;
            step_of(&totp, code, clock::now()).filter(|step| *step > row.last_step).map(|step| FactorUse::Totp { step })
        } else {
            let hash = recovery_hash(person, code);
            let there = ask::store(Code::DirectoryUnavailable, store::recovery_code_is(&self.db, person, &hash)).await?;
            there.then_some(FactorUse::RecoveryCode { hash })
        };
        if used.is_some() {
            self.attempts.give_back(taken, Instant::now());
        }
        Ok(used)
    }

    /// Password and code of somebody who is logged in.
    async fn both_proven(&self, who: &LoggedIn, password: &Secret<String>, code: &Secret<String>) -> Result<FactorUse, Fault> {
        self.password_proven(who.visitor(), who.user(), ("password", password)).await?;
        self.code_fits(who.visitor(), who.user(), who.email(), code).await?.ok_or_else(wrong_code)
    }
}

/// By which word a session remembers what was used up.
pub(super) const fn factor_of(used: FactorUse) -> SecondFactor {
    match used {
        FactorUse::Totp { .. } => SecondFactor::Totp,
        FactorUse::RecoveryCode { .. } => SecondFactor::RecoveryCode,
    }
}

fn wrong_code() -> Fault {
    Fault::new(Code::PermissionDenied, "the code does not fit, or it was used already; wait for the next one").param("code")
}

fn is_gone(fault: &Fault) -> bool {
    fault.code() == Code::NotFound
}

fn authenticator(secret: &Secret<String>) -> Result<Totp, Fault> {
    let wrong = |error: &dyn std::fmt::Display| Fault::internal("read an authenticator's secret", error.to_string());
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).map_err(|error| wrong(&error))?;
    Builder::new().with_secret(secret).with_skew(SKEW_STEPS).with_step_duration(STEP_SECONDS).build().map_err(|error| wrong(&error))
}

/// One square a dark module.
fn qr_of(url: &str) -> Result<Qr, Fault> {
    let code = QrCode::encode_text(url, QrCodeEcc::Medium).map_err(|error| Fault::internal("draw a QR code", error))?;
    let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y))).filter(|(x, y)| code.get_module(*x, *y));
    let path = dark.map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect();
    Ok(Qr { size: code.size().unsigned_abs(), path: Secret::new(path) })
}

/// As somebody types it.
fn typed(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(CODE_BYTES_MAX).collect::<String>().to_ascii_lowercase()
}

fn is_app_code(code: &str) -> bool {
    let code = typed(code);
    code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit())
}

fn step_of(totp: &Totp, code: &str, now: UnixMicros) -> Option<u64> {
    let seconds = u64::try_from(now.0 / 1_000_000).ok()?;
    is_app_code(code).then(|| totp.check(&typed(code), seconds)).flatten()
}

/// Fresh codes.
struct RecoveryCodes {
    shown: Vec<Secret<String>>,
    /// What is stored of them.
    hashes: Vec<[u8; 32]>,
}

fn recovery_codes(person: UserId) -> Result<RecoveryCodes, Fault> {
    let mut shown = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let bytes = random::bytes::<RECOVERY_BYTES>().map_err(|error| Fault::internal("make a recovery code", error))?;
        shown.push(Secret::new(spelled(&bytes)));
    }
    let hashes = shown.iter().map(|code| recovery_hash(person, code.expose())).collect();
    Ok(RecoveryCodes { shown, hashes })
}

/// Five bits a character, in groups.
fn spelled(bytes: &[u8; RECOVERY_BYTES]) -> String {
    let number = bytes.iter().fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    let count = RECOVERY_BYTES * 8 / 5;
    let mut text = String::with_capacity(count + count / GROUP);
    for at in 0..count {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        let index = (number >> (5 * (count - 1 - at))) & 31;
        text.push(usize::try_from(index).ok().and_then(|index| ALPHABET.get(index)).map_or('0', |byte| char::from(*byte)));
    }
    text
}

fn recovery_hash(person: UserId, code: &str) -> [u8; 32] {
    Sha256::new().chain_update(person.uuid().as_bytes()).chain_update(typed(code)).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_that_of_the_rfc() {
        // RFC 6238, appendix B, the last six digits.
        let totp = Builder::new().with_secret(*b"12345678901234567890").with_skew(SKEW_STEPS).build().unwrap();
        let at = |seconds: i64| UnixMicros(seconds * 1_000_000);
        assert_eq!(step_of(&totp, "287082", at(59)), Some(1));
        assert_eq!(step_of(&totp, "081 804", at(1_111_111_109)), Some(37_037_036));
        assert_eq!(step_of(&totp, "287082", at(59 + 30)), Some(1), "a phone that is late");
        assert_eq!(step_of(&totp, "287082", at(59 + 60)), None);
        for wrong in ["", "28708", "2870821", "28708a", "２８７０８２"] {
            assert_eq!(step_of(&totp, wrong, at(59)), None, "{wrong}");
        }
    }

    #[test]
    fn a_qr_code_is_drawn_square_by_square() {
        let qr = qr_of("otpauth://totp/llmg:ada%40example.com?secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&issuer=llmg").unwrap();
        // The upper edge of the first finder is seven dark modules, and a light one follows.
        let path = qr.path.expose();
        assert!((0..7).all(|x| path.contains(&format!("M{x} 0h"))) && !path.contains("M7 0h"));
        assert!(!path.contains(&format!("M{} ", qr.size)));
        assert!(qr_of(&"x".repeat(5_000)).is_err());
    }

    #[test]
    fn a_recovery_code_is_read_as_people_write_it() {
        assert_eq!(spelled(&[0; 10]), "0000-0000-0000-0000");
        assert_eq!(spelled(&[255; 10]), "zzzz-zzzz-zzzz-zzzz");
        assert_eq!(spelled(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 33]), "0000-0000-0000-0011");
        let (ada, bob) = (UserId::from_uuid(uuid::Uuid::from_u128(1)), UserId::from_uuid(uuid::Uuid::from_u128(2)));
        assert_eq!(recovery_hash(ada, "abcd-efgh"), recovery_hash(ada, " ABCD EFGH"));
        assert_ne!(recovery_hash(ada, "abcd-efgh"), recovery_hash(bob, "abcd-efgh"));
    }
}
