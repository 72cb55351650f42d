// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IHalo2SharedVerifier
/// @notice One generated contract per constraint-system shape: the verifying key, with the number of rows and of public values, is
/// an argument.
/// @dev The verifier uses whichever key the caller passes: whoever relies on the answer must compare the key's hash (see `KeyData`), as
/// `BoundVerifier`, `BatchVerifier` and the registry do. Calldata is strict: the canonical encoding and nothing after it.
interface IHalo2SharedVerifier {
    /// @notice Verifies one proof against its instance column under a key.
    /// @dev Anything that is malformed reverts with a typed error; so does a proof that fails.
    /// @param key The verifying key.
    /// @param proof The transcript bytes: points uncompressed (x, y), scalars, all big endian.
    /// @param instances The instance column: `[root, context, public values...]`.
    /// @return Always true: a proof that does not verify reverts.
    function verifyProof(bytes calldata key, bytes calldata proof, uint256[] calldata instances)
        external
        view
        returns (bool);

    /// @notice Reduces one proof to two points of G1; see `IHalo2Accumulator`.
    /// @param key The verifying key.
    /// @param proof The transcript bytes.
    /// @param instances The instance column.
    /// @return points lhs.x, lhs.y, rhs.x, rhs.y; (0, 0) is the identity.
    function accumulate(bytes calldata key, bytes calldata proof, uint256[] calldata instances)
        external
        view
        returns (uint256[4] memory points);
}
