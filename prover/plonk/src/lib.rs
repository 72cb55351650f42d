#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod copies;
mod cosets;
mod domain;
mod error;
mod evaluations;
mod key;
mod keygen;
mod limits;
mod lookup;
mod memory;
mod open;
mod permutation;
mod polynomials;
mod prove;
mod quotient;
mod rounds;
mod setup;
mod source;
mod synthesis;
mod witness;

pub use domain::{evaluation_domain, verifying_key};
pub use error::PlonkError;
pub use key::ProvingKey;
pub use keygen::{Keep, Structure, keygen};
pub use limits::Limits;
pub use memory::{CircuitSize, PROCESS_BYTES};
pub use prove::{Key, Prover};
pub use setup::Setup;
pub use source::{Basis, KeyColumn, KeyColumns, KeySource, PointSource};
pub use synthesis::Synthesis;
pub use witness::{Phases, Witness};
