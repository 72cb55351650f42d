//! Which transactions a job needs.
//!
//! One transaction where everything fits, otherwise as few as fit under the gas cap (see `gas_caps`) and the size cap.
//! Nothing is planned that does not succeed in simulation. While the root is not on chain every
//! transaction is an `attest`, which commits if that has not been done: so the parts do not depend on
//! each other's order, and all of them can be simulated before any is sent.

use super::Engine;
use super::view::View;
use crate::error::{Error, Result};
use crate::store::{JobKey, NewIntent, TxKind};
use alloy::primitives::{Bytes, U256};
use alloy::sol_types::SolCall;
use chainfer_chain::Error as ChainError;
use chainfer_chain::abi::{ChainferRegistry, ChunkProof, Inference, InferenceStatus};
use chainfer_chain::rpc::{At, CallRequest};
use chainfer_formats::{ChunkProof as FileChunk, ProofFile};

/// Bytes of a signed transaction beside its calldata, rounded up.
pub(super) const ENVELOPE_BYTES: usize = 256;

/// Gas that every transaction pays and that therefore counts once in a batch: 21,000 and the pairing (113,000), less what
/// each further proof pays for sharing it.
const SHARED_GAS: u64 = 120_000;

/// What simulation says about a set of chunks in one transaction.
enum Measure {
    /// It succeeds with this estimate and fits under the caps.
    Fits { estimate: u64 },
    /// It is over a cap; the estimate is 0 where the node gave none.
    TooBig { estimate: u64 },
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
        inference: &Inference,
    ) -> Result<Vec<NewIntent>> {
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
            chunks: missing.clone(),
        };
        if let Measure::Fits { estimate } = self.measure(view, key, &whole).await? {
            return Ok(vec![self.intent(key, &whole, estimate)]);
        }
        self.split(view, key, kind, &missing).await
    }

    /// Several transactions: measures each chunk alone, packs first-fit decreasing, measures again.
    async fn split(
        &self,
        view: &View,
        key: &JobKey,
        kind: TxKind,
        missing: &[Part<'_>],
    ) -> Result<Vec<NewIntent>> {
        self.find_refused(view, key, kind, missing).await?;
        let mut sized = Vec::new();
        for chunk in missing {
            let batch = Batch {
                kind,
                chunks: vec![*chunk],
            };
            match self.measure(view, key, &batch).await? {
                Measure::Fits { estimate } => {
                    sized.push((estimate, batch.calldata(key).len(), *chunk))
                }
                Measure::TooBig { estimate } => return Err(self.too_large(key, &batch, estimate)),
                Measure::Reverts(e) => return Err(e),
            }
        }
        sized.sort_by_key(|(gas, ..)| std::cmp::Reverse(*gas));
        let mut packed: Vec<(u64, usize, Vec<Part<'_>>)> = Vec::new();
        for (gas, bytes, chunk) in sized {
            let more = gas.saturating_sub(SHARED_GAS);
            let room = packed.iter_mut().find(|(g, b, _)| {
                self.config.fits_gas_cap(*g + more)
                    && *b + bytes + ENVELOPE_BYTES <= self.config.max_tx_bytes
            });
            match room {
                Some((g, b, chunks)) => {
                    *g += more;
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
            let batch = Batch { kind, chunks };
            match self.measure(view, key, &batch).await? {
                Measure::Fits { estimate } => plan.push(self.intent(key, &batch, estimate)),
                Measure::TooBig { .. } | Measure::Reverts(_) if batch.chunks.len() > 1 => {
                    let mut left = batch.chunks;
                    let right = left.split_off(left.len() / 2);
                    todo.extend([left, right]);
                }
                Measure::TooBig { estimate } => return Err(self.too_large(key, &batch, estimate)),
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
        kind: TxKind,
        missing: &[Part<'_>],
    ) -> Result<()> {
        let mut groups: Vec<(usize, Vec<Part<'_>>)> = Vec::new();
        for chunk in missing {
            let bytes = Batch {
                kind,
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
            let batch = Batch { kind, chunks };
            let Some(Measure::Reverts(_)) = self.simulate(view, key, &batch).await? else {
                continue;
            };
            for chunk in batch.chunks {
                let chunks = vec![chunk];
                let refused = self.simulate(view, key, &Batch { kind, chunks }).await?;
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
            return Ok(Some(Measure::TooBig { estimate: 0 }));
        }
        let request = CallRequest::new(self.sender(), Some(key.registry), data);
        match view.rpc.call(&request, At::Block(view.head.hash)).await {
            Ok(_) => Ok(None),
            Err(e) => self.refusal(batch, e).map(Some),
        }
    }

    /// Simulates a batch, first as a call (for the revert reason), then for its gas.
    async fn measure(&self, view: &View, key: &JobKey, batch: &Batch<'_>) -> Result<Measure> {
        if let Some(against) = self.simulate(view, key, batch).await? {
            return Ok(against);
        }
        let data = batch.calldata(key);
        let request = CallRequest::new(self.sender(), Some(key.registry), data);
        match view.rpc.estimate_gas(&request).await {
            Ok(estimate) if self.fits(batch, estimate) => Ok(Measure::Fits { estimate }),
            Ok(estimate) => Ok(Measure::TooBig { estimate }),
            Err(e) => self.refusal(batch, e),
        }
    }

    fn refusal(&self, batch: &Batch<'_>, e: chainfer_chain::rpc::RpcError) -> Result<Measure> {
        if e.is_transient() {
            return Err(e.into());
        }
        if e.revert_data().is_none() && e.is_out_of_gas() {
            return Ok(Measure::TooBig { estimate: 0 });
        }
        match ChainError::of_call(batch.kind.as_str(), e) {
            ChainError::Reverted { call, reason } => {
                let reason = batch.blame(reason);
                Ok(Measure::Reverts(
                    ChainError::Reverted { call, reason }.into(),
                ))
            }
            other => Err(other.into()),
        }
    }

    /// A chunk cannot be split, so alone it may use the margin up.
    fn fits(&self, batch: &Batch<'_>, estimate: u64) -> bool {
        self.config.fits_gas_cap(estimate)
            || (batch.chunks.len() == 1 && self.config.fits_gas_cap_alone(estimate))
    }

    fn intent(&self, key: &JobKey, batch: &Batch<'_>, estimate: u64) -> NewIntent {
        NewIntent {
            kind: batch.kind,
            to: Some(key.registry),
            data: batch.calldata(key),
            chunks: batch.chunks.iter().map(|c| c.index).collect(),
            gas_limit: self.config.gas_limit_of_chunks(estimate),
        }
    }

    fn too_large(&self, key: &JobKey, batch: &Batch<'_>, estimate: u64) -> Error {
        Error::ChunkTooLarge {
            chunk: batch.chunks.first().map_or(0, |c| c.index),
            gas: estimate,
            bytes: batch.calldata(key).len() + ENVELOPE_BYTES,
            gas_cap: self.config.gas_cap,
            byte_cap: self.config.max_tx_bytes,
        }
    }
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
    chunks: Vec<Part<'a>>,
}

impl Batch<'_> {
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
            .map(|c| ChunkProof {
                chunk: c.index,
                proof: c.chunk.proof.clone(),
                publicValues: c
                    .chunk
                    .public_values
                    .iter()
                    .map(|v| v.value())
                    .collect::<Vec<U256>>(),
            })
            .collect();
        let (model, root, requester, nonce) = (key.model_id, key.root, key.requester, key.nonce);
        match self.kind {
            TxKind::Prove => ChainferRegistry::proveCall {
                modelId: model,
                root,
                requester,
                nonce,
                proofs,
            }
            .abi_encode(),
            _ => ChainferRegistry::attestCall {
                modelId: model,
                root,
                requester,
                nonce,
                proofs,
            }
            .abi_encode(),
        }
        .into()
    }
}
