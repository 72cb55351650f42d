//! Amounts and limits of what is spent.

use alloy::primitives::U256;
use alloy::primitives::utils::{format_units, parse_units};
use std::fmt;
use std::str::FromStr;

const WEI_PER_GWEI: u64 = 1_000_000_000;

/// An amount in gwei (10^-9 ether). Costs are rounded up to it, so that sums never say less than was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Gwei(pub u64);

impl Gwei {
    /// What `gas` costs at `price` wei, rounded up.
    pub fn of_gas(gas: u64, price: u64) -> Self {
        let wei = u128::from(gas) * u128::from(price);
        let gwei = wei.div_ceil(u128::from(WEI_PER_GWEI));
        Self(u64::try_from(gwei).unwrap_or(u64::MAX))
    }

    /// An amount of wei, rounded down; `u64::MAX` gwei where it is more.
    pub fn floor(wei: U256) -> Self {
        Self((wei / U256::from(WEI_PER_GWEI)).saturating_to())
    }

    /// An amount of wei, rounded up; `u64::MAX` gwei where it is more.
    pub fn ceil(wei: U256) -> Self {
        Self(wei.div_ceil(U256::from(WEI_PER_GWEI)).saturating_to())
    }

    /// The sum, at most `u64::MAX` gwei.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Gwei {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ether = format_units(self.0, 9).unwrap_or_default();
        let short = ether.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{short} ether")
    }
}

impl FromStr for Gwei {
    type Err = String;

    /// `0.5ether`, `20gwei` or a number of wei; rounded down.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
            Some(at) => text.split_at(at),
            None => (text, "wei"),
        };
        let wrong = || format!("\"{text}\" is not an amount like 0.5ether, 20gwei or 1000000000");
        let plain = |c: char| c.is_ascii_digit() || c == '.';
        let number = number.trim();
        if number.is_empty() || !number.chars().all(plain) {
            return Err(wrong());
        }
        let whole = unit != "wei" || !number.contains('.');
        if !whole || !matches!(unit, "ether" | "gwei" | "wei") {
            return Err(wrong());
        }
        let wei: U256 = parse_units(number, unit).map_err(|_| wrong())?.into();
        Ok(Self::floor(wei))
    }
}

/// Which limit an expense would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cap {
    /// Of one transaction.
    Transaction,
    /// Of all transactions of one job.
    Job,
    /// Of any 60 minutes.
    Hour,
    /// Of any 24 hours.
    Day,
    /// Of all time.
    Total,
    /// Of one call of a program.
    Run,
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transaction => "per-transaction",
            Self::Job => "per-job",
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Total => "total",
            Self::Run => "per-run",
        })
    }
}

impl Cap {
    /// What whoever runs into it can do, where that is the same for all programs.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Run => {
                "; wait for lower prices, or allow more (--max-spend AMOUNT) if the node's prices are right"
            }
            _ => "",
        }
    }
}

/// Limit of what one call of a program may spend, fills of nonce gaps included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunCap {
    /// What the account had spent before.
    pub since: Gwei,
    /// What may come on top.
    pub limit: Gwei,
}

/// Limits of what one account may spend on one chain. They are checked in the database transaction that
/// stores a signed transaction. Signed transactions count at their largest possible cost until they are settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// Of one transaction.
    pub transaction: Option<Gwei>,
    /// Of all transactions of one job, however often it is handed in.
    pub job: Option<Gwei>,
    /// Of any 60 minutes.
    pub hour: Option<Gwei>,
    /// Of any 24 hours.
    pub day: Option<Gwei>,
    /// Of all time.
    pub total: Option<Gwei>,
    /// Of this call.
    pub run: Option<RunCap>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_gas_rounds_up() {
        assert_eq!(Gwei::of_gas(1, 1), Gwei(1));
        assert_eq!(Gwei::of_gas(1_000_000_000, 3), Gwei(3));
        assert_eq!(Gwei::of_gas(1_000_000_001, 3), Gwei(4));
        assert_eq!(Gwei::of_gas(u64::MAX, u64::MAX), Gwei(u64::MAX));
    }

    #[test]
    fn amounts_are_read_as_foundry_reads_them() {
        for (text, gwei) in [
            ("0.5ether", 500_000_000),
            ("20gwei", 20),
            ("1.5 gwei", 1),
            ("3000000001", 3),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Gwei(gwei)), "{text}");
        }
        for text in ["", "ether", "-1ether", "5 btc", "1e9", "0.5"] {
            assert!(text.parse::<Gwei>().is_err(), "{text}");
        }
        assert_eq!(Gwei(1_500_000_000).to_string(), "1.5 ether");
        assert_eq!(Gwei(0).to_string(), "0 ether");
    }

    #[test]
    fn floor_of_more_than_fits_is_the_most() {
        assert_eq!(Gwei::floor(U256::MAX), Gwei(u64::MAX));
        assert_eq!(Gwei::floor(U256::from(1_999_999_999)), Gwei(1));
        assert_eq!(Gwei::ceil(U256::MAX), Gwei(u64::MAX));
        assert_eq!(Gwei::ceil(U256::from(1_000_000_001)), Gwei(2));
        assert_eq!(Gwei::ceil(U256::from(2_000_000_000_u64)), Gwei(2));
    }
}
