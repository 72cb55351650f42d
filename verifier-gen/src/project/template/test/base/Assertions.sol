// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "../../script/Vm.sol";

/// @notice Assertions that revert: forge counts a test that reverts as failed.
abstract contract Assertions {
    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert(what);
    }

    function assertEq(uint256 got, uint256 expected, string memory what) internal pure {
        if (got != expected) {
            revert(string.concat(what, ": got ", vm.toString(got), ", expected ", vm.toString(expected)));
        }
    }

    function assertEq(bytes memory got, bytes memory expected, string memory what) internal pure {
        if (keccak256(got) != keccak256(expected)) {
            revert(string.concat(what, ": got ", vm.toString(got), ", expected ", vm.toString(expected)));
        }
    }

    /// @dev `what 17`, for assertions in loops.
    function nth(string memory what, uint256 index) internal pure returns (string memory) {
        return string.concat(what, " ", vm.toString(index));
    }
}
