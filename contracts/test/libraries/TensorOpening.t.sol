// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {PackedValues} from "../../src/libraries/PackedValues.sol";
import {PoseidonCompress} from "../../src/libraries/PoseidonCompress.sol";
import {ScalarField} from "../../src/libraries/ScalarField.sol";
import {TensorOpening} from "../../src/libraries/TensorOpening.sol";

contract TensorOpeningTest is Test {
    function leafOf(uint256 salt, uint256[] memory words, uint256 length) external pure returns (uint256) {
        return TensorOpening.leafOf(salt, words, length);
    }

    function rootOf(uint256 leaf, uint256 position, uint256[] memory siblings) external pure returns (uint256) {
        return TensorOpening.rootOf(leaf, position, siblings);
    }

    function test_leafOf_oneWord_isTheVectorOfTheDesign() public pure {
        assertEq(
            TensorOpening.leafOf(1, _words(1, 2), 5), 0x2166be046b1eb1afd0614a80da758fecca7e72ef287701788ea65b0053fa0229
        );
    }

    function test_leafOf_twoWords_padsThePair() public pure {
        uint256 h = PoseidonCompress.compress(PoseidonCompress.constants(), (1 << 64) + 30, 9, 4);
        assertEq(
            TensorOpening.leafOf(9, _words(2, 4), 30), PoseidonCompress.compress(PoseidonCompress.constants(), h, 5, 0)
        );
    }

    function test_leafOf_threeWords_fillsThePair() public pure {
        uint256 h = PoseidonCompress.compress(PoseidonCompress.constants(), (1 << 64) + 31, 0, 4);
        assertEq(
            TensorOpening.leafOf(0, _words(3, 4), 31), PoseidonCompress.compress(PoseidonCompress.constants(), h, 5, 6)
        );
    }

    function test_leafOf_dependsOnTheLength() public pure {
        assertNotEq(TensorOpening.leafOf(1, _words(1, 2), 5), TensorOpening.leafOf(1, _words(1, 2), 6));
    }

    function test_leafOf_revertsWhenThereAreNoValues() public {
        vm.expectRevert(abi.encodeWithSelector(TensorOpening.InvalidLength.selector, 0));
        this.leafOf(1, new uint256[](0), 0);
    }

    function test_leafOf_revertsWhenTheLengthReachesTheTag() public {
        vm.expectRevert(abi.encodeWithSelector(TensorOpening.InvalidLength.selector, 1 << 64));
        this.leafOf(1, _words(1, 2), 1 << 64);
    }

    function test_leafOf_revertsWhenTheWordCountDiffers() public {
        vm.expectRevert(abi.encodeWithSelector(PackedValues.WordCountMismatch.selector, 1, 2));
        this.leafOf(1, _words(2, 2), 15);
    }

    function test_leafOf_revertsWhenAWordIsNotPacked() public {
        vm.expectRevert(abi.encodeWithSelector(PackedValues.StrayBits.selector, 0));
        this.leafOf(1, _words(1, 1 << 80), 5);
    }

    function test_leafOf_revertsWhenTheSaltIsNotCanonical() public {
        vm.expectRevert(abi.encodeWithSelector(ScalarField.NotAScalar.selector, ScalarField.ORDER));
        this.leafOf(ScalarField.ORDER, _words(1, 2), 5);
    }

    function testFuzz_rootOf_opensEveryLeaf(uint256[8] memory leaves, uint8 position) public pure {
        position %= 8;
        uint256[] memory level = new uint256[](8);
        for (uint256 i; i < 8; ++i) {
            level[i] = leaves[i] % ScalarField.ORDER;
        }
        uint256 leaf = level[position];
        uint256[] memory siblings = new uint256[](3);
        uint256 index = position;
        for (uint256 depth; depth < 3; ++depth) {
            siblings[depth] = level[index ^ 1];
            for (uint256 i; i < level.length >> (depth + 1); ++i) {
                level[i] = TensorOpening.nodeOf(level[2 * i], level[2 * i + 1]);
            }
            index >>= 1;
        }
        assertEq(TensorOpening.rootOf(leaf, position, siblings), level[0]);
    }

    function test_rootOf_noSiblings_isTheLeaf() public pure {
        assertEq(TensorOpening.rootOf(7, 0, new uint256[](0)), 7);
    }

    function test_rootOf_revertsWhenThePositionIsOutsideTheTree() public {
        vm.expectRevert(abi.encodeWithSelector(TensorOpening.PositionOutOfRange.selector, 8, 3));
        this.rootOf(1, 8, new uint256[](3));
        vm.expectRevert(abi.encodeWithSelector(TensorOpening.PositionOutOfRange.selector, 0, 256));
        this.rootOf(1, 0, new uint256[](256));
    }

    function test_leafOf_gas() public {
        uint256[] memory words = new uint256[](53);
        uint256 before = gasleft();
        TensorOpening.leafOf(1, words, 784);
        vm.snapshotValue("TensorOpening", "leafOf 784 values", before - gasleft());
    }

    function _words(uint256 count, uint256 first) private pure returns (uint256[] memory words) {
        words = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            words[i] = first + i;
        }
    }
}
