//! A JSON string that is borrowed when it holds no escapes.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;

/// serde borrows a `Cow` only as a field of its own: inside an `Option`, or as the name of a member, it is copied. This
/// borrows everywhere.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed_unless_it_has_escapes() {
        let read = |json| serde_json::from_str::<Option<Text<'_>>>(json).unwrap().unwrap();
        assert!(matches!(read(r#""plain ü""#).0, Cow::Borrowed("plain ü")));
        assert!(matches!(read(r#""two\nlines""#).0, Cow::Owned(text) if text == "two\nlines"));
    }
}
