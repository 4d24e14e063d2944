//! Licence expressions (`MIT OR Apache-2.0`, `(A AND B) OR C WITH D`): may we take this one?

/// True when a choice within the expression needs only allowed licences. The old spelling `A/B` means `A OR B`.
pub(super) fn permits(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let good = any(&words, &mut at, allowed);
    good == Some(true) && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut good = all(words, at, allowed)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        good |= all(words, at, allowed)?;
    }
    Some(good)
}

fn all(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut good = one(words, at, allowed)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        good &= one(words, at, allowed)?;
    }
    Some(good)
}

fn one(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let good = any(words, at, allowed)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(good);
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = *words.get(*at + 1)?;
        *at += 2;
        return Some(allowed(&format!("{word} WITH {exception}")));
    }
    Some(allowed(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_needs_only_one_good_side_and_a_sum_needs_both() {
        let allowed = |licence: &str| matches!(licence, "MIT" | "Apache-2.0" | "Apache-2.0 WITH LLVM-exception");
        for good in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT AND Apache-2.0) OR GPL-3.0", "Apache-2.0 WITH LLVM-exception"] {
            assert!(permits(good, &allowed), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "MIT WITH GCC-exception-2.0", "(MIT", "MIT)", "", "MIT OR", "MIT Apache-2.0"] {
            assert!(!permits(bad, &allowed), "{bad}");
        }
    }
}
