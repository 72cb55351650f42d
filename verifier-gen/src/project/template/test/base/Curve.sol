// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice BN254, as far as the tests need it, by the precompiled contracts.
library Curve {
    /// @dev Order of the group: scalars are below it.
    uint256 internal constant R =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;
    /// @dev Modulus of the coordinates.
    uint256 internal constant Q =
        21_888_242_871_839_275_222_246_405_745_257_275_088_696_311_157_297_823_662_689_037_894_645_226_208_583;

    /// @dev Whether (x, y) is how a point is written: below the modulus, on the curve or (0, 0) for the identity.
    function isPoint(uint256 x, uint256 y) internal pure returns (bool) {
        if (x >= Q || y >= Q) return false;
        if (x == 0 && y == 0) return true;
        return mulmod(y, y, Q) == addmod(mulmod(x, mulmod(x, x, Q), Q), 3, Q);
    }

    function negate(uint256 y) internal pure returns (uint256) {
        return y == 0 ? 0 : Q - y;
    }

    function add(uint256 ax, uint256 ay, uint256 bx, uint256 by) internal view returns (uint256 x, uint256 y) {
        (bool ok, bytes memory sum) = address(6).staticcall(abi.encode(ax, ay, bx, by));
        require(ok && sum.length == 64, "ecAdd failed");
        return abi.decode(sum, (uint256, uint256));
    }

    function multiply(uint256 px, uint256 py, uint256 scalar) internal view returns (uint256 x, uint256 y) {
        (bool ok, bytes memory product) = address(7).staticcall(abi.encode(px, py, scalar));
        require(ok && product.length == 64, "ecMul failed");
        return abi.decode(product, (uint256, uint256));
    }

    /// @dev e(lhs, [tau]_2) e(rhs, -[1]_2) = 1, with the two points of G2 from a key contract's SRS part.
    function pairs(uint256[4] memory points, address key) internal view returns (bool) {
        bytes memory tau = new bytes(128);
        bytes memory negated = new bytes(128);
        assembly ("memory-safe") {
            extcodecopy(key, add(tau, 0x20), 1, 0x80)
            extcodecopy(key, add(negated, 0x20), 0x81, 0x80)
        }
        (bool ok, bytes memory one) =
            address(8).staticcall(abi.encodePacked(points[0], points[1], tau, points[2], points[3], negated));
        require(ok && one.length == 32, "the pairing failed");
        return abi.decode(one, (uint256)) == 1;
    }
}
