#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod domain;
mod error;
mod key;
mod keygen;
mod limits;
mod lookup;
mod open;
mod permutation;
mod prove;
mod quotient;
mod setup;
mod synthesis;
mod witness;

pub use domain::{evaluation_domain, verifying_key};
pub use error::PlonkError;
pub use key::{KeyColumns, ProvingKey};
pub use keygen::keygen;
pub use limits::{Limits, proving_bytes};
pub use prove::{Key, Prover};
pub use setup::Setup;
pub use synthesis::Synthesis;
pub use witness::{Phases, Witness};
