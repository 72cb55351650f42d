// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkProof, TensorSpec} from "../types/RegistryTypes.sol";
import {ModelLayout} from "./ModelLayout.sol";

/// @title ProvenTensors
/// @notice The public words of all inputs, or all outputs, of a proven inference: packed values of a public tensor, the leaf of
/// a committed one.
library ProvenTensors {
    /// @notice The inputs, in the model's order.
    /// @param shown Chunk proofs that the registry has taken within this call: their public values need not be stored.
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
        words = new uint256[](ModelLayout.wordsOf(spec));
        for (uint256 i; i < words.length; ++i) {
            words[i] = values[spec.offset + i];
        }
    }
}
