//! What is asked of a proof before it is stored.
//!
//! Whatever strangers hand in costs memory, disk and simulations, so what can be seen to be useless is refused. A node that does not
//! answer refuses nothing: a proof is simulated before it is paid for in any case.

use super::Engine;
use super::config::RegistryCode;
use super::money::Sending;
use super::plan::{ENVELOPE_BYTES, no_model};
use super::view::View;
use crate::error::{Error, Result};
use crate::state::JobState;
use crate::store::{Job, JobKey, NewPayload};
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256, U256, keccak256};
use chainfer_chain::Error as ChainError;
use chainfer_chain::abi::InferenceStatus;
use chainfer_chain::registry::Registry;
use chainfer_chain::rpc::At;
use chainfer_chain::rules::GasRules;
use chainfer_formats::proof::{PROOF, Statement};
use chainfer_formats::{Binding, ChainModel, ChunkProof, ProofFile, Scalar};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::sync::{Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};

/// How long the chain may take to say what a model is.
const MODEL_LIMIT: Duration = Duration::from_secs(2);

/// How long a simulation may take.
const TRIAL_LIMIT: Duration = Duration::from_secs(10);

/// Simulations that one submitter may cause in [`TRIAL_WINDOW`]: each costs the node several calls, and leaves nothing else to count.
const TRIALS: usize = 20;

/// Proofs of models that are not registered, and others that do not fit their model, that one submitter may hand in in
/// [`TRIAL_WINDOW`]: each can cost the node calls, and leaves nothing else to count.
const MISFITS: usize = 20;

/// Bytes of a chunk's part of the record, which every call hands in.
const SPEC_BYTES: usize = 160;

const TRIAL_WINDOW: Duration = Duration::from_secs(60);

/// How long a proof waits for the simulations of others.
const TRIAL_TURN: Duration = Duration::from_secs(10);

/// Models that are remembered.
const MODELS_KEPT: usize = 256;

/// What registries said of models, by registry and model.
pub(super) type Models = HashMap<(Address, B256), KnownModel>;

/// How long that is believed.
const MODEL_KEPT: Duration = Duration::from_secs(30);

/// Simulations at the door: one at a time, and so many of each submitter.
#[derive(Debug, Default)]
pub(super) struct Trials {
    turn: Mutex<()>,
    begun: Recent,
    misfits: Recent,
}

/// What submitters did in [`TRIAL_WINDOW`].
#[derive(Debug, Default)]
struct Recent(SyncMutex<HashMap<Submitter, Vec<Instant>>>);

impl Recent {
    /// How often, before this time.
    fn times(&self, submitter: &Submitter, now: Instant) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, times| {
            times.retain(|at| now.saturating_duration_since(*at) < TRIAL_WINDOW);
            !times.is_empty()
        });
        all.get(submitter).map_or(0, Vec::len)
    }

    fn add(&self, submitter: &Submitter, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(submitter.clone()).or_default().push(now);
    }
}

impl Trials {
    /// Waits for this submitter's turn, which lasts as long as what is returned.
    ///
    /// # Errors
    /// [`Error::Quota`] when the submitter has had enough of them, or the turn does not come in time.
    async fn enter(&self, submitter: &Submitter) -> Result<MutexGuard<'_, ()>> {
        self.count(submitter, Instant::now())?;
        let turn = tokio::time::timeout(TRIAL_TURN, self.turn.lock()).await;
        turn.map_err(|_| Error::Quota {
            submitter: submitter.clone(),
            what:
                "other proofs under contested ids are being simulated; hand this one in again later"
                    .to_owned(),
        })
    }

    fn count(&self, submitter: &Submitter, now: Instant) -> Result<()> {
        if self.begun.times(submitter, now) >= TRIALS {
            return Err(Error::Quota {
                submitter: submitter.clone(),
                what: format!(
                    "{TRIALS} of its proofs under contested ids were simulated within {} s; hand this one in again later",
                    TRIAL_WINDOW.as_secs()
                ),
            });
        }
        self.begun.add(submitter, now);
        Ok(())
    }

    /// Refuses a submitter whose proofs fitted no model too often.
    fn check_misfits(&self, submitter: &Submitter, now: Instant) -> Result<()> {
        if self.misfits.times(submitter, now) < MISFITS {
            return Ok(());
        }
        Err(Error::Quota {
            submitter: submitter.clone(),
            what: format!(
                "{MISFITS} of its proofs fitted no registered model within {} s; hand this one in again later",
                TRIAL_WINDOW.as_secs()
            ),
        })
    }
}

/// What a registry said of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownModel {
    asked: Instant,
    record_hash: B256,
    /// Why its inferences do not count at present, if they do not.
    standing: Option<&'static str>,
}

/// A proof file whose readable outputs are passed over: they can be many times larger in memory than as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenByChain {
    #[serde(rename = "format")]
    _format: IgnoredAny,
    #[serde(rename = "version")]
    _version: IgnoredAny,
    #[serde(rename = "manifest_id")]
    _manifest_id: IgnoredAny,
    model_id: Option<B256>,
    root: Scalar,
    context: Scalar,
    binding: Option<Binding>,
    chunks: Vec<ChunkProof>,
    #[serde(rename = "outputs")]
    _outputs: IgnoredAny,
    #[serde(default)]
    model: Option<ChainModel>,
}

/// Parses what a client hands in, as far as the chain gets to see it. Takes little more memory than the text does.
///
/// # Errors
/// [`Error::Format`] names the field.
pub fn read_proof(json: &[u8]) -> Result<ProofFile> {
    let seen: SeenByChain = PROOF.parse(json)?;
    let statement = Statement {
        manifest_id: B256::ZERO,
        model_id: seen.model_id,
        root: seen.root,
        context: seen.context,
        binding: seen.binding,
    };
    with_model(
        ProofFile::new(statement, seen.chunks, Vec::new())?,
        seen.model,
    )
}

fn with_model(mut proof: ProofFile, model: Option<ChainModel>) -> Result<ProofFile> {
    proof.model = model;
    proof.check()?;
    Ok(proof)
}

impl Engine {
    /// Checks that the registry has the code that [`super::EngineConfig::registry_code`] asks for.
    ///
    /// # Errors
    /// It has other code or none, or the node does not answer.
    pub async fn check_registry(&self, registry: Address) -> Result<()> {
        let (expected, whose) = match self.config.registry_code {
            None | Some(RegistryCode::Any) => return Ok(()),
            Some(RegistryCode::Built) => (
                Registry::built_code_hash(),
                "the registry that this program was built with",
            ),
            Some(RegistryCode::Hash(hash)) => (hash, "the registry that was asked for"),
        };
        let code = self.rpc.code(registry).await?;
        if code.is_empty() {
            let what = "the registry";
            return Err(ChainError::NoCode {
                address: registry,
                what,
            }
            .into());
        }
        let got = keccak256(&code);
        if got == expected {
            return Ok(());
        }
        Err(Error::Mismatch {
            field: "registry",
            expected: format!("{whose}, with code hash {expected}"),
            got: format!(
                "code hash {got} at {registry}; if that is another version of it and you have reviewed it, name its code hash \
                 (`serve --registry-code-hash {got}`)"
            ),
        })
    }

    /// Checks a proof, and makes of it what is stored.
    pub(super) async fn examine(
        &self,
        key: &JobKey,
        proof: &ProofFile,
        submitter: &Submitter,
    ) -> Result<NewPayload> {
        self.check_form(key, proof)?;
        let mut payload = NewPayload {
            submitter: submitter.clone(),
            body: body(proof)?,
            verified: false,
        };
        if !self.config.check_at_door {
            return Ok(payload);
        }
        self.trials.check_misfits(submitter, Instant::now())?;
        let fits = answer_in(MODEL_LIMIT, self.check_model(key, proof)).await;
        if matches!(fits, Err(Error::Refused(_))) {
            self.trials.misfits.add(submitter, Instant::now());
        }
        fits?;
        // Of several proofs of a job at most one kind holds: there, only what is known to hold is let in.
        if self.store.is_contested(key.id, payload.digest()).await? {
            let _alone = self.trials.enter(submitter).await?;
            let tried = answer_in(TRIAL_LIMIT, self.try_out(key, proof)).await?;
            payload.verified = tried.is_some();
        }
        Ok(payload)
    }

    /// What no registry takes and no transaction holds.
    fn check_form(&self, key: &JobKey, proof: &ProofFile) -> Result<()> {
        let zero = |field| {
            Err(Error::Mismatch {
                field,
                expected: "a value".to_owned(),
                got: "zero".to_owned(),
            })
        };
        if key.root == U256::ZERO {
            return zero("root");
        }
        if key.requester == Address::ZERO {
            return zero("binding.requester");
        }
        let model = proof.model.as_ref().ok_or_else(no_model)?;
        for ((index, chunk), spec) in (0..).zip(&proof.chunks).zip(&model.chunks) {
            let own = chunk.proof.len() + 32 * chunk.public_values.len() + spec.key.len();
            let bytes = own + SPEC_BYTES * model.chunks.len() + ENVELOPE_BYTES;
            if bytes > self.config.max_tx_bytes {
                return Err(Error::ChunkTooLarge {
                    chunk: index,
                    gas: 0,
                    state: 0,
                    state_cap: 0,
                    bytes,
                    gas_cap: self.config.execution_cap(
                        &self.known_rules().unwrap_or_else(|| GasRules::unknown("")),
                    ),
                    byte_cap: self.config.max_tx_bytes,
                });
            }
        }
        Ok(())
    }

    /// Holds what the proof brings of its model against what the registry stores. Refuses proofs of a model of which nothing counts that
    /// is proven now, too: they would be paid for in vain.
    async fn check_model(&self, key: &JobKey, proof: &ProofFile) -> Result<()> {
        let model = proof.model.as_ref().ok_or_else(no_model)?;
        let hash = model.record.hash();
        let fits = |known: &KnownModel| known.record_hash == hash && known.standing.is_none();
        let (mut known, fresh) = self.known_model(key).await?;
        if !fresh && !fits(&known) {
            // What is remembered may say yes, and never no: a node may have been wrong once.
            known = self.ask_for_model(key).await?;
        }
        if known.record_hash != hash {
            return Err(Error::Refused(format!(
                "model.record: the registry has one with hash {}, the proof brings one with hash {hash}",
                known.record_hash
            )));
        }
        known.standing.map_or(Ok(()), |reason| {
            Err(Error::Refused(format!(
                "model {} is {reason}",
                key.model_id
            )))
        })
    }

    /// What the registry said of a model, and whether it was asked just now.
    async fn known_model(&self, key: &JobKey) -> Result<(KnownModel, bool)> {
        let known = {
            let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            models.get(&(key.registry, key.model_id)).copied()
        };
        match known.filter(|known| known.asked.elapsed() < MODEL_KEPT) {
            Some(known) => Ok((known, false)),
            None => Ok((self.ask_for_model(key).await?, true)),
        }
    }

    async fn ask_for_model(&self, key: &JobKey) -> Result<KnownModel> {
        let Some(model) = self.registry(key.registry).model(key.model_id).await? else {
            let (model, registry) = (key.model_id, key.registry);
            let why = format!("model {model} is not registered with registry {registry}");
            return Err(Error::Refused(why));
        };
        let known = KnownModel {
            asked: Instant::now(),
            record_hash: model.recordHash,
            standing: if model.is_deprecated() {
                Some("deprecated: what is proven now never counts")
            } else if model.frozen {
                Some("frozen: nothing of it counts")
            } else {
                None
            },
        };
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MODELS_KEPT {
            models.clear();
        }
        models.insert((key.registry, key.model_id), known);
        Ok(known)
    }

    /// Holds a job that is said to be proven against the registry again, and queues it if it is not: else one false answer of a node
    /// would keep this proof out for ever.
    ///
    /// # Errors
    /// Without [`super::EngineConfig::check_at_door`]: the node does not answer. With it, the job is what it was.
    pub(super) async fn doubt(&self, id: B256, submitter: &Submitter) -> Result<()> {
        let Some(job) = self.store.job(id).await? else {
            return Ok(());
        };
        if !matches!(
            job.state,
            JobState::Mined | JobState::Confirmed | JobState::Finalized
        ) {
            return Ok(());
        }
        if !self.config.check_at_door {
            return self.ask_again(&job).await;
        }
        if self.trials.count(submitter, Instant::now()).is_ok() {
            match tokio::time::timeout(MODEL_LIMIT, self.ask_again(&job)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => {
                    tracing::warn!(job = %id, error = %e, "the registry cannot be asked again");
                }
                Err(_) => {
                    tracing::warn!(job = %id, "the registry cannot be asked again: the node is slow")
                }
            }
        }
        Ok(())
    }

    async fn ask_again(&self, job: &Job) -> Result<()> {
        let Some(block) = job.proven else {
            return Ok(());
        };
        let mut silent = Error::Config("no node is given".to_owned());
        for rpc in self.rpc.candidates() {
            let looked = async {
                let head = rpc.head().await?;
                let view = View::new(rpc.clone(), head, Sending::Paused, self.store.now_ms());
                self.is_unproven(&view, job, block).await
            };
            match looked.await {
                Ok(false) => return Ok(()),
                Ok(true) => {
                    return match self.disbelieve(job).await {
                        // It was moved meanwhile.
                        Err(Error::JobTransition { .. }) => Ok(()),
                        moved => moved,
                    };
                }
                Err(e) => silent = e,
            }
        }
        Err(silent)
    }

    /// Simulates a proof as it would be sent.
    async fn try_out(&self, key: &JobKey, proof: &ProofFile) -> Result<()> {
        let Some(rpc) = self.rpc.candidates().into_iter().next() else {
            return Err(Error::Config("no node is given".to_owned()));
        };
        let head = rpc.head().await?;
        let at = At::Block(head.hash);
        let view = View::new(rpc, head, Sending::Paused, self.store.now_ms());
        let registry = view.registry(key.registry);
        let inference = registry.state(key.model_id, key.inference_id, at).await?;
        if inference.status() == Some(InferenceStatus::Proven) {
            return Ok(());
        }
        self.plan(&view, key, proof, &inference).await.map(drop)
    }
}

/// What the chain says; `None` where it says nothing in time.
///
/// # Errors
/// [`Error::Refused`] when the proof is refused.
async fn answer_in<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(e)) if e.is_transient() => {
            tracing::warn!(error = %e, "a proof is taken unseen");
            Ok(None)
        }
        Ok(Err(e @ (Error::Refused(_) | Error::ChunkTooLarge { .. }))) => Err(e),
        Ok(Err(e)) => Err(Error::Refused(e.to_string())),
        Err(_) => {
            tracing::warn!("a proof is taken unseen: the node is slow");
            Ok(None)
        }
    }
}

/// What is stored of a proof: what the chain gets to see. So whatever else a file says takes no room, and proofs that differ in it only
/// are one.
fn body(proof: &ProofFile) -> Result<Vec<u8>> {
    let statement = Statement {
        manifest_id: B256::ZERO,
        model_id: proof.model_id,
        root: proof.root,
        context: proof.context,
        binding: proof.binding,
    };
    let seen = ProofFile::new(statement, proof.chunks.clone(), Vec::new())?;
    let seen = with_model(seen, proof.model.clone())?;
    serde_json::to_vec(&seen).map_err(|e| Error::DatabaseCorrupt {
        what: format!("proof: {e}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn trials_of_one_submitter_are_counted_and_others_have_theirs() {
        let (mallory, alice): (Submitter, Submitter) =
            ("mallory".parse().unwrap(), "alice".parse().unwrap());
        let trials = Trials::default();
        let begin = Instant::now();
        for _ in 0..TRIALS {
            trials.count(&mallory, begin).unwrap();
        }
        let refused = trials.enter(&mallory).await;
        assert!(matches!(refused, Err(Error::Quota { .. })), "{refused:?}");
        let turn = trials.enter(&alice).await.unwrap();
        assert!(trials.turn.try_lock().is_err(), "one at a time");
        drop(turn);
        trials.count(&mallory, begin + TRIAL_WINDOW).unwrap();
        assert_eq!(trials.begun.0.lock().unwrap()[&mallory].len(), 1);
    }
}
