// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {PoseidonCompress} from "../../src/libraries/PoseidonCompress.sol";
import {ScalarField} from "../../src/libraries/ScalarField.sol";
import {PoseidonReference} from "../helpers/PoseidonReference.sol";

contract PoseidonCompressTest is Test {
    uint256 internal constant R = ScalarField.ORDER;
    PoseidonReference internal reference_;

    function setUp() public {
        reference_ = new PoseidonReference();
    }

    function compress(uint256 h, uint256 a, uint256 b) external pure returns (uint256) {
        return PoseidonCompress.compress(PoseidonCompress.constants(), h, a, b);
    }

    function test_compress_matchesCircomlibPoseidon() public pure {
        assertEq(
            PoseidonCompress.compress(PoseidonCompress.constants(), 0, 1, 2),
            0x115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a
        );
    }

    function test_compress_matchesCircomlibWithAnInitialState() public pure {
        assertEq(
            PoseidonCompress.compress(PoseidonCompress.constants(), (1 << 64) + 5, 1, 2),
            0x2166be046b1eb1afd0614a80da758fecca7e72ef287701788ea65b0053fa0229
        );
    }

    function test_compress_atTheEdgesOfTheField_matchesTheReference() public view {
        uint256[4] memory edges = [0, 1, R - 1, R - 2];
        for (uint256 i; i < 64; ++i) {
            (uint256 h, uint256 a, uint256 b) = (edges[i % 4], edges[i / 4 % 4], edges[i / 16]);
            assertEq(PoseidonCompress.compress(PoseidonCompress.constants(), h, a, b), reference_.compress(h, a, b));
        }
    }

    function testFuzz_compress_matchesTheReference(uint256 h, uint256 a, uint256 b) public view {
        (h, a, b) = (h % R, a % R, b % R);
        assertEq(PoseidonCompress.compress(PoseidonCompress.constants(), h, a, b), reference_.compress(h, a, b));
    }

    function testFuzz_compress_revertsWhenAnArgumentIsNotCanonical(uint256 bad) public {
        bad = bound(bad, R, type(uint256).max);
        bytes memory expected = abi.encodeWithSelector(ScalarField.NotAScalar.selector, bad);
        vm.expectRevert(expected);
        this.compress(bad, 1, 2);
        vm.expectRevert(expected);
        this.compress(0, bad, 2);
        vm.expectRevert(expected);
        this.compress(0, 1, bad);
    }

    function test_compress_gas() public {
        uint256 before = gasleft();
        PoseidonCompress.compress(PoseidonCompress.constants(), 1, 2, 3);
        vm.snapshotValue("PoseidonCompress", "compress", before - gasleft());
    }
}
