//! Which transactions a job needs.
//!
//! One transaction where everything fits, otherwise as few as fit under the gas caps (see `gas_caps`) and the size cap.
//! Nothing is planned that does not succeed in simulation. While the root is not on chain every
//! transaction is an `attest`, which commits if that has not been done: so the parts do not depend on
//! each other's order, and all of them can be simulated before any is sent.

use super::Engine;
use super::view::View;
use crate::error::{Error, Result};
use crate::store::{JobKey, NewIntent, TxKind};
use alloy::primitives::Bytes;
use chainfer_chain::Error as ChainError;
use chainfer_chain::abi::{Inference, InferenceState, InferenceStatus};
use chainfer_chain::registry::{attest_call, chunk_proof, prove_call};
use chainfer_chain::rpc::{At, CallRequest, RpcError};
use chainfer_chain::rules::{Gas, GasRules, estimate_gas};
use chainfer_formats::{ChainModel, ChunkProof as FileChunk, ProofFile};

/// Bytes of a signed transaction beside its calldata, rounded up.
pub(super) const ENVELOPE_BYTES: usize = 256;

/// Gas that every transaction pays and that therefore counts once in a batch: 21,000 and the pairing (113,000), less what
/// each further proof pays for sharing it.
const SHARED_GAS: u64 = 120_000;

/// What simulation says about a set of chunks in one transaction.
enum Measure {
    /// It succeeds with this gas and fits under the caps.
    Fits { need: Gas },
    /// It is over a cap; the gas is 0 where the node gave no estimate.
    TooBig { need: Gas },
    /// It reverts.
    Reverts(Error),
}

impl Engine {
    /// Plans what is missing of `inference`.
    pub(super) async fn plan(
        &self,
        view: &View,
        key: &JobKey,
        proof: &ProofFile,
        inference: &InferenceState,
    ) -> Result<Vec<NewIntent>> {
        let model = proof.model.as_ref().ok_or_else(no_model)?;
        // A proof file has its chunks in order, none missing.
        let missing: Vec<Part<'_>> = (0..)
            .zip(&proof.chunks)
            .map(|(index, chunk)| Part { index, chunk })
            .filter(|part| !inference.provenChunks.bit(usize::from(part.index)))
            .collect();
        let kind = match inference.status() {
            Some(InferenceStatus::None) => TxKind::Attest,
            _ => TxKind::Prove,
        };
        if missing.is_empty() {
            return Err(Error::Mismatch {
                field: "chunks",
                expected: "a proof of every chunk of the model".to_owned(),
                got: format!(
                    "{} chunks, all proven, and the inference is not",
                    proof.chunks.len()
                ),
            });
        }
        let whole = Batch {
            kind,
            model,
            chunks: missing.clone(),
        };
        let rules = self.gas_rules(&view.rpc, &view.head).await?;
        let sized = Target {
            view,
            key,
            rules: &rules,
        };
        if let Measure::Fits { need } = self.measure(&sized, &whole).await? {
            return Ok(vec![self.intent(&sized, &whole, need)]);
        }
        self.split(&sized, (kind, model), &missing).await
    }

    /// Several transactions: measures each chunk alone, packs first-fit decreasing, measures again.
    async fn split(
        &self,
        target: &Target<'_>,
        (kind, model): (TxKind, &ChainModel),
        missing: &[Part<'_>],
    ) -> Result<Vec<NewIntent>> {
        let Target { view, key, rules } = *target;
        self.find_refused(view, key, (kind, model), missing).await?;
        let mut sized = Vec::new();
        for chunk in missing {
            let batch = Batch {
                kind,
                model,
                chunks: vec![*chunk],
            };
            match self.measure(target, &batch).await? {
                Measure::Fits { need } => sized.push((need, batch.calldata(key).len(), *chunk)),
                Measure::TooBig { need } => return Err(self.too_large(target, &batch, need)),
                Measure::Reverts(e) => return Err(e),
            }
        }
        sized.sort_by_key(|(need, ..)| std::cmp::Reverse(need.execution));
        let mut packed: Vec<(Gas, usize, Vec<Part<'_>>)> = Vec::new();
        for (gas, bytes, chunk) in sized {
            // What the first of them writes, the others need not.
            let more = Gas {
                execution: gas.execution.saturating_sub(SHARED_GAS),
                state: 0,
            };
            let room = packed.iter_mut().find(|(g, b, _)| {
                self.config.fits_gas_cap(rules, g.plus(more))
                    && *b + bytes + ENVELOPE_BYTES <= self.config.max_tx_bytes
            });
            match room {
                Some((g, b, chunks)) => {
                    *g = g.plus(more);
                    *b += bytes;
                    chunks.push(chunk);
                }
                None => packed.push((gas, bytes, vec![chunk])),
            }
        }
        let mut todo: Vec<Vec<Part<'_>>> = packed.into_iter().map(|(.., chunks)| chunks).collect();
        let mut plan = Vec::new();
        while let Some(mut chunks) = todo.pop() {
            chunks.sort_by_key(|c| c.index);
            let batch = Batch {
                kind,
                model,
                chunks,
            };
            match self.measure(target, &batch).await? {
                Measure::Fits { need } => plan.push(self.intent(target, &batch, need)),
                Measure::TooBig { .. } | Measure::Reverts(_) if batch.chunks.len() > 1 => {
                    let mut left = batch.chunks;
                    let right = left.split_off(left.len() / 2);
                    todo.extend([left, right]);
                }
                Measure::TooBig { need } => return Err(self.too_large(target, &batch, need)),
                Measure::Reverts(e) => return Err(e),
            }
        }
        plan.sort_by(|a, b| a.chunks.cmp(&b.chunks));
        tracing::info!(job = %key.id, transactions = plan.len(), "proof split over transactions");
        Ok(plan)
    }

    /// Looks for a chunk that the registry refuses, many at a time: to measure each alone takes the node long, and the relayer waits.
    async fn find_refused(
        &self,
        view: &View,
        key: &JobKey,
        (kind, model): (TxKind, &ChainModel),
        missing: &[Part<'_>],
    ) -> Result<()> {
        let mut groups: Vec<(usize, Vec<Part<'_>>)> = Vec::new();
        for chunk in missing {
            let bytes = Batch {
                kind,
                model,
                chunks: vec![*chunk],
            }
            .calldata(key)
            .len();
            match groups.last_mut() {
                Some((filled, chunks))
                    if *filled + bytes + ENVELOPE_BYTES <= self.config.max_tx_bytes =>
                {
                    *filled += bytes;
                    chunks.push(*chunk);
                }
                _ => groups.push((bytes, vec![*chunk])),
            }
        }
        for (_, chunks) in groups.into_iter().filter(|(_, chunks)| chunks.len() > 1) {
            let batch = Batch {
                kind,
                model,
                chunks,
            };
            let Some(Measure::Reverts(_)) = self.simulate(view, key, &batch).await? else {
                continue;
            };
            for chunk in batch.chunks {
                let alone = Batch {
                    kind,
                    model,
                    chunks: vec![chunk],
                };
                let refused = self.simulate(view, key, &alone).await?;
                if let Some(Measure::Reverts(e)) = refused {
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    /// What a call says against a batch; `None` where it succeeds.
    async fn simulate(
        &self,
        view: &View,
        key: &JobKey,
        batch: &Batch<'_>,
    ) -> Result<Option<Measure>> {
        let data = batch.calldata(key);
        if data.len() + ENVELOPE_BYTES > self.config.max_tx_bytes {
            return Ok(Some(Measure::TooBig {
                need: Gas::default(),
            }));
        }
        let request = CallRequest::new(self.sender(), Some(key.registry), data);
        match view.rpc.call(&request, At::Block(view.head.hash)).await {
            Ok(_) => Ok(None),
            Err(e) => self.refusal(batch, e).map(Some),
        }
    }

    /// Simulates a batch, first as a call (for the revert reason), then for its gas.
    async fn measure(&self, target: &Target<'_>, batch: &Batch<'_>) -> Result<Measure> {
        let Target { view, key, rules } = *target;
        if let Some(against) = self.simulate(view, key, batch).await? {
            return Ok(against);
        }
        let data = batch.calldata(key);
        let request = CallRequest::new(self.sender(), Some(key.registry), data.clone());
        let what = batch.kind.as_str();
        let estimate = match estimate_gas(&view.rpc, &view.head, rules, what, &request).await {
            Ok(estimate) => estimate,
            Err(ChainError::NoEstimate { .. }) => {
                return Ok(Measure::TooBig {
                    need: Gas::default(),
                });
            }
            Err(ChainError::Rpc(e)) => return self.refusal(batch, e),
            Err(e) => return batch.reverts(e),
        };
        let need = rules.split(estimate, rules.slots(batch.new_slots()), &data);
        Ok(if self.fits(rules, batch, need) {
            Measure::Fits { need }
        } else {
            Measure::TooBig { need }
        })
    }

    fn refusal(&self, batch: &Batch<'_>, e: RpcError) -> Result<Measure> {
        if e.is_transient() {
            return Err(e.into());
        }
        if e.revert_data().is_none() && e.is_out_of_gas() {
            return Ok(Measure::TooBig {
                need: Gas::default(),
            });
        }
        batch.reverts(ChainError::of_call(batch.kind.as_str(), e))
    }

    /// A chunk cannot be split, so alone it may use the margin up.
    fn fits(&self, rules: &GasRules, batch: &Batch<'_>, need: Gas) -> bool {
        self.config.fits_gas_cap(rules, need)
            || (batch.chunks.len() == 1 && self.config.fits_gas_cap_alone(rules, need))
    }

    fn intent(&self, target: &Target<'_>, batch: &Batch<'_>, need: Gas) -> NewIntent {
        NewIntent {
            kind: batch.kind,
            to: Some(target.key.registry),
            data: batch.calldata(target.key),
            chunks: batch.chunks.iter().map(|c| c.index).collect(),
            gas_limit: self.config.gas_limit_of_chunks(target.rules, need),
        }
    }

    fn too_large(&self, target: &Target<'_>, batch: &Batch<'_>, need: Gas) -> Error {
        Error::ChunkTooLarge {
            chunk: batch.chunks.first().map_or(0, |c| c.index),
            gas: need.execution,
            state: need.state,
            state_cap: self.config.state_cap(target.rules),
            bytes: batch.calldata(target.key).len() + ENVELOPE_BYTES,
            gas_cap: self.config.execution_cap(target.rules),
            byte_cap: self.config.max_tx_bytes,
        }
    }
}

/// What the sizes of a plan's transactions depend on, beside their chunks.
#[derive(Clone, Copy)]
struct Target<'a> {
    view: &'a View,
    key: &'a JobKey,
    rules: &'a GasRules,
}

/// A chunk's proof, and the chunk's position in the model.
#[derive(Clone, Copy)]
struct Part<'a> {
    index: u16,
    chunk: &'a FileChunk,
}

/// Chunks that go into one transaction.
struct Batch<'a> {
    kind: TxKind,
    model: &'a ChainModel,
    chunks: Vec<Part<'a>>,
}

impl Batch<'_> {
    /// Slots that it sets at the least: a first call stores the inference and, unless it proves all chunks, which are proven.
    fn new_slots(&self) -> u64 {
        let whole = self.chunks.len() == self.model.chunks.len();
        match self.kind {
            TxKind::Attest => 1 + u64::from(!whole),
            _ => 0,
        }
    }

    /// A contract's refusal, of a single chunk with its name.
    fn reverts(&self, e: ChainError) -> Result<Measure> {
        match e {
            ChainError::Reverted { call, reason } => {
                let reason = self.blame(reason);
                Ok(Measure::Reverts(
                    ChainError::Reverted { call, reason }.into(),
                ))
            }
            other => Err(other.into()),
        }
    }

    /// The contract checks a batch as a whole and does not say which proof is wrong; alone, a chunk can be named.
    fn blame(&self, reason: String) -> String {
        match self.chunks.as_slice() {
            [chunk] if reason.starts_with("BatchRejected") => {
                format!("chunk {}: {reason}", chunk.index)
            }
            _ => reason,
        }
    }

    fn calldata(&self, key: &JobKey) -> Bytes {
        let proofs = self
            .chunks
            .iter()
            .map(|part| chunk_proof(self.model, part.index, part.chunk))
            .collect();
        let inference = Inference {
            modelId: key.model_id,
            root: key.root,
            requester: key.requester,
            nonce: key.nonce,
        };
        match self.kind {
            TxKind::Prove => prove_call(inference, self.model, proofs),
            _ => attest_call(inference, self.model, proofs),
        }
    }
}

/// What a proof without the model's record is refused with.
pub(super) fn no_model() -> Error {
    Error::Mismatch {
        field: "model",
        expected: "the record, chunks and keys of the model, which `chainfer prove` adds where the bundle is deployed, and \
                   `chainfer-relayer submit --deployment FILE`"
            .to_owned(),
        got: "none".to_owned(),
    }
}
