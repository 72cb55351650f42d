// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {PackedValues} from "./PackedValues.sol";
import {PoseidonCompress} from "./PoseidonCompress.sol";

/// @title TensorOpening
/// @notice Opens a committed tensor: recomputes its leaf from salt and packed values, and the root from leaf and path.
library TensorOpening {
    /// @dev Leaves start from `LEAF_TAG + number of values`, so that no leaf is a node (which starts from 0) and no
    /// leaf of one length is a leaf of another.
    uint256 internal constant LEAF_TAG = 1 << 64;

    /// @notice A tensor has no values, or 2^64 of them.
    error InvalidLength(uint256 length);
    /// @notice The position is outside a tree of this depth.
    error PositionOutOfRange(uint256 position, uint256 depth);

    /// @notice The leaf of a tensor.
    /// @dev The message is the salt, then the words, zero-padded to pairs. Reverts unless `words` is the packing of
    /// `length` values and the salt is below the order of the field: a leaf has one opening.
    /// @param salt The blinding factor; zero for a public tensor.
    /// @param words The packed values.
    /// @param length Number of values.
    function leafOf(uint256 salt, uint256[] memory words, uint256 length) internal pure returns (uint256) {
        return leafOf(PoseidonCompress.constants(), salt, words, length);
    }

    /// @notice The inner node over two children.
    function nodeOf(uint256 left, uint256 right) internal pure returns (uint256) {
        return PoseidonCompress.compress(PoseidonCompress.constants(), 0, left, right);
    }

    /// @notice The root of the tree that has `leaf` at `position`.
    /// @param siblings The other child at each level, from the leaf up.
    function rootOf(uint256 leaf, uint256 position, uint256[] memory siblings) internal pure returns (uint256) {
        return rootOf(PoseidonCompress.constants(), leaf, position, siblings);
    }

    /// @notice `leafOf` with `PoseidonCompress.constants()` loaded before: the constants are most of the code.
    function leafOf(bytes memory rounds, uint256 salt, uint256[] memory words, uint256 length)
        internal
        pure
        returns (uint256 leaf)
    {
        if (length == 0 || length >= LEAF_TAG) revert InvalidLength(length);
        PackedValues.checkPacking(words, length);
        leaf = LEAF_TAG + length;
        // The message in pairs: the salt and the first word, then two words each, with zero for a missing one.
        uint256 a = salt;
        for (uint256 i;; i += 2) {
            leaf = PoseidonCompress.compress(rounds, leaf, a, i < words.length ? words[i] : 0);
            if (i + 1 >= words.length) return leaf;
            a = words[i + 1];
        }
    }

    /// @notice `rootOf` with `PoseidonCompress.constants()` loaded before.
    function rootOf(bytes memory rounds, uint256 leaf, uint256 position, uint256[] memory siblings)
        internal
        pure
        returns (uint256 root)
    {
        uint256 depth = siblings.length;
        if (depth >= 256 || position >> depth != 0) revert PositionOutOfRange(position, depth);
        // Zero, but not as a literal, for which an optimizer would write a second copy of the function.
        uint256 zero = depth >> 8;
        root = leaf;
        for (uint256 i; i < depth; ++i) {
            bool right = (position >> i) & 1 == 1;
            (uint256 a, uint256 b) = right ? (siblings[i], root) : (root, siblings[i]);
            root = PoseidonCompress.compress(rounds, zero, a, b);
        }
    }
}
