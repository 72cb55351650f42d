// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IPinnedVerifierErrors} from "../interfaces/IPinnedVerifierErrors.sol";
import {Pin} from "../types/Pin.sol";
import {CodeData} from "./CodeData.sol";
import {KeyContract} from "./KeyContract.sol";
import {VerifierCall} from "./VerifierCall.sol";

/// @title PinTable
/// @notice Checked pins, stored as the code of one contract: reading them costs one cold account, whereas storage would cost four
/// cold slots per pin.
/// @dev A row: verifier (20 bytes), number of public values (4), key (20), code hash (32), key code hash (32).
library PinTable {
    uint256 internal constant ROW = 108;

    /// @notice Empty rows for `count` pins.
    function rows(uint256 count) internal pure returns (bytes memory) {
        // The last word of a row ends where the row ends, so no write goes past the end.
        return new bytes(ROW * count);
    }

    /// @notice Checks both contracts of a pin and writes it.
    /// @param chunk Number of the pin in errors.
    /// @return srsDigest Identifies the trusted setup of the pin's key; the caller must compare it with that of the other pins.
    function put(bytes memory table, uint256 row, uint256 chunk, Pin memory pin, uint32 numPublic)
        internal
        view
        returns (bytes32 srsDigest)
    {
        VerifierCall.checkCode(chunk, pin.verifier, pin.codeHash);
        KeyContract.check(chunk, pin.key, pin.keyCodeHash);
        assembly ("memory-safe") {
            let at := add(add(table, 0x20), mul(row, ROW))
            // Each write overwrites the tail of the one before.
            mstore(at, or(shl(96, mload(pin)), shl(64, numPublic)))
            mstore(add(at, 24), shl(96, mload(add(pin, 0x20))))
            mstore(add(at, 44), mload(add(pin, 0x40)))
            mstore(add(at, 76), mload(add(pin, 0x60)))
        }
        return KeyContract.srsDigest(pin.key);
    }

    /// @notice Creates the contract that holds the table.
    function create(bytes memory table) internal returns (address) {
        return CodeData.create(table);
    }

    /// @notice Reads a row of a table that `create` made.
    function read(address table, uint256 row) internal view returns (Pin memory pin, uint256 numPublic) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            extcodecopy(table, free, add(1, mul(row, ROW)), ROW)
            let head := mload(free)
            mstore(pin, shr(96, head))
            numPublic := and(shr(64, head), 0xffffffff)
            mstore(add(pin, 0x20), shr(96, mload(add(free, 24))))
            mstore(add(pin, 0x40), mload(add(free, 44)))
            mstore(add(pin, 0x60), mload(add(free, 76)))
        }
    }

    /// @notice Reverts unless a pin belongs to the same trusted setup as the first one.
    function checkSrs(uint256 chunk, bytes32 first, bytes32 digest) internal pure {
        if (first != digest) revert IPinnedVerifierErrors.SrsMismatch(chunk);
    }
}
