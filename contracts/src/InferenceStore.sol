// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {PackedValues} from "./libraries/PackedValues.sol";
import {ModelStore} from "./ModelStore.sol";
import {Context, ContextLibrary} from "./types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {Inference, InferenceStatus, TensorSpec, Visibility} from "./types/RegistryTypes.sol";

/// @title InferenceStore
/// @notice The registry's inferences: how they are stored and how they are read.
abstract contract InferenceStore is ModelStore {
    /// @dev For chunks with more public values than this, only their hash is stored.
    uint256 internal constant MAX_STORED_WORDS = 32;

    /// @dev `commit` writes the first two slots, the first proven chunk the third (from which the context follows), and every proven
    /// chunk the fourth. An inference exists if `committedAt != 0` and is complete if `provenAt != 0`.
    struct InferenceRecord {
        address requester;
        uint32 modelNumber;
        uint32 committedAt;
        uint32 provenAt;
        uint256 root;
        uint256 nonce;
        uint256 provenChunks;
        mapping(uint256 => uint256[MAX_STORED_WORDS]) words;
        mapping(uint256 => bytes32) longHashes;
    }

    mapping(InferenceId => InferenceRecord) internal _inferences;

    // ------------------------------------------------------------------------------------------------------ Views

    /// @inheritdoc IChainferRegistry
    function contextOf(ModelId modelId, address requester, uint256 nonce) external view override returns (Context) {
        return _contextOf(modelId, requester, nonce);
    }

    /// @inheritdoc IChainferRegistry
    function inferenceIdOf(ModelId modelId, uint256 root, Context context)
        external
        pure
        override
        returns (InferenceId)
    {
        return InferenceIdLibrary.derive(modelId, root, context);
    }

    /// @inheritdoc IChainferRegistry
    function requireAttested(ModelId modelId, InferenceId inferenceId) external view override {
        ModelRecord storage modelRecord = _registered(modelId);
        if (modelRecord.frozen) revert ModelIsFrozen(modelId);
        uint256 expected = modelRecord.number;
        InferenceRecord storage record = _inferences[inferenceId];
        uint256 provenAt = record.provenAt;
        if (provenAt == 0) revert InferenceNotProven(inferenceId);
        uint256 actual = record.modelNumber;
        if (actual != expected) revert ModelMismatch(inferenceId, modelId, _modelIds[actual]);
        if (!_counts(modelRecord, provenAt)) revert ModelIsDeprecated(modelId);
    }

    /// @inheritdoc IChainferRegistry
    function wasAttested(ModelId modelId, InferenceId inferenceId) external view override returns (bool) {
        InferenceRecord storage record = _inferences[inferenceId];
        uint256 provenAt = record.provenAt;
        return provenAt != 0 && _modelIds[record.modelNumber] == modelId && _counts(_models[modelId], provenAt);
    }

    /// @inheritdoc IChainferRegistry
    function isProven(InferenceId inferenceId) external view override returns (bool) {
        return _inferences[inferenceId].provenAt != 0;
    }

    /// @inheritdoc IChainferRegistry
    function statusOf(InferenceId inferenceId) external view override returns (InferenceStatus) {
        return _statusOf(_inferences[inferenceId]);
    }

    /// @inheritdoc IChainferRegistry
    function inference(InferenceId inferenceId) external view override returns (Inference memory) {
        InferenceRecord storage record = _inferences[inferenceId];
        ModelId modelId = _modelIds[record.modelNumber];
        uint256 provenChunks = record.provenChunks;
        Context context = provenChunks == 0 ? Context.wrap(0) : _contextOf(modelId, record.requester, record.nonce);
        return Inference({
            status: _statusOf(record),
            modelId: modelId,
            requester: record.requester,
            root: record.root,
            context: context,
            nonce: record.nonce,
            provenChunks: provenChunks,
            committedAt: record.committedAt,
            provenAt: record.provenAt
        });
    }

    /// @inheritdoc IChainferRegistry
    function publicValues(InferenceId inferenceId, uint256 chunk) external view override returns (uint256[] memory) {
        InferenceRecord storage record = _provenChunk(inferenceId, chunk);
        uint256 count = _numPublic(record, chunk);
        if (count > MAX_STORED_WORDS) revert PublicValuesNotStored(inferenceId, chunk);
        return _storedWords(record, chunk, 0, count);
    }

    /// @inheritdoc IChainferRegistry
    function publicValuesHash(InferenceId inferenceId, uint256 chunk) external view override returns (bytes32) {
        return _hashOf(_provenChunk(inferenceId, chunk), chunk);
    }

    /// @inheritdoc IChainferRegistry
    function output(InferenceId inferenceId, uint256 outputIndex) external view override returns (uint256[] memory) {
        (uint256[] memory raw,) = _output(inferenceId, outputIndex);
        return raw;
    }

    /// @inheritdoc IChainferRegistry
    function dequantised(InferenceId inferenceId, uint256 outputIndex)
        external
        view
        override
        returns (int256[] memory)
    {
        (uint256[] memory raw, TensorSpec storage spec) = _output(inferenceId, outputIndex);
        return PackedValues.dequantise(raw, spec.zeroPoint, spec.scaleWad);
    }

    // --------------------------------------------------------------------------------------------------- Internals

    function _contextOf(ModelId modelId, address requester, uint256 nonce) internal view returns (Context) {
        return ContextLibrary.derive(block.chainid, address(this), modelId, requester, nonce);
    }

    function _statusOf(InferenceRecord storage record) internal view returns (InferenceStatus) {
        if (record.provenAt != 0) return InferenceStatus.Proven;
        return record.committedAt == 0 ? InferenceStatus.None : InferenceStatus.Committed;
    }

    function _numPublic(InferenceRecord storage record, uint256 chunk) internal view returns (uint256 count) {
        (, count) = _chunkOf(_models[_modelIds[record.modelNumber]], chunk);
    }

    function _hashOf(InferenceRecord storage record, uint256 chunk) internal view returns (bytes32) {
        uint256 count = _numPublic(record, chunk);
        if (count > MAX_STORED_WORDS) return record.longHashes[chunk];
        return keccak256(abi.encodePacked(_storedWords(record, chunk, 0, count)));
    }

    function _provenChunk(InferenceId inferenceId, uint256 chunk)
        internal
        view
        returns (InferenceRecord storage record)
    {
        record = _inferences[inferenceId];
        if ((record.provenChunks >> chunk) & 1 == 0) revert ChunkNotProven(inferenceId, chunk);
    }

    function _storedWords(InferenceRecord storage record, uint256 chunk, uint256 offset, uint256 count)
        internal
        view
        returns (uint256[] memory words)
    {
        words = new uint256[](count);
        uint256[MAX_STORED_WORDS] storage stored = record.words[chunk];
        for (uint256 i; i < count; ++i) {
            words[i] = stored[offset + i];
        }
    }

    function _output(InferenceId inferenceId, uint256 outputIndex)
        internal
        view
        returns (uint256[] memory raw, TensorSpec storage spec)
    {
        InferenceRecord storage record = _inferences[inferenceId];
        if (record.provenAt == 0) revert InferenceNotProven(inferenceId);
        ModelRecord storage modelRecord = _models[_modelIds[record.modelNumber]];
        spec = _outputOf(modelRecord, outputIndex);
        if (spec.visibility == Visibility.Committed) revert OutputIsCommitted(outputIndex);
        uint256 chunk = spec.chunk;
        (, uint256 count) = _chunkOf(modelRecord, chunk);
        if (count > MAX_STORED_WORDS) revert PublicValuesNotStored(inferenceId, chunk);
        uint256 length = spec.length;
        raw = PackedValues.unpack(_storedWords(record, chunk, spec.offset, PackedValues.wordsFor(length)), length);
    }

    function _isRecorded(InferenceRecord storage record, uint256 chunk, uint256[] calldata values)
        internal
        view
        returns (bool)
    {
        if (values.length > MAX_STORED_WORDS) {
            return record.longHashes[chunk] == keccak256(abi.encodePacked(values));
        }
        uint256[MAX_STORED_WORDS] storage words = record.words[chunk];
        for (uint256 i; i < values.length; ++i) {
            if (words[i] != values[i]) return false;
        }
        return true;
    }

    function _record(InferenceRecord storage record, uint256 chunk, uint256[] calldata values) internal {
        if (values.length > MAX_STORED_WORDS) {
            record.longHashes[chunk] = keccak256(abi.encodePacked(values));
        } else {
            uint256[MAX_STORED_WORDS] storage words = record.words[chunk];
            for (uint256 i; i < values.length; ++i) {
                words[i] = values[i];
            }
        }
    }
}
