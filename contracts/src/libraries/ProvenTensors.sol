// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkProof, Inference, InferenceStatus, TensorSpec, Visibility} from "../types/RegistryTypes.sol";
import {ModelLayout} from "./ModelLayout.sol";
import {PackedValues} from "./PackedValues.sol";

/// @title ProvenTensors
/// @notice The public words of all inputs, or all outputs, of a proven inference: packed values of a public tensor, the leaf of
/// a committed one. Also the values of an output of which the registry stores only the hash: the caller passes them, and they are
/// checked against it.
library ProvenTensors {
    /// @notice The output's values are public, so there is no commitment to open.
    error OutputIsPublic(uint256 outputIndex);
    /// @notice Nobody has opened the tensor (`ITensorOpenings.open`).
    error TensorNotOpened(InferenceId inferenceId, uint256 leaf);
    /// @notice The tensor was opened with other values.
    error OpenedValuesMismatch(InferenceId inferenceId, uint256 leaf);

    /// @notice A public output of a proven inference, from all public values of its chunk: the same as `output` and `dequantised`
    /// of the registry, but also for chunks whose values are too many to be stored.
    /// @dev Reverts `InferenceNotProven`, `OutputOutOfRange`, `OutputIsCommitted`, `PublicValuesMismatch`, and as
    /// `PackedValues.unpack` does.
    /// @param chunkValues The public values of the output's chunk, as in `ChunkProven`.
    /// @return raw The integers.
    /// @return wad The real values times 1e18.
    function shownOutput(IChainferRegistry registry, InferenceId id, uint256 outputIndex, uint256[] memory chunkValues)
        internal
        view
        returns (uint256[] memory raw, int256[] memory wad)
    {
        TensorSpec memory spec = _provenOutput(registry, id, outputIndex);
        if (spec.visibility == Visibility.Committed) revert IChainferRegistry.OutputIsCommitted(outputIndex);
        if (keccak256(abi.encodePacked(chunkValues)) != registry.publicValuesHash(id, spec.chunk)) {
            revert IChainferRegistry.PublicValuesMismatch(id, spec.chunk);
        }
        return _valuesOf(spec, _slice(chunkValues, spec));
    }

    /// @notice A committed output of a proven inference that somebody has opened on chain, from its packed values.
    /// @dev Reverts `InferenceNotProven`, `OutputOutOfRange`, `OutputIsPublic`, `TensorNotOpened`, `OpenedValuesMismatch`. The
    /// opening shows the values of a leaf under the inference's root. That the proven public word is this leaf follows from the circuit;
    /// if it is not, `reportOpeningContradiction` freezes the model.
    /// @param words The values, packed 15 per word, as in `TensorOpened`.
    /// @return raw The integers.
    /// @return wad The real values times 1e18.
    function openedOutput(IChainferRegistry registry, InferenceId id, uint256 outputIndex, uint256[] memory words)
        internal
        view
        returns (uint256[] memory raw, int256[] memory wad)
    {
        TensorSpec memory spec = _provenOutput(registry, id, outputIndex);
        if (spec.visibility == Visibility.Public) revert OutputIsPublic(outputIndex);
        (bytes32 digest,) = registry.openings().openingOf(id, spec.leaf);
        if (digest == bytes32(0)) revert TensorNotOpened(id, spec.leaf);
        if (keccak256(abi.encodePacked(words)) != digest) revert OpenedValuesMismatch(id, spec.leaf);
        return _valuesOf(spec, words);
    }

    /// @notice The inputs, in the model's order.
    /// @param shown Chunk proofs that the registry has accepted in this call, so that their public values need not be read from it.
    function inputs(IChainferRegistry registry, ModelId modelId, InferenceId id, ChunkProof[] memory shown)
        internal
        view
        returns (uint256[][] memory words)
    {
        words = new uint256[][](registry.model(modelId).inputCount);
        for (uint256 i; i < words.length; ++i) {
            words[i] = _wordsOf(registry, id, registry.inputSpec(modelId, i), shown);
        }
    }

    /// @notice The outputs, in the model's order; see `inputs`.
    function outputs(IChainferRegistry registry, ModelId modelId, InferenceId id, ChunkProof[] memory shown)
        internal
        view
        returns (uint256[][] memory words)
    {
        words = new uint256[][](registry.model(modelId).outputCount);
        for (uint256 i; i < words.length; ++i) {
            words[i] = _wordsOf(registry, id, registry.outputSpec(modelId, i), shown);
        }
    }

    function _wordsOf(IChainferRegistry registry, InferenceId id, TensorSpec memory spec, ChunkProof[] memory shown)
        private
        view
        returns (uint256[] memory words)
    {
        uint256[] memory values;
        bool found;
        for (uint256 i; i < shown.length && !found; ++i) {
            found = shown[i].chunk == spec.chunk;
            if (found) values = shown[i].publicValues;
        }
        if (!found) values = registry.publicValues(id, spec.chunk);
        return _slice(values, spec);
    }

    function _provenOutput(IChainferRegistry registry, InferenceId id, uint256 outputIndex)
        private
        view
        returns (TensorSpec memory)
    {
        Inference memory inference = registry.inference(id);
        if (inference.status != InferenceStatus.Proven) revert IChainferRegistry.InferenceNotProven(id);
        return registry.outputSpec(inference.modelId, outputIndex);
    }

    function _slice(uint256[] memory values, TensorSpec memory spec) private pure returns (uint256[] memory words) {
        words = new uint256[](ModelLayout.wordsOf(spec));
        for (uint256 i; i < words.length; ++i) {
            words[i] = values[spec.offset + i];
        }
    }

    function _valuesOf(TensorSpec memory spec, uint256[] memory words)
        private
        pure
        returns (uint256[] memory raw, int256[] memory wad)
    {
        raw = PackedValues.unpack(words, spec.length);
        wad = PackedValues.dequantise(raw, spec.zeroPoint, spec.scaleWad);
    }
}
