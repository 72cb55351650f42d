// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice TEST ONLY, proves nothing: answers every call at once with two points that hold under the stub setup, so that
/// what a call costs is what its caller costs.
contract FixedPointsVerifier {
    uint256 private immutable LHS_X;
    uint256 private immutable LHS_Y;
    uint256 private immutable RHS_X;
    uint256 private immutable RHS_Y;

    constructor(uint256[4] memory points) {
        (LHS_X, LHS_Y, RHS_X, RHS_Y) = (points[0], points[1], points[2], points[3]);
    }

    fallback() external {
        (uint256 lhsX, uint256 lhsY, uint256 rhsX, uint256 rhsY) = (LHS_X, LHS_Y, RHS_X, RHS_Y);
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, lhsX)
            mstore(add(at, 0x20), lhsY)
            mstore(add(at, 0x40), rhsX)
            mstore(add(at, 0x60), rhsY)
            return(at, 0x80)
        }
    }
}
