//! Where a usage event stands in its gateway's order: `(gateway, epoch, lane, seq)`.
//!
//! A lane is `hash(organization) mod 64`, for ever: the Kafka partition derives from it, and gap detection counts by it.
//! An epoch is one life of a gateway process; sequence numbers start at 1 in each lane of each epoch and have no gaps.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::OrganizationId;

/// One gateway's stable identity: kept in its data folder, so that a restart is a new epoch of the same gateway.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GatewayId(pub Uuid);

impl fmt::Display for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl fmt::Debug for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One life of a gateway process; grows by one at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// Position of a usage event in its lane, from 1, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// One of 64 orders of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(u8);

impl Lane {
    /// How many lanes there are. Never changes: it is part of every stored event's identity.
    pub const COUNT: usize = 64;

    /// The lane of an organization: FNV-1a (64 bit) over the id's 16 bytes, folded to 6 bits.
    pub const fn of(organization: OrganizationId) -> Self {
        let uuid = organization.uuid();
        let bytes = uuid.as_bytes();
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        let folded = (hash ^ (hash >> 32)).to_le_bytes();
        Self(folded[0] & 0x3f)
    }

    /// A lane read back from storage; `None` from 64 on.
    pub const fn from_index(index: u8) -> Option<Self> {
        if index < 64 { Some(Self(index)) } else { None }
    }

    /// 0 to 63.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// 0 to 63.
    pub const fn as_u8(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frozen: a change would move organizations to other lanes under live sequence numbers.
    #[test]
    fn lanes_never_move() {
        let lane = |n: u128| Lane::of(OrganizationId::from_uuid(Uuid::from_u128(n))).index();
        assert_eq!([lane(0), lane(1), lane(2), lane(u128::MAX)], FROZEN);
    }

    const FROZEN: [usize; 4] = [28, 11, 6, 29];

    #[test]
    fn spreads_over_all_lanes() {
        let mut seen = [0u32; Lane::COUNT];
        for n in 0..6_400u128 {
            seen[Lane::of(OrganizationId::from_uuid(Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))).index()] += 1;
        }
        assert!(seen.iter().all(|&n| n > 50 && n < 200), "{seen:?}");
    }
}
