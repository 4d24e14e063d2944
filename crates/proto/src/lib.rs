//! Generated message types of `proto/`, and nothing else: conversions live beside the code that needs them.

/// Usage events and the write-ahead log's records.
pub mod usage {
    /// Version 1.
    #[expect(clippy::large_enum_variant, reason = "generated; records are made and written one at a time")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/llmg.usage.v1.rs"));
    }
}

/// Who calls, and what has changed.
pub mod directory {
    /// Version 1.
    #[expect(clippy::allow_attributes, missing_docs, reason = "generated")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/llmg.directory.v1.rs"));
    }
}

/// Leases of credit.
pub mod broker {
    /// Version 1.
    #[expect(clippy::allow_attributes, missing_docs, reason = "generated")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/llmg.broker.v1.rs"));
    }
}
