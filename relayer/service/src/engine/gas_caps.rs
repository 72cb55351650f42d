//! How much gas a transaction is given: the node's estimate with a margin, within the chain's rules and the operator's caps. Execution
//! and state are planned and capped apart where the chain prices them apart. A proof that does not fit is split over several
//! transactions; what cannot be split and does not fit is refused.

use super::Engine;
use super::config::EngineConfig;
use crate::error::{Error, Result};
use chainfer_chain::rpc::{Block, Rpc};
use chainfer_chain::rules::{Fork, Gas, GasRules};
use std::sync::PoisonError;

impl Engine {
    /// The chain's rules. They are recognised once, and again when a fork shows in the header.
    pub(crate) async fn gas_rules(&self, rpc: &Rpc, head: &Block) -> Result<GasRules> {
        let marked = head.block_access_list_hash.is_some();
        if let Some(known) = self.known_rules()
            && known.prices_state() == marked
        {
            return Ok(known);
        }
        let rules = GasRules::detect(rpc, head).await?;
        tracing::info!(%rules, "gas rules of the chain");
        let mut known = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(rules.clone());
        Ok(rules)
    }

    /// The rules as they were recognised last.
    pub(super) fn known_rules(&self) -> Option<GasRules> {
        let known = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

impl EngineConfig {
    /// Gas limit of a transaction with chunks: each part with its margin and slack, or its cap if that is less.
    pub(super) fn gas_limit_of_chunks(&self, rules: &GasRules, need: Gas) -> u64 {
        let execution = self.with_margin(need.execution);
        let state = self.with_slot(rules, need.state);
        execution
            .min(self.execution_cap(rules))
            .saturating_add(state.min(self.state_cap(rules)))
    }

    /// Gas limit of any other transaction, such as a deployment: no slack, because its estimate sees everything it does. What part of it
    /// is state is not known, so both caps together hold; the node's estimate has applied the chain's to each.
    ///
    /// # Errors
    /// [`Error::OverGasCap`] where it needs more than the chain's rules, its blocks or the operator allow.
    pub(crate) fn gas_limit_of_call(
        &self,
        rules: &GasRules,
        head: &Block,
        what: &str,
        need: u64,
    ) -> Result<u64> {
        let caps = self
            .execution_cap(rules)
            .saturating_add(self.state_cap(rules));
        // Where rules are unknown, the estimate decides.
        let unknown = rules.fork() == Fork::Unknown && self.gas_cap.is_none();
        let caps = if unknown && need > caps { need } else { caps };
        let cap = caps.min(head.gas_limit.unwrap_or(caps));
        if need > cap {
            return Err(Error::OverGasCap {
                what: what.to_owned(),
                gas: need,
                cap,
                rules: rules.to_string(),
            });
        }
        let margin = need / 100 * self.gas_margin_percent;
        Ok(need.saturating_add(margin).min(cap))
    }

    /// Whether a need fits under the caps with its margin and slack.
    pub(super) fn fits_gas_cap(&self, rules: &GasRules, need: Gas) -> bool {
        self.with_margin(need.execution) <= self.execution_cap(rules)
            && self.with_slot(rules, need.state) <= self.state_cap(rules)
    }

    /// Whether the need of a transaction that cannot be split fits: 3 % below the cap is margin enough then.
    pub(super) fn fits_gas_cap_alone(&self, rules: &GasRules, need: Gas) -> bool {
        need.execution <= self.execution_cap(rules) / 100 * 97
            && need.state <= self.state_cap(rules)
    }

    /// Largest execution gas of a transaction.
    pub(super) fn execution_cap(&self, rules: &GasRules) -> u64 {
        self.gas_cap.unwrap_or_else(|| rules.execution_cap())
    }

    /// Largest state gas of a transaction; 0 where state is priced with execution.
    pub(super) fn state_cap(&self, rules: &GasRules) -> u64 {
        let cap = rules.state_cap();
        self.state_gas_cap.map_or(cap, |own| own.min(cap))
    }

    fn with_margin(&self, estimate: u64) -> u64 {
        let margin = u128::from(estimate) * u128::from(self.gas_margin_percent) / 100;
        estimate
            .saturating_add(u64::try_from(margin).unwrap_or(u64::MAX))
            .saturating_add(self.gas_slack)
    }

    /// The transaction that turns out to be the last of several may set a slot that no estimate made beforehand sees.
    fn with_slot(&self, rules: &GasRules, state: u64) -> u64 {
        state.saturating_add(rules.slots(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    const CAP: u64 = 1 << 24;

    fn rules() -> [GasRules; 3] {
        [
            GasRules::osaka("test"),
            GasRules::amsterdam("test", 1_530),
            GasRules::unknown("test"),
        ]
    }

    fn head(gas_limit: u64) -> Block {
        Block {
            number: 1,
            hash: B256::ZERO,
            base_fee_per_gas: None,
            gas_limit: Some(gas_limit),
            block_access_list_hash: None,
        }
    }

    #[test]
    fn state_gas_goes_beyond_the_cap_of_execution() {
        let config = EngineConfig::default();
        let [osaka, amsterdam, _] = rules();
        let need = Gas {
            execution: 14_000_000,
            state: 5_000_000,
        };
        assert!(config.fits_gas_cap(&amsterdam, need));
        let limit = config.gas_limit_of_chunks(&amsterdam, need);
        assert_eq!(limit, 14_000_000 * 115 / 100 + 100_000 + 5_000_000 + 97_920);
        // Before, all of it is execution.
        assert!(!config.fits_gas_cap(&osaka, osaka.split(need.total(), 0, &[])));
        let most = Gas {
            execution: CAP,
            state: 0,
        };
        assert!(!config.fits_gas_cap(&amsterdam, most));
        assert_eq!(config.gas_limit_of_chunks(&osaka, most), CAP);
        assert_eq!(config.gas_limit_of_chunks(&amsterdam, most), CAP + 97_920);
    }

    #[test]
    fn state_gas_has_a_cap_of_its_own() {
        let config = EngineConfig {
            state_gas_cap: Some(200_000),
            ..EngineConfig::default()
        };
        let [_, amsterdam, _] = rules();
        let of_state = |state| Gas {
            execution: 500_000,
            state,
        };
        assert!(config.fits_gas_cap(&amsterdam, of_state(100_000)));
        assert!(!config.fits_gas_cap(&amsterdam, of_state(150_000)));
        assert!(config.fits_gas_cap_alone(&amsterdam, of_state(200_000)));
        assert!(!config.fits_gas_cap_alone(&amsterdam, of_state(200_001)));
        let limit = config.gas_limit_of_chunks(&amsterdam, of_state(200_000));
        assert_eq!(limit, 675_000 + 200_000);
    }

    #[test]
    fn call_is_given_its_estimate_and_no_less() {
        let config = EngineConfig::default();
        let limit = |rules: &GasRules, need| {
            config.gas_limit_of_call(rules, &head(200_000_000), "registry", need)
        };
        let [osaka, amsterdam, unknown] = rules();
        for rules in [&osaka, &amsterdam, &unknown] {
            assert_eq!(limit(rules, 1_000_000).unwrap(), 1_150_000);
        }
        assert_eq!(limit(&osaka, 16_000_000).unwrap(), CAP);
        assert_eq!(limit(&unknown, 16_000_000).unwrap(), CAP);
        assert_eq!(limit(&amsterdam, 66_400_000).unwrap(), 76_360_000);
        assert_eq!(limit(&unknown, 66_400_000).unwrap(), 66_400_000);
        let refused = limit(&osaka, CAP + 1).unwrap_err().to_string();
        for told in ["registry", "16777217", "16777216", "Osaka's rules, by test"] {
            assert!(refused.contains(told), "{refused}");
        }
    }

    #[test]
    fn call_that_no_block_holds_is_refused() {
        let config = EngineConfig::default();
        let [_, amsterdam, unknown] = rules();
        for rules in [&amsterdam, &unknown] {
            let refused =
                config.gas_limit_of_call(rules, &head(30_000_000), "registry", 66_400_000);
            assert!(matches!(
                refused,
                Err(Error::OverGasCap {
                    cap: 30_000_000,
                    ..
                })
            ));
            let margin = config.gas_limit_of_call(rules, &head(67_000_000), "registry", 66_400_000);
            assert!(margin.unwrap() <= 67_000_000);
        }
    }

    #[test]
    fn operators_caps_hold_whatever_the_rules_are() {
        let config = EngineConfig {
            gas_cap: Some(1_000_000),
            state_gas_cap: Some(500_000),
            ..EngineConfig::default()
        };
        for (rules, cap) in rules().iter().zip([1_000_000, 1_500_000, 1_000_000]) {
            let limit = |need| config.gas_limit_of_call(rules, &head(200_000_000), "call", need);
            assert_eq!(limit(cap).unwrap(), cap);
            assert!(limit(cap + 1).is_err(), "{rules}");
        }
    }
}
