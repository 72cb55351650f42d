//! What a transaction costs: EIP-1559 fees, and the fee that a roll-up takes for publishing its bytes.

mod offer;
mod publication;

pub use offer::{FeePolicy, Fees};
pub use publication::Oracle;
