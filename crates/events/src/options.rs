//! How a journal is opened.

use domain::{Epoch, GatewayId, UnixMicros};

/// What an append waits for (through [`Journal::durable`](crate::Journal::durable)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The page cache: survives `kill -9`. A group sync follows and is not awaited.
    #[default]
    Process,
    /// The disk: survives a power cut.
    Power,
}

/// Options of [`Journal::open`](crate::Journal::open).
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Whose log.
    pub gateway: GatewayId,
    /// The time of opening: the end of the calls that a dead process left open.
    pub now: UnixMicros,
    /// What `durable` waits for.
    pub durability: Durability,
    /// A segment that reached this many bytes is followed by a new one. Default 64 MiB.
    pub segment_bytes_max: u64,
    /// Limit: bytes of segments that still exist, in all epochs. Default 8 GiB: about ten million calls, or an hour and a
    /// half at 2,000 calls a second.
    pub capacity_bytes: u64,
    /// The last part of the capacity, closed to intents and kept for the ends of open calls. Default 256 MiB.
    pub reserve_bytes: u64,
    /// Intents are refused while the file system has less free space than this. Default 256 MiB.
    pub free_bytes_min: u64,
    /// The new epoch is at least this one (when the ledger knows more than the folder does). Default 1.
    pub epoch_min: Epoch,
}

impl OpenOptions {
    /// The defaults for a gateway that starts at `now`.
    pub const fn new(gateway: GatewayId, now: UnixMicros) -> Self {
        Self {
            gateway,
            now,
            durability: Durability::Process,
            segment_bytes_max: 64 << 20,
            capacity_bytes: 8 << 30,
            reserve_bytes: 256 << 20,
            free_bytes_min: 256 << 20,
            epoch_min: Epoch(1),
        }
    }
}
