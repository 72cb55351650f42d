//! The error type of this crate.

mod database;

pub use database::DatabaseError;

use crate::money::{Cap, Gwei};
use crate::state::{IntentState, JobState};
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256};
use chainfer_chain::rpc::RpcError;
use chainfer_formats::FormatError;

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in the relayer. [`Error::is_transient`] tells a caller whether the
/// same call may succeed later without any change; of the others, [`Error::DatabaseCorrupt`] is a broken invariant, and the
/// rest asks somebody to change something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A proof, manifest or deployment file is malformed or inconsistent.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The chain could not be read, a contract refused, or the key could not be used.
    #[error(transparent)]
    Chain(#[from] chainfer_chain::Error),
    /// The state database failed.
    #[error("state database: {0}")]
    Database(#[from] DatabaseError),
    /// The state database was written by a newer version of this program.
    #[error("state database has schema version {found}; this program knows up to {known}")]
    DatabaseTooNew {
        /// Version in the file.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// The state database holds a value that this program never writes.
    #[error("state database is corrupt: {what}")]
    DatabaseCorrupt {
        /// The value, and where it was read.
        what: String,
    },
    /// The node serves another chain than the one asked for.
    #[error("wrong chain: expected chain id {expected}, the node reports {got}")]
    WrongChain {
        /// Chain id wanted by configuration or proof.
        expected: u64,
        /// Chain id of the node.
        got: u64,
    },
    /// The chain id is right but the genesis block is another one than the database was made for.
    #[error(
        "chain {chain_id} has genesis {got}, but the state database was made for genesis {expected}; \
         use another state file for a new development chain"
    )]
    WrongGenesis {
        /// Chain id of both.
        chain_id: u64,
        /// Genesis hash in the database.
        expected: B256,
        /// Genesis hash of the node.
        got: B256,
    },
    /// A proof was made for another registry, model, or context than the one addressed.
    #[error("{field}: expected {expected}, got {got}")]
    Mismatch {
        /// Name of the value.
        field: &'static str,
        /// The right value.
        expected: String,
        /// The value found.
        got: String,
    },
    /// The operator relays other models only.
    #[error("model {0} is not one of this relayer's models")]
    ModelNotAllowed(B256),
    /// A registry takes no models with a verifier shape, and the sender cannot change that.
    #[error("registry {registry}: verifier shape {code_hash} is {standing}; {remedy}")]
    VerifierNotListed {
        /// Address of the registry contract.
        registry: Address,
        /// Code hash of the verifier shape.
        code_hash: B256,
        /// Its standing, in words after "is".
        standing: &'static str,
        /// Who has to do what.
        remedy: String,
    },
    /// One chunk alone does not fit in a transaction.
    #[error(
        "chunk {chunk} alone needs {gas} gas and {bytes} bytes, over the cap of {gas_cap} gas and {byte_cap} bytes{}",
        beside(*state, *state_cap)
    )]
    ChunkTooLarge {
        /// Chunk index.
        chunk: u16,
        /// Execution gas; 0 when the node refused to estimate.
        gas: u64,
        /// State gas at the least, where the chain prices it apart.
        state: u64,
        /// State gas cap of a transaction; 0 where the chain does not price state apart.
        state_cap: u64,
        /// Transaction bytes.
        bytes: usize,
        /// Gas cap of a transaction.
        gas_cap: u64,
        /// Byte cap of a transaction.
        byte_cap: usize,
    },
    /// A transaction that cannot be split needs more gas than one may have.
    #[error(
        "{what} needs {gas} gas, and a transaction may have {cap} here: by the chain's rules, its blocks or the gas caps that are set ({rules})"
    )]
    OverGasCap {
        /// What was to be sent.
        what: String,
        /// Gas by the node's estimate.
        gas: u64,
        /// The most that it may have.
        cap: u64,
        /// The chain's rules, as far as they were recognised.
        rules: String,
    },
    /// Nothing new is sent for the account.
    #[error("{what} was not sent: sending for account {account} is paused: {reason}")]
    Paused {
        /// What was to be sent.
        what: String,
        /// Account that sends.
        account: Address,
        /// Why, and who lifts the pause.
        reason: String,
    },
    /// A job may not go from one state to the other.
    #[error("job may not go from {from} to {to}")]
    JobTransition {
        /// State in the database.
        from: JobState,
        /// State asked for.
        to: JobState,
    },
    /// A transaction intent may not go from one state to the other.
    #[error("transaction may not go from {from} to {to}")]
    IntentTransition {
        /// State in the database.
        from: IntentState,
        /// State asked for.
        to: IntentState,
    },
    /// There is no such job.
    #[error("no job {0}")]
    NoSuchJob(B256),
    /// The queue is full.
    #[error("queue holds {active} unfinished jobs, the limit is {limit}")]
    QueueFull {
        /// Number of unfinished jobs.
        active: u64,
        /// Largest number of unfinished jobs.
        limit: u64,
    },
    /// A submitter has used up what one of them may use.
    #[error("{submitter} has used up its quota: {what}")]
    Quota {
        /// Name of the submitter.
        submitter: Submitter,
        /// What was counted, and the limit.
        what: String,
    },
    /// A job has as many proofs to try as are kept for one.
    #[error("job {job} has {waiting} proofs to be tried already; hand this one in again later")]
    TooManyProofs {
        /// Id of the job.
        job: B256,
        /// Proofs that wait.
        waiting: u64,
    },
    /// The chain does not take the proof.
    #[error("the proof is refused: {0}")]
    Refused(String),
    /// Somebody else's job.
    #[error("no proof of job {job} was handed in by {submitter}")]
    NotSubmitted {
        /// Id of the job.
        job: B256,
        /// Who asks.
        submitter: Submitter,
    },
    /// Transactions of a job were paid for, and the registry's record did not move.
    #[error(
        "{plans} plans in a row were paid for and the registry's record of the inference did not advance: {reason}"
    )]
    NoProgress {
        /// Plans in a row.
        plans: u32,
        /// What is known of the last one.
        reason: String,
    },
    /// Another writer used the nonce between signing and storing.
    #[error("nonce {nonce} was taken by another writer of the state database")]
    NonceTaken {
        /// The nonce that was to be used.
        nonce: u64,
    },
    /// A node counts more transactions of the account than the chain or this state account for. Signed with the next nonce, a
    /// transaction might never be included.
    #[error(
        "the node has {counted} transactions of account {account}, of which {unknown} are neither in a block that was seen nor of this \
         state; nothing is signed on its word alone, so wait until they are in blocks, or use another node"
    )]
    NonceUnexplained {
        /// The sending account.
        account: Address,
        /// Transactions that the node counts.
        counted: u64,
        /// Those that are not accounted for.
        unknown: u64,
    },
    /// A transaction would cost more than may be spent.
    #[error(
        "the {cap} spend cap of {limit} is reached: {spent} spent or signed, {wanted} more wanted{}",
        cap.remedy()
    )]
    OverCap {
        /// Which cap.
        cap: Cap,
        /// Its amount.
        limit: Gwei,
        /// What counts against it.
        spent: Gwei,
        /// What the transaction may cost.
        wanted: Gwei,
    },
    /// The account cannot pay for what it has signed and another transaction.
    #[error("account {account} holds {balance}, needs {needed}")]
    LowBalance {
        /// Account that sends.
        account: Address,
        /// What it has.
        balance: Gwei,
        /// What its signed transactions, the new one and the kept reserve come to.
        needed: Gwei,
        /// What the new one may cost.
        wanted: Gwei,
    },
    /// Another process sends for the account now; nothing was stored or broadcast.
    #[error("another process sends for account {account}")]
    LeaseLost {
        /// Account that sends.
        account: Address,
    },
    /// The job ended without an attestation.
    #[error("job {job} ended as {state}: {reason}")]
    JobEnded {
        /// Id of the job.
        job: B256,
        /// Terminal state.
        state: JobState,
        /// Recorded reason.
        reason: String,
    },
    /// A transaction that is not part of a job did not succeed.
    #[error("{what} ended as {state}: {reason}")]
    TransactionFailed {
        /// What was attempted.
        what: String,
        /// State of the intent.
        state: IntentState,
        /// Recorded reason.
        reason: String,
    },
    /// The caller's time limit is over; a later call with the same state continues.
    #[error(
        "{what} did not finish within {seconds} s; run again with the same state file to go on"
    )]
    Timeout {
        /// What the caller waited for.
        what: String,
        /// The time limit.
        seconds: u64,
    },
    /// Contradictory or unsupported settings.
    #[error("configuration: {0}")]
    Config(String),
    /// Input or output on a file or socket.
    #[error("{path}: {source}")]
    Io {
        /// File or address.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A background task was lost (shutdown or panic).
    #[error("background task ended: {0}")]
    Task(String),
}

/// What an error says of state gas, where the chain prices it apart.
fn beside(state: u64, cap: u64) -> String {
    match cap {
        0 => String::new(),
        _ => format!(", and beside it {state} gas for state, of which {cap} are allowed"),
    }
}

impl From<RpcError> for Error {
    fn from(e: RpcError) -> Self {
        Self::Chain(e.into())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        Self::Database(e.into())
    }
}

impl Error {
    /// Whether the same call may succeed later without any change by a person.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Chain(e) => e.is_transient(),
            Self::Database(e) => e.is_transient(),
            Self::NonceTaken { .. }
            | Self::NonceUnexplained { .. }
            | Self::OverCap { .. }
            | Self::LowBalance { .. }
            | Self::LeaseLost { .. }
            | Self::QueueFull { .. }
            | Self::Quota { .. }
            | Self::TooManyProofs { .. }
            | Self::Timeout { .. } => true,
            _ => false,
        }
    }
}
