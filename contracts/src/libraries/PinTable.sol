// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Pin} from "../types/Pin.sol";
import {CodeData} from "./CodeData.sol";
import {VerifierCall} from "./VerifierCall.sol";

/// @title PinTable
/// @notice Checked pins, stored as the code of one contract: reading them costs one cold account, whereas storage would cost three
/// cold slots per pin.
/// @dev A row: verifier (20 bytes), code hash (32), key hash (32).
library PinTable {
    uint256 internal constant ROW = 84;

    /// @notice Empty rows for `count` pins.
    function rows(uint256 count) internal pure returns (bytes memory) {
        // The last word of a row ends where the row ends, so no write goes past the end.
        return new bytes(ROW * count);
    }

    /// @notice Checks the verifier of a pin and writes the pin.
    /// @param chunk Number of the pin in errors.
    function put(bytes memory table, uint256 row, uint256 chunk, Pin memory pin) internal view {
        VerifierCall.checkCode(chunk, pin.verifier, pin.codeHash);
        assembly ("memory-safe") {
            let at := add(add(table, 0x20), mul(row, ROW))
            // Each write overwrites the tail of the one before.
            mstore(at, shl(96, mload(pin)))
            mstore(add(at, 20), mload(add(pin, 0x20)))
            mstore(add(at, 52), mload(add(pin, 0x40)))
        }
    }

    /// @notice Creates the contract that holds the table.
    function create(bytes memory table) internal returns (address) {
        return CodeData.create(table);
    }

    /// @notice Reads a row of a table that `create` made.
    function read(address table, uint256 row) internal view returns (Pin memory pin) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            extcodecopy(table, free, add(1, mul(row, ROW)), ROW)
            mstore(pin, shr(96, mload(free)))
            mstore(add(pin, 0x20), mload(add(free, 20)))
            mstore(add(pin, 0x40), mload(add(free, 52)))
        }
    }
}
