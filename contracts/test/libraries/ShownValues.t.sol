// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {ChunkValues} from "../../src/types/RegistryTypes.sol";
import {Records} from "../helpers/Records.sol";

contract ShownValuesTest is Test {
    using ShownValues for ChunkValues[];
    using ShownValues for ChunkValues;

    function digestOf(ChunkValues calldata shown) external pure returns (bytes32) {
        return shown.digestOf();
    }

    function wordsDigest(uint256[] calldata words) external pure returns (bytes32) {
        return ShownValues.digestOf(words);
    }

    function hashOf(ChunkValues[] calldata shown) external pure returns (uint208) {
        return shown.hashOf();
    }

    function entryOf(ChunkValues[] calldata shown, uint256 chunk) external pure returns (ChunkValues memory) {
        return shown.entryOf(chunk);
    }

    function wordsOf(ChunkValues[] calldata shown, uint256 chunk, uint256 offset, uint256 count)
        external
        pure
        returns (uint256[] memory)
    {
        return shown.wordsOf(chunk, offset, count);
    }

    // -------------------------------------------------------------------------------------------------------- Hash

    function test_hashOf_nothing_isZero() public view {
        assertEq(this.hashOf(new ChunkValues[](0)), 0);
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_hashOf_isTheSpecifiedChain(uint16[] memory chunks, uint256[] memory words) public view {
        ChunkValues[] memory shown = new ChunkValues[](chunks.length);
        bytes32 hash;
        for (uint256 i; i < chunks.length; ++i) {
            shown[i].chunk = chunks[i];
            shown[i].values = i % 2 == 0 ? words : new uint256[](i);
            bytes32 digest = keccak256(abi.encodePacked(shown[i].values));
            hash = keccak256(abi.encode(uint256(hash), uint256(chunks[i]), digest)) >> 48;
        }
        assertEq(this.hashOf(shown), uint256(hash));
        assertEq(Records.hashOf(shown), uint256(hash));
    }

    function testFuzz_chain_dependsOnEverything(uint208 hash, uint256 chunk, bytes32 digest, uint8 bit) public pure {
        uint208 next = ShownValues.chain(hash, chunk, digest);
        assertNotEq(ShownValues.chain(hash ^ uint208(1 << (bit % 208)), chunk, digest), next);
        assertNotEq(ShownValues.chain(hash, chunk ^ (1 << bit), digest), next);
        assertNotEq(ShownValues.chain(hash, chunk, digest ^ bytes32(uint256(1) << bit)), next);
    }

    /// @dev A digest in the place of values, in any of the entries.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_hashOf_digestsStandForValues(uint256[][] memory values, uint256 given) public view {
        ChunkValues[] memory shown = new ChunkValues[](values.length);
        for (uint256 i; i < values.length; ++i) {
            shown[i] = ChunkValues(uint16(i), 0, values[i]);
        }
        uint208 expected = this.hashOf(shown);
        for (uint256 i; i < values.length; ++i) {
            if ((given >> (i % 256)) & 1 == 0) continue;
            shown[i] = ChunkValues(uint16(i), Records.digestOf(values[i]), new uint256[](0));
        }
        assertEq(this.hashOf(shown), expected);
    }

    // ------------------------------------------------------------------------------------------------------ Digests

    function testFuzz_digestOf_isKeccakOfTheWords(uint256[] memory words) public view {
        bytes32 expected = keccak256(abi.encodePacked(words));
        assertEq(this.wordsDigest(words), expected);
        assertEq(this.digestOf(ChunkValues(3, 0, words)), expected);
        assertEq(this.digestOf(ChunkValues(3, expected, new uint256[](0))), expected);
    }

    function test_digestOf_revertsWhenBothAreGiven() public {
        uint256[] memory words = new uint256[](1);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesAndDigest.selector, 3));
        this.digestOf(ChunkValues(3, Records.digestOf(words), words));
        ChunkValues[] memory list = new ChunkValues[](1);
        list[0] = ChunkValues(3, "anything", words);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesAndDigest.selector, 3));
        this.hashOf(list);
    }

    // ------------------------------------------------------------------------------------------------------ Entries

    function test_entryOf_findsTheChunk() public {
        ChunkValues[] memory list = _list();
        for (uint256 i; i < 3; ++i) {
            assertEq(abi.encode(this.entryOf(list, list[i].chunk)), abi.encode(list[i]));
        }
        uint256[3] memory missing = [uint256(0), 6, 1 << 16 | 5];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, missing[i]));
            this.entryOf(list, missing[i]);
        }
    }

    function test_wordsOf_areThoseOfTheChunk() public view {
        ChunkValues[] memory list = _list();
        for (uint256 offset; offset < 5; ++offset) {
            for (uint256 count; offset + count < 5; ++count) {
                uint256[] memory words = this.wordsOf(list, 5, offset, count);
                assertEq(words.length, count);
                for (uint256 i; i < count; ++i) {
                    assertEq(words[i], 100 + offset + i);
                }
            }
        }
    }

    function test_wordsOf_revertsWhenTheyAreNotShown() public {
        ChunkValues[] memory list = _list();
        // Past the end of the chunk's values, of a chunk with a digest alone, of a chunk without an entry.
        _expectNotShown(list, 5, 0, 5);
        _expectNotShown(list, 5, 4, 1);
        _expectNotShown(list, 5, type(uint32).max, type(uint32).max);
        _expectNotShown(list, 2, 0, 1);
        _expectNotShown(list, 7, 0, 1);
    }

    function _expectNotShown(ChunkValues[] memory list, uint256 chunk, uint256 offset, uint256 count) private {
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, chunk));
        this.wordsOf(list, chunk, offset, count);
    }

    function _list() private pure returns (ChunkValues[] memory list) {
        list = new ChunkValues[](3);
        list[0] = ChunkValues(5, 0, new uint256[](4));
        for (uint256 i; i < 4; ++i) {
            list[0].values[i] = 100 + i;
        }
        list[1] = ChunkValues(2, keccak256("digest"), new uint256[](0));
        list[2] = ChunkValues(9, 0, new uint256[](1));
    }
}
