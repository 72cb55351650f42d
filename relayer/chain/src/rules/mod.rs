//! Gas by the rules of a chain: what its work costs, and how much of it a transaction may take.
//!
//! All constants of forks stand in `gas.rs`; `detect.rs` recognises whose apply.

mod detect;
mod estimate;
mod gas;

pub use estimate::estimate_gas;
pub use gas::{Fork, Gas, GasRules};
