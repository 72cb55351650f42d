// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {PackedValues} from "../../src/libraries/PackedValues.sol";

contract PackedValuesTest is Test {
    function unpack(uint256[] memory words, uint256 count) external pure returns (uint256[] memory) {
        return PackedValues.unpack(words, count);
    }

    function checkPacking(uint256[] memory words, uint256 count) external pure {
        PackedValues.checkPacking(words, count);
    }

    function argmax(uint256[] memory values) external pure returns (uint256) {
        return PackedValues.argmax(values);
    }

    function test_wordsFor_roundsUp() public pure {
        assertEq(PackedValues.wordsFor(0), 0);
        assertEq(PackedValues.wordsFor(1), 1);
        assertEq(PackedValues.wordsFor(15), 1);
        assertEq(PackedValues.wordsFor(16), 2);
        assertEq(PackedValues.wordsFor(type(uint256).max), type(uint256).max / 15);
    }

    function test_unpack_isLittleEndFirst() public pure {
        uint256[] memory words = new uint256[](1);
        words[0] = 0x000300020001;
        uint256[] memory values = PackedValues.unpack(words, 3);
        assertEq(values[0], 1);
        assertEq(values[1], 2);
        assertEq(values[2], 3);
    }

    function testFuzz_unpack_invertsPacking(uint16[] memory expected) public pure {
        uint256[] memory words = _pack(expected);
        uint256[] memory values = PackedValues.unpack(words, expected.length);
        assertEq(values.length, expected.length);
        for (uint256 i; i < values.length; ++i) {
            assertEq(values[i], expected[i]);
        }
        PackedValues.checkPacking(words, expected.length);
    }

    function testFuzz_unpack_revertsWhenBitsStray(uint16[] memory values, uint256 where, uint256 bit) public {
        vm.assume(values.length != 0);
        uint256[] memory words = _pack(values);
        where = bound(where, 0, words.length - 1);
        uint256 held = where + 1 == words.length ? values.length - where * 15 : 15;
        words[where] |= uint256(1) << bound(bit, 16 * held, 255);
        bytes memory expected = abi.encodeWithSelector(PackedValues.StrayBits.selector, where);
        vm.expectRevert(expected);
        this.unpack(words, values.length);
        vm.expectRevert(expected);
        this.checkPacking(words, values.length);
    }

    function test_unpack_revertsWhenTheWordCountDiffers() public {
        bytes memory expected = abi.encodeWithSelector(PackedValues.WordCountMismatch.selector, 2, 1);
        vm.expectRevert(expected);
        this.unpack(new uint256[](1), 16);
        vm.expectRevert(expected);
        this.checkPacking(new uint256[](1), 16);
    }

    function test_dequantise_subtractsTheZeroPoint() public pure {
        uint256[] memory raw = new uint256[](3);
        raw[1] = 100;
        raw[2] = 65_535;
        int256[] memory wad = PackedValues.dequantise(raw, 100, 0.5e18);
        assertEq(wad[0], -50e18);
        assertEq(wad[1], 0);
        assertEq(wad[2], 32_717.5e18);
    }

    function testFuzz_dequantise_neverOverflows(uint16 u, uint16 zeroPoint, int128 scale) public pure {
        uint256[] memory raw = new uint256[](1);
        raw[0] = u;
        int256 expected = int256(scale) * (int256(uint256(u)) - int256(uint256(zeroPoint)));
        assertEq(PackedValues.dequantise(raw, zeroPoint, scale)[0], expected);
    }

    function test_argmax_tiesTakeTheLowestIndex() public pure {
        uint256[] memory values = new uint256[](4);
        assertEq(PackedValues.argmax(values), 0);
        values[1] = 5;
        values[3] = 5;
        assertEq(PackedValues.argmax(values), 1);
        values[3] = 6;
        assertEq(PackedValues.argmax(values), 3);
    }

    function test_argmax_revertsWhenThereAreNoValues() public {
        vm.expectRevert();
        this.argmax(new uint256[](0));
    }

    function _pack(uint16[] memory values) private pure returns (uint256[] memory words) {
        words = new uint256[](PackedValues.wordsFor(values.length));
        for (uint256 i; i < values.length; ++i) {
            words[i / 15] |= uint256(values[i]) << (16 * (i % 15));
        }
    }
}
