//! Limits of models and proofs; most are the registry contract's.

/// Largest number of chunks of a model.
pub const MAX_CHUNKS: usize = 256;

/// Largest number of leaves of a commitment tree.
pub const MAX_LEAVES: usize = 2048;

/// Largest number of values of a boundary tensor: the registry stores lengths in 32 bits.
pub const MAX_TENSOR_LENGTH: usize = u32::MAX as usize;

/// Largest number of dimensions of a model input or output.
pub const MAX_RANK: usize = 8;

/// Largest length of the name of a tensor in bytes.
pub const MAX_NAME_BYTES: usize = 1024;

/// Largest length of one chunk proof in bytes.
pub const MAX_PROOF_BYTES: usize = 1 << 20;

/// The one chain id that accepts the insecure development setup by itself: that of anvil and hardhat.
pub const DEVELOPMENT_CHAIN_ID: u64 = 31337;

/// Bytes of a verifying key for the chain: it must fit the code of a contract (EIP-170) behind a STOP.
pub const MAX_KEY_BYTES: usize = 24_575;
