//! The example dApp: a bounty that is paid if a proven inference gives a certain class.

use super::node::{CallOutcome, LocalNode};
use crate::chain::Transaction;
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol,
    sol_types::{SolCall, SolValue},
};
use anyhow::{Context as _, bail};
use chainfer_chain::{
    abi::{ModelRegistration, decode_revert},
    registry::{record, record_of},
    rpc::{At, Receipt},
};
use chainfer_formats::{ProofFile, ids};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

sol! {
    #[derive(Debug)]
    contract ClassificationPayout {
        struct ChunkValues {
            uint16 chunk;
            bytes32 digest;
            uint256[] values;
        }
        function open(address requester, bytes32 inputDigest, uint32 class, uint64 deadline)
            external payable returns (uint256 bountyId);
        function claim(uint256 bountyId, uint256 root, uint256 nonce, ChunkValues[] calldata shown) external;
        function classOf(bytes32 inferenceId, ChunkValues[] calldata shown) external view returns (uint256);
    }
}

/// The model that the contract trusts, and its registry.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) registry: Address,
    pub(super) model_id: B256,
    pub(super) registration: ModelRegistration,
}

/// What a claim shows of an inference.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    inference_id: B256,
    root: U256,
    nonce: U256,
    shown: Vec<ClassificationPayout::ChunkValues>,
}

impl Claim {
    /// The inference of a proof whose chunks are attested in their order.
    ///
    /// # Errors
    /// The proof is bound to no registry.
    pub(super) fn of(proof: &ProofFile) -> anyhow::Result<Self> {
        let binding = proof.binding.context("the proof is bound to no chain")?;
        let model = proof.model_id.context("the proof names no model")?;
        let shown =
            proof
                .chunks
                .iter()
                .zip(0..)
                .map(|(chunk, index)| ClassificationPayout::ChunkValues {
                    chunk: index,
                    digest: B256::ZERO,
                    values: chunk.public_values.iter().map(|v| v.value()).collect(),
                });
        Ok(Self {
            inference_id: ids::inference_id(model, proof.root, proof.context),
            root: proof.root.value(),
            nonce: binding.nonce.into(),
            shown: shown.collect(),
        })
    }

    fn call(&self) -> Bytes {
        let call = ClassificationPayout::claimCall {
            bountyId: BOUNTY,
            root: self.root,
            nonce: self.nonce,
            shown: self.shown.clone(),
        };
        call.abi_encode().into()
    }
}

/// The deployed contract.
#[derive(Debug)]
pub(super) struct Payout<'a> {
    node: &'a LocalNode,
    /// Address of the contract.
    pub(super) address: Address,
}

/// Amount of the bounty: one ether.
pub(super) fn bounty() -> U256 {
    U256::from(10).pow(U256::from(18))
}

/// Number of the first bounty.
const BOUNTY: U256 = U256::ZERO;

impl<'a> Payout<'a> {
    /// Deploys the contract.
    ///
    /// # Errors
    /// The node refuses the transaction.
    pub(super) async fn deploy(
        node: &'a LocalNode,
        from: Address,
        creation: &Bytes,
        terms: &Terms,
    ) -> anyhow::Result<(Self, Transaction)> {
        // The output that is read is the first.
        let arguments = (
            terms.registry,
            terms.model_id,
            U256::ZERO,
            record(&record_of(&terms.registration)),
            terms.registration.inputs.clone(),
            terms.registration.outputs.clone(),
        );
        let code = [creation.as_ref(), &arguments.abi_encode_params()].concat();
        let sent = node
            .send(from, None, U256::ZERO, code.into())
            .await
            .context("deploying the dApp")?;
        let address = sent
            .1
            .contract_address
            .context("the receipt names no contract")?;
        Ok((Self { node, address }, transaction("deploy dApp", sent)))
    }

    /// Escrows a bounty, to be paid to `requester` if the input is classified as `class`.
    ///
    /// # Errors
    /// The contract refuses.
    pub(super) async fn open(
        &self,
        from: Address,
        requester: Address,
        input_words: &[B256],
        class: u32,
    ) -> anyhow::Result<Transaction> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?;
        let digest = keccak256(input_words.concat());
        let deadline = (now + Duration::from_secs(7 * 24 * 3600)).as_secs();
        let call = ClassificationPayout::openCall {
            requester,
            inputDigest: digest,
            class,
            deadline,
        };
        let data = call.abi_encode().into();
        let sent = self
            .node
            .send(from, Some(self.address), bounty(), data)
            .await;
        Ok(transaction(
            "dApp: escrow bounty",
            sent.context("opening the bounty")?,
        ))
    }

    /// The reason for which the contract refuses a claim now.
    ///
    /// # Errors
    /// A claim would be paid.
    pub(super) async fn refusal(&self, claim: &Claim) -> anyhow::Result<String> {
        match self
            .node
            .call(self.address, claim.call(), At::Latest)
            .await?
        {
            CallOutcome::Reverted(data) => Ok(decode_revert(&data).to_string()),
            CallOutcome::Returned(_) => bail!("the dApp would pay before the inference is proven"),
        }
    }

    /// Claims the bounty: the contract reads the attestation and pays the requester.
    ///
    /// # Errors
    /// The contract refuses.
    pub(super) async fn claim(&self, from: Address, claim: &Claim) -> anyhow::Result<Transaction> {
        let sent = self
            .node
            .send(from, Some(self.address), U256::ZERO, claim.call())
            .await;
        Ok(transaction(
            "dApp: claim bounty",
            sent.context("claiming the bounty")?,
        ))
    }

    /// The class that the contract reads from the attestation.
    ///
    /// # Errors
    /// The inference is not attested.
    pub(super) async fn class_of(&self, claim: &Claim) -> anyhow::Result<u64> {
        let call = ClassificationPayout::classOfCall {
            inferenceId: claim.inference_id,
            shown: claim.shown.clone(),
        };
        match self
            .node
            .call(self.address, call.abi_encode().into(), At::Latest)
            .await?
        {
            CallOutcome::Returned(data) => {
                let class = ClassificationPayout::classOfCall::abi_decode_returns(&data)?;
                u64::try_from(class).context("the class is not a small number")
            }
            CallOutcome::Reverted(data) => {
                bail!(
                    "the dApp cannot read the attestation: {}",
                    decode_revert(&data)
                )
            }
        }
    }
}

fn transaction(what: &str, (hash, receipt): (B256, Receipt)) -> Transaction {
    Transaction {
        what: what.to_owned(),
        hash: hash.to_string(),
        gas_used: receipt.gas_used,
        block: receipt.block_number,
    }
}
