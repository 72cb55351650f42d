// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IPinnedVerifierErrors} from "../interfaces/IPinnedVerifierErrors.sol";

/// @title KeyData
/// @notice Verifying keys as bytes: [tau]_2 and -[1]_2 (128 bytes each: x.c1, x.c0, y.c1, y.c0), then what the shape's verifier reads;
/// see docs/formats.md. The first two are the SRS part, which is what a pairing needs; all keys under one trusted setup begin with
/// the same one.
/// @dev A key is named by keccak256(0x00 ‖ key). That is the code hash of a contract whose code is STOP and the key, so it does not
/// matter whether a key comes as bytes or from code: what is hashed is what is used.
library KeyData {
    /// @dev Size of the SRS part in bytes.
    uint256 internal constant SRS_SIZE = 256;
    /// @dev Least size of a key: SRS part, generator, digest and shape.
    uint256 internal constant MIN_SIZE = 384;
    /// @dev Size of an address that stands for a key.
    uint256 private constant ADDRESS_SIZE = 20;

    /// @notice Number of bytes of a key that is given as bytes, or by the address of a contract that has it.
    /// @dev Reverts `InvalidKey` for one that is too short. An account without code gives a length that is too short, too.
    function sizeOf(uint256 chunk, bytes calldata key) internal view returns (uint256 size) {
        size = key.length;
        if (size == ADDRESS_SIZE) {
            // A wrapped 0 - 1 is no length.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint256 codeSize = address(bytes20(key)).code.length;
            size = codeSize == 0 ? 0 : codeSize - 1;
        }
        if (size < MIN_SIZE) revert IPinnedVerifierErrors.InvalidKey(chunk);
    }

    /// @notice Copies a key of `size` bytes, as `sizeOf` gives it, to memory. Reverts unless its hash is `keyHash`.
    /// @dev Overwrites the word before `to`. A contract's first byte is not copied: a key's hash begins with a zero in any case.
    function copyTo(uint256 to, uint256 size, uint256 chunk, bytes calldata key, bytes32 keyHash) internal view {
        bytes32 actual;
        // forge-lint: disable-next-line(unsafe-typecast)
        address holder = key.length == ADDRESS_SIZE ? address(bytes20(key)) : address(0);
        assembly ("memory-safe") {
            switch holder
            case 0 { calldatacopy(to, key.offset, size) }
            default { extcodecopy(holder, to, 1, size) }
            mstore(sub(to, 0x20), 0)
            actual := keccak256(sub(to, 1), add(size, 1))
        }
        if (actual != keyHash) revert IPinnedVerifierErrors.KeyHashMismatch(chunk, keyHash, actual);
    }
}
