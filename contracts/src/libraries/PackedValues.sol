// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title PackedValues
/// @notice Reads quantised values from field elements: 15 values of 16 bits per word, least significant first; the slots after the
/// last value are zero.
library PackedValues {
    /// @dev Values per word; 15 times 16 bits stay below the order of the scalar field.
    uint256 internal constant PER_WORD = 15;
    /// @dev Bits per value.
    uint256 internal constant BITS = 16;
    /// @dev The largest value.
    uint256 internal constant MAX_VALUE = type(uint16).max;

    /// @notice The number of words does not fit the number of values.
    error WordCountMismatch(uint256 expected, uint256 actual);
    /// @notice A word has bits set after its last value, which no circuit does.
    error StrayBits(uint256 wordIndex);

    /// @notice Number of words that `count` values take.
    function wordsFor(uint256 count) internal pure returns (uint256) {
        unchecked {
            // Without an overflow for any count.
            return count / PER_WORD + ((count % PER_WORD + PER_WORD - 1) / PER_WORD);
        }
    }

    /// @notice Unpacks `count` values.
    /// @dev Reverts `WordCountMismatch`, `StrayBits`. Packing is a bijection: the same values always have the same words.
    function unpack(uint256[] memory words, uint256 count) internal pure returns (uint256[] memory values) {
        uint256 expected = wordsFor(count);
        if (words.length != expected) revert WordCountMismatch(expected, words.length);
        values = new uint256[](count);
        uint256 next;
        for (uint256 i; i < expected; ++i) {
            uint256 word = words[i];
            uint256 end = count - next < PER_WORD ? count : next + PER_WORD;
            for (; next < end; ++next) {
                values[next] = word & MAX_VALUE;
                word >>= BITS;
            }
            if (word != 0) revert StrayBits(i);
        }
    }

    /// @notice Reverts unless `words` is a packing of `count` values.
    function checkPacking(uint256[] memory words, uint256 count) internal pure {
        uint256 expected = wordsFor(count);
        if (words.length != expected) revert WordCountMismatch(expected, words.length);
        for (uint256 i; i < expected; ++i) {
            uint256 held = count - i * PER_WORD;
            if (words[i] >> (BITS * (held < PER_WORD ? held : PER_WORD)) != 0) revert StrayBits(i);
        }
    }

    /// @notice Real values times 1e18: `scaleWad * (u - zeroPoint)` for each u.
    /// @dev Checked arithmetic; with u and the zero point below 2^16 and the scale below 2^127 nothing overflows.
    function dequantise(uint256[] memory raw, uint256 zeroPoint, int256 scaleWad)
        internal
        pure
        returns (int256[] memory wad)
    {
        wad = new int256[](raw.length);
        for (uint256 i; i < raw.length; ++i) {
            // forge-lint: disable-next-line(unsafe-typecast)
            wad[i] = scaleWad * (int256(raw[i]) - int256(zeroPoint));
        }
    }

    /// @notice Index of the largest value; the lowest if there are several.
    /// @dev Reverts (array out of bounds) if there are no values.
    function argmax(uint256[] memory values) internal pure returns (uint256 index) {
        uint256 best = values[0];
        for (uint256 i = 1; i < values.length; ++i) {
            if (values[i] > best) {
                best = values[i];
                index = i;
            }
        }
    }
}
