//! A segment's header: whose it is, and what was counted before it.

use domain::{Epoch, GatewayId, Lane};
use proto::usage::v1::Totals;
use uuid::Uuid;

const MAGIC: &[u8; 8] = b"LLMGWAL\n";
const VERSION: u32 = 1;
/// Frames begin here.
pub(crate) const HEADER_BYTES: u64 = 600;
const HEADER_LEN: usize = 600;

/// The state of an epoch at the start of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) gateway: GatewayId,
    pub(crate) epoch: Epoch,
    pub(crate) segment: u64,
    /// Of all events of the epoch in earlier segments.
    pub(crate) totals: Totals,
    pub(crate) last_seq: [u64; Lane::COUNT],
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(self.gateway.0.as_bytes());
        let totals = &self.totals;
        for word in [self.epoch.0, self.segment, totals.events, totals.input_tokens, totals.output_tokens] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&totals.cost_nano_usd.to_le_bytes());
        out.extend_from_slice(&totals.charged_nano_usd.to_le_bytes());
        for seq in self.last_seq {
            out.extend_from_slice(&seq.to_le_bytes());
        }
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// `None` when the bytes are not a sound header of this version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.get(..HEADER_LEN)?.split_last_chunk::<4>()?;
        let mut rest = body.strip_prefix(MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let (gateway, after) = rest.split_first_chunk::<16>()?;
        rest = after;
        let mut word = || {
            let (word, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(*word)
        };
        let (epoch, segment) = (u64::from_le_bytes(word()?), u64::from_le_bytes(word()?));
        let totals = Totals {
            events: u64::from_le_bytes(word()?),
            input_tokens: u64::from_le_bytes(word()?),
            output_tokens: u64::from_le_bytes(word()?),
            cost_nano_usd: i64::from_le_bytes(word()?),
            charged_nano_usd: i64::from_le_bytes(word()?),
        };
        let mut last_seq = [0; Lane::COUNT];
        for seq in &mut last_seq {
            *seq = u64::from_le_bytes(word()?);
        }
        Some(Self { gateway: GatewayId(Uuid::from_bytes(*gateway)), epoch: Epoch(epoch), segment, totals, last_seq })
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_LEN, Header};
    use domain::{Epoch, GatewayId};
    use proto::usage::v1::Totals;
    use uuid::Uuid;

    #[test]
    fn reads_back_and_refuses_changed_bytes() {
        let totals = Totals { events: 1, input_tokens: 2, output_tokens: 3, cost_nano_usd: -4, charged_nano_usd: 5 };
        let mut last_seq = [0; 64];
        last_seq[63] = 9;
        let header = Header { gateway: GatewayId(Uuid::from_u128(7)), epoch: Epoch(8), segment: 2, totals, last_seq };
        let bytes = header.encode();
        assert_eq!(bytes.len(), HEADER_LEN);
        assert_eq!(Header::decode(&bytes), Some(header));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            assert_eq!(Header::decode(&bad), None, "{at}");
        }
    }
}
