// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice The errors of the generated verifiers, for their selectors.
interface VerifierErrors {
    error InvalidProofLength(uint256 expected, uint256 got);
    error InvalidInstanceCount(uint256 expected, uint256 got);
    error NonCanonicalCalldata();
    error InstanceOutOfRange(uint256 index);
    error ScalarOutOfRange(uint256 word);
    error InvalidPoint(uint256 word);
    error PrecompileFailed(uint256 precompile);
    error ProofRejected();
    error InvalidKeyLength(uint256 expected, uint256 got);
    error InvalidKey(bytes32 shape);
}
