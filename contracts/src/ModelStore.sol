// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {PackedValues} from "./libraries/PackedValues.sol";
import {PinTable} from "./libraries/PinTable.sol";
import {ModelId, ModelIdLibrary} from "./types/ModelId.sol";
import {Pin} from "./types/Pin.sol";
import {ChunkSpec, Model, ModelRegistration, OutputSpec, Visibility} from "./types/RegistryTypes.sol";

/// @title ModelStore
/// @notice The registry's models: open registration, immutable records. The chunks of a model are the code of one contract
/// (`PinTable`), or of two if there are many.
abstract contract ModelStore is IChainferRegistry {
    /// @dev Bound of the bitmap of proven chunks.
    uint256 internal constant MAX_CHUNKS = 256;

    /// @dev Chunks of a table; 256 would not fit in one contract.
    uint256 private constant TABLE_CHUNKS = 128;

    /// @dev `number` counts models from 1: zero means not registered, and inferences hold it in place of the id. The
    /// first slot is all that `commit`, `prove` and `requireAttested` read of it.
    struct ModelRecord {
        address table;
        uint32 number;
        uint32 registeredAt;
        uint16 chunkCount;
        address registrant;
        address secondTable;
        bytes32 manifestId;
        OutputSpec[] outputs;
        string uri;
    }

    mapping(ModelId => ModelRecord) internal _models;
    mapping(uint256 => ModelId) internal _modelIds;
    uint32 private _modelCount;

    /// @inheritdoc IChainferRegistry
    function registerModel(ModelRegistration calldata registration) external override returns (ModelId modelId) {
        if (registration.manifestId == bytes32(0)) revert ManifestIdIsZero();
        uint256 chunkCount = registration.chunks.length;
        if (chunkCount == 0 || chunkCount > MAX_CHUNKS) revert InvalidChunkCount(chunkCount);

        modelId = ModelIdLibrary.derive(registration.manifestId, msg.sender);
        ModelRecord storage record = _models[modelId];
        if (record.number != 0) revert ModelAlreadyRegistered(modelId);

        uint32 number = ++_modelCount;
        _modelIds[number] = modelId;
        record.registrant = msg.sender;
        record.number = number;
        record.registeredAt = uint32(block.timestamp);
        // forge-lint: disable-next-line(unsafe-typecast)
        record.chunkCount = uint16(chunkCount);
        record.manifestId = registration.manifestId;
        record.uri = registration.uri;
        _storeChunks(record, registration.chunks);
        _storeOutputs(record, registration);

        emit ModelRegistered(
            modelId, msg.sender, registration.manifestId, chunkCount, registration.outputs.length, registration.uri
        );
    }

    /// @inheritdoc IChainferRegistry
    function modelIdOf(bytes32 manifestId, address registrant) external pure override returns (ModelId) {
        return ModelIdLibrary.derive(manifestId, registrant);
    }

    /// @inheritdoc IChainferRegistry
    function modelCount() external view override returns (uint256) {
        return _modelCount;
    }

    /// @inheritdoc IChainferRegistry
    function model(ModelId modelId) external view override returns (Model memory) {
        ModelRecord storage record = _registered(modelId);
        return Model({
            manifestId: record.manifestId,
            registrant: record.registrant,
            registeredAt: record.registeredAt,
            chunkCount: record.chunkCount,
            // forge-lint: disable-next-line(unsafe-typecast)
            outputCount: uint16(record.outputs.length),
            uri: record.uri
        });
    }

    /// @inheritdoc IChainferRegistry
    function chunkSpec(ModelId modelId, uint256 chunk) external view override returns (ChunkSpec memory) {
        ModelRecord storage record = _registered(modelId);
        if (chunk >= record.chunkCount) revert ChunkOutOfRange(chunk, record.chunkCount);
        (Pin memory pin, uint256 numPublic) = _chunkOf(record, chunk);
        return ChunkSpec({
            verifier: pin.verifier,
            codeHash: pin.codeHash,
            key: pin.key,
            keyCodeHash: pin.keyCodeHash,
            // forge-lint: disable-next-line(unsafe-typecast)
            numPublic: uint32(numPublic)
        });
    }

    /// @inheritdoc IChainferRegistry
    function outputSpec(ModelId modelId, uint256 outputIndex) external view override returns (OutputSpec memory) {
        return _outputOf(_registered(modelId), outputIndex);
    }

    /// @dev The record of a model, or a revert.
    function _registered(ModelId modelId) internal view returns (ModelRecord storage record) {
        record = _models[modelId];
        if (record.number == 0) revert ModelNotRegistered(modelId);
    }

    /// @dev An output of a model, or a revert.
    function _outputOf(ModelRecord storage record, uint256 outputIndex)
        internal
        view
        returns (OutputSpec storage output_)
    {
        uint256 count = record.outputs.length;
        if (outputIndex >= count) revert OutputOutOfRange(outputIndex, count);
        output_ = record.outputs[outputIndex];
    }

    /// @dev Verifier, key and number of public values of a chunk that the model has.
    function _chunkOf(ModelRecord storage record, uint256 chunk) internal view returns (Pin memory, uint256 numPublic) {
        return chunk < TABLE_CHUNKS
            ? PinTable.read(record.table, chunk)
            : PinTable.read(record.secondTable, chunk - TABLE_CHUNKS);
    }

    function _storeChunks(ModelRecord storage record, ChunkSpec[] calldata chunks) private {
        uint256 inFirst = chunks.length < TABLE_CHUNKS ? chunks.length : TABLE_CHUNKS;
        bytes32 srsDigest;
        (record.table, srsDigest) = _createTable(chunks, 0, inFirst, 0);
        if (chunks.length > inFirst) {
            (record.secondTable,) = _createTable(chunks, inFirst, chunks.length, srsDigest);
        }
    }

    /// @dev Checks and stores the chunks from `start` to `end`. `srsDigest` names the trusted setup that all keys must be
    /// of; the first chunk's names it.
    function _createTable(ChunkSpec[] calldata chunks, uint256 start, uint256 end, bytes32 srsDigest)
        private
        returns (address, bytes32)
    {
        bytes memory table = PinTable.rows(end - start);
        for (uint256 i = start; i < end; ++i) {
            ChunkSpec calldata spec = chunks[i];
            Pin memory pin =
                Pin({verifier: spec.verifier, key: spec.key, codeHash: spec.codeHash, keyCodeHash: spec.keyCodeHash});
            bytes32 digest = PinTable.put(table, i - start, i, pin, spec.numPublic);
            if (i == 0) srsDigest = digest;
            PinTable.checkSrs(i, srsDigest, digest);
        }
        return (PinTable.create(table), srsDigest);
    }

    function _storeOutputs(ModelRecord storage record, ModelRegistration calldata registration) private {
        for (uint256 i; i < registration.outputs.length; ++i) {
            OutputSpec calldata spec = registration.outputs[i];
            if (!_isValid(spec, registration.chunks)) revert InvalidOutputSpec(i);
            record.outputs.push(spec);
        }
    }

    function _isValid(OutputSpec calldata spec, ChunkSpec[] calldata chunks) private pure returns (bool) {
        if (spec.chunk >= chunks.length || spec.length == 0) return false;
        if (spec.zeroPoint > PackedValues.MAX_VALUE) return false;
        if (spec.scaleWad <= 0 || spec.scaleWad > type(int128).max) return false;
        uint256 words = spec.visibility == Visibility.Committed ? 1 : PackedValues.wordsFor(spec.length);
        return uint256(spec.offset) + words <= chunks[spec.chunk].numPublic;
    }
}
