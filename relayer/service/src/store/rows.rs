//! What the tables hold, as types.

use super::sql::{Row, corrupt, number, number_opt};
use crate::error::Result;
use crate::money::Gwei;
use crate::state::{IntentState, JobState};
use alloy::primitives::{Address, B256, Bytes, U256};
use std::fmt;

/// A block by height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Height of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
}

/// What identifies a job and what the registry is called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobKey {
    /// Idempotency key.
    pub id: B256,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the registry contract.
    pub registry: Address,
    /// Id of the model in the registry.
    pub model_id: B256,
    /// Root over the boundary tensors.
    pub root: U256,
    /// Context that the proofs carry.
    pub context: U256,
    /// Account that the inference is credited to.
    pub requester: Address,
    /// The requester's nonce.
    pub nonce: U256,
    /// Id of the inference in the registry.
    pub inference_id: B256,
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What identifies the job.
    pub key: JobKey,
    /// Current state of the job.
    pub state: JobState,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// Number of the current plan.
    pub round: u32,
    /// Digest of the proof that the current plan is of.
    pub payload: Option<B256>,
    /// Who is charged for the current plan.
    pub payer: Option<String>,
    /// The most that the registry's record of the inference was seen to hold: chunks proven, and one for the root.
    pub progress: u32,
    /// Plans in a row that were paid for and added nothing to the record.
    pub stalls: u32,
    /// Block at which the registry said `Proven`.
    pub proven: Option<BlockRef>,
    /// A person asked for it to be cancelled.
    pub cancel_requested: bool,
    /// When it was stored, in Unix milliseconds.
    pub created_at: u64,
    /// When it last changed, in Unix milliseconds.
    pub updated_at: u64,
}

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TxKind {
    /// Commits the root and proves chunks.
    Attest,
    /// Commits the root.
    Commit,
    /// Proves chunks of a committed root.
    Prove,
    /// Creates a contract.
    Deploy,
    /// Registers a model.
    Register,
    /// Any other call.
    Call,
    /// Sends nothing to the sender: closes a gap before later nonces.
    Fill,
}

impl TxKind {
    const ALL: [Self; 7] = [
        Self::Attest,
        Self::Commit,
        Self::Prove,
        Self::Deploy,
        Self::Register,
        Self::Call,
        Self::Fill,
    ];

    /// Name in the database and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attest => "attest",
            Self::Commit => "commit",
            Self::Prove => "prove",
            Self::Deploy => "deploy",
            Self::Register => "register",
            Self::Call => "call",
            Self::Fill => "fill",
        }
    }
}

impl fmt::Display for TxKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A transaction to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// Kind of call.
    pub kind: TxKind,
    /// Callee; `None` creates a contract.
    pub to: Option<Address>,
    /// Calldata or creation code.
    pub data: Bytes,
    /// Chunks that it proves.
    pub chunks: Vec<u16>,
    /// Gas limit of the transaction.
    pub gas_limit: u64,
}

/// A stored transaction intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Row of the database.
    pub id: i64,
    /// Job that it belongs to.
    pub job_id: Option<B256>,
    /// Plan of the job that it belongs to.
    pub round: u32,
    /// The call to send, and its gas limit.
    pub tx: NewIntent,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Account that the transaction is from.
    pub sender: Address,
    /// Nonce, once reserved.
    pub nonce: Option<u64>,
    /// Current state of the transaction.
    pub state: IntentState,
    /// Why, where there is more to say.
    pub reason: Option<String>,
    /// How it was settled.
    pub settlement: Option<Settlement>,
    /// When it was stored, in Unix milliseconds.
    pub created_at: u64,
}

impl Intent {
    /// The job for a log line; empty where there is none.
    pub(crate) fn job(&self) -> String {
        self.job_id.map(|id| id.to_string()).unwrap_or_default()
    }
}

/// The block that settled an intent, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Attempt that is in the block; `None` when a foreign transaction used the nonce.
    pub attempt_id: Option<i64>,
    /// Number and hash of that block.
    pub block: BlockRef,
    /// Gas that the transaction used.
    pub gas_used: u64,
    /// Price paid, in wei per gas.
    pub gas_price: u64,
    /// What a roll-up took for publishing the bytes, beside what gas cost.
    pub data_fee: Gwei,
    /// Address of the contract that it created.
    pub contract: Option<Address>,
}

/// Why an attempt exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The intent's own call.
    Call,
    /// An empty transaction to the sender that uses up the nonce.
    Cancel,
}

impl Purpose {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Cancel => "cancel",
        }
    }
}

/// A signed transaction to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Why it exists.
    pub purpose: Purpose,
    /// Nonce of the transaction.
    pub nonce: u64,
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Transaction hash.
    pub hash: B256,
    /// `maxFeePerGas` in wei.
    pub max_fee: u64,
    /// `maxPriorityFeePerGas` in wei.
    pub priority_fee: u64,
    /// Gas limit of the transaction.
    pub gas_limit: u64,
    /// The most that a roll-up may take for publishing the bytes, beside what gas costs.
    pub data_fee: Gwei,
}

impl NewAttempt {
    /// The most that it can cost, as far as is known in advance.
    pub fn dearest(&self) -> Gwei {
        Gwei::of_gas(self.gas_limit, self.max_fee).plus(self.data_fee)
    }
}

/// A stored signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Row of the database.
    pub id: i64,
    /// The intent that it is an attempt of.
    pub intent_id: i64,
    /// Number within the intent, from 0.
    pub seq: u32,
    /// What was signed.
    pub tx: NewAttempt,
    /// How often it was broadcast.
    pub sends: u32,
    /// Last broadcast, Unix milliseconds.
    pub last_sent_at: Option<u64>,
    /// What the node said then.
    pub last_outcome: Option<String>,
    /// Whether a node ever took it.
    pub taken: bool,
    /// First block it was seen in.
    pub seen: Option<BlockRef>,
    /// When it was stored, in Unix milliseconds.
    pub created_at: u64,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Transaction that moved; the job itself when `None`.
    pub intent_id: Option<i64>,
    /// State before the change.
    pub from: String,
    /// State after the change.
    pub to: String,
    /// Explanation, where there is one.
    pub reason: Option<String>,
    /// When, in Unix milliseconds.
    pub at: u64,
}

fn hash_from(bytes: &[u8], column: &str) -> Result<B256> {
    B256::try_from(bytes).map_err(|_| corrupt(format!("{column} is not 32 bytes")))
}

fn hash(row: &Row, column: &str) -> Result<B256> {
    hash_from(&row.get::<Vec<u8>>(column)?, column)
}

fn hash_opt(row: &Row, column: &str) -> Result<Option<B256>> {
    row.get::<Option<Vec<u8>>>(column)?
        .map(|v| hash_from(&v, column))
        .transpose()
}

fn word(row: &Row, column: &str) -> Result<U256> {
    Ok(hash(row, column)?.into())
}

fn address(row: &Row, column: &str) -> Result<Address> {
    address_opt(row, column)?.ok_or_else(|| corrupt(format!("{column} is null")))
}

fn address_opt(row: &Row, column: &str) -> Result<Option<Address>> {
    row.get::<Option<Vec<u8>>>(column)?
        .map(|v| {
            Address::try_from(v.as_slice())
                .map_err(|_| corrupt(format!("{column} is not 20 bytes")))
        })
        .transpose()
}

fn block(row: &Row, number: &str, hash: &str) -> Result<Option<BlockRef>> {
    Ok(match (number_opt(row, number)?, hash_opt(row, hash)?) {
        (Some(number), Some(hash)) => Some(BlockRef { number, hash }),
        _ => None,
    })
}

fn small(row: &Row, column: &str) -> Result<u32> {
    let value = number(row, column)?;
    u32::try_from(value).map_err(|_| corrupt(format!("{column} {value} is out of range")))
}

pub(super) fn job(row: &Row) -> Result<Job> {
    let state: String = row.get("state")?;
    Ok(Job {
        key: JobKey {
            id: hash(row, "id")?,
            chain_id: number(row, "chain_id")?,
            registry: address(row, "registry")?,
            model_id: hash(row, "model_id")?,
            root: word(row, "root")?,
            context: word(row, "context")?,
            requester: address(row, "requester")?,
            nonce: word(row, "nonce")?,
            inference_id: hash(row, "inference_id")?,
        },
        state: JobState::parse(&state).ok_or_else(|| corrupt(format!("job state {state}")))?,
        reason: row.get("reason")?,
        round: small(row, "round")?,
        payload: hash_opt(row, "payload")?,
        payer: row.get("payer")?,
        progress: small(row, "progress")?,
        stalls: small(row, "stalls")?,
        proven: block(row, "proven_number", "proven_hash")?,
        cancel_requested: number_opt(row, "cancel_requested_at")?.is_some(),
        created_at: number(row, "created_at")?,
        updated_at: number(row, "updated_at")?,
    })
}

pub(super) fn intent(row: &Row) -> Result<Intent> {
    let state: String = row.get("state")?;
    let kind: String = row.get("kind")?;
    let chunks: String = row.get("chunks")?;
    let settlement = match block(row, "block_number", "block_hash")? {
        Some(block) => Some(Settlement {
            attempt_id: row.get("attempt_id")?,
            block,
            gas_used: number_opt(row, "gas_used")?.unwrap_or_default(),
            gas_price: number_opt(row, "gas_price")?.unwrap_or_default(),
            data_fee: Gwei(number_opt(row, "data_fee")?.unwrap_or_default()),
            contract: address_opt(row, "contract_address")?,
        }),
        None => None,
    };
    Ok(Intent {
        id: row.get("id")?,
        job_id: hash_opt(row, "job_id")?,
        round: small(row, "round")?,
        tx: NewIntent {
            kind: TxKind::ALL
                .into_iter()
                .find(|k| k.as_str() == kind)
                .ok_or_else(|| corrupt(format!("transaction kind {kind}")))?,
            to: address_opt(row, "to_address")?,
            data: row.get::<Vec<u8>>("data")?.into(),
            chunks: serde_json::from_str(&chunks).map_err(|e| corrupt(format!("chunks: {e}")))?,
            gas_limit: number(row, "gas_limit")?,
        },
        chain_id: number(row, "chain_id")?,
        sender: address(row, "sender")?,
        nonce: number_opt(row, "nonce")?,
        state: IntentState::parse(&state)
            .ok_or_else(|| corrupt(format!("transaction state {state}")))?,
        reason: row.get("reason")?,
        settlement,
        created_at: number(row, "created_at")?,
    })
}

pub(super) fn attempt(row: &Row) -> Result<Attempt> {
    let purpose: String = row.get("purpose")?;
    Ok(Attempt {
        id: row.get("id")?,
        intent_id: row.get("intent_id")?,
        seq: small(row, "seq")?,
        tx: NewAttempt {
            purpose: match purpose.as_str() {
                "call" => Purpose::Call,
                "cancel" => Purpose::Cancel,
                other => return Err(corrupt(format!("attempt purpose {other}"))),
            },
            nonce: number(row, "nonce")?,
            raw: row.get::<Vec<u8>>("raw")?.into(),
            hash: hash(row, "tx_hash")?,
            max_fee: number(row, "max_fee")?,
            priority_fee: number(row, "priority_fee")?,
            gas_limit: number(row, "gas_limit")?,
            data_fee: Gwei(number(row, "data_fee")?),
        },
        sends: small(row, "sends")?,
        last_sent_at: number_opt(row, "last_sent_at")?,
        last_outcome: row.get("last_outcome")?,
        taken: number(row, "taken")? > 0,
        seen: block(row, "seen_block", "seen_block_hash")?,
        created_at: number(row, "created_at")?,
    })
}
