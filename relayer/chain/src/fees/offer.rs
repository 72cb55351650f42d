//! EIP-1559 fees: what to offer, and how to raise an offer.

/// Limits of an offer, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeePolicy {
    /// Smallest priority fee; some chains refuse less.
    pub min_priority_fee: u64,
    /// Largest `maxFeePerGas` that is ever signed.
    pub max_fee: u64,
    /// A replacement offers at least this much more, in percent; nodes ask for 10.
    pub bump_percent: u64,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self {
            min_priority_fee: 1_000_000,
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
    /// A first offer: twice the base fee (it can double in six blocks) and the usual priority fee.
    pub fn offer(&self, base_fee: u128, usual_priority: Option<u128>) -> Fees {
        let base = u64::try_from(base_fee).unwrap_or(u64::MAX);
        let usual = usual_priority.map_or(0, |p| u64::try_from(p).unwrap_or(u64::MAX));
        let priority = usual.max(self.min_priority_fee).min(self.max_fee);
        let max_fee = base
            .saturating_mul(2)
            .saturating_add(priority)
            .min(self.max_fee);
        Fees {
            max_fee,
            priority_fee: priority.min(max_fee),
        }
    }

    /// A replacement of `previous`: a fresh offer, but no less than the bump in both fields. `None`
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
        let fresh = self.offer(base_fee, usual_priority);
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
            bump_percent: 15,
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
