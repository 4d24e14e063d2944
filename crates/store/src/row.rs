//! From columns to values of the domain.

use std::str::FromStr;

use domain::{Epoch, GatewayId, Lane, NanoUsd, Seq, UnixMicros};
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::error::{Act, StoreError};

/// Reads typed values out of one row; each failure names its column.
pub(crate) struct Columns<'r>(pub &'r AnyRow);

impl Columns<'_> {
    pub(crate) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn text_opt(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn int_opt(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn small(&self, column: &'static str) -> Result<u32, StoreError> {
        u32::try_from(self.int(column)?).map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn small_opt(&self, column: &'static str) -> Result<Option<u32>, StoreError> {
        self.int_opt(column)?.map(u32::try_from).transpose().map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn money(&self, column: &'static str) -> Result<NanoUsd, StoreError> {
        self.int(column).map(NanoUsd)
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<UnixMicros, StoreError> {
        self.int(column).map(UnixMicros)
    }

    pub(crate) fn time_opt(&self, column: &'static str) -> Result<Option<UnixMicros>, StoreError> {
        Ok(self.int_opt(column)?.map(UnixMicros))
    }

    pub(crate) fn id<T: FromStr>(&self, column: &'static str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn id_opt<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        self.text_opt(column)?.map(|text| text.parse()).transpose().map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn word<T>(&self, column: &'static str, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(&self.text(column)?).ok_or(StoreError::Corrupt { what: column })
    }

    pub(crate) fn word_opt<T>(&self, column: &'static str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        self.text_opt(column)?.map(|text| parse(&text).ok_or(StoreError::Corrupt { what: column })).transpose()
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn bytes_opt(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.try_get(column).act(column)
    }

    pub(crate) fn hash_opt(&self, column: &'static str) -> Result<Option<[u8; 32]>, StoreError> {
        let bytes: Option<Vec<u8>> = self.0.try_get(column).act(column)?;
        bytes.map(<[u8; 32]>::try_from).transpose().map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn gateway(&self, column: &'static str) -> Result<GatewayId, StoreError> {
        Uuid::try_parse(&self.text(column)?).map(GatewayId).map_err(|_| StoreError::Corrupt { what: column })
    }

    pub(crate) fn epoch(&self, column: &'static str) -> Result<Epoch, StoreError> {
        self.count(column).map(Epoch)
    }

    pub(crate) fn lane(&self, column: &'static str) -> Result<Lane, StoreError> {
        let index = u8::try_from(self.int(column)?).ok();
        index.and_then(Lane::from_index).ok_or(StoreError::Corrupt { what: column })
    }

    pub(crate) fn seq(&self, column: &'static str) -> Result<Seq, StoreError> {
        self.count(column).map(Seq)
    }
}

/// A count as a column holds it; what does not fit is held at the end of the range.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text that LIKE takes as it is.
pub(crate) fn like(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect()
}
