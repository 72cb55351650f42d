// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChunkSpec, ChunkValues, ModelRecord, ModelRegistration, TensorSpec} from "../../src/types/RegistryTypes.sol";

/// @notice Records, digests and chained hashes as the documentation defines them, from memory: independent of the registry's
/// libraries, which work on calldata.
library Records {
    function recordOf(ModelRegistration memory registration) internal pure returns (ModelRecord memory) {
        return ModelRecord({
            keySet: registration.keySet,
            chunks: digestOf(registration.chunks),
            inputs: digestOf(registration.inputs),
            outputs: digestOf(registration.outputs),
            leafLengths: digestOf(registration.leafLengths)
        });
    }

    function hashOf(ModelRecord memory record) internal pure returns (bytes32) {
        return keccak256(abi.encode(record));
    }

    function digestOf(ChunkSpec[] memory chunks) internal pure returns (bytes32) {
        return _elements(abi.encode(chunks));
    }

    function digestOf(TensorSpec[] memory tensors) internal pure returns (bytes32) {
        return _elements(abi.encode(tensors));
    }

    function digestOf(uint32[] memory lengths) internal pure returns (bytes32) {
        return _elements(abi.encode(lengths));
    }

    function digestOf(uint256[] memory words) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(words));
    }

    /// @dev The hash after one more chunk.
    function chain(uint208 hash, uint256 chunk, bytes32 digest) internal pure returns (uint208) {
        return uint208(uint256(keccak256(abi.encode(hash, chunk, digest))) >> 48);
    }

    /// @dev The hash of a list of shown values.
    function hashOf(ChunkValues[] memory shown) internal pure returns (uint208 hash) {
        for (uint256 i; i < shown.length; ++i) {
            bytes32 digest = shown[i].digest == 0 ? digestOf(shown[i].values) : shown[i].digest;
            hash = chain(hash, shown[i].chunk, digest);
        }
    }

    /// @dev Without the offset and the length that an encoded array begins with.
    function _elements(bytes memory encoded) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(add(encoded, 0x60), sub(mload(encoded), 0x40))
        }
    }
}
