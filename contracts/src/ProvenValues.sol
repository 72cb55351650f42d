// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {CodeData} from "./libraries/CodeData.sol";
import {ModelLayout} from "./libraries/ModelLayout.sol";
import {PackedValues} from "./libraries/PackedValues.sol";
import {ProvenTensors} from "./libraries/ProvenTensors.sol";
import {InferenceId} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {ChunkValues, ModelRecord, TensorSpec, Visibility} from "./types/RegistryTypes.sol";

/// @title ProvenValues
/// @notice Keeps public values of proven inferences, of which the registry has only the hash, for whoever wants to read them later
/// without being handed them; and gives the functions of `ProvenTensors` an address. Optional: governs nothing, holds nothing.
contract ProvenValues {
    /// @notice Public values of a chunk were stored.
    event ValuesStored(ModelId indexed modelId, InferenceId indexed inferenceId, uint256 indexed chunk);

    /// @notice Nobody has stored values of this chunk of this inference.
    error ValuesNotStored(InferenceId inferenceId, uint256 chunk);

    /// @notice The registry whose inferences are read.
    IChainferRegistry public immutable REGISTRY;

    /// @dev A contract that has the values as its code, which costs less than a slot a word.
    mapping(ModelId => mapping(InferenceId => mapping(uint256 chunk => address))) private _values;

    constructor(IChainferRegistry registry) {
        REGISTRY = registry;
    }

    // ---------------------------------------------------------------------------------------------- Stored values

    /// @notice Stores public values of a proven inference. By anyone. Chunks that are shown by their digest, have no values or are stored
    /// already are left out, so an inference can be stored in as many transactions as needed.
    /// @dev Reverts `InferenceNotProven`, `PublicValuesMismatch`, `CodeDataTooLarge` (a chunk of more than 767 words).
    /// @param shown The public values of all chunks, or their digests, in the order in which they were proven.
    function store(ModelId modelId, InferenceId inferenceId, ChunkValues[] calldata shown) external {
        ProvenTensors.requireValues(REGISTRY, modelId, inferenceId, shown);
        mapping(uint256 => address) storage stored = _values[modelId][inferenceId];
        for (uint256 i; i < shown.length; ++i) {
            uint256 chunk = shown[i].chunk;
            if (shown[i].values.length == 0 || stored[chunk] != address(0)) continue;
            stored[chunk] = CodeData.create(abi.encodePacked(shown[i].values));
            emit ValuesStored(modelId, inferenceId, chunk);
        }
    }

    /// @notice Stored public values of a chunk. Does not ask whether the inference counts.
    function publicValues(ModelId modelId, InferenceId inferenceId, uint256 chunk)
        public
        view
        returns (uint256[] memory values)
    {
        address at = _values[modelId][inferenceId][chunk];
        if (at == address(0)) revert ValuesNotStored(inferenceId, chunk);
        values = new uint256[]((at.code.length - 1) / 32);
        assembly ("memory-safe") {
            extcodecopy(at, add(values, 0x20), 1, shl(5, mload(values)))
        }
    }

    /// @notice `provenOutput` from stored values.
    function storedOutput(
        ModelId modelId,
        InferenceId inferenceId,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs
    ) external view returns (uint256[] memory raw, int256[] memory wad) {
        ProvenTensors.requireOutputs(REGISTRY, modelId, record, outputs);
        REGISTRY.requireAttested(modelId, inferenceId);
        TensorSpec memory spec = ProvenTensors.specOf(outputs, outputIndex);
        if (spec.visibility == Visibility.Committed) revert ProvenTensors.TensorIsCommitted(spec.leaf);
        uint256[] memory values = publicValues(modelId, inferenceId, spec.chunk);
        uint256[] memory words = new uint256[](ModelLayout.wordsOf(spec.visibility, spec.length));
        for (uint256 i; i < words.length; ++i) {
            words[i] = values[spec.offset + i];
        }
        raw = PackedValues.unpack(words, spec.length);
        wad = ProvenTensors.dequantise(spec, raw);
    }

    // ------------------------------------------------------------------------------------------- ProvenTensors

    /// @notice A public output of an inference that counts; see `ProvenTensors.provenOutput`.
    /// @return raw The integers.
    function provenOutput(
        ModelId modelId,
        InferenceId inferenceId,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata shown
    ) public view returns (uint256[] memory raw) {
        return ProvenTensors.provenOutput(REGISTRY, modelId, inferenceId, outputIndex, record, outputs, shown);
    }

    /// @notice The real values of a public output of an inference that counts, times 1e18.
    function dequantised(
        ModelId modelId,
        InferenceId inferenceId,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata shown
    ) external view returns (int256[] memory wad) {
        uint256[] memory raw = provenOutput(modelId, inferenceId, outputIndex, record, outputs, shown);
        return ProvenTensors.dequantise(outputs[outputIndex], raw);
    }

    /// @notice A committed output of an inference that counts and that was opened; see `ProvenTensors.openedOutput`.
    /// @return raw The integers.
    /// @return wad The real values times 1e18.
    function openedOutput(
        ModelId modelId,
        InferenceId inferenceId,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        uint256[] calldata words
    ) external view returns (uint256[] memory raw, int256[] memory wad) {
        raw = ProvenTensors.openedOutput(REGISTRY, modelId, inferenceId, outputIndex, record, outputs, words);
        wad = ProvenTensors.dequantise(outputs[outputIndex], raw);
    }

    /// @notice Whether the inference is proven, and was before its model was deprecated, whether or not the model is frozen now.
    function wasAttested(ModelId modelId, InferenceId inferenceId) external view returns (bool) {
        return ProvenTensors.wasAttested(REGISTRY, modelId, inferenceId);
    }
}
