//! The events of a stream differ in little but their text: what came before and after it is remembered, so that the next
//! event of the same frame is known without reading it as JSON.

/// Limit: bytes around the text that are remembered.
const FRAME_BYTES_MAX: usize = 4_096;

/// The frame of the last event that was read whole and held one text and nothing else that matters.
#[derive(Debug, Default)]
pub(super) struct Alike {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Alike {
    /// Remembers the frame around `text`, if it lies in `event`; a text with escapes lies elsewhere.
    pub(super) fn learn(&mut self, event: &str, text: &str) {
        let start = (text.as_ptr() as usize).wrapping_sub(event.as_ptr() as usize);
        let (Some(before), Some(after)) = (event.get(..start), event.get(start.saturating_add(text.len())..)) else { return };
        if event.len() - text.len() <= FRAME_BYTES_MAX {
            self.before.clear();
            self.before.extend_from_slice(before.as_bytes());
            self.after.clear();
            self.after.extend_from_slice(after.as_bytes());
        }
    }

    /// The text of an event in the same frame. None when it must be read: another frame, or a text that is more than plain
    /// characters between two quotes.
    pub(super) fn text<'d>(&self, event: &'d [u8]) -> Option<&'d str> {
        if self.before.is_empty() {
            return None;
        }
        let text = event.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        let plain = text.iter().all(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        if plain { std::str::from_utf8(text).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"id":"c1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;

    fn learned() -> Alike {
        let mut alike = Alike::default();
        let at = EVENT.find("Hello").unwrap();
        alike.learn(EVENT, &EVENT[at..at + 5]);
        alike
    }

    #[test]
    fn the_same_frame_is_known_and_any_other_is_read() {
        let alike = learned();
        for text in ["", " world", "ü ✓", "{}[],:"] {
            assert_eq!(alike.text(EVENT.replace("Hello", text).as_bytes()), Some(text));
        }
        for (from, to) in [("Hello", r#"a\n"#), ("Hello", r#"","x":""#), ("c1", "c2"), ("null", r#""stop""#), ("Hello", "a\u{1}")] {
            assert_eq!(alike.text(EVENT.replace(from, to).as_bytes()), None, "{to}");
        }
        assert_eq!(alike.text(&EVENT.as_bytes()[..EVENT.len() - 1]), None);
        assert_eq!(alike.text(b""), None);
        assert_eq!(Alike::default().text(EVENT.as_bytes()), None);
        let mut broken = EVENT.replace("Hello", "ab").into_bytes();
        let at = broken.windows(2).position(|pair| pair == b"ab").unwrap();
        broken[at] = 0xff;
        assert_eq!(alike.text(&broken), None);
    }

    #[test]
    fn a_text_with_escapes_teaches_nothing() {
        let mut alike = Alike::default();
        let elsewhere = ["Hel", "lo"].concat();
        alike.learn(EVENT, &elsewhere);
        assert_eq!(alike.text(EVENT.as_bytes()), None);
    }
}
