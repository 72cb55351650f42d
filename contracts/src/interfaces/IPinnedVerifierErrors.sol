// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IPinnedVerifierErrors
/// @notice Errors of the contracts that call pinned verifiers: the registry, `BatchVerifier` and `BoundVerifier`. `chunk` is the
/// chunk's index in its model; without a model it is the proof's position in the batch, or 0 for a single proof.
interface IPinnedVerifierErrors {
    /// @notice The verifier has no code of its own: empty, or an account that delegates to other code (EIP-7702).
    error VerifierWithoutCode(uint256 chunk, address verifier);
    /// @notice The verifier's code is not the pinned code.
    error VerifierCodeHashMismatch(uint256 chunk, bytes32 expected, bytes32 actual);
    /// @notice The key is shorter than any key is, or no contract is at the address that stands for it.
    error InvalidKey(uint256 chunk);
    /// @notice The key is not the pinned one.
    error KeyHashMismatch(uint256 chunk, bytes32 expected, bytes32 actual);
    /// @notice The key belongs to another trusted setup than the first one, so the two cannot share a pairing.
    error SrsMismatch(uint256 chunk);
    /// @notice The verifier reverted; `reason` is the beginning of its revert data.
    error ChunkRejected(uint256 chunk, bytes reason);
    /// @notice The verifier did not revert, but returned something else than its interface promises.
    error VerifierMisbehaved(uint256 chunk);
    /// @notice The verifier returned a coordinate out of range or a point that is not on the curve.
    error PointNotOnCurve(uint256 chunk);
    /// @notice There is nothing to verify.
    error EmptyBatch();
    /// @notice The pairing check failed: at least one proof of the batch is well-formed but invalid.
    error BatchRejected();
    /// @notice A precompiled contract failed or returned the wrong number of bytes.
    error PrecompileFailed(uint256 precompile);
}
