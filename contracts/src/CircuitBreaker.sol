// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {InferenceStore} from "./InferenceStore.sol";
import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "./interfaces/ITensorOpenings.sol";
import {ModelLayout} from "./libraries/ModelLayout.sol";
import {InferenceId} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {ChunkValues, TensorSpec, Visibility} from "./types/RegistryTypes.sol";

/// @title CircuitBreaker
/// @notice Freezes a model if anyone shows two results of it that cannot both be true.
/// @dev Two outputs contradict each other only if they are known to differ while all inputs are known to be equal, so honest
/// inferences never freeze a model. Leaves depend on salts: committed tensors with different leaves are compared only by their
/// recorded openings.
abstract contract CircuitBreaker is InferenceStore {
    /// @inheritdoc IChainferRegistry
    function reportContradiction(
        InferenceId first,
        InferenceId second,
        uint256 outputIndex,
        ChunkValues[] calldata firstValues,
        ChunkValues[] calldata secondValues
    ) external override {
        _checkProven(first);
        _checkProven(second);
        ModelId modelId = _commonModel(first, second);
        ModelRecord storage modelRecord = _models[modelId];
        uint256 inputs = modelRecord.inputs.length;
        if (inputs == 0) revert NotComparable(first, second);
        _checkShown(first, firstValues);
        _checkShown(second, secondValues);
        for (uint256 i; i < inputs; ++i) {
            TensorSpec memory input = modelRecord.inputs[i];
            if (_haveSameWords(modelRecord, input, first, second, firstValues, secondValues)) continue;
            bool committed = input.visibility == Visibility.Committed;
            if (!committed || !_areOpened(input, first, second, true)) revert DifferentInputs(i);
        }

        TensorSpec memory output_ = _outputOf(modelRecord, outputIndex);
        bool differ = output_.visibility == Visibility.Committed
            ? _areOpened(output_, first, second, false)
            : !_haveSameWords(modelRecord, output_, first, second, firstValues, secondValues);
        if (!differ) revert NoContradiction();
        _trip(modelId, first, second);
    }

    /// @inheritdoc IChainferRegistry
    function reportRootContradiction(InferenceId first, InferenceId second, uint256 chunk) external override {
        ModelId modelId = _commonModel(first, second);
        InferenceRecord storage a = _provenChunk(first, chunk);
        InferenceRecord storage b = _provenChunk(second, chunk);
        if (a.root != b.root) revert DifferentRoots(a.root, b.root);
        if (_hashOf(a, chunk) == _hashOf(b, chunk)) revert NoContradiction();
        _trip(modelId, first, second);
    }

    /// @inheritdoc IChainferRegistry
    function reportOpeningContradiction(InferenceId inferenceId, uint256 outputIndex, ChunkValues[] calldata values)
        external
        override
    {
        _checkProven(inferenceId);
        ModelId modelId = _modelIds[_inferences[inferenceId].modelNumber];
        ModelRecord storage modelRecord = _models[modelId];
        TensorSpec memory spec = _outputOf(modelRecord, outputIndex);
        (bytes32 digest, uint256 commitment) = openings().openingOf(inferenceId, spec.leaf);
        if (digest == bytes32(0)) revert NoContradiction();
        (, uint256 count) = _chunkOf(modelRecord, spec.chunk);
        _checkShown(inferenceId, values);
        bytes32 expected = spec.visibility == Visibility.Committed ? keccak256(abi.encode(commitment)) : digest;
        if (_digestOf(spec, count, inferenceId, values) == expected) revert NoContradiction();
        _trip(modelId, inferenceId, inferenceId);
    }

    /// @inheritdoc IChainferRegistry
    function openings() public view virtual override returns (ITensorOpenings);

    function _trip(ModelId modelId, InferenceId first, InferenceId second) private {
        _freeze(modelId);
        emit ContradictionReported(modelId, first, second, msg.sender);
    }

    function _checkProven(InferenceId inferenceId) private view {
        if (_inferences[inferenceId].provenAt == 0) revert InferenceNotProven(inferenceId);
    }

    function _commonModel(InferenceId first, InferenceId second) private view returns (ModelId) {
        uint256 number = _inferences[first].modelNumber;
        if (first == second || number != _inferences[second].modelNumber) revert NotComparable(first, second);
        return _modelIds[number];
    }

    /// @dev Whether a tensor's public words are the same in both inferences.
    function _haveSameWords(
        ModelRecord storage modelRecord,
        TensorSpec memory spec,
        InferenceId first,
        InferenceId second,
        ChunkValues[] calldata firstValues,
        ChunkValues[] calldata secondValues
    ) private view returns (bool) {
        uint256 chunk = spec.chunk;
        (, uint256 count) = _chunkOf(modelRecord, chunk);
        if (count > MAX_STORED_WORDS) {
            // Equal hashes mean that all values of the chunk are equal, so that nobody has to show them.
            if (_inferences[first].longHashes[chunk] == _inferences[second].longHashes[chunk]) return true;
        }
        return _digestOf(spec, count, first, firstValues) == _digestOf(spec, count, second, secondValues);
    }

    /// @dev Whether a committed tensor was opened in both inferences, with the same values (`same`) or with different ones.
    function _areOpened(TensorSpec memory spec, InferenceId first, InferenceId second, bool same)
        private
        view
        returns (bool)
    {
        (bytes32 a,) = openings().openingOf(first, spec.leaf);
        (bytes32 b,) = openings().openingOf(second, spec.leaf);
        return a != bytes32(0) && b != bytes32(0) && (a == b) == same;
    }

    /// @dev Hashes every list once, however many tensors it contains. Lists of chunks whose values are stored are ignored.
    function _checkShown(InferenceId inferenceId, ChunkValues[] calldata shown) private view {
        InferenceRecord storage record = _inferences[inferenceId];
        for (uint256 i; i < shown.length; ++i) {
            uint256 chunk = shown[i].chunk;
            bytes32 expected = record.longHashes[chunk];
            if (expected != bytes32(0) && _hashOfWords(shown[i].values) != expected) {
                revert PublicValuesMismatch(inferenceId, chunk);
            }
        }
    }

    /// @dev keccak256 over the public words of a tensor whose chunk has `count` public values. The words are read from storage or from
    /// the lists that were shown and checked.
    function _digestOf(TensorSpec memory spec, uint256 count, InferenceId inferenceId, ChunkValues[] calldata shown)
        private
        view
        returns (bytes32)
    {
        uint256 chunk = spec.chunk;
        uint256 size = ModelLayout.wordsOf(spec);
        if (count <= MAX_STORED_WORDS) {
            return keccak256(abi.encodePacked(_storedWords(_inferences[inferenceId], chunk, spec.offset, size)));
        }
        for (uint256 i; i < shown.length; ++i) {
            if (shown[i].chunk == chunk) return _hashOfWords(shown[i].values[spec.offset:spec.offset + size]);
        }
        revert PublicValuesNotStored(inferenceId, chunk);
    }

    /// @dev Uses free memory without allocating it, so that only the longest list costs memory, not all of them together.
    function _hashOfWords(uint256[] calldata words) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(free, words.offset, size)
            digest := keccak256(free, size)
        }
    }
}
