// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {StubKey, StubSetup} from "../stubs/StubKey.sol";

/// @notice The keys of a test by their hash: contracts store no more of them.
abstract contract KeyBook is Test {
    mapping(bytes32 => bytes) private _keys;

    /// @dev Writes the key down and names it.
    function noteKey(bytes memory key) internal returns (bytes32 keyHash) {
        keyHash = StubSetup.hashOf(key);
        _keys[keyHash] = key;
    }

    function keyOf(bytes32 keyHash) internal view returns (bytes memory key) {
        key = _keys[keyHash];
        require(key.length != 0, "the test has not noted this key");
    }

    /// @dev The form of a key that stands for it in calldata: the address of a contract that has it.
    function holderOf(bytes32 keyHash) internal returns (bytes memory) {
        return abi.encodePacked(address(new StubKey(keyOf(keyHash))));
    }
}
