//! A record's frame, built in one reused buffer: room for what comes first, then the message.
//!
//! The message is encoded before the lock is taken; only an event's `seq` (which the lock gives out) and the checksum
//! are added under it. Protobuf allows `seq` to come last.

use prost::Message;

use crate::error::JournalError;
use crate::frame::{self, HEAD_BYTES};

/// Which record of a `WalRecord` the message is: its field number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Intent = 1,
    Progress = 2,
    Event = 3,
    EpochClosed = 4,
}

/// Frame head, one byte of tag, at most five bytes of length.
const ROOM: usize = HEAD_BYTES + 1 + 5;
/// `UsageEvent.seq`, field 6, varint.
const SEQ_TAG: u8 = 6 << 3;
/// A buffer that one large record blew up is given back.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// The reused buffer.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    /// Encodes the message behind the room.
    pub(crate) fn message(&mut self, message: &impl Message) -> Result<(), JournalError> {
        self.0.clear();
        self.0.shrink_to(KEPT_BYTES_MAX);
        self.0.resize(ROOM, 0);
        message.encode(&mut self.0).map_err(|_| JournalError::TooLarge { bytes: message.encoded_len() })
    }

    /// Bytes of the room and the message: the size of the frame, within a few bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the sequence number to an event that was encoded without one.
    pub(crate) fn seq(&mut self, seq: u64) {
        self.0.push(SEQ_TAG);
        let (bytes, len) = varint(seq);
        self.0.extend_from_slice(bytes.get(..len).unwrap_or_default());
    }

    /// The whole frame.
    pub(crate) fn frame(&mut self, field: Field) -> Result<&[u8], JournalError> {
        let body = self.0.len().saturating_sub(ROOM);
        let too_large = JournalError::TooLarge { bytes: body };
        if body > frame::PAYLOAD_BYTES_MAX {
            return Err(too_large);
        }
        let (bytes, len) = varint(body as u64);
        let start = ROOM.saturating_sub(len + 1 + HEAD_BYTES);
        let payload = start + HEAD_BYTES;
        self.0[payload] = (field as u8) << 3 | 2;
        self.0[payload + 1..ROOM].copy_from_slice(&bytes[..len]);
        let Some(head) = frame::head(&self.0[payload..]) else { return Err(too_large) };
        self.0[start..payload].copy_from_slice(&head);
        Ok(&self.0[start..])
    }
}

fn varint(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut len = 0;
    loop {
        let low = (value & 0x7f).to_le_bytes()[0];
        value >>= 7;
        bytes[len] = if value == 0 { low } else { low | 0x80 };
        len += 1;
        if value == 0 {
            return (bytes, len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Scratch};
    use crate::frame::frame_at;
    use prost::Message;
    use proto::usage::v1::{Facts, Progress, UsageEvent, WalRecord, wal_record::Record};

    #[test]
    fn a_frame_decodes_to_its_record() {
        let mut scratch = Scratch::default();
        for (len, seq) in [(0, 1), (100, 127), (130, 128), (20_000, u64::MAX)] {
            let facts = Facts { metadata_json: "x".repeat(len), ..Facts::default() };
            let event = UsageEvent { schema: 1, facts: Some(facts), ..UsageEvent::default() };
            scratch.message(&event).unwrap();
            scratch.seq(seq);
            let frame = scratch.frame(Field::Event).unwrap();
            let found = frame_at(frame, 0).unwrap();
            assert_eq!(found.end, frame.len());
            let record = WalRecord::decode(found.payload).unwrap().record;
            assert_eq!(record, Some(Record::Event(UsageEvent { seq, ..event })));
        }
        let progress = Progress { output_tokens: 5, ..Progress::default() };
        scratch.message(&progress).unwrap();
        let frame = scratch.frame(Field::Progress).unwrap();
        let record = WalRecord::decode(frame_at(frame, 0).unwrap().payload).unwrap().record;
        assert_eq!(record, Some(Record::Progress(progress)));
    }
}
