// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "./interfaces/IRegistryGovernance.sol";
import {ModelLayout} from "./libraries/ModelLayout.sol";
import {ModelRecords} from "./libraries/ModelRecords.sol";
import {ModelId, ModelIdLibrary} from "./types/ModelId.sol";
import {ModelState, ModelStateLibrary} from "./types/ModelState.sol";
import {ChunkSpec, Model, ModelRecord, ModelRegistration, TensorSpec} from "./types/RegistryTypes.sol";
import {VerifierList} from "./VerifierList.sol";

/// @title ModelStore
/// @notice The registry's models. Anyone can register a model, and its record is immutable. A model takes two slots, the second of
/// which is the hash of its record; whoever needs the record hands it in.
abstract contract ModelStore is VerifierList, IChainferRegistry {
    using ModelRecords for ModelRecord;
    using ModelRecords for TensorSpec[];

    /// @dev Size of the bitmap of proven chunks.
    uint256 internal constant MAX_CHUNKS = 256;

    /// @dev `commit` and `requireAttested` read only the first slot. After registration only `deprecatedAt` and `frozen` change.
    mapping(ModelId => Model) internal _models;

    // --------------------------------------------------------------------------------------------------- Registrants

    /// @inheritdoc IChainferRegistry
    function registerModel(ModelRegistration calldata registration) external override returns (ModelId modelId) {
        bytes32 manifestId = registration.manifestId;
        if (manifestId == bytes32(0)) revert ManifestIdIsZero();
        ChunkSpec[] calldata chunks = registration.chunks;
        // There is a chunk, because there is an input, which a chunk exposes.
        if (chunks.length > MAX_CHUNKS) revert TooManyChunks();
        for (uint256 i; i < chunks.length; ++i) {
            _checkActive(i, chunks[i].codeHash);
        }
        ModelLayout.check(registration);

        modelId = ModelIdLibrary.derive(manifestId, msg.sender);
        Model storage model_ = _models[modelId];
        if (model_.registeredAt != 0) revert ModelAlreadyRegistered(modelId);
        model_.registrant = msg.sender;
        model_.registeredAt = uint40(block.timestamp);
        model_.recordHash = ModelRecord({
            keySet: registration.keySet,
            chunks: ModelRecords.hashOf(chunks),
            inputs: registration.inputs.hashOf(),
            outputs: registration.outputs.hashOf(),
            leafLengths: ModelRecords.hashOf(registration.leafLengths)
        }).hashOf();
        _emitRegistered(modelId, manifestId);
    }

    /// @inheritdoc IChainferRegistry
    function deprecateModel(ModelId modelId) external override {
        (Model storage model_, ModelState state) = _registered(modelId);
        if (msg.sender != state.registrant()) revert NotRegistrant(modelId, msg.sender);
        if (state.deprecatedAt() != 0) revert ModelIsDeprecated(modelId);
        model_.deprecatedAt = uint40(block.timestamp);
        emit ModelDeprecated(modelId);
    }

    // ------------------------------------------------------------------------------------------------- Governance

    /// @inheritdoc IRegistryGovernance
    function freezeModel(ModelId modelId) external override onlyGuardian {
        _freeze(modelId);
    }

    /// @inheritdoc IRegistryGovernance
    function unfreezeModel(ModelId modelId) external override onlyOwner {
        (Model storage model_, ModelState state) = _registered(modelId);
        if (!state.isFrozen()) revert ModelIsNotFrozen(modelId);
        model_.frozen = false;
        emit ModelUnfrozen(modelId);
    }

    // ------------------------------------------------------------------------------------------------------ Views

    /// @inheritdoc IChainferRegistry
    function modelIdOf(bytes32 manifestId, address registrant) external pure override returns (ModelId) {
        return ModelIdLibrary.derive(manifestId, registrant);
    }

    /// @inheritdoc IChainferRegistry
    function model(ModelId modelId) external view override returns (Model memory) {
        (Model storage model_,) = _registered(modelId);
        return model_;
    }

    // -------------------------------------------------------------------------------------------------- Internals

    /// @dev A model and its first slot. Reverts if it is not registered.
    function _registered(ModelId modelId) internal view returns (Model storage model_, ModelState state) {
        model_ = _models[modelId];
        state = ModelStateLibrary.load(model_);
        if (state.registeredAt() == 0) revert ModelNotRegistered(modelId);
    }

    /// @dev A model that takes commitments and proofs. Reverts if it is frozen. A deprecated model still takes them, because a second
    /// inference may be needed to contradict an earlier one.
    function _usable(ModelId modelId) internal view returns (Model storage model_, ModelState state) {
        (model_, state) = _registered(modelId);
        if (state.isFrozen()) revert ModelIsFrozen(modelId);
    }

    /// @dev Reverts unless this is the model's record; an unknown model has none.
    function _checkRecord(ModelId modelId, ModelRecord memory record) internal view {
        if (record.hashOf() != _models[modelId].recordHash) revert RecordMismatch(modelId);
    }

    /// @dev Reverts unless these are the model's inputs or outputs: those whose digest, in the model's record, is `expected`.
    function _checkTensors(ModelId modelId, TensorSpec[] calldata tensors, bytes32 expected) internal pure {
        if (tensors.hashOf() != expected) revert RecordMismatch(modelId);
    }

    /// @dev Whether an inference that was proven at this time counts: it does unless the model was deprecated before.
    function _counts(ModelState state, uint256 provenAt) internal pure returns (bool) {
        uint256 end = state.deprecatedAt();
        return end == 0 || provenAt <= end;
    }

    function _freeze(ModelId modelId) internal {
        (Model storage model_,) = _usable(modelId);
        model_.frozen = true;
        emit ModelFrozen(modelId, msg.sender);
    }

    /// @dev Emits `ModelRegistered`. Its data is the call's only argument, so it is this call's data as it is.
    function _emitRegistered(ModelId modelId, bytes32 manifestId) private {
        bytes32 topic = ModelRegistered.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            let size := sub(calldatasize(), 4)
            calldatacopy(free, 4, size)
            log4(free, size, topic, modelId, caller(), manifestId)
        }
    }
}
