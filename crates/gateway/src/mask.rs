//! Takes keys out of what providers say.

/// So many characters in a row of a key give it away; what is shown of a key on purpose is shorter.
const TELLING_CHARS: usize = 6;
const MASK: &str = "[key]";

/// `words` with each piece of `key` replaced that is long enough to tell something.
pub(crate) fn masked(words: &str, key: &str) -> String {
    // A match in bytes never splits a character: keys are ASCII.
    let (bytes, key) = (words.as_bytes(), key.as_bytes());
    let telling = TELLING_CHARS.min(key.len()).max(1);
    let mut out = String::with_capacity(words.len());
    let (mut at, mut kept) = (0, 0);
    while at + telling <= bytes.len() {
        let length = longest_match(&bytes[at..], key);
        if length < telling {
            at += 1;
            continue;
        }
        out.push_str(words.get(kept..at).unwrap_or_default());
        out.push_str(MASK);
        at += length;
        kept = at;
    }
    out.push_str(words.get(kept..).unwrap_or_default());
    out
}

/// How many of the first bytes of `text` stand somewhere in `key` in a row.
fn longest_match(text: &[u8], key: &[u8]) -> usize {
    let common = |from: usize| text.iter().zip(&key[from..]).take_while(|(a, b)| a == b).count();
    (0..key.len()).map(common).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::masked;

    const KEY: &str = "sk-canary-a8Zq41mWnE77";

    #[test]
    fn a_key_is_masked_wherever_and_however_much_of_it_is_quoted() {
        for (words, clean) in [
            ("wrong key: sk-canary-a8Zq41mWnE77.", "wrong key: [key]."),
            ("sk-canary-a8Zq41mWnE77 sk-canary-a8Zq41mWnE77", "[key] [key]"),
            ("it begins with sk-canary-a and ends with mWnE77", "it begins with [key] and ends with [key]"),
            ("sk-c****nE77 is masked by the provider", "sk-c****nE77 is masked by the provider"),
            ("Schlüssel sk-canary-a8Zq41mWnE77 ungültig", "Schlüssel [key] ungültig"),
            ("", ""),
            ("no key", "no key"),
        ] {
            assert_eq!(masked(words, KEY), clean, "{words}");
        }
        assert_eq!(masked("short abc here", "abc"), "short [key] here");
        assert_eq!(masked("nothing to hide", ""), "nothing to hide");
    }
}
