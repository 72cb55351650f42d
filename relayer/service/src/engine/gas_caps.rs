//! How much gas a transaction is given. EIP-7825 caps a transaction's gas limit at 2^24, so a proof whose estimate does
//! not fit under the cap is split over several transactions.

use super::config::EngineConfig;

/// Largest gas limit that Ethereum accepts (EIP-7825); the default of [`EngineConfig::gas_cap`].
pub(super) const TRANSACTION_GAS_CAP: u64 = 1 << 24;

impl EngineConfig {
    /// Gas limit of a transaction with chunks: the estimate with its margin and slack, or the cap if that is less.
    pub(super) fn gas_limit_of_chunks(&self, estimate: u64) -> u64 {
        self.with_margin(estimate).min(self.gas_cap)
    }

    /// Gas limit of any other transaction, such as a deployment: no slack, because its estimate sees everything it does.
    pub(crate) fn gas_limit_of_call(&self, estimate: u64) -> u64 {
        let margin = estimate / 100 * self.gas_margin_percent;
        (estimate + margin).min(self.gas_cap)
    }

    /// Whether the estimate fits under the cap with its margin and slack.
    pub(super) fn fits_gas_cap(&self, estimate: u64) -> bool {
        self.with_margin(estimate) <= self.gas_cap
    }

    /// Whether the estimate of a transaction that cannot be split fits: 3 % below the cap is margin enough then.
    pub(super) fn fits_gas_cap_alone(&self, estimate: u64) -> bool {
        estimate <= self.gas_cap / 100 * 97
    }

    fn with_margin(&self, estimate: u64) -> u64 {
        let margin = u128::from(estimate) * u128::from(self.gas_margin_percent) / 100;
        estimate
            .saturating_add(u64::try_from(margin).unwrap_or(u64::MAX))
            .saturating_add(self.gas_slack)
    }
}
