// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "./interfaces/IRegistryGovernance.sol";
import {CodeData} from "./libraries/CodeData.sol";
import {ModelLayout} from "./libraries/ModelLayout.sol";
import {PinTable} from "./libraries/PinTable.sol";
import {ModelId, ModelIdLibrary} from "./types/ModelId.sol";
import {Pin} from "./types/Pin.sol";
import {ChunkSpec, Model, ModelRegistration, TensorSpec} from "./types/RegistryTypes.sol";
import {VerifierList} from "./VerifierList.sol";

/// @title ModelStore
/// @notice The registry's models. Anyone can register a model, and its record is immutable. Its chunks are stored as the code of one
/// contract (`PinTable`), or of two if there are many; after the rows of the first come the lengths of the leaves and the hiding
/// budgets of the chunks, four bytes each.
abstract contract ModelStore is VerifierList, IChainferRegistry {
    /// @dev Size of the bitmap of proven chunks.
    uint256 internal constant MAX_CHUNKS = 256;

    /// @dev Maximum number of chunks per table; 256 would not fit in one contract.
    uint256 private constant TABLE_CHUNKS = 128;

    /// @dev `number` counts models from 1; zero means not registered. Inferences store it instead of the id. `commit`, `prove` and
    /// `requireAttested` read only the first slot. After registration only `deprecatedAt` and `frozen` change.
    struct ModelRecord {
        address table;
        uint32 number;
        uint32 deprecatedAt;
        uint16 chunkCount;
        bool frozen;
        address registrant;
        uint32 registeredAt;
        uint32 leafCount;
        address secondTable;
        bytes32 manifestId;
        TensorSpec[] inputs;
        TensorSpec[] outputs;
        string uri;
    }

    mapping(ModelId => ModelRecord) internal _models;
    mapping(uint256 => ModelId) internal _modelIds;
    uint32 private _modelCount;

    // --------------------------------------------------------------------------------------------------- Registrants

    /// @inheritdoc IChainferRegistry
    function registerModel(ModelRegistration calldata registration) external override returns (ModelId modelId) {
        if (registration.manifestId == bytes32(0)) revert ManifestIdIsZero();
        uint256 chunkCount = registration.chunks.length;
        if (chunkCount == 0 || chunkCount > MAX_CHUNKS) revert InvalidChunkCount(chunkCount);
        uint256 leafCount = registration.leafLengths.length;
        if (leafCount == 0 || leafCount > ModelLayout.MAX_LEAVES) revert InvalidLeafCount(leafCount);

        modelId = ModelIdLibrary.derive(registration.manifestId, msg.sender);
        ModelRecord storage record = _models[modelId];
        if (record.number != 0) revert ModelAlreadyRegistered(modelId);

        uint32 number = ++_modelCount;
        _modelIds[number] = modelId;
        record.number = number;
        record.registeredAt = uint32(block.timestamp);
        // forge-lint: disable-next-line(unsafe-typecast)
        record.chunkCount = uint16(chunkCount);
        record.registrant = msg.sender;
        // forge-lint: disable-next-line(unsafe-typecast)
        record.leafCount = uint32(leafCount);
        record.manifestId = registration.manifestId;
        record.uri = registration.uri;
        _storeTables(record, registration);
        _storeTensors(record, registration);

        emit ModelRegistered(
            modelId, msg.sender, registration.manifestId, chunkCount, registration.outputs.length, registration.uri
        );
    }

    /// @inheritdoc IChainferRegistry
    function deprecateModel(ModelId modelId) external override {
        ModelRecord storage record = _registered(modelId);
        if (msg.sender != record.registrant) revert NotRegistrant(modelId, msg.sender);
        if (record.deprecatedAt != 0) revert ModelIsDeprecated(modelId);
        record.deprecatedAt = uint32(block.timestamp);
        emit ModelDeprecated(modelId);
    }

    // ------------------------------------------------------------------------------------------------- Governance

    /// @inheritdoc IRegistryGovernance
    function freezeModel(ModelId modelId) external override onlyGuardian {
        _freeze(modelId);
    }

    /// @inheritdoc IRegistryGovernance
    function unfreezeModel(ModelId modelId) external override onlyOwner {
        ModelRecord storage record = _registered(modelId);
        if (!record.frozen) revert ModelIsNotFrozen(modelId);
        record.frozen = false;
        emit ModelUnfrozen(modelId);
    }

    // ------------------------------------------------------------------------------------------------------ Views

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
        uint32 leafCount = record.leafCount;
        return Model({
            manifestId: record.manifestId,
            registrant: record.registrant,
            registeredAt: record.registeredAt,
            chunkCount: record.chunkCount,
            // forge-lint: disable-next-line(unsafe-typecast)
            inputCount: uint16(record.inputs.length),
            // forge-lint: disable-next-line(unsafe-typecast)
            outputCount: uint16(record.outputs.length),
            leafCount: leafCount,
            // forge-lint: disable-next-line(unsafe-typecast)
            treeHeight: uint8(ModelLayout.heightOf(leafCount)),
            uri: record.uri
        });
    }

    /// @inheritdoc IChainferRegistry
    function isDeprecated(ModelId modelId) external view override returns (bool) {
        return _registered(modelId).deprecatedAt != 0;
    }

    /// @inheritdoc IChainferRegistry
    function deprecatedAt(ModelId modelId) external view override returns (uint256) {
        return _registered(modelId).deprecatedAt;
    }

    /// @inheritdoc IRegistryGovernance
    function isFrozen(ModelId modelId) external view override returns (bool) {
        return _registered(modelId).frozen;
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
            numPublic: uint32(numPublic),
            hidingBudget: _behindRows(record, record.leafCount + chunk)
        });
    }

    /// @inheritdoc IChainferRegistry
    function inputSpec(ModelId modelId, uint256 inputIndex) external view override returns (TensorSpec memory) {
        TensorSpec[] storage inputs = _registered(modelId).inputs;
        if (inputIndex >= inputs.length) revert InputOutOfRange(inputIndex, inputs.length);
        return inputs[inputIndex];
    }

    /// @inheritdoc IChainferRegistry
    function outputSpec(ModelId modelId, uint256 outputIndex) external view override returns (TensorSpec memory) {
        return _outputOf(_registered(modelId), outputIndex);
    }

    /// @inheritdoc IChainferRegistry
    function leafLength(ModelId modelId, uint256 leaf) external view override returns (uint256) {
        ModelRecord storage record = _registered(modelId);
        if (leaf >= record.leafCount) revert LeafOutOfRange(leaf, record.leafCount);
        return _behindRows(record, leaf);
    }

    // -------------------------------------------------------------------------------------------------- Internals

    /// @dev The record of a model. Reverts if it is not registered.
    function _registered(ModelId modelId) internal view returns (ModelRecord storage record) {
        record = _models[modelId];
        if (record.number == 0) revert ModelNotRegistered(modelId);
    }

    /// @dev The record of a model that takes commitments and proofs. Reverts if it is frozen. A deprecated model still takes them, because
    /// a second inference may be needed to contradict an earlier one.
    function _usable(ModelId modelId) internal view returns (ModelRecord storage record) {
        record = _registered(modelId);
        if (record.frozen) revert ModelIsFrozen(modelId);
    }

    /// @dev Whether an inference that was proven at this time counts: it does unless the model was deprecated before.
    function _counts(ModelRecord storage record, uint256 provenAt) internal view returns (bool) {
        uint256 end = record.deprecatedAt;
        return end == 0 || provenAt <= end;
    }

    function _freeze(ModelId modelId) internal {
        ModelRecord storage record = _registered(modelId);
        if (record.frozen) revert ModelIsFrozen(modelId);
        record.frozen = true;
        emit ModelFrozen(modelId, msg.sender);
    }

    /// @dev An output of a model. Reverts if there is no such output.
    function _outputOf(ModelRecord storage record, uint256 outputIndex)
        internal
        view
        returns (TensorSpec storage output_)
    {
        uint256 count = record.outputs.length;
        if (outputIndex >= count) revert OutputOutOfRange(outputIndex, count);
        output_ = record.outputs[outputIndex];
    }

    /// @dev Verifier, key and number of public values of a chunk, which must exist.
    function _chunkOf(ModelRecord storage record, uint256 chunk) internal view returns (Pin memory, uint256 numPublic) {
        return chunk < TABLE_CHUNKS
            ? PinTable.read(record.table, chunk)
            : PinTable.read(record.secondTable, chunk - TABLE_CHUNKS);
    }

    /// @dev A number after the rows of the first table: the lengths of the leaves, then the hiding budgets.
    function _behindRows(ModelRecord storage record, uint256 index) private view returns (uint32) {
        uint256 rows = _inFirst(record.chunkCount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(CodeData.uint32At(record.table, rows * PinTable.ROW + 4 * index));
    }

    function _inFirst(uint256 chunkCount) private pure returns (uint256) {
        return chunkCount < TABLE_CHUNKS ? chunkCount : TABLE_CHUNKS;
    }

    function _storeTables(ModelRecord storage record, ModelRegistration calldata registration) private {
        uint256 count = registration.chunks.length;
        uint256 inFirst = _inFirst(count);
        (bytes memory rows, bytes32 srsDigest) = _rows(registration.chunks, 0, inFirst, 0);
        record.table = CodeData.create(bytes.concat(rows, _numbers(registration)));
        if (count > inFirst) {
            (rows,) = _rows(registration.chunks, inFirst, count, srsDigest);
            record.secondTable = CodeData.create(rows);
        }
    }

    /// @dev Checks the chunks from `start` to `end` and writes their rows. All keys must belong to the trusted setup of the first chunk's
    /// key, which `srsDigest` identifies.
    function _rows(ChunkSpec[] calldata chunks, uint256 start, uint256 end, bytes32 srsDigest)
        private
        view
        returns (bytes memory table, bytes32)
    {
        table = PinTable.rows(end - start);
        for (uint256 i = start; i < end; ++i) {
            ChunkSpec calldata spec = chunks[i];
            Pin memory pin =
                Pin({verifier: spec.verifier, key: spec.key, codeHash: spec.codeHash, keyCodeHash: spec.keyCodeHash});
            bytes32 digest = PinTable.put(table, i - start, i, pin, spec.numPublic);
            _checkActive(i, spec.codeHash);
            if (i == 0) srsDigest = digest;
            PinTable.checkSrs(i, srsDigest, digest);
        }
        return (table, srsDigest);
    }

    function _numbers(ModelRegistration calldata registration) private pure returns (bytes memory numbers) {
        uint32[] calldata lengths = registration.leafLengths;
        ChunkSpec[] calldata chunks = registration.chunks;
        numbers = new bytes(4 * (lengths.length + chunks.length));
        uint256 at;
        assembly ("memory-safe") {
            at := add(numbers, 0x20)
        }
        for (uint256 i; i < lengths.length; ++i) {
            if (lengths[i] == 0) revert LeafIsEmpty(i);
            at = _put(at, lengths[i]);
        }
        for (uint256 i; i < chunks.length; ++i) {
            at = _put(at, chunks[i].hidingBudget);
        }
    }

    /// @dev Writes four bytes without changing those after them.
    function _put(uint256 at, uint32 value) private pure returns (uint256 next) {
        assembly ("memory-safe") {
            mstore(at, or(shl(224, value), shr(32, shl(32, mload(at)))))
            next := add(at, 4)
        }
    }

    function _storeTensors(ModelRecord storage record, ModelRegistration calldata registration) private {
        (uint256 inputs, uint256 outputs) = (registration.inputs.length, registration.outputs.length);
        if (inputs > ModelLayout.MAX_TENSORS || outputs > ModelLayout.MAX_TENSORS) {
            revert TooManyTensors(inputs, outputs);
        }
        ChunkSpec[] calldata chunks = registration.chunks;
        uint32[] calldata lengths = registration.leafLengths;
        ModelLayout.Assigned memory assigned = ModelLayout.start(chunks.length, lengths.length);
        for (uint256 i; i < inputs; ++i) {
            TensorSpec calldata spec = registration.inputs[i];
            if (spec.leaf != i || !ModelLayout.assign(assigned, spec, chunks, lengths)) revert InvalidInputSpec(i);
            record.inputs.push(spec);
        }
        for (uint256 i; i < outputs; ++i) {
            TensorSpec calldata spec = registration.outputs[i];
            if (!ModelLayout.assign(assigned, spec, chunks, lengths)) revert InvalidOutputSpec(i);
            record.outputs.push(spec);
        }
        for (uint256 i; i < chunks.length; ++i) {
            uint256 count = assigned.words[i];
            if (count != chunks[i].numPublic) revert PublicValueCountMismatch(i, count, chunks[i].numPublic);
        }
    }
}
