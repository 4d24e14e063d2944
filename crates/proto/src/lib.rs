//! Generated message types of `proto/`, and nothing else: conversions live beside the code that needs them.

/// Usage events and the write-ahead log's records.
pub mod usage {
    /// Version 1.
    #[expect(clippy::large_enum_variant, reason = "generated; records are made and written one at a time")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/llmg.usage.v1.rs"));
    }
}
