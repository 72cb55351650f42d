// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IHalo2VerifierErrors
/// @notice The typed errors of the generated verifiers. The registry passes them on inside `ChunkRejected`; programs decode
/// them with this ABI. A verifier has the errors that its shape needs.
interface IHalo2VerifierErrors {
    /// @notice The proof has the wrong length.
    error InvalidProofLength(uint256 expected, uint256 got);
    /// @notice The number of public inputs is wrong.
    error InvalidInstanceCount(uint256 expected, uint256 got);
    /// @notice Calldata is not the canonical ABI encoding of its arguments, or bytes follow it.
    error NonCanonicalCalldata();
    /// @notice A public input is not below the scalar field's order.
    error InstanceOutOfRange(uint256 index);
    /// @notice A scalar of the proof is not below the scalar field's order; `word` counts the proof's 32-byte words.
    error ScalarOutOfRange(uint256 word);
    /// @notice A point of the proof has a coordinate out of range or is not on the curve; `word` is where it starts.
    error InvalidPoint(uint256 word);
    /// @notice A challenge hit a root of unity: not for an honest proof, but for a chance below 2^-200.
    error DegenerateChallenge();
    /// @notice A precompiled contract failed or returned the wrong number of bytes.
    error PrecompileFailed(uint256 precompile);
    /// @notice The proof is well-formed and wrong.
    error ProofRejected();
    /// @notice The key has the wrong length. Of verifiers that take a key.
    error InvalidKeyLength(uint256 expected, uint256 got);
    /// @notice The key is for the constraint system of this shape, or has numbers that no key of this one has.
    error InvalidKey(bytes32 shape);
    /// @notice The compiler laid memory out otherwise than the code was generated for. Of verifiers that carry data.
    error UnexpectedMemoryLayout();
}
