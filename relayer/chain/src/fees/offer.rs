//! EIP-1559 fees: what to offer, and how to raise an offer.
//!
//! Whoever sends a transaction takes part in what recent blocks paid. So a first offer is bounded by what no stranger sets cheaply, and
//! only one that does not get into a block is raised further.

/// Limits of an offer, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeePolicy {
    /// Smallest priority fee: what geth's block producers ask for by default.
    pub min_priority_fee: u64,
    /// Largest priority fee of a first offer, where the base fee is not higher: then it is the base fee, which only full blocks raise.
    pub max_first_priority_fee: u64,
    /// Largest `maxFeePerGas` that is ever signed.
    pub max_fee: u64,
    /// A replacement offers at least this much more, in percent; nodes ask for 10.
    pub bump_percent: u64,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self {
            min_priority_fee: 1_000_000,
            max_first_priority_fee: 2_000_000_000,
            max_fee: 500_000_000_000,
            bump_percent: 15,
        }
    }
}

/// An offer, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// `maxFeePerGas`.
    pub max_fee: u64,
    /// `maxPriorityFeePerGas`.
    pub priority_fee: u64,
}

impl FeePolicy {
    /// A first offer: twice the base fee (it can double in six blocks) and the usual priority fee, within bounds.
    pub fn offer(&self, base_fee: u128, usual_priority: Option<u128>) -> Fees {
        self.fresh(base_fee, usual_priority, self.max_first_priority_fee)
    }

    fn fresh(&self, base_fee: u128, usual_priority: Option<u128>, bound: u64) -> Fees {
        let base = u64::try_from(base_fee).unwrap_or(u64::MAX);
        let usual = usual_priority.map_or(0, |p| u64::try_from(p).unwrap_or(u64::MAX));
        let priority = usual
            .min(bound.max(base))
            .max(self.min_priority_fee)
            .min(self.max_fee);
        let max_fee = base
            .saturating_mul(2)
            .saturating_add(priority)
            .min(self.max_fee);
        Fees {
            max_fee,
            priority_fee: priority.min(max_fee),
        }
    }

    /// A replacement of `previous`: a fresh offer, but no less than the bump in both fields. Its priority fee may be twice the previous
    /// one where the usual one is higher, so that it comes to what a chain asks for in a few steps. `None`
    /// when that is over the limit: then the old attempt keeps waiting.
    pub fn bump(
        &self,
        previous: Fees,
        base_fee: u128,
        usual_priority: Option<u128>,
    ) -> Option<Fees> {
        let raise = |fee: u64| {
            let wide = u128::from(fee) * u128::from(100 + self.bump_percent);
            u64::try_from(wide.div_ceil(100))
                .unwrap_or(u64::MAX)
                .max(fee.saturating_add(1))
        };
        let bound = previous.priority_fee.saturating_mul(2);
        let bound = bound.max(self.max_first_priority_fee);
        let fresh = self.fresh(base_fee, usual_priority, bound);
        let bumped = Fees {
            max_fee: fresh.max_fee.max(raise(previous.max_fee)),
            priority_fee: fresh.priority_fee.max(raise(previous.priority_fee)),
        };
        let max_fee = bumped.max_fee.max(bumped.priority_fee);
        (max_fee <= self.max_fee).then_some(Fees { max_fee, ..bumped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offer_covers_two_doublings_of_nothing_more() {
        let fees = FeePolicy::default().offer(1_000_000_000, Some(2_000_000_000));
        assert_eq!(
            fees,
            Fees {
                max_fee: 4_000_000_000,
                priority_fee: 2_000_000_000
            }
        );
    }

    #[test]
    fn offer_never_passes_the_limit() {
        let policy = FeePolicy {
            max_fee: 10,
            ..FeePolicy::default()
        };
        let fees = policy.offer(u128::MAX, Some(u128::MAX));
        assert_eq!(
            fees,
            Fees {
                max_fee: 10,
                priority_fee: 10
            }
        );
    }

    #[test]
    fn first_offer_follows_no_stranger_beyond_the_bound() {
        let policy = FeePolicy::default();
        let tip = |base, usual| policy.offer(base, usual).priority_fee;
        let gwei = |n: u128| n * 1_000_000_000;
        assert_eq!(u128::from(tip(7, Some(gwei(499)))), gwei(2));
        assert_eq!(u128::from(tip(gwei(30), Some(gwei(499)))), gwei(30));
        assert_eq!(u128::from(tip(gwei(30), Some(gwei(3)))), gwei(3));
        for nobody_pays in [None, Some(0)] {
            assert_eq!(tip(gwei(30), nobody_pays), policy.min_priority_fee);
        }
    }

    #[test]
    fn replacements_come_to_what_a_chain_asks_for_in_a_few_steps() {
        let policy = FeePolicy::default();
        let asked = 25_000_000_000;
        let mut fees = policy.offer(100, Some(asked));
        let mut steps = 0;
        while u128::from(fees.priority_fee) < asked {
            let previous = fees;
            fees = policy.bump(previous, 100, Some(asked)).unwrap();
            assert!(fees.priority_fee <= previous.priority_fee * 2);
            steps += 1;
        }
        assert_eq!((steps, u128::from(fees.priority_fee)), (4, asked));
        // From the least that is offered, the first step is to the bound.
        let least = policy.offer(100, None);
        assert_eq!(
            policy.bump(least, 100, Some(asked)).unwrap().priority_fee,
            2_000_000_000
        );
    }

    #[test]
    fn bump_raises_both_by_ten_percent_or_more() {
        let policy = FeePolicy::default();
        for max in [1, 7, 9, 100, 12_345, 1_000_000_007] {
            let old = Fees {
                max_fee: max,
                priority_fee: max,
            };
            let new = policy.bump(old, 0, None).unwrap();
            assert!(
                u128::from(new.max_fee) * 10 >= u128::from(old.max_fee) * 11,
                "{max}"
            );
            assert!(
                u128::from(new.priority_fee) * 10 >= u128::from(old.priority_fee) * 11,
                "{max}"
            );
            assert!(new.priority_fee <= new.max_fee);
        }
    }

    #[test]
    fn bump_over_the_limit_is_none() {
        let policy = FeePolicy {
            max_fee: 100,
            min_priority_fee: 1,
            ..FeePolicy::default()
        };
        assert_eq!(
            policy.bump(
                Fees {
                    max_fee: 95,
                    priority_fee: 1
                },
                1,
                None
            ),
            None
        );
        assert!(
            policy
                .bump(
                    Fees {
                        max_fee: 80,
                        priority_fee: 1
                    },
                    1,
                    None
                )
                .is_some()
        );
    }
}
