//! Where a reader stands in one gateway's log.

use std::fmt;
use std::str::FromStr;

use domain::Epoch;

/// Just behind the last byte that was read. Shown and stored as `epoch/segment/offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The epoch's folder.
    pub epoch: Epoch,
    /// The segment's number, from 1.
    pub segment: u64,
    /// Bytes from the start of the segment's file.
    pub offset: u64,
}

impl Position {
    /// Before everything.
    pub const START: Self = Self { epoch: Epoch(0), segment: 0, offset: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.epoch.0, self.segment, self.offset)
    }
}

/// The text is not `epoch/segment/offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a log position of the form epoch/segment/offset")]
pub struct MalformedPosition;

impl FromStr for Position {
    type Err = MalformedPosition;

    fn from_str(text: &str) -> Result<Self, MalformedPosition> {
        let mut parts = text.split('/').map(|part| part.parse::<u64>().map_err(|_| MalformedPosition));
        let mut next = || parts.next().unwrap_or(Err(MalformedPosition));
        let position = Self { epoch: Epoch(next()?), segment: next()?, offset: next()? };
        if parts.next().is_some() { Err(MalformedPosition) } else { Ok(position) }
    }
}

#[cfg(test)]
mod tests {
    use super::{MalformedPosition, Position};
    use domain::Epoch;

    #[test]
    fn shows_and_reads_back() {
        let position = Position { epoch: Epoch(3), segment: 12, offset: 77 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1", "1/2", "1/2/3/4", "1/2/x", "-1/2/3"] {
            assert_eq!(text.parse::<Position>(), Err(MalformedPosition), "{text}");
        }
    }
}
