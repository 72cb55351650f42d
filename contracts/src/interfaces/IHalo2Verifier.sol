// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IHalo2Verifier
/// @notice A verifier with one key, for halo2 KZG proofs over BN254: a generated contract with the key embedded, or a
/// `BoundVerifier`.
interface IHalo2Verifier {
    /// @notice Verifies one proof against its instance column.
    /// @dev Strict: exact calldata and proof length, every scalar below the order of the scalar field, every
    /// coordinate below the base field modulus. Anything else reverts with a typed error; so does a proof that fails.
    /// @param proof The transcript bytes: points uncompressed (x, y), scalars, all big endian.
    /// @param instances The instance column: `[root, context, public values...]`.
    /// @return Always true: a proof that does not verify reverts.
    function verifyProof(bytes calldata proof, uint256[] calldata instances) external view returns (bool);
}
