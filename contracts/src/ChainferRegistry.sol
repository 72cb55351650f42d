// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {PackedValues} from "./libraries/PackedValues.sol";
import {ProofBatch} from "./libraries/ProofBatch.sol";
import {ScalarField} from "./libraries/ScalarField.sol";
import {ModelStore} from "./ModelStore.sol";
import {Context, ContextLibrary} from "./types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {Pin} from "./types/Pin.sol";
import {ChunkProof, Inference, InferenceStatus, OutputSpec, Visibility} from "./types/RegistryTypes.sol";

/// @title ChainferRegistry
/// @notice See `IChainferRegistry`. Has no owner, holds no funds and calls nothing but verifiers, statically. Creates no
/// contracts but tables of chunks, which hold data.
contract ChainferRegistry is ModelStore {
    /// @dev Chunks with more public values than this store their hash only.
    uint256 private constant MAX_STORED_WORDS = 32;

    /// @dev `commit` writes the first two slots, the first proven chunk the third (the context follows from it), every
    /// proven chunk the fourth. Existence is `committedAt != 0`, completion `provenAt != 0`.
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

    /// @dev What one call works on.
    struct Target {
        ModelId modelId;
        InferenceId inferenceId;
        uint256 root;
        Context context;
        address requester;
        uint256 nonce;
    }

    mapping(InferenceId => InferenceRecord) private _inferences;

    // ---------------------------------------------------------------------------------------------------- Actions

    /// @inheritdoc IChainferRegistry
    function commit(ModelId modelId, uint256 root, address requester, uint256 nonce)
        external
        override
        returns (InferenceId)
    {
        Target memory target = _target(modelId, root, requester, nonce);
        _commit(target);
        return target.inferenceId;
    }

    /// @inheritdoc IChainferRegistry
    function prove(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        override
        returns (InferenceId)
    {
        Target memory target = _target(modelId, root, requester, nonce);
        if (_inferences[target.inferenceId].committedAt == 0) revert InferenceNotCommitted(target.inferenceId);
        _prove(target, proofs);
        return target.inferenceId;
    }

    /// @inheritdoc IChainferRegistry
    function attest(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        override
        returns (InferenceId)
    {
        Target memory target = _target(modelId, root, requester, nonce);
        _commit(target);
        _prove(target, proofs);
        return target.inferenceId;
    }

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
        uint256 expected = _registered(modelId).number;
        InferenceRecord storage record = _inferences[inferenceId];
        if (record.provenAt == 0) revert InferenceNotProven(inferenceId);
        uint256 actual = record.modelNumber;
        if (actual != expected) revert ModelMismatch(inferenceId, modelId, _modelIds[actual]);
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
        InferenceRecord storage record = _provenChunk(inferenceId, chunk);
        uint256 count = _numPublic(record, chunk);
        if (count > MAX_STORED_WORDS) return record.longHashes[chunk];
        return keccak256(abi.encodePacked(_storedWords(record, chunk, 0, count)));
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
        (uint256[] memory raw, OutputSpec storage spec) = _output(inferenceId, outputIndex);
        return PackedValues.dequantise(raw, spec.zeroPoint, spec.scaleWad);
    }

    // --------------------------------------------------------------------------------------------------- Internals

    function _contextOf(ModelId modelId, address requester, uint256 nonce) private view returns (Context) {
        return ContextLibrary.derive(block.chainid, address(this), modelId, requester, nonce);
    }

    function _target(ModelId modelId, uint256 root, address requester, uint256 nonce)
        private
        view
        returns (Target memory)
    {
        if (root == 0 || !ScalarField.isCanonical(root)) revert InvalidRoot(root);
        if (requester == address(0)) revert RequesterIsZero();
        Context context = _contextOf(modelId, requester, nonce);
        return Target({
            modelId: modelId,
            inferenceId: InferenceIdLibrary.derive(modelId, root, context),
            root: root,
            context: context,
            requester: requester,
            nonce: nonce
        });
    }

    function _commit(Target memory target) private {
        uint32 modelNumber = _registered(target.modelId).number;
        InferenceRecord storage record = _inferences[target.inferenceId];
        if (record.committedAt != 0) return;

        record.requester = target.requester;
        record.modelNumber = modelNumber;
        record.committedAt = uint32(block.timestamp);
        record.root = target.root;
        emit InferenceCommitted(
            target.modelId, target.root, msg.sender, target.inferenceId, target.requester, target.nonce, target.context
        );
    }

    /// @dev The only external calls are static calls to verifiers, so nothing that writes can be re-entered. What a view shows
    /// hangs on `provenChunks`, which is written once the pairing has held.
    function _prove(Target memory target, ChunkProof[] calldata proofs) private {
        if (proofs.length == 0) revert NoChunkProofs();
        ModelRecord storage modelRecord = _models[target.modelId];
        InferenceRecord storage record = _inferences[target.inferenceId];
        uint256 before = record.provenChunks;
        uint256 proven = before;
        ProofBatch.Batch memory batch = _openBatch(target, proofs.length);
        for (uint256 i; i < proofs.length; ++i) {
            proven = _proveChunk(target, modelRecord, record, batch, proofs[i], proven);
        }

        if (proven == before) return;
        ProofBatch.settle(batch);
        if (before == 0) record.nonce = target.nonce;
        record.provenChunks = proven;
        if (proven == type(uint256).max >> (MAX_CHUNKS - modelRecord.chunkCount)) {
            record.provenAt = uint32(block.timestamp);
            emit InferenceProven(target.modelId, target.root, msg.sender, target.inferenceId, target.requester);
        }
    }

    function _openBatch(Target memory target, uint256 capacity) private pure returns (ProofBatch.Batch memory) {
        uint256[] memory head = new uint256[](2);
        (head[0], head[1]) = (target.root, target.context.toUint());
        return ProofBatch.open(capacity, head);
    }

    /// @dev Adds a chunk to the batch and records it, if it is not among the `proven`; returns those and it.
    function _proveChunk(
        Target memory target,
        ModelRecord storage modelRecord,
        InferenceRecord storage record,
        ProofBatch.Batch memory batch,
        ChunkProof calldata proof,
        uint256 proven
    ) private returns (uint256) {
        uint256 chunk = proof.chunk;
        if (chunk >= modelRecord.chunkCount) revert ChunkOutOfRange(chunk, modelRecord.chunkCount);
        uint256[] calldata values = proof.publicValues;
        (Pin memory pin, uint256 numPublic) = _chunkOf(modelRecord, chunk);
        if (values.length != numPublic) revert PublicValueCountMismatch(chunk, numPublic, values.length);
        if ((proven >> chunk) & 1 == 1) {
            if (!_isRecorded(record, chunk, values)) revert PublicValuesConflict(target.inferenceId, chunk);
            return proven;
        }
        _checkCanonical(chunk, values);
        ProofBatch.add(batch, chunk, pin, proof.proof, values);
        _record(record, chunk, values);
        emit ChunkProven(target.modelId, target.inferenceId, msg.sender, chunk, values);
        return proven | (uint256(1) << chunk);
    }

    /// @dev Verifiers check the ranges too, but the registry does not rely on it.
    function _checkCanonical(uint256 chunk, uint256[] calldata values) private pure {
        for (uint256 i; i < values.length; ++i) {
            if (!ScalarField.isCanonical(values[i])) revert PublicValueNotCanonical(chunk, i);
        }
    }

    function _record(InferenceRecord storage record, uint256 chunk, uint256[] calldata values) private {
        if (values.length > MAX_STORED_WORDS) {
            record.longHashes[chunk] = keccak256(abi.encodePacked(values));
        } else {
            uint256[MAX_STORED_WORDS] storage words = record.words[chunk];
            for (uint256 i; i < values.length; ++i) {
                words[i] = values[i];
            }
        }
    }

    function _isRecorded(InferenceRecord storage record, uint256 chunk, uint256[] calldata values)
        private
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

    function _statusOf(InferenceRecord storage record) private view returns (InferenceStatus) {
        if (record.provenAt != 0) return InferenceStatus.Proven;
        return record.committedAt == 0 ? InferenceStatus.None : InferenceStatus.Committed;
    }

    function _numPublic(InferenceRecord storage record, uint256 chunk) private view returns (uint256 count) {
        (, count) = _chunkOf(_models[_modelIds[record.modelNumber]], chunk);
    }

    function _provenChunk(InferenceId inferenceId, uint256 chunk)
        private
        view
        returns (InferenceRecord storage record)
    {
        record = _inferences[inferenceId];
        if ((record.provenChunks >> chunk) & 1 == 0) revert ChunkNotProven(inferenceId, chunk);
    }

    function _storedWords(InferenceRecord storage record, uint256 chunk, uint256 offset, uint256 count)
        private
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
        private
        view
        returns (uint256[] memory raw, OutputSpec storage spec)
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
}
