// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {ChunkSpec, ModelRegistration, TensorSpec, Visibility} from "../types/RegistryTypes.sol";
import {PackedValues} from "./PackedValues.sol";

/// @title ModelLayout
/// @notice Checks the layout of a model: its inputs and outputs must match its chunks and leaves.
library ModelLayout {
    /// @dev Most inputs, which the circuit breaker goes through.
    uint256 internal constant MAX_INPUTS = 64;

    /// @dev Most leaves, whose lengths are part of a report about an opening.
    uint256 internal constant MAX_LEAVES = 2048;

    /// @dev Most words that a model may take in a report of a contradiction: 128 KiB, which nodes take as a transaction, are 4,096. In
    /// two inferences a chunk takes ten and a public word two; a tensor's specification takes seven. An output counts twice: a
    /// report about an opening shows one inference and no inputs, but the output's words twice, beside the lengths of all leaves.
    uint256 internal constant MAX_WORDS = 4000;

    /// @notice How far a model's public values and leaves have been assigned to its inputs and outputs.
    /// @param words Public values of each chunk that have a tensor.
    /// @param leaves Whether a leaf has a tensor.
    struct Assigned {
        uint256[] words;
        bool[] leaves;
    }

    /// @notice Reverts unless inputs and outputs have leaves and public values of their own, no public value is left over, and a
    /// report of a contradiction fits a transaction.
    /// @dev Reverts `InvalidTensorSpec`, `PublicValueCountMismatch`, `InvalidPublicSize`.
    function check(ModelRegistration calldata registration) internal pure {
        uint32[] calldata leafLengths = registration.leafLengths;
        ChunkSpec[] calldata chunks = registration.chunks;
        uint256 inputs = registration.inputs.length;
        Assigned memory assigned = Assigned(new uint256[](chunks.length), new bool[](leafLengths.length));
        uint256 count = inputs + registration.outputs.length;
        uint256 size;
        for (uint256 i; i < count; ++i) {
            TensorSpec calldata spec = i < inputs ? registration.inputs[i] : registration.outputs[i - inputs];
            bool placed = i >= inputs || spec.leaf == i;
            uint256 words = placed ? assign(assigned, spec, chunks, leafLengths) : 0;
            if (words == 0) revert IChainferRegistry.InvalidTensorSpec(i);
            unchecked {
                words = 7 + 2 * words;
                size += i < inputs ? words : 2 * words;
            }
        }
        for (uint256 i; i < chunks.length; ++i) {
            uint256 words = assigned.words[i];
            uint256 stated = chunks[i].numPublic;
            if (words != stated) revert IChainferRegistry.PublicValueCountMismatch(i, words, stated);
        }
        // Without an input no two inferences would have the same one, and none could contradict another.
        bool inRange;
        unchecked {
            size += 10 * chunks.length;
            // Zero wraps.
            inRange = inputs - 1 < MAX_INPUTS && size <= MAX_WORDS && leafLengths.length <= MAX_LEAVES;
        }
        if (!inRange) revert IChainferRegistry.InvalidPublicSize(inputs, size);
    }

    /// @notice Assigns the words and the leaf of the next tensor; returns how many words, or zero if its specification cannot be right.
    /// @dev Words are assigned in order, so no two tensors share one and none is left out in between: a chunk's public values are
    /// the inputs that it exposes, then its outputs, in the model's order. Each tensor has its own leaf.
    function assign(
        Assigned memory assigned,
        TensorSpec calldata spec,
        ChunkSpec[] calldata chunks,
        uint32[] calldata leafLengths
    ) internal pure returns (uint256 words) {
        (uint256 chunk, uint256 leaf, uint256 length) = (spec.chunk, spec.leaf, spec.length);
        if (chunk >= chunks.length || leaf >= leafLengths.length) return 0;
        if (length == 0 || leafLengths[leaf] != length || assigned.leaves[leaf]) return 0;
        if (spec.zeroPoint > PackedValues.MAX_VALUE) return 0;
        // Positive, and below 2^127.
        if (spec.scaleWad == 0 || spec.scaleWad >> 127 != 0) return 0;
        uint256 offset = assigned.words[chunk];
        words = wordsOf(spec.visibility, length);
        uint256 end = offset + words;
        if (spec.offset != offset || end > chunks[chunk].numPublic) return 0;
        assigned.words[chunk] = end;
        assigned.leaves[leaf] = true;
    }

    /// @notice Number of words that a tensor takes among the public values.
    function wordsOf(Visibility visibility, uint256 length) internal pure returns (uint256) {
        return visibility == Visibility.Committed ? 1 : PackedValues.wordsFor(length);
    }

    /// @notice Number of levels above the leaves, which are padded to a power of two.
    function heightOf(uint256 leafCount) internal pure returns (uint256 height) {
        while (uint256(1) << height < leafCount) {
            ++height;
        }
    }
}
