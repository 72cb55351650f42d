// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChunkSpec, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";

/// @title ModelRecords
/// @notice The hashes of a model's record and of its parts; see `ModelRecord`.
/// @dev Parts are hashed as they are in calldata, so a word with bits set beyond its field's type has another hash than without. The
/// registry reverts where it reads such a word; those that it never reads (a hiding budget) are only the registrant's.
library ModelRecords {
    /// @notice Hash of a record, which the registry stores.
    function hashOf(ModelRecord memory record) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(record, 0xa0)
        }
    }

    /// @notice Digest of the chunks.
    function hashOf(ChunkSpec[] calldata chunks) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := chunks.offset
        }
        return _hash(offset, 0xa0 * chunks.length);
    }

    /// @notice Digest of the inputs, or of the outputs.
    function hashOf(TensorSpec[] calldata tensors) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := tensors.offset
        }
        return _hash(offset, 0xe0 * tensors.length);
    }

    /// @notice Digest of the lengths of the leaves.
    function hashOf(uint32[] calldata lengths) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := lengths.offset
        }
        return _hash(offset, 0x20 * lengths.length);
    }

    /// @dev Uses free memory without allocating it.
    function _hash(uint256 offset, uint256 size) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, offset, size)
            hash := keccak256(free, size)
        }
    }
}
