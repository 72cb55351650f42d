// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChunkValues} from "../types/RegistryTypes.sol";

/// @title ShownValues
/// @notice Public values that a caller shows, and the hash by which the registry recognises them.
/// @dev The hash is a chain over the proven chunks, in the order in which they were proven: it starts with zero, and each chunk
/// replaces it by the first 208 bits of keccak256(hash, chunk, keccak256(values)), three words. 208 bits leave room for status and
/// time in one slot; two lists with one hash take 2^104 steps to find, which is more than BN254's 100 bits.
library ShownValues {
    /// @notice The values of the chunk are needed and not shown: it is not among the proven ones, or only its digest is given.
    error ValuesNotShown(uint256 chunk);
    /// @notice A chunk has both values and a digest that stands for them.
    error ValuesAndDigest(uint256 chunk);

    /// @notice The hash after one more chunk.
    function chain(uint208 hash, uint256 chunk, bytes32 digest) internal pure returns (uint208 next) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, hash)
            mstore(add(free, 0x20), chunk)
            mstore(add(free, 0x40), digest)
            next := shr(48, keccak256(free, 0x60))
        }
    }

    /// @notice keccak256 over words, 32 bytes each.
    /// @dev Uses free memory without allocating it, so that only the longest list costs memory, not all of them together.
    function digestOf(uint256[] calldata words) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(free, words.offset, size)
            digest := keccak256(free, size)
        }
    }

    /// @notice The digest of a chunk's values.
    function digestOf(ChunkValues calldata shown) internal pure returns (bytes32) {
        bytes32 digest = shown.digest;
        if (digest == bytes32(0)) return digestOf(shown.values);
        if (shown.values.length != 0) revert ValuesAndDigest(shown.chunk);
        return digest;
    }

    /// @notice The hash of a whole list.
    function hashOf(ChunkValues[] calldata shown) internal pure returns (uint208 hash) {
        for (uint256 i; i < shown.length; ++i) {
            hash = chain(hash, shown[i].chunk, digestOf(shown[i]));
        }
    }

    /// @notice The entry of a chunk. Reverts `ValuesNotShown` if there is none.
    /// @dev In a list with the right hash every chunk is once.
    function entryOf(ChunkValues[] calldata shown, uint256 chunk) internal pure returns (ChunkValues calldata) {
        uint256 index;
        assembly ("memory-safe") {
            // Offsets count from the first of them. One that leads elsewhere finds nothing, or what the access below refuses.
            for {} lt(index, shown.length) { index := add(index, 1) } {
                let entry := add(shown.offset, calldataload(add(shown.offset, shl(5, index))))
                if eq(calldataload(entry), chunk) { break }
            }
        }
        if (index == shown.length) revert ValuesNotShown(chunk);
        return shown[index];
    }

    /// @notice Words of a chunk, whose values must be shown.
    function wordsOf(ChunkValues[] calldata shown, uint256 chunk, uint256 offset, uint256 count)
        internal
        pure
        returns (uint256[] calldata)
    {
        uint256[] calldata values = entryOf(shown, chunk).values;
        if (offset + count > values.length) revert ValuesNotShown(chunk);
        return values[offset:offset + count];
    }
}
