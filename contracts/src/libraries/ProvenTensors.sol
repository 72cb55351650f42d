// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {ContextLibrary} from "../types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {
    ChunkValues,
    InferenceState,
    InferenceStatus,
    Model,
    ModelRecord,
    TensorSpec,
    Visibility
} from "../types/RegistryTypes.sol";
import {ModelLayout} from "./ModelLayout.sol";
import {ModelRecords} from "./ModelRecords.sol";
import {PackedValues} from "./PackedValues.sol";
import {ShownValues} from "./ShownValues.sol";

/// @title ProvenTensors
/// @notice Reads inputs and outputs of proven inferences. The registry stores only hashes, so the caller hands in what they are hashes
/// of: the model's record and its inputs or outputs, and the public values of all chunks, in the order in which they were proven.
/// @dev A contract that relies on an inference has to know three things, and must not take any of them from the caller unchecked:
/// - which inference: the id is recomputed (`idOf`) from a model, requester and nonce that the contract chooses, and a root;
/// - where in the public values a tensor is: `requireInputs`, `requireOutputs`, or once, in the constructor, `pinInputs`, `pinOutputs`;
/// - the public values: `requireAttestedValues`.
/// `provenOutput` does all but the first.
library ProvenTensors {
    using ModelRecords for ModelRecord;
    using ModelRecords for TensorSpec[];
    using ShownValues for ChunkValues[];

    /// @notice The tensor's values are not public: its public word is a commitment to them.
    error TensorIsCommitted(uint256 leaf);
    /// @notice The tensor's values are public, so there is no commitment to open.
    error TensorIsPublic(uint256 leaf);
    /// @notice Nobody has opened the tensor (`ITensorOpenings.open`).
    error TensorNotOpened(InferenceId inferenceId, uint256 leaf);
    /// @notice The tensor was opened with other values.
    error OpenedValuesMismatch(InferenceId inferenceId, uint256 leaf);

    // -------------------------------------------------------------------------------------------------- Inferences

    /// @notice The id of an inference: what `inferenceIdOf` of the registry gives, without a call. A root or a requester that no inference
    /// has gives an id that no inference has.
    function idOf(IChainferRegistry registry, ModelId modelId, uint256 root, address requester, uint256 nonce)
        internal
        view
        returns (InferenceId)
    {
        return InferenceIdLibrary.derive(
            modelId, root, ContextLibrary.derive(block.chainid, address(registry), modelId, requester, nonce)
        );
    }

    /// @notice Whether the inference is proven, and was before its model was deprecated. Does not ask whether the model is frozen: history.
    function wasAttested(IChainferRegistry registry, ModelId modelId, InferenceId id) internal view returns (bool) {
        InferenceState memory state = registry.stateOf(modelId, id);
        return state.status == InferenceStatus.Proven && _counts(registry.model(modelId), state.time);
    }

    /// @notice Whether `requireAttested` of the registry passes.
    function isAttested(IChainferRegistry registry, ModelId modelId, InferenceId id) internal view returns (bool) {
        InferenceState memory state = registry.stateOf(modelId, id);
        if (state.status != InferenceStatus.Proven) return false;
        Model memory model = registry.model(modelId);
        return !model.frozen && _counts(model, state.time);
    }

    // ------------------------------------------------------------------------------------------------------ Checks

    /// @notice Reverts unless these are the public values of a proven inference, all of them. Does not ask whether the inference counts.
    /// @dev Reverts `InferenceNotProven`, `PublicValuesMismatch`. A chunk whose values are not needed may be shown by its digest.
    function requireValues(IChainferRegistry registry, ModelId modelId, InferenceId id, ChunkValues[] calldata shown)
        internal
        view
    {
        InferenceState memory state = registry.stateOf(modelId, id);
        // The values of some chunks, or none, have a hash too.
        if (state.status != InferenceStatus.Proven) revert IChainferRegistry.InferenceNotProven(id);
        if (shown.hashOf() != state.valuesHash) revert IChainferRegistry.PublicValuesMismatch(id);
    }

    /// @notice Reverts unless the inference counts (`requireAttested` of the registry) and these are its public values.
    function requireAttestedValues(
        IChainferRegistry registry,
        ModelId modelId,
        InferenceId id,
        ChunkValues[] calldata shown
    ) internal view {
        registry.requireAttested(modelId, id);
        requireValues(registry, modelId, id, shown);
    }

    /// @notice Reverts `RecordMismatch` unless this is the model's record, and `ModelNotRegistered` if there is no such model.
    function requireRecord(IChainferRegistry registry, ModelId modelId, ModelRecord memory record) internal view {
        if (record.hashOf() != registry.model(modelId).recordHash) revert IChainferRegistry.RecordMismatch(modelId);
    }

    /// @notice Reverts unless this is the model's record and these are its inputs.
    function requireInputs(
        IChainferRegistry registry,
        ModelId modelId,
        ModelRecord calldata record,
        TensorSpec[] calldata inputs
    ) internal view {
        requireRecord(registry, modelId, record);
        if (inputs.hashOf() != record.inputs) revert IChainferRegistry.RecordMismatch(modelId);
    }

    /// @notice Reverts unless this is the model's record and these are its outputs.
    function requireOutputs(
        IChainferRegistry registry,
        ModelId modelId,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs
    ) internal view {
        requireRecord(registry, modelId, record);
        if (outputs.hashOf() != record.outputs) revert IChainferRegistry.RecordMismatch(modelId);
    }

    /// @notice `requireInputs` for constructors, whose arguments are in memory. A contract that keeps what it needs of them, or all, need
    /// not be handed them again: a model never changes.
    function pinInputs(
        IChainferRegistry registry,
        ModelId modelId,
        ModelRecord memory record,
        TensorSpec[] memory inputs
    ) internal view {
        requireRecord(registry, modelId, record);
        if (_digestOf(inputs) != record.inputs) revert IChainferRegistry.RecordMismatch(modelId);
    }

    /// @notice `requireOutputs` for constructors; see `pinInputs`.
    function pinOutputs(
        IChainferRegistry registry,
        ModelId modelId,
        ModelRecord memory record,
        TensorSpec[] memory outputs
    ) internal view {
        requireRecord(registry, modelId, record);
        if (_digestOf(outputs) != record.outputs) revert IChainferRegistry.RecordMismatch(modelId);
    }

    // ------------------------------------------------------------------------------------------------------ Values

    /// @notice A public output of an inference that counts.
    /// @dev Reverts as `requireAttested` of the registry does, and `RecordMismatch`, `PublicValuesMismatch`, `OutputOutOfRange`,
    /// `TensorIsCommitted`, `ValuesNotShown`, and as `PackedValues.unpack` does.
    /// @param record The model's record.
    /// @param outputs Its part with the outputs.
    /// @param shown The inference's public values; at least those of the output's chunk are not only a digest.
    /// @return raw The integers; `dequantise` gives the real values.
    function provenOutput(
        IChainferRegistry registry,
        ModelId modelId,
        InferenceId id,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata shown
    ) internal view returns (uint256[] memory raw) {
        requireOutputs(registry, modelId, record, outputs);
        requireAttestedValues(registry, modelId, id, shown);
        return valuesOf(specOf(outputs, outputIndex), shown);
    }

    /// @notice A committed output of an inference that counts and that somebody has opened on chain, from its packed values.
    /// @dev Reverts as `requireAttested` of the registry does, and `RecordMismatch`, `OutputOutOfRange`, `TensorIsPublic`,
    /// `TensorNotOpened`, `OpenedValuesMismatch`. The opening shows the values of a leaf under the inference's root. That the proven public
    /// word is this leaf follows from the circuit; if it is not, `reportOpeningContradiction` freezes the model.
    /// @param words The values, packed 15 per word, as in `TensorOpened`.
    /// @return raw The integers.
    function openedOutput(
        IChainferRegistry registry,
        ModelId modelId,
        InferenceId id,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        uint256[] calldata words
    ) internal view returns (uint256[] memory raw) {
        requireOutputs(registry, modelId, record, outputs);
        registry.requireAttested(modelId, id);
        TensorSpec calldata spec = specOf(outputs, outputIndex);
        uint256 leaf = spec.leaf;
        if (spec.visibility == Visibility.Public) revert TensorIsPublic(leaf);
        bytes32 digest = registry.openings().openingOf(id, leaf);
        if (digest == bytes32(0)) revert TensorNotOpened(id, leaf);
        if (ShownValues.digestOf(words) != digest) revert OpenedValuesMismatch(id, leaf);
        return PackedValues.unpack(words, spec.length);
    }

    /// @notice The real values of a tensor times 1e18.
    function dequantise(TensorSpec memory spec, uint256[] memory raw) internal pure returns (int256[] memory wad) {
        return PackedValues.dequantise(raw, spec.zeroPoint, spec.scaleWad);
    }

    // ---------------------------------------------------- What follows does not check where its arguments come from

    /// @notice An output. Reverts `OutputOutOfRange` if there is no such output.
    function specOf(TensorSpec[] calldata outputs, uint256 outputIndex) internal pure returns (TensorSpec calldata) {
        if (outputIndex >= outputs.length) {
            revert IChainferRegistry.OutputOutOfRange(outputIndex, outputs.length);
        }
        return outputs[outputIndex];
    }

    /// @notice The integers of a public tensor. Reverts `TensorIsCommitted`, `ValuesNotShown`, and as `PackedValues.unpack` does.
    function valuesOf(TensorSpec memory spec, ChunkValues[] calldata shown) internal pure returns (uint256[] memory) {
        if (spec.visibility == Visibility.Committed) revert TensorIsCommitted(spec.leaf);
        return PackedValues.unpack(wordsOf(spec, shown), spec.length);
    }

    /// @notice The public words of a tensor: the packed values of a public one, the leaf of a committed one.
    function wordsOf(TensorSpec memory spec, ChunkValues[] calldata shown) internal pure returns (uint256[] calldata) {
        return shown.wordsOf(spec.chunk, spec.offset, ModelLayout.wordsOf(spec.visibility, spec.length));
    }

    /// @notice The public words of several tensors, such as all inputs of a model, in their order.
    function wordsOf(TensorSpec[] memory specs, ChunkValues[] calldata shown)
        internal
        pure
        returns (uint256[][] memory words)
    {
        words = new uint256[][](specs.length);
        for (uint256 i; i < specs.length; ++i) {
            words[i] = wordsOf(specs[i], shown);
        }
    }

    function _counts(Model memory model, uint256 provenAt) private pure returns (bool) {
        return model.deprecatedAt == 0 || provenAt <= model.deprecatedAt;
    }

    /// @dev What `ModelRecords.hashOf` gives for the same tensors in calldata.
    function _digestOf(TensorSpec[] memory tensors) private pure returns (bytes32 digest) {
        bytes memory encoded = abi.encode(tensors);
        assembly ("memory-safe") {
            // Behind offset and length.
            digest := keccak256(add(encoded, 0x60), sub(mload(encoded), 0x40))
        }
    }
}
