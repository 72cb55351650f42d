//! What a verb may spend. Node and contracts that are paid for name no limit of their own: gas is counted here, and beyond
//! [`DEFAULT_SPEND_CAP`] only the user allows more.

use crate::{failure::bad_input, solidity::generate};
use alloy::{
    consensus::TxEip1559,
    primitives::{Address, TxKind, U256},
};
use anyhow::Context as _;
use chainfer_chain::{
    fees::{FeePolicy, Oracle},
    rpc::{At, Rpc},
    rules::{Gas, GasRules},
};
use chainfer_engine::bundle::{PublicBundle, VerifierRequest};
use chainfer_formats::ProofFile;
use chainfer_relayer::{
    client::{DEFAULT_SPEND_CAP, Outlay},
    money::Gwei,
};

/// Gas of a transaction with proofs beyond the proofs' own, and of the registry's work for one chunk. Both are upper bounds before
/// Amsterdam, of which each chain's rules make their own.
const TRANSACTION_GAS: u64 = 300_000;
const CHUNK_GAS: u64 = 120_000;
/// The most that is spent by default is this many times what the transactions are expected to cost.
const MARGIN: u64 = 3;

/// Upper bounds of what attesting a proof takes, from the bundle's keys and the chain's rules alone: no contract is asked.
///
/// # Errors
/// A verifier cannot be generated.
pub(crate) fn attestation(
    bundle: &PublicBundle,
    proof: &ProofFile,
    rules: &GasRules,
) -> anyhow::Result<Outlay> {
    let mut gas = rules.storing(TRANSACTION_GAS);
    for (chunk, entry) in bundle.manifest().chunks.iter().enumerate() {
        let (verifier, _) = generate(&VerifierRequest {
            chunk,
            vk: &*bundle.verifying_key(chunk)?,
            params: &bundle.verifier_params()[chunk],
            num_instances: 2 + entry.num_public,
        })?;
        let verification = Gas {
            execution: verifier.gas_estimate,
            state: 0,
        };
        gas = gas.plus(verification).plus(rules.storing(CHUNK_GAS));
    }
    // As many bytes as the proofs, which cannot be compressed.
    let data: Vec<u8> = proof.chunks.iter().flat_map(|c| c.proof.to_vec()).collect();
    gas.execution = gas.execution.max(rules.floor(&data));
    Ok(Outlay { gas, data })
}

/// The gas rules of a node's chain.
///
/// # Errors
/// The node does not answer.
pub(crate) async fn rules(rpc: &Rpc) -> anyhow::Result<GasRules> {
    Ok(GasRules::detect(rpc, &rpc.head().await?).await?)
}

/// The most that all transactions of a verb together may cost: what the user says, or three times what they cost at the node's prices,
/// but no more than [`DEFAULT_SPEND_CAP`].
///
/// # Errors
/// Bad input: they are expected to cost more than that. Or the node does not answer.
pub(crate) async fn limit(rpc: &Rpc, outlay: &Outlay, asked: Option<Gwei>) -> anyhow::Result<Gwei> {
    let prices = Prices::today(rpc, outlay).await?;
    prices.limit(outlay.gas.total(), asked)
}

/// Prices as a node names them, in wei.
#[derive(Clone, Copy, Debug)]
struct Prices {
    /// Of a unit of gas, now.
    gas: U256,
    /// Of a unit of gas, at most, in what would be signed.
    offered: U256,
    /// What a roll-up takes beside gas.
    publication: U256,
}

impl Prices {
    async fn today(rpc: &Rpc, outlay: &Outlay) -> anyhow::Result<Self> {
        let head = rpc.head().await?;
        let (base, usual) = (
            head.base_fee_per_gas.unwrap_or_default(),
            rpc.usual_priority_fee().await?,
        );
        let offer = FeePolicy::default().offer(base, usual);
        Ok(Self {
            gas: U256::from(base).saturating_add(U256::from(offer.priority_fee)),
            offered: U256::from(offer.max_fee),
            publication: publication_fee(rpc, outlay).await?,
        })
    }

    fn limit(self, gas: u64, asked: Option<Gwei>) -> anyhow::Result<Gwei> {
        let cost = |price: U256| {
            let of_gas = U256::from(gas).saturating_mul(price);
            of_gas.saturating_add(self.publication)
        };
        let expected = Gwei::ceil(cost(self.gas));
        let usual = Gwei::ceil(cost(self.offered).saturating_mul(U256::from(MARGIN)));
        let (limit, whose) = match asked {
            Some(asked) => (asked, "--max-spend is"),
            None => (
                usual.min(DEFAULT_SPEND_CAP),
                "without --max-spend the limit is",
            ),
        };
        if expected > limit {
            return Err(bad_input(format!(
                "the transactions may cost {expected} at the prices that the node names, and {whose} {limit}; nothing was sent: wait for \
                 lower prices, use a node that you trust, or allow more (--max-spend AMOUNT)"
            )));
        }
        Ok(limit)
    }
}

/// What a roll-up asks for publishing and proving transactions; zero on other chains.
async fn publication_fee(rpc: &Rpc, outlay: &Outlay) -> anyhow::Result<U256> {
    let Some(oracle) = Oracle::find(rpc).await? else {
        return Ok(U256::ZERO);
    };
    let transaction = TxEip1559 {
        to: TxKind::Call(Address::ZERO),
        input: outlay.data.clone().into(),
        gas_limit: outlay.gas.total(),
        ..TxEip1559::default()
    };
    let publication = oracle
        .publication_fee(rpc, &transaction)
        .await
        .context("cannot get the price of publishing a transaction")?;
    Ok(publication.saturating_add(
        oracle
            .operator_fee(rpc, outlay.gas.total(), At::Latest)
            .await?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAS: u64 = 1_500_000;

    fn prices(gwei: u64) -> Prices {
        let gas = U256::from(gwei) * U256::from(1_000_000_000);
        Prices {
            gas,
            offered: gas * U256::from(2),
            publication: U256::ZERO,
        }
    }

    #[test]
    fn default_limit_is_three_times_the_price_and_never_above_the_cap() {
        assert_eq!(prices(1).limit(GAS, None).unwrap(), Gwei(9_000_000));
        assert_eq!(prices(300).limit(GAS, None).unwrap(), DEFAULT_SPEND_CAP);
        for lie in [prices(334), prices(1_000_000), prices(u64::MAX)] {
            let refused = lie.limit(GAS, None).unwrap_err().to_string();
            for told in ["0.5 ether", "--max-spend AMOUNT", "nothing was sent"] {
                assert!(refused.contains(told), "{refused}");
            }
        }
        assert!(
            prices(334)
                .limit(GAS, None)
                .unwrap_err()
                .to_string()
                .contains("0.501 ether")
        );
    }

    #[test]
    fn asked_limit_is_taken_as_it_is_unless_it_is_too_low() {
        let two = Some(Gwei(2_000_000_000));
        assert_eq!(prices(334).limit(GAS, two).unwrap(), Gwei(2_000_000_000));
        let refused = prices(1).limit(GAS, Some(Gwei(1))).unwrap_err().to_string();
        assert!(
            refused.contains("--max-spend is 0.000000001 ether"),
            "{refused}"
        );
    }
}
