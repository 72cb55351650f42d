//! Signing and broadcasting.
//!
//! The order is fixed: the nonce is reserved and the signed bytes are stored in one database
//! transaction, and only then are they broadcast. What the node answers to a broadcast is only noted.

use super::Engine;
use super::outbox::{ACCEPTED, ALREADY_KNOWN, NONCE_TOO_LOW, UNDERPRICED, UNKNOWN};
use super::view::View;
use crate::error::{Error, Result};
use crate::money::Gwei;
use crate::state::JobState;
use crate::store::{Attempt, Intent, NewAttempt, Purpose};
use crate::submitter::Submitter;
use alloy::consensus::TxEip1559;
use alloy::primitives::{Address, B256, Bytes, TxKind as To, U64, U256};
use chainfer_chain::Error as ChainError;
use chainfer_chain::fees::Fees;
use chainfer_chain::rpc::{At, CallRequest, Rpc, SendOutcome};

/// Gas of a transfer to an account.
const TRANSFER_GAS: u64 = 21_000;

impl Engine {
    /// Reserves a nonce, signs, stores, and only then broadcasts.
    pub(super) async fn start(&self, view: &View, intent: &Intent) -> Result<()> {
        let (chain, sender) = (self.chain_id, self.sender());
        // The pool's count keeps clear of transactions that others sent from this account; the first
        // free nonce closes a gap that one of them left.
        let pool = view.rpc.nonce(sender, At::Pending).await?;
        let nonce = self.store.free_nonce(chain, sender, pool).await?;
        if let Err(e) = self.check_reach(nonce).await {
            self.note_waiting(intent, e.to_string()).await?;
            return Err(e);
        }
        let fees = self.offer(view).await?;
        if intent.created_at < view.began && !self.still_succeeds(view, intent).await? {
            return Ok(());
        }
        let ready = async {
            let draft = self
                .draft(&view.rpc, intent, nonce, fees, Purpose::Call)
                .await?;
            self.check_quota(intent).await?;
            let wanted = draft.dearest();
            self.afford(&view.rpc, wanted, Some(intent.id)).await?;
            self.sign(draft).await
        };
        let attempt = match ready.await {
            Ok(attempt) => attempt,
            Err(e) => {
                self.note_waiting(intent, e.to_string()).await?;
                return Err(e);
            }
        };
        let attempt = self
            .store
            .store_first_attempt(intent.id, attempt, self.guard()?)
            .await?;
        tracing::info!(
            kind = %intent.tx.kind, nonce, hash = %attempt.tx.hash,
            gas_limit = attempt.tx.gas_limit, "transaction stored"
        );
        self.broadcast(&view.rpc, &attempt).await
    }

    /// Simulates a transaction that waited since it was planned. One that no longer succeeds, or that nobody
    /// needs any more, is given up, and its job planned again.
    async fn still_succeeds(&self, view: &View, intent: &Intent) -> Result<bool> {
        if let Some(job) = intent.job_id
            && let Some(job) = self.store.job(job).await?
            && view
                .registry(job.key.registry)
                .is_proven(
                    job.key.model_id,
                    job.key.inference_id,
                    At::Block(view.head.hash),
                )
                .await?
        {
            let reason = "the registry has it already".to_owned();
            self.store.abandon(intent.id, reason).await?;
            return Ok(false);
        }
        let mut request = CallRequest::new(self.sender(), intent.tx.to, intent.tx.data.clone());
        request.gas = Some(U64::from(intent.tx.gas_limit));
        match view.rpc.call(&request, At::Block(view.head.hash)).await {
            Ok(_) => Ok(true),
            Err(e) if e.is_transient() => Err(e.into()),
            Err(e) => {
                let reason = ChainError::of_call("simulation before sending", e).to_string();
                tracing::warn!(reason, "given up");
                self.store.abandon(intent.id, reason).await?;
                Ok(false)
            }
        }
    }

    /// Refuses the first transaction of a plan whose submitter has spent enough. Further ones of the plan are not refused: what the
    /// first one cost would be lost.
    async fn check_quota(&self, intent: &Intent) -> Result<()> {
        let (Some(limit), Some(id)) = (self.config.quota.spend, intent.job_id) else {
            return Ok(());
        };
        let Some(job) = self.store.job(id).await? else {
            return Ok(());
        };
        let (JobState::Planned, Some(payer)) = (job.state, job.payer) else {
            return Ok(());
        };
        let spent = self.store.spend_of_submitter(self.chain_id, payer.clone());
        let spent = spent.await?;
        if spent < limit {
            return Ok(());
        }
        Err(Error::Quota {
            submitter: payer.parse().unwrap_or_else(|_| Submitter::local()),
            what: format!("{spent} was spent on its jobs within 24 hours, {limit} is allowed"),
        })
    }

    async fn note_waiting(&self, intent: &Intent, reason: String) -> Result<()> {
        let reason = format!("waiting: {reason}");
        if intent.reason.as_ref() != Some(&reason) {
            tracing::warn!("{reason}");
            self.store.note_reason(intent.id, Some(reason)).await?;
        }
        Ok(())
    }

    /// Signs and stores a transaction with the same nonce and higher fees, and broadcasts it.
    pub(super) async fn replace(
        &self,
        view: &View,
        intent: &Intent,
        last: &Attempt,
        purpose: Purpose,
    ) -> Result<()> {
        // An intent whose call the node will never take stays cancelled.
        let purpose = if last.tx.purpose == Purpose::Cancel {
            Purpose::Cancel
        } else {
            purpose
        };
        let previous = Fees {
            max_fee: last.tx.max_fee,
            priority_fee: last.tx.priority_fee,
        };
        // What the node suggests counts once an offer has not been taken.
        let suggested = view.rpc.suggested_priority_fee().await?;
        let usual = view.rpc.usual_priority_fee().await?.max(suggested);
        let base = view.head.base_fee_per_gas.unwrap_or_default();
        let bumped = self.config.fees.bump(previous, base, usual);
        let draft = match bumped {
            None => Err(format!(
                "a replacement would pass the fee limit of {} wei a gas",
                self.config.fees.max_fee
            )),
            Some(fees) => {
                let draft = self
                    .draft(&view.rpc, intent, last.tx.nonce, fees, purpose)
                    .await?;
                let checked = match purpose {
                    Purpose::Call => self.check_caps(draft.dearest(), Some(intent.id)).await,
                    Purpose::Cancel => Ok(()),
                };
                match checked {
                    Ok(()) => Ok(draft),
                    Err(e @ Error::OverCap { .. }) => Err(e.to_string()),
                    Err(e) => return Err(e),
                }
            }
        };
        let draft = match draft {
            Ok(draft) => draft,
            Err(refusal) => {
                self.note_waiting(intent, refusal).await?;
                let due = self.elapsed(last.last_sent_at) >= self.config.rebroadcast_after;
                return if due {
                    self.broadcast(&view.rpc, last).await
                } else {
                    Ok(())
                };
            }
        };
        let attempt = self.sign(draft).await?;
        let attempt = self
            .store
            .store_attempt(intent.id, attempt, self.guard()?)
            .await?;
        tracing::info!(
            nonce = attempt.tx.nonce, hash = %attempt.tx.hash,
            seq = attempt.seq, max_fee = attempt.tx.max_fee, "replacement stored"
        );
        self.broadcast(&view.rpc, &attempt).await
    }

    pub(super) async fn broadcast(&self, rpc: &Rpc, attempt: &Attempt) -> Result<()> {
        let outcome = rpc.send_raw(&attempt.tx.raw).await;
        let text = match &outcome {
            SendOutcome::Accepted => ACCEPTED.to_owned(),
            SendOutcome::AlreadyKnown => ALREADY_KNOWN.to_owned(),
            SendOutcome::NonceTooLow => NONCE_TOO_LOW.to_owned(),
            SendOutcome::Underpriced(why) => format!("{UNDERPRICED}: {why}"),
            SendOutcome::InsufficientFunds(why) => format!("insufficient funds: {why}"),
            SendOutcome::Invalid(why) => format!("invalid: {why}"),
            SendOutcome::Unknown(why) => format!("{UNKNOWN}: {why}"),
        };
        let taken = matches!(outcome, SendOutcome::Accepted | SendOutcome::AlreadyKnown);
        self.store
            .note_send(attempt.id, text.clone(), taken)
            .await?;
        match outcome {
            SendOutcome::Accepted | SendOutcome::AlreadyKnown | SendOutcome::NonceTooLow => {
                tracing::debug!(hash = %attempt.tx.hash, outcome = %text, "broadcast");
                Ok(())
            }
            SendOutcome::Invalid(_) if attempt.tx.purpose == Purpose::Call => {
                tracing::error!(hash = %attempt.tx.hash, outcome = %text, "the node refuses for good");
                self.give_up(rpc, attempt, text).await
            }
            _ => {
                tracing::warn!(hash = %attempt.tx.hash, outcome = %text, "broadcast");
                Ok(())
            }
        }
    }

    /// Uses up the nonce of a transaction that no node will take, so that later ones are not stuck.
    async fn give_up(&self, rpc: &Rpc, refused: &Attempt, reason: String) -> Result<()> {
        let intent = self.store.intent(refused.intent_id).await?;
        self.store.note_reason(intent.id, Some(reason)).await?;
        let fees = Fees {
            max_fee: refused.tx.max_fee,
            priority_fee: refused.tx.priority_fee,
        };
        let draft = self
            .draft(rpc, &intent, refused.tx.nonce, fees, Purpose::Cancel)
            .await?;
        let attempt = self.sign(draft).await?;
        self.store
            .store_attempt(intent.id, attempt, self.guard()?)
            .await?;
        // The next tick finds it stored and never broadcast.
        Ok(())
    }

    pub(super) async fn offer(&self, view: &View) -> Result<Fees> {
        let usual = view.rpc.usual_priority_fee().await?;
        Ok(self
            .config
            .fees
            .offer(view.head.base_fee_per_gas.unwrap_or_default(), usual))
    }

    /// What is to be signed for an intent, and what it can cost.
    async fn draft(
        &self,
        rpc: &Rpc,
        intent: &Intent,
        nonce: u64,
        fees: Fees,
        purpose: Purpose,
    ) -> Result<Draft> {
        if intent.sender != self.sender() {
            let why = format!("the transaction belongs to account {}", intent.sender);
            return Err(ChainError::Wallet(why).into());
        }
        let call = purpose == Purpose::Call;
        let to = if call {
            intent.tx.to
        } else {
            Some(self.sender())
        };
        let gas_limit = if call {
            intent.tx.gas_limit
        } else {
            self.transfer_gas(rpc).await
        };
        let data = if call {
            intent.tx.data.clone()
        } else {
            Default::default()
        };
        let tx = self.transaction(to, data, gas_limit, nonce, fees);
        self.price(rpc, tx, purpose).await
    }

    /// A transfer of nothing to ourselves.
    pub(super) async fn draft_fill(&self, rpc: &Rpc, nonce: u64, fees: Fees) -> Result<Draft> {
        let (to, gas) = (Some(self.sender()), self.transfer_gas(rpc).await);
        let tx = self.transaction(to, Bytes::new(), gas, nonce, fees);
        self.price(rpc, tx, Purpose::Call).await
    }

    async fn price(&self, rpc: &Rpc, tx: TxEip1559, purpose: Purpose) -> Result<Draft> {
        let data_fee = self.expected_data_fee(rpc, &tx).await?;
        Ok(Draft {
            tx,
            purpose,
            data_fee,
        })
    }

    /// Gas of a transfer to ourselves; some chains charge more than [`TRANSFER_GAS`].
    async fn transfer_gas(&self, rpc: &Rpc) -> u64 {
        let request = CallRequest::new(self.sender(), Some(self.sender()), Bytes::new());
        let estimate = rpc.estimate_gas(&request).await;
        estimate.map_or(TRANSFER_GAS, |gas| gas.clamp(TRANSFER_GAS, 1_000_000))
    }

    fn transaction(
        &self,
        to: Option<Address>,
        input: Bytes,
        gas_limit: u64,
        nonce: u64,
        fees: Fees,
    ) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee.into(),
            max_priority_fee_per_gas: fees.priority_fee.into(),
            to: to.map_or(To::Create, To::Call),
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        }
    }

    /// Signs; nothing is reserved, stored or sent by this.
    pub(super) async fn sign(&self, draft: Draft) -> Result<NewAttempt> {
        let Draft {
            tx,
            purpose,
            data_fee,
        } = draft;
        let attempt = NewAttempt {
            purpose,
            nonce: tx.nonce,
            raw: Bytes::new(),
            hash: B256::ZERO,
            max_fee: fee(tx.max_fee_per_gas),
            priority_fee: fee(tx.max_priority_fee_per_gas),
            gas_limit: tx.gas_limit,
            data_fee,
        };
        let signed = self.wallet.sign(tx).await?;
        Ok(NewAttempt {
            raw: signed.raw,
            hash: signed.hash,
            ..attempt
        })
    }
}

/// A transaction before it is signed.
pub(super) struct Draft {
    tx: TxEip1559,
    purpose: Purpose,
    /// What a roll-up may take on top.
    data_fee: Gwei,
}

impl Draft {
    /// The most that it can cost, as far as is known in advance.
    pub(super) fn dearest(&self) -> Gwei {
        Gwei::of_gas(self.tx.gas_limit, fee(self.tx.max_fee_per_gas)).plus(self.data_fee)
    }
}

/// Fees are made from 64 bits ([`Fees`]).
fn fee(wei: u128) -> u64 {
    u64::try_from(wei).unwrap_or(u64::MAX)
}
