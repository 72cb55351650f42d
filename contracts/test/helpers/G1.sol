// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {StubSetup} from "../stubs/StubKey.sol";

/// @notice Points of G1, and answers of verifiers, under the stub setup.
library G1 {
    uint256 internal constant Q =
        21_888_242_871_839_275_222_246_405_745_257_275_088_696_311_157_297_823_662_689_037_894_645_226_208_583;

    struct Point {
        uint256 x;
        uint256 y;
    }

    /// @dev `scalar` times the generator.
    function at(uint256 scalar) internal view returns (Point memory) {
        return mul(Point(1, 2), scalar);
    }

    function mul(Point memory point, uint256 scalar) internal view returns (Point memory) {
        (bool success, bytes memory result) = address(7).staticcall(abi.encode(point, scalar));
        require(success, "ecMul");
        return abi.decode(result, (Point));
    }

    function add(Point memory a, Point memory b) internal view returns (Point memory) {
        (bool success, bytes memory result) = address(6).staticcall(abi.encode(a, b));
        require(success, "ecAdd");
        return abi.decode(result, (Point));
    }

    function neg(Point memory point) internal pure returns (Point memory) {
        return point.y == 0 ? point : Point(point.x, Q - point.y);
    }

    /// @dev An answer that is off by `discrepancy`; it holds if that is the identity.
    function answer(Point memory lhs, Point memory discrepancy) internal view returns (bytes memory) {
        return abi.encode(lhs, add(mul(lhs, StubSetup.TAU), discrepancy));
    }

    /// @dev Whether e(lhs, [tau]_2) e(rhs, -[1]_2) = 1.
    function holds(Point memory lhs, Point memory rhs) internal view returns (bool) {
        bytes memory srs = StubSetup.SRS;
        bytes memory tau = new bytes(128);
        bytes memory neg_ = new bytes(128);
        for (uint256 i; i < 128; ++i) {
            (tau[i], neg_[i]) = (srs[i], srs[128 + i]);
        }
        (bool success, bytes memory result) =
            address(8).staticcall(bytes.concat(abi.encode(lhs), tau, abi.encode(rhs), neg_));
        require(success, "pairing");
        return abi.decode(result, (bool));
    }
}
