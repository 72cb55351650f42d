// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title ScalarField
/// @notice The scalar field of BN254, whose canonical elements are the integers below `ORDER`.
library ScalarField {
    /// @dev Order of the BN254 group (EIP-196).
    uint256 internal constant ORDER =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;

    /// @notice The value is not below the order of the scalar field.
    error NotAScalar(uint256 value);

    /// @notice Whether `value` is the canonical form of a field element.
    function isCanonical(uint256 value) internal pure returns (bool) {
        return value < ORDER;
    }

    /// @notice Reverts unless `value` is the canonical form of a field element.
    function check(uint256 value) internal pure {
        if (value >= ORDER) revert NotAScalar(value);
    }
}
