//! The bill inside an answer's usage object. Dollars are written from integers, digit by digit.

use domain::NanoUsd;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::dialect::Bill;

/// A JSON decimal number of dollars, without needless zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dollars(pub(crate) NanoUsd);

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut text = self.0.to_string();
        let shortest = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(shortest);
        if matches!(text.as_str(), "-0" | "") {
            "0".clone_into(&mut text);
        }
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(to)
    }
}

/// The integers behind the decimals.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CostDetails {
    /// The provider's price, in nano-USD.
    pub(crate) cost_nano_usd: i64,
    /// Taken from credits, in nano-USD.
    pub(crate) charged_nano_usd: i64,
}

/// The fields of a bill, flattened into a usage object.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct BillOut {
    cost: Dollars,
    charged: Dollars,
    cost_details: CostDetails,
}

impl From<&Bill> for BillOut {
    fn from(bill: &Bill) -> Self {
        Self {
            cost: Dollars(bill.cost),
            charged: Dollars(bill.charged),
            cost_details: CostDetails { cost_nano_usd: bill.cost.0, charged_nano_usd: bill.charged.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        for (nano, text) in [(0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (-2_000_000_000, "-2"), (10_000_000_000, "10")] {
            assert_eq!(serde_json::to_string(&Dollars(NanoUsd(nano))).unwrap(), text);
        }
        assert_eq!(serde_json::to_string(&Dollars(NanoUsd(i64::MAX))).unwrap(), "9223372036.854775807");
    }
}
