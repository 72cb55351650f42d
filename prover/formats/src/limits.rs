//! Limits of models and proofs; most are the registry contract's.

/// Largest number of chunks of a model.
pub const MAX_CHUNKS: usize = 256;

/// Largest number of leaves of a commitment tree.
pub const MAX_LEAVES: usize = 2048;

/// Largest number of inputs of a model.
pub const MAX_INPUTS: usize = 64;

/// Largest number of words (of 32 bytes) of a model in a report that two of its inferences contradict each other: with it, a report
/// fits the 128 KiB that nodes take as a transaction. [`report_words`] counts them.
pub const MAX_REPORT_WORDS: usize = 4000;

/// Words of a model in a report of a contradiction, as the registry counts them (`ModelLayout.sol`): 10 a chunk, 7 an input and 2 for each of
/// its public values, twice that for an output. `inputs` and `outputs` have the number of public values of each.
pub fn report_words(
    chunks: usize,
    inputs: impl IntoIterator<Item = usize>,
    outputs: impl IntoIterator<Item = usize>,
) -> usize {
    let of_tensors = |values: &mut dyn Iterator<Item = usize>| -> usize {
        values.map(|public| 7 + 2 * public).sum()
    };
    let (inputs, outputs) = (&mut inputs.into_iter(), &mut outputs.into_iter());
    10 * chunks + of_tensors(inputs) + 2 * of_tensors(outputs)
}

/// What to do about a model with more than [`MAX_REPORT_WORDS`].
pub const REPORT_REMEDY: &str = "commit to large inputs and outputs instead of publishing them (--input-visibility committed, \
    --output-visibility committed), or use fewer chunks";

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

#[cfg(test)]
mod tests {
    use super::*;

    /// The registry's own tests hold its limit to the same model: a public output of 991 words in one chunk.
    #[test]
    fn longest_public_output_has_991_words() {
        let words = |output| report_words(1, [1], [output]);
        assert_eq!(words(991), 3_997);
        assert!(words(992) > MAX_REPORT_WORDS);
        assert_eq!(report_words(256, [1; 64], [1]), 2_560 + 64 * 9 + 18);
    }
}
