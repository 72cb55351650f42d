// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkSpec, ModelRecord, ModelRegistration, TensorSpec} from "../../src/types/RegistryTypes.sol";
import {KeyBook} from "./KeyBook.sol";
import {Records} from "./Records.sol";

/// @notice The registrations of a test by model: the registry stores their hashes alone.
abstract contract ModelBook is KeyBook {
    mapping(ModelId => bytes) private _registrations;
    mapping(ModelId => ModelRecord) private _records;
    mapping(ModelId => ChunkSpec[]) private _chunks;

    /// @dev Writes down what was registered.
    function noteModel(ModelId modelId, ModelRegistration memory registration) internal {
        _registrations[modelId] = abi.encode(registration);
        _records[modelId] = Records.recordOf(registration);
        delete _chunks[modelId];
        for (uint256 i; i < registration.chunks.length; ++i) {
            _chunks[modelId].push(registration.chunks[i]);
        }
    }

    /// @dev What was registered; for an unknown model an empty registration.
    function registered(ModelId modelId) internal view returns (ModelRegistration memory registration) {
        bytes memory noted = _registrations[modelId];
        if (noted.length != 0) registration = abi.decode(noted, (ModelRegistration));
    }

    function recordOf(ModelId modelId) internal view returns (ModelRecord memory) {
        return _records[modelId];
    }

    function chunksOf(ModelId modelId) internal view returns (ChunkSpec[] memory) {
        return _chunks[modelId];
    }

    function chunkCountOf(ModelId modelId) internal view returns (uint256) {
        return _chunks[modelId].length;
    }

    /// @dev One chunk: a model may have many.
    function chunkOf(ModelId modelId, uint256 chunk) internal view returns (ChunkSpec memory) {
        return _chunks[modelId][chunk];
    }

    function inputsOf(ModelId modelId) internal view returns (TensorSpec[] memory) {
        return registered(modelId).inputs;
    }

    function outputsOf(ModelId modelId) internal view returns (TensorSpec[] memory) {
        return registered(modelId).outputs;
    }

    function leafLengthsOf(ModelId modelId) internal view returns (uint32[] memory) {
        return registered(modelId).leafLengths;
    }
}
