// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {ScalarField} from "./libraries/ScalarField.sol";
import {ShownValues} from "./libraries/ShownValues.sol";
import {ModelStore} from "./ModelStore.sol";
import {Context, ContextLibrary} from "./types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {ModelState} from "./types/ModelState.sol";
import {ChunkValues, Inference, InferenceState, InferenceStatus, TensorSpec} from "./types/RegistryTypes.sol";

/// @title InferenceStore
/// @notice The registry's inferences: how they are stored and how they are read.
abstract contract InferenceStore is ModelStore {
    using ShownValues for ChunkValues[];

    /// @dev One slot. `provenChunks` is a slot of its own, written only while some but not all chunks are proven.
    struct InferenceSlots {
        InferenceStatus status;
        uint40 time;
        uint208 valuesHash;
        uint256 provenChunks;
    }

    /// @dev The model is part of the path, so an inference of another model is an unknown one.
    mapping(ModelId => mapping(InferenceId => InferenceSlots)) internal _inferences;

    // ------------------------------------------------------------------------------------------------------ Views

    /// @inheritdoc IChainferRegistry
    function contextOf(ModelId modelId, address requester, uint256 nonce) external view override returns (Context) {
        return _contextOf(modelId, requester, nonce);
    }

    /// @inheritdoc IChainferRegistry
    function inferenceIdOf(Inference calldata inference) external view override returns (InferenceId id) {
        (id,) = _idOf(inference);
    }

    /// @inheritdoc IChainferRegistry
    function requireAttested(ModelId modelId, InferenceId inferenceId) public view override {
        (, ModelState state) = _usable(modelId);
        if (!_counts(state, _provenAt(modelId, inferenceId))) revert ModelIsDeprecated(modelId);
    }

    /// @inheritdoc IChainferRegistry
    function stateOf(ModelId modelId, InferenceId inferenceId) external view override returns (InferenceState memory) {
        InferenceSlots storage slots = _inferences[modelId][inferenceId];
        return InferenceState(slots.status, slots.time, slots.valuesHash, slots.provenChunks);
    }

    // --------------------------------------------------------------------------------------------------- Internals

    function _contextOf(ModelId modelId, address requester, uint256 nonce) internal view returns (Context) {
        return ContextLibrary.derive(block.chainid, address(this), modelId, requester, nonce);
    }

    /// @dev Id and context. Reverts `InvalidRoot`, `RequesterIsZero`.
    function _idOf(Inference calldata inference) internal view returns (InferenceId id, Context context) {
        uint256 root = inference.root;
        if (root == 0 || !ScalarField.isCanonical(root)) revert InvalidRoot();
        if (inference.requester == address(0)) revert RequesterIsZero();
        ModelId modelId = inference.modelId;
        context = _contextOf(modelId, inference.requester, inference.nonce);
        id = InferenceIdLibrary.derive(modelId, root, context);
    }

    /// @dev Block time at which an inference was proven. Reverts if it is not.
    function _provenAt(ModelId modelId, InferenceId inferenceId) internal view returns (uint256) {
        InferenceSlots storage slots = _inferences[modelId][inferenceId];
        if (slots.status != InferenceStatus.Proven) revert InferenceNotProven(inferenceId);
        return slots.time;
    }

    /// @dev Reverts unless these are the public values of all chunks proven so far, in the order in which they were proven.
    function _checkValues(ModelId modelId, InferenceId inferenceId, ChunkValues[] calldata shown) internal view {
        if (shown.hashOf() != _inferences[modelId][inferenceId].valuesHash) {
            revert PublicValuesMismatch(inferenceId);
        }
    }

    /// @dev An output of a model. Reverts if there is no such output.
    function _outputOf(TensorSpec[] calldata outputs, uint256 outputIndex) internal pure returns (TensorSpec calldata) {
        if (outputIndex >= outputs.length) revert OutputOutOfRange(outputIndex, outputs.length);
        return outputs[outputIndex];
    }
}
