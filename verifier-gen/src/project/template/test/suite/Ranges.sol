// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Curve} from "../base/Curve.sol";
import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";

/// @notice Every scalar is below the group's order and every coordinate below the base field's modulus: each field element
/// has one form. A verifier that computes modulo r or q would take the others for the same proof.
abstract contract Ranges is VerifierTest {
    function test_ranges_rejectsInstancesAtOrAboveTheOrder() public view {
        bytes memory data = honestCall();
        for (uint256 i; i < instanceCount(); ++i) {
            bytes memory expected = abi.encodeWithSelector(VerifierErrors.InstanceOutOfRange.selector, i);
            rejectsForms(data, instanceByte(i), Curve.R, expected, nth("instance", i));
        }
    }

    function test_ranges_rejectsEvaluationsAtOrAboveTheOrder() public view {
        bytes memory data = honestCall();
        for (uint256 word = firstScalar(); word < firstOpeningWord(); ++word) {
            bytes memory expected = abi.encodeWithSelector(VerifierErrors.ScalarOutOfRange.selector, word);
            rejectsForms(data, proofByte(word), Curve.R, expected, nth("the scalar at word", word));
        }
    }

    function test_ranges_rejectsCoordinatesAtOrAboveTheModulus() public view {
        bytes memory data = honestCall();
        for (uint256 word; word < proofWords(); ++word) {
            if (isScalar(word)) continue;
            bytes memory expected = abi.encodeWithSelector(VerifierErrors.InvalidPoint.selector, pointOf(word));
            rejectsForms(data, proofByte(word), Curve.Q, expected, nth("the coordinate at word", word));
        }
    }

    /// @dev The word plus the modulus as often as it fits in 256 bits, the modulus itself, and the largest word.
    function rejectsForms(bytes memory data, uint256 offset, uint256 modulus, bytes memory expected, string memory what)
        private
        view
    {
        uint256 honest = get(data, offset);
        uint256 form = honest;
        while (form <= type(uint256).max - modulus) {
            form += modulus;
            set(data, offset, form);
            assertRejectsWith(data, expected, string.concat(what, " plus the modulus"));
        }
        set(data, offset, modulus);
        assertRejectsWith(data, expected, string.concat(what, " as the modulus"));
        set(data, offset, type(uint256).max);
        assertRejectsWith(data, expected, string.concat(what, " as the largest word"));
        set(data, offset, honest);
    }
}
