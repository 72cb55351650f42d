//! Prices and caps of gas, by fork. EIP-8037 is a draft: its figures stand here alone, so that a change of it is a change of this file.

use std::fmt;

/// Largest execution gas of a transaction: `TX_MAX_GAS_LIMIT` of EIP-7825. Amsterdam holds it against execution gas alone.
pub(super) const EXECUTION_CAP: u64 = 1 << 24;
/// Largest gas limit where state is priced apart: `TX_MAX_TOTAL_GAS_LIMIT` of EIP-8037 (ethereum/EIPs#12311).
const TOTAL_CAP: u64 = (1 << 32) - 1;

/// Gas of a byte of new state: `cost_per_state_byte` of EIP-8037.
pub(super) const STATE_BYTE: u64 = 1_530;
/// State bytes of a storage slot that becomes non-zero (EIP-8037).
const SLOT_BYTES: u64 = 64;
/// State bytes of a new account (EIP-8037).
const ACCOUNT_BYTES: u64 = 120;

/// Gas of the first write to a slot before EIP-8037: 20,000 to set it and 2,100 for the access (EIP-2929).
const SLOT: u64 = 22_100;
/// Gas of storing a byte of code before EIP-8037.
pub(super) const CODE_BYTE: u64 = 200;

/// Gas of any transaction; with Amsterdam an upper bound (EIP-2780).
const TRANSACTION: u64 = 21_000;
/// Floor of a zero byte of calldata and of any other: EIP-7623, and EIP-7976 from Amsterdam on.
const FLOOR: [u64; 2] = [10, 40];
const FLOOR_AMSTERDAM: [u64; 2] = [64, 64];

/// Gas of a transaction by what it pays for. Before EIP-8037 all of it counts as execution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gas {
    /// Work and data.
    pub execution: u64,
    /// New state: slots, accounts, code.
    pub state: u64,
}

impl Gas {
    /// Both together, as a gas limit and a receipt count them.
    pub fn total(self) -> u64 {
        self.execution.saturating_add(self.state)
    }

    /// The sum of each.
    pub fn plus(self, other: Self) -> Self {
        Self {
            execution: self.execution.saturating_add(other.execution),
            state: self.state.saturating_add(other.state),
        }
    }

    /// That many times as much of each.
    pub fn times(self, count: u64) -> Self {
        Self {
            execution: self.execution.saturating_mul(count),
            state: self.state.saturating_mul(count),
        }
    }
}

/// The forks whose gas rules are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fork {
    /// A cap on the gas of a transaction (EIP-7825), and state is priced with execution.
    Osaka,
    /// State is priced apart (EIP-8037).
    Amsterdam,
    /// Neither was recognised: the node's estimate decides.
    Unknown,
}

/// Gas rules of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GasRules {
    fork: Fork,
    /// By what they were recognised, or what was tried.
    evidence: String,
    state_byte: u64,
}

impl GasRules {
    /// Osaka's rules.
    pub fn osaka(evidence: impl Into<String>) -> Self {
        Self::of(Fork::Osaka, evidence, 0)
    }

    /// Amsterdam's rules, with that price of a byte of new state.
    pub fn amsterdam(evidence: impl Into<String>, state_byte: u64) -> Self {
        Self::of(Fork::Amsterdam, evidence, state_byte)
    }

    /// Rules that were not recognised; `tried` says by what.
    pub fn unknown(tried: impl Into<String>) -> Self {
        Self::of(Fork::Unknown, tried, 0)
    }

    fn of(fork: Fork, evidence: impl Into<String>, state_byte: u64) -> Self {
        Self {
            fork,
            evidence: evidence.into(),
            state_byte,
        }
    }

    /// Whose rules they are.
    pub fn fork(&self) -> Fork {
        self.fork
    }

    /// Whether state is priced apart from execution.
    pub fn prices_state(&self) -> bool {
        self.fork == Fork::Amsterdam
    }

    /// Largest execution gas of a transaction; where rules are unknown, what no chain refuses.
    pub fn execution_cap(&self) -> u64 {
        EXECUTION_CAP
    }

    /// Largest state gas of a transaction.
    pub fn state_cap(&self) -> u64 {
        if self.prices_state() {
            TOTAL_CAP - EXECUTION_CAP
        } else {
            0
        }
    }

    /// Largest gas limit that the rules are known to allow; none where they are unknown.
    pub fn total_cap(&self) -> Option<u64> {
        match self.fork {
            Fork::Osaka => Some(EXECUTION_CAP),
            Fork::Amsterdam => Some(TOTAL_CAP),
            Fork::Unknown => None,
        }
    }

    /// State gas of setting so many slots.
    pub fn slots(&self, count: u64) -> u64 {
        count
            .saturating_mul(SLOT_BYTES)
            .saturating_mul(self.state_byte)
    }

    /// Upper bound of what writes of new slots take, from one that holds before EIP-8037: as many slots as it has room for.
    pub fn storing(&self, gas: u64) -> Gas {
        Gas {
            execution: gas,
            state: self.slots(gas.div_ceil(SLOT)),
        }
    }

    /// Upper bound of what it takes to make an account with so many bytes of code, its transaction and execution apart.
    pub fn account(&self, code_bytes: u64) -> Gas {
        if self.prices_state() {
            let bytes = code_bytes.saturating_add(ACCOUNT_BYTES);
            Gas {
                execution: 0,
                state: bytes.saturating_mul(self.state_byte),
            }
        } else {
            Gas {
                execution: code_bytes.saturating_mul(CODE_BYTE),
                state: 0,
            }
        }
    }

    /// The least gas that a transaction with this calldata is taken with (EIP-7623, EIP-7976).
    pub fn floor(&self, data: &[u8]) -> u64 {
        let [zero, other] = if self.prices_state() {
            FLOOR_AMSTERDAM
        } else {
            FLOOR
        };
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let zeros = data.iter().filter(|byte| **byte == 0).count();
        let of_zeros = count(zeros).saturating_mul(zero);
        let of_others = count(data.len() - zeros).saturating_mul(other);
        TRANSACTION
            .saturating_add(of_zeros)
            .saturating_add(of_others)
    }

    /// An estimate apart by what it pays for, if at least `state` of it is for new state: then the rest bounds its execution. Never less
    /// than the floor of its calldata.
    pub fn split(&self, estimate: u64, state: u64, data: &[u8]) -> Gas {
        let state = state.min(estimate);
        Gas {
            execution: (estimate - state).max(self.floor(data)),
            state,
        }
    }
}

impl fmt::Display for GasRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fork {
            Fork::Osaka => write!(f, "Osaka's rules, by {}", self.evidence),
            Fork::Amsterdam => write!(
                f,
                "Amsterdam's rules at {} gas a byte of state, by {}",
                self.state_byte, self.evidence
            ),
            Fork::Unknown => write!(f, "rules not recognised: {}", self.evidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_and_code_cost_what_was_measured() {
        let [osaka, amsterdam] = [
            GasRules::osaka("test"),
            GasRules::amsterdam("test", STATE_BYTE),
        ];
        assert_eq!((osaka.slots(3), amsterdam.slots(1)), (0, 97_920));
        assert_eq!(osaka.account(1_000).total(), 200_000);
        assert_eq!(amsterdam.account(1_000).state, 1_120 * 1_530);
        let stored = amsterdam.storing(22_101);
        assert_eq!((stored.execution, stored.state), (22_101, 2 * 97_920));
    }

    #[test]
    fn floor_is_that_of_each_fork() {
        let data = [0, 1, 2];
        assert_eq!(GasRules::osaka("").floor(&data), 21_000 + 10 + 80);
        assert_eq!(GasRules::unknown("").floor(&data), 21_000 + 90);
        let amsterdam = GasRules::amsterdam("", STATE_BYTE);
        assert_eq!(amsterdam.floor(&data), 21_000 + 3 * 64);
    }

    #[test]
    fn split_leaves_execution_its_floor() {
        let rules = GasRules::amsterdam("", STATE_BYTE);
        let data = vec![1; 1_000];
        let gas = rules.split(200_000, 97_920, &data);
        assert_eq!((gas.execution, gas.state), (102_080, 97_920));
        let gas = rules.split(90_000, 97_920, &data);
        assert_eq!((gas.execution, gas.state), (85_000, 90_000));
    }

    #[test]
    fn caps_hold_execution_apart() {
        let caps = |rules: &GasRules| (rules.execution_cap(), rules.state_cap(), rules.total_cap());
        assert_eq!(
            caps(&GasRules::osaka("")),
            (16_777_216, 0, Some(16_777_216))
        );
        let (execution, state, total) = caps(&GasRules::amsterdam("", STATE_BYTE));
        assert_eq!((execution, total), (16_777_216, Some(4_294_967_295)));
        assert_eq!(execution + state, 4_294_967_295);
        assert_eq!(caps(&GasRules::unknown("")).2, None);
    }
}
