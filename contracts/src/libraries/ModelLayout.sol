// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ChunkSpec, TensorSpec, Visibility} from "../types/RegistryTypes.sol";
import {PackedValues} from "./PackedValues.sol";

/// @title ModelLayout
/// @notice What makes sense as the layout of a model: inputs and outputs against chunks and leaves.
library ModelLayout {
    /// @dev Leaves of a tree; their lengths have to fit in one contract with the chunks.
    uint256 internal constant MAX_LEAVES = 2048;

    /// @dev Inputs, and outputs: each is a leaf of its own in any honest model. Their number fits 16 bits.
    uint256 internal constant MAX_TENSORS = MAX_LEAVES;

    /// @dev Dimensions of a tensor; the product of so many does not overflow.
    uint256 internal constant MAX_RANK = 8;

    /// @notice The tensor has values, a shape and a leaf of that length, words within its chunk's public values, and a real scale.
    function isValid(TensorSpec calldata spec, ChunkSpec[] calldata chunks, uint32[] calldata leafLengths)
        internal
        pure
        returns (bool)
    {
        if (spec.chunk >= chunks.length || spec.length == 0) return false;
        if (spec.leaf >= leafLengths.length || leafLengths[spec.leaf] != spec.length) return false;
        if (!_isShapeOf(spec.shape, spec.length)) return false;
        if (spec.zeroPoint > PackedValues.MAX_VALUE) return false;
        if (spec.scaleWad <= 0 || spec.scaleWad > type(int128).max) return false;
        return uint256(spec.offset) + wordsOf(spec) <= chunks[spec.chunk].numPublic;
    }

    function _isShapeOf(uint32[] calldata shape, uint256 length) private pure returns (bool) {
        if (shape.length > MAX_RANK) return false;
        uint256 product = 1;
        for (uint256 i; i < shape.length; ++i) {
            product *= shape[i];
        }
        return product == length;
    }

    /// @notice Words that a tensor takes among the public values.
    function wordsOf(TensorSpec memory spec) internal pure returns (uint256) {
        return spec.visibility == Visibility.Committed ? 1 : PackedValues.wordsFor(spec.length);
    }

    /// @notice Levels above the leaves, which are padded to a power of two.
    function heightOf(uint256 leafCount) internal pure returns (uint256 height) {
        while (uint256(1) << height < leafCount) {
            ++height;
        }
    }
}
