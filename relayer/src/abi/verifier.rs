//! The generated verifiers, restated.
#![allow(missing_docs, unreachable_pub)]

alloy::sol! {
    /// Errors of the generated verifiers; they arrive inside `ChunkRejected`.
    #[derive(Debug, PartialEq, Eq)]
    interface IHalo2Verifier {
        error InvalidProofLength(uint256 expected, uint256 got);
        error InvalidInstanceCount(uint256 expected, uint256 got);
        error NonCanonicalCalldata();
        error InstanceOutOfRange(uint256 index);
        error ScalarOutOfRange(uint256 word);
        error InvalidPoint(uint256 word);
        error DegenerateChallenge();
        error PrecompileFailed(uint256 precompile);
        error ProofRejected();
        error UnexpectedMemoryLayout();
        error InvalidKey(address key);

        function verifyProof(address key, bytes calldata proof, uint256[] calldata instances)
            external view returns (bool);
    }
}
