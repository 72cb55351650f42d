// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChunkSpec, TensorSpec, Visibility} from "../types/RegistryTypes.sol";
import {PackedValues} from "./PackedValues.sol";

/// @title ModelLayout
/// @notice Checks the layout of a model: its inputs and outputs must match its chunks and leaves.
library ModelLayout {
    /// @dev Maximum number of leaves; their lengths must fit in one contract with the chunks.
    uint256 internal constant MAX_LEAVES = 2048;

    /// @dev Maximum number of inputs, and of outputs: each has a leaf of its own. Fits in 16 bits.
    uint256 internal constant MAX_TENSORS = MAX_LEAVES;

    /// @dev Maximum number of dimensions of a tensor; the product of 8 of 32 bits does not overflow.
    uint256 internal constant MAX_RANK = 8;

    /// @notice How far a model's public values and leaves have been assigned to its inputs and outputs.
    /// @param words Public values of each chunk that have a tensor.
    /// @param leaves Whether a leaf has a tensor.
    struct Assigned {
        uint256[] words;
        bool[] leaves;
    }

    /// @notice The state before any tensor is assigned.
    function start(uint256 chunkCount, uint256 leafCount) internal pure returns (Assigned memory assigned) {
        assigned.words = new uint256[](chunkCount);
        assigned.leaves = new bool[](leafCount);
    }

    /// @notice Assigns the words and the leaf of the next tensor; false if its specification cannot be right.
    /// @dev Words are assigned in order, so no two tensors share one and none is left out in between: a chunk's public values are
    /// the inputs that it exposes, then its outputs, in the model's order. Each tensor has its own leaf.
    function assign(
        Assigned memory assigned,
        TensorSpec calldata spec,
        ChunkSpec[] calldata chunks,
        uint32[] calldata leafLengths
    ) internal pure returns (bool) {
        (uint256 chunk, uint256 leaf, uint256 length) = (spec.chunk, spec.leaf, spec.length);
        if (chunk >= chunks.length || length == 0) return false;
        if (leaf >= leafLengths.length || leafLengths[leaf] != length || assigned.leaves[leaf]) return false;
        if (!_isShapeOf(spec.shape, length)) return false;
        if (spec.zeroPoint > PackedValues.MAX_VALUE) return false;
        if (spec.scaleWad <= 0 || spec.scaleWad > type(int128).max) return false;
        uint256 offset = assigned.words[chunk];
        uint256 end = offset + wordsOf(spec);
        if (spec.offset != offset || end > chunks[chunk].numPublic) return false;
        assigned.words[chunk] = end;
        assigned.leaves[leaf] = true;
        return true;
    }

    function _isShapeOf(uint32[] calldata shape, uint256 length) private pure returns (bool) {
        if (shape.length > MAX_RANK) return false;
        uint256 product = 1;
        for (uint256 i; i < shape.length; ++i) {
            product *= shape[i];
        }
        return product == length;
    }

    /// @notice Number of words that a tensor takes among the public values.
    function wordsOf(TensorSpec memory spec) internal pure returns (uint256) {
        return spec.visibility == Visibility.Committed ? 1 : PackedValues.wordsFor(spec.length);
    }

    /// @notice Number of levels above the leaves, which are padded to a power of two.
    function heightOf(uint256 leafCount) internal pure returns (uint256 height) {
        while (uint256(1) << height < leafCount) {
            ++height;
        }
    }
}
