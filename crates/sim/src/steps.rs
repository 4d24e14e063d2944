//! The steps in which a stream sends an answer, one by one, so that a long answer is never held twice.

use crate::answer::Answer;
use crate::text::words_end;

/// One step of a stream.
pub(crate) enum Step<'a> {
    /// Beginning of a choice.
    Open { choice: u64 },
    /// Reasoning, whole.
    Reasoning { choice: u64 },
    /// A piece of the text.
    Text { choice: u64, text: &'a str, first: bool, last: bool },
    /// A tool call or one half of it.
    Call { choice: u64, index: usize, part: Part },
    /// End of a choice.
    Finish { choice: u64 },
    /// The usage.
    Usage,
    /// The terminator.
    Done,
}

/// Which part of a tool call a step sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    /// Its name and the first half of its arguments.
    First,
    /// The second half of its arguments.
    Second,
}

/// Tokens said so far, over all choices.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) output: u64,
    /// Of these, reasoning.
    pub(crate) reasoning: u64,
}

/// Walks over the steps of an answer.
pub(crate) struct Steps {
    stage: Stage,
    choice: u64,
    opened: u64,
    piece: u64,
    begin: usize,
    end: usize,
    call: usize,
    halves: bool,
    second: bool,
    content_sent: u64,
    said: Said,
}

enum Stage {
    Open,
    Reasoning,
    Text,
    Calls,
    Finish,
    Usage,
    Done,
    Over,
}

impl Steps {
    /// `halves`: tool calls come in two parts.
    pub(crate) fn new(halves: bool) -> Self {
        Self {
            stage: Stage::Open,
            choice: 0,
            opened: 0,
            piece: 0,
            begin: 0,
            end: 0,
            call: 0,
            halves,
            second: false,
            content_sent: 0,
            said: Said::default(),
        }
    }

    /// All content chunks of the answer.
    pub(crate) fn content_total(&self, answer: &Answer) -> u64 {
        let calls = u64::try_from(answer.calls.len()).unwrap_or(u64::MAX) * if self.halves { 2 } else { 1 };
        answer.choices * (u64::from(answer.reasoning_tokens > 0) + answer.chunks + calls)
    }

    /// Content chunks that have been stepped over.
    pub(crate) fn content_sent(&self) -> u64 {
        self.content_sent
    }

    /// Whether every choice has been opened.
    pub(crate) fn opened(&self, answer: &Answer) -> bool {
        self.opened == answer.choices
    }

    pub(crate) fn said(&self) -> Said {
        self.said
    }

    pub(crate) fn next<'a>(&mut self, answer: &'a Answer) -> Option<Step<'a>> {
        loop {
            let step = match self.stage {
                Stage::Open => self.open(answer),
                Stage::Reasoning => self.reasoning(answer),
                Stage::Text => self.text(answer),
                Stage::Calls => self.calls(answer),
                Stage::Finish => self.turn(answer, Stage::Usage).map(|choice| Step::Finish { choice }),
                Stage::Usage => {
                    self.stage = Stage::Done;
                    Some(Step::Usage)
                }
                Stage::Done => {
                    self.stage = Stage::Over;
                    Some(Step::Done)
                }
                Stage::Over => return None,
            };
            if let Some(step) = step {
                self.content_sent += u64::from(step.is_content());
                return Some(step);
            }
        }
    }

    /// The next choice of this stage; after the last one, `next` begins.
    fn turn(&mut self, answer: &Answer, next: Stage) -> Option<u64> {
        if self.choice < answer.choices {
            self.choice += 1;
            return Some(self.choice - 1);
        }
        self.choice = 0;
        self.stage = next;
        None
    }

    fn open<'a>(&mut self, answer: &Answer) -> Option<Step<'a>> {
        let choice = self.turn(answer, Stage::Reasoning)?;
        self.opened += 1;
        Some(Step::Open { choice })
    }

    fn reasoning<'a>(&mut self, answer: &Answer) -> Option<Step<'a>> {
        if answer.reasoning_tokens == 0 {
            self.stage = Stage::Text;
            return None;
        }
        let choice = self.turn(answer, Stage::Text)?;
        self.said.output += answer.reasoning_tokens;
        self.said.reasoning += answer.reasoning_tokens;
        Some(Step::Reasoning { choice })
    }

    /// Piece by piece, and each piece for every choice.
    fn text<'a>(&mut self, answer: &'a Answer) -> Option<Step<'a>> {
        if self.piece == answer.chunks {
            self.stage = Stage::Calls;
            return None;
        }
        let words = share(answer.text_tokens, answer.chunks, self.piece);
        let last = self.piece + 1 == answer.chunks;
        if self.choice == 0 {
            self.begin = self.end;
            self.end = if last { answer.text.len() } else { words_end(&answer.text, self.begin, words) };
        }
        let step = Step::Text { choice: self.choice, text: &answer.text[self.begin..self.end], first: self.piece == 0, last };
        self.said.output += words;
        self.choice += 1;
        if self.choice == answer.choices {
            self.choice = 0;
            self.piece += 1;
        }
        Some(step)
    }

    /// Choice by choice, call by call.
    fn calls<'a>(&mut self, answer: &Answer) -> Option<Step<'a>> {
        let Some(call) = answer.calls.get(self.call).filter(|_| self.choice < answer.choices) else {
            self.choice = 0;
            self.stage = Stage::Finish;
            return None;
        };
        let (choice, index) = (self.choice, self.call);
        let part = match (self.halves, self.second) {
            (false, _) => Part::Whole,
            (true, false) => Part::First,
            (true, true) => Part::Second,
        };
        self.said.output += match part {
            Part::Whole => call.tokens(),
            Part::First => call.name_tokens,
            Part::Second => call.arguments_tokens,
        };
        self.second = part == Part::First;
        if part != Part::First {
            self.call += 1;
            if self.call == answer.calls.len() && self.choice + 1 < answer.choices {
                self.call = 0;
                self.choice += 1;
            }
        }
        Some(Step::Call { choice, index, part })
    }
}

impl Step<'_> {
    pub(crate) fn is_content(&self) -> bool {
        matches!(self, Self::Reasoning { .. } | Self::Text { .. } | Self::Call { .. })
    }
}

/// How many of `total` fall to part `index` of `parts`, as evenly as can be.
fn share(total: u64, parts: u64, index: u64) -> u64 {
    let until = |index: u64| u64::try_from(u128::from(total) * u128::from(index) / u128::from(parts.max(1))).unwrap_or(total);
    until(index + 1) - until(index)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up() {
        for (total, parts) in [(24, 5), (24, 24), (1, 1), (1_000, 7)] {
            let all: Vec<u64> = (0..parts).map(|index| share(total, parts, index)).collect();
            assert_eq!(all.iter().sum::<u64>(), total);
            assert!(all.iter().all(|one| *one >= 1 && *one <= total.div_ceil(parts)));
        }
    }
}
