// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IHalo2Accumulator
/// @notice Everything in a verification except the pairing, so that many proofs can share one. The counterpart of `IHalo2Verifier`.
interface IHalo2Accumulator {
    /// @notice Reduces one proof and its instance column to two points of G1.
    /// @dev As strict as `verifyProof` about the form of its input. It does not decide whether the proof is valid: it is if
    /// and only if e(lhs, [tau]_2) * e(rhs, -[1]_2) = 1 under the setup of the verifying key.
    /// @param proof The transcript bytes.
    /// @param instances The instance column: `[root, context, public values...]`.
    /// @return points lhs.x, lhs.y, rhs.x, rhs.y; (0, 0) is the identity.
    function accumulate(bytes calldata proof, uint256[] calldata instances)
        external
        view
        returns (uint256[4] memory points);
}
