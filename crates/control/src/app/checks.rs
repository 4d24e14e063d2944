//! What names, addresses and passwords may look like.

use std::sync::LazyLock;

use domain::{Code, Fault};

/// Limit: characters of a name or a reason.
pub(super) const NAME_CHARS_MAX: usize = 200;
/// Limit: characters of a password, from and to.
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=256;
/// Limit: bytes of an e-mail address (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;

/// A wrong field, and how a right value looks.
pub(crate) fn invalid(param: &str, say: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidRequest, say).param(param)
}

/// A text for display without blanks around it.
pub(super) fn name(param: &str, text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > NAME_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(invalid(param, format!("`{param}` must have 1 to {NAME_CHARS_MAX} characters and no control characters")));
    }
    Ok(text.to_owned())
}

/// An address that could get mail: one `@`, something before it, a domain with a dot (or `localhost`) after it.
pub(super) fn email(text: &str) -> Result<String, Fault> {
    let text = text.trim().to_lowercase();
    let wrong = || invalid("email", "`email` must be an e-mail address, such as ada@example.com");
    let (user, host) = text.split_once('@').ok_or_else(wrong)?;
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && text.len() <= EMAIL_BYTES_MAX;
    let labels = host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let dotted = host.contains('.') || host == "localhost";
    if clean && !user.is_empty() && !host.contains('@') && labels && dotted { Ok(text) } else { Err(wrong()) }
}

/// The passwords that guessers try first, of 8 characters or more, in lower case and in order. From the list that Django
/// ships (BSD-3-Clause), made by Royce Williams from leaked passwords.
static COMMON_PASSWORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("../../data/common-passwords.txt").lines().collect());

/// A password as it is; blanks count.
pub(super) fn password(text: &str) -> Result<(), Fault> {
    if !PASSWORD_CHARS.contains(&text.chars().count()) {
        let (from, to) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
        return Err(invalid("password", format!("`password` must have {from} to {to} characters")));
    }
    if COMMON_PASSWORDS.binary_search(&&*text.trim().to_lowercase()).is_ok() {
        return Err(invalid("password", "this password is one of those that are guessed first; choose another"));
    }
    Ok(())
}

/// A password that is only compared: short ones were allowed once, or are wrong anyway; long ones cost too much.
pub(super) fn password_given(param: &str, text: &str) -> Result<(), Fault> {
    let most = *PASSWORD_CHARS.end();
    if text.is_empty() || text.chars().count() > most {
        return Err(invalid(param, format!("`{param}` must have 1 to {most} characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{email, name, password};

    #[test]
    fn plausible_addresses_pass_in_lower_case() {
        for (given, kept) in
            [("Ada@Example.com", "ada@example.com"), (" a+b@x.y.org ", "a+b@x.y.org"), ("root@localhost", "root@localhost")]
        {
            assert_eq!(email(given).unwrap(), kept);
        }
        for given in ["", "@", "ada", "ada@", "@example.com", "a@b", "a@b@c.d", "a b@c.d", "a@.com", "a@c..d", "a@-c.d", "a\n@c.d"] {
            assert_eq!(email(given).unwrap_err().wrong_param(), Some("email"), "{given:?}");
        }
        assert!(email(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    #[test]
    fn passwords_have_eight_to_256_characters() {
        for given in ["", "1234567", &"x".repeat(257)] {
            assert!(password(given).is_err());
        }
        for given in ["1234567é", "éééééééé", &"x".repeat(256)] {
            assert!(password(given).is_ok());
        }
    }

    #[test]
    fn passwords_that_everybody_guesses_are_refused() {
        assert!(super::COMMON_PASSWORDS.is_sorted() && super::COMMON_PASSWORDS.len() > 8_000);
        for given in ["password", "PassWord", " password1 ", "12345678", "iloveyou", "qwertyuiop"] {
            assert_eq!(password(given).unwrap_err().wrong_param(), Some("password"), "{given}");
        }
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("name", "  Shop ").unwrap(), "Shop");
        for given in ["", "   ", "a\u{7}b", &"x".repeat(201)] {
            assert_eq!(name("name", given).unwrap_err().wrong_param(), Some("name"));
        }
    }
}
