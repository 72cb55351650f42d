// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {InferenceStore} from "./InferenceStore.sol";
import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "./interfaces/ITensorOpenings.sol";
import {ModelLayout} from "./libraries/ModelLayout.sol";
import {ShownValues} from "./libraries/ShownValues.sol";
import {InferenceId} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {
    ChunkValues,
    Inference,
    ModelRecord,
    Opening,
    ShownInference,
    TensorSpec,
    Visibility
} from "./types/RegistryTypes.sol";

/// @title CircuitBreaker
/// @notice Freezes a model if anyone shows two results of it that cannot both be true.
/// @dev Two outputs contradict each other only if they are known to differ while all inputs are known to be equal, so honest
/// inferences never freeze a model. Leaves depend on salts: committed tensors with different leaves are compared only by their
/// recorded openings.
abstract contract CircuitBreaker is InferenceStore {
    using ShownValues for ChunkValues[];
    using ShownValues for ChunkValues;

    /// @dev What is known of a tensor in two inferences.
    enum Comparison {
        Unknown,
        Same,
        Different
    }

    /// @inheritdoc IChainferRegistry
    function reportContradiction(
        ModelId modelId,
        ShownInference calldata first,
        ShownInference calldata second,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata inputs,
        TensorSpec[] calldata outputs
    ) external override {
        if (first.id == second.id) revert NotComparable();
        _provenAt(modelId, first.id);
        _provenAt(modelId, second.id);
        _checkRecord(modelId, record);
        _checkTensors(modelId, inputs, record.inputs);
        _checkTensors(modelId, outputs, record.outputs);
        _checkValues(modelId, first.id, first.values);
        _checkValues(modelId, second.id, second.values);
        uint256 equal = _equalChunks(first.values, second.values);
        for (uint256 i; i < inputs.length; ++i) {
            if (_compare(inputs[i], first, second, equal) != Comparison.Same) revert DifferentInputs(i);
        }
        if (_compare(_outputOf(outputs, outputIndex), first, second, equal) != Comparison.Different) {
            revert NoContradiction();
        }
        _trip(modelId, first.id, second.id);
    }

    /// @inheritdoc IChainferRegistry
    function reportRootContradiction(
        Inference calldata first,
        Inference calldata second,
        uint256 chunk,
        ChunkValues[] calldata firstValues,
        ChunkValues[] calldata secondValues
    ) external override {
        (InferenceId a,) = _idOf(first);
        (InferenceId b,) = _idOf(second);
        ModelId modelId = first.modelId;
        if (a == b || modelId != second.modelId) revert NotComparable();
        if (first.root != second.root) revert DifferentRoots();
        _checkValues(modelId, a, firstValues);
        _checkValues(modelId, b, secondValues);
        if (firstValues.entryOf(chunk).digestOf() == secondValues.entryOf(chunk).digestOf()) revert NoContradiction();
        _trip(modelId, a, b);
    }

    /// @inheritdoc IChainferRegistry
    function reportOpeningContradiction(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata,
        uint256 outputIndex,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata values
    ) external override {
        bytes32 committed = _checkOpening();
        (InferenceId id,) = _idOf(inference);
        _checkTensors(inference.modelId, outputs, record.outputs);
        _checkValues(inference.modelId, id, values);
        TensorSpec calldata spec = _outputOf(outputs, outputIndex);
        if (spec.leaf != opening.leaf) revert NoContradiction();
        bytes32 opened = spec.visibility == Visibility.Committed ? committed : ShownValues.digestOf(opening.words);
        if (_digestOf(spec, values) == opened) revert NoContradiction();
        _trip(inference.modelId, id, id);
    }

    /// @inheritdoc IChainferRegistry
    /// @dev The address of the first contract that an account creates (EIP-161: its nonce is 1), so that it takes no slot and is
    /// not part of the code.
    function openings() public view override returns (ITensorOpenings) {
        return
            ITensorOpenings(address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), hex"01"))))));
    }

    function _trip(ModelId modelId, InferenceId first, InferenceId second) private {
        _freeze(modelId);
        emit ContradictionReported(modelId, first, second, msg.sender);
    }

    /// @dev Has `openings` check this call's opening: reverts unless record and inference are the registry's, the inference is proven and
    /// the opening leads to its root. `ITensorOpenings.check` has this call's first arguments, so it takes this call's data.
    /// @return digest keccak256 over the leaf, one word.
    function _checkOpening() private view returns (bytes32 digest) {
        address openings_ = address(openings());
        bytes4 selector = ITensorOpenings.check.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            mstore(free, or(selector, shr(32, shl(32, mload(free)))))
            if iszero(staticcall(gas(), openings_, free, calldatasize(), 0x00, 0x20)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            digest := keccak256(0x00, 0x20)
        }
    }

    /// @dev The chunks whose public values are all equal, as a bitmap. Each list is hashed once, however many tensors a chunk has.
    function _equalChunks(ChunkValues[] calldata first, ChunkValues[] calldata second)
        private
        pure
        returns (uint256 equal)
    {
        for (uint256 i; i < first.length; ++i) {
            uint256 chunk = first[i].chunk;
            if (first[i].digestOf() == second.entryOf(chunk).digestOf()) equal |= uint256(1) << chunk;
        }
    }

    /// @dev What is known of a tensor's values in two inferences. Nobody has to show the values of chunks that are `equal`.
    function _compare(
        TensorSpec calldata spec,
        ShownInference calldata first,
        ShownInference calldata second,
        uint256 equal
    ) private view returns (Comparison) {
        if ((equal >> spec.chunk) & 1 == 1) return Comparison.Same;
        if (_digestOf(spec, first.values) == _digestOf(spec, second.values)) return Comparison.Same;
        if (spec.visibility == Visibility.Public) return Comparison.Different;
        bytes32 a = _openingOf(first.id, spec.leaf);
        bytes32 b = _openingOf(second.id, spec.leaf);
        if (a == bytes32(0) || b == bytes32(0)) return Comparison.Unknown;
        return a == b ? Comparison.Same : Comparison.Different;
    }

    function _openingOf(InferenceId id, uint256 leaf) private view returns (bytes32) {
        return openings().openingOf(id, leaf);
    }

    /// @dev keccak256 over the public words of a tensor, which must be shown.
    function _digestOf(TensorSpec calldata spec, ChunkValues[] calldata shown) private pure returns (bytes32) {
        uint256 count = ModelLayout.wordsOf(spec.visibility, spec.length);
        return ShownValues.digestOf(shown.wordsOf(spec.chunk, spec.offset, count));
    }
}
