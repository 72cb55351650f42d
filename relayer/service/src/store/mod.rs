//! The durable state: an outbox in SQLite, or in PostgreSQL for relayers on several machines.
//!
//! Writers take turns, every change is one transaction, and a method that returns `Ok` has its change on
//! disk. All state changes pass through here, are checked against the machines in [`crate::state`] inside
//! the transaction, and are logged. Both databases run the same statements.

mod attempts;
mod backup;
mod clock;
mod expiry;
mod handle;
mod intake;
mod intents;
mod jobs;
mod leases;
mod ledger;
mod location;
mod log;
mod migrate;
mod nonces;
mod pauses;
mod payloads;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_address;
#[cfg(feature = "postgres")]
mod postgres_schema;
mod private_file;
mod queue;
mod rows;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;
mod work;

pub use crate::error::DatabaseError;
pub use attempts::Guard;
pub(crate) use clock::unix_ms;
pub use handle::Store;
pub use intake::Intake;
pub use jobs::{Cancellation, PlannedBy, Submitted};
pub use leases::Lease;
pub(crate) use leases::new_holder;
pub use ledger::Spend;
pub use location::Location;
pub use pauses::{Cause, Pause};
pub use payloads::{NewPayload, Payload};
pub use queue::{Next, QueueFilter};
pub use rows::{
    Attempt, BlockRef, Intent, Job, JobKey, NewAttempt, NewIntent, Purpose, Settlement, Transition,
    TxKind,
};
