// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkValues, InferenceState, InferenceStatus, Model, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";
import {ModelLayout} from "./ModelLayout.sol";
import {ModelRecords} from "./ModelRecords.sol";
import {ShownValues} from "./ShownValues.sol";

/// @notice What a caller shows of the inputs, or of the outputs, of a proven inference.
/// @param record The model's record.
/// @param tensors Its part with the inputs, or the outputs.
/// @param values The public values of all chunks, in the order in which they were proven; of chunks without such a tensor, the
/// digests are enough.
struct Evidence {
    ModelRecord record;
    TensorSpec[] tensors;
    ChunkValues[] values;
}

/// @title ShownTensors
/// @notice The public words of all inputs, or all outputs, of an inference, from what a caller shows: packed values of a public
/// tensor, the leaf of a committed one.
library ShownTensors {
    using ModelRecords for ModelRecord;
    using ModelRecords for TensorSpec[];
    using ShownValues for ChunkValues[];

    /// @notice Whether an inference counted before its model was frozen: it was proven, and the model was not deprecated before. This
    /// says what happened, not whether to rely on it.
    function hasCounted(Model memory model, InferenceState memory state) internal pure returns (bool) {
        if (state.status != InferenceStatus.Proven) return false;
        return model.deprecatedAt == 0 || state.time <= model.deprecatedAt;
    }

    /// @notice Reverts `RecordMismatch` unless this is the model's record, and `PublicValuesMismatch` unless these are the values that
    /// were proven. They say nothing before the whole inference is proven.
    function check(
        IChainferRegistry registry,
        ModelId modelId,
        InferenceId id,
        ModelRecord calldata record,
        ChunkValues[] calldata shown
    ) internal view {
        if (record.hashOf() != registry.model(modelId).recordHash) {
            revert IChainferRegistry.RecordMismatch(modelId);
        }
        if (shown.hashOf() != registry.stateOf(modelId, id).valuesHash) {
            revert IChainferRegistry.PublicValuesMismatch(id);
        }
    }

    /// @notice The words of each tensor, from values that were checked.
    /// @param expected The digest of these tensors in the model's record, which was checked.
    function wordsOf(ModelId modelId, TensorSpec[] calldata tensors, bytes32 expected, ChunkValues[] calldata shown)
        internal
        pure
        returns (uint256[][] memory words)
    {
        if (tensors.hashOf() != expected) revert IChainferRegistry.RecordMismatch(modelId);
        words = new uint256[][](tensors.length);
        for (uint256 i; i < words.length; ++i) {
            TensorSpec calldata spec = tensors[i];
            words[i] = shown.wordsOf(spec.chunk, spec.offset, ModelLayout.wordsOf(spec.visibility, spec.length));
        }
    }
}
