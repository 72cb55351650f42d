// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";

/// @notice A proof has one length, and so have the instances: the transcript does not absorb either.
abstract contract Lengths is VerifierTest {
    function test_lengths_rejectsShortProofs() public view {
        bytes memory proof = honestProof();
        uint256[5] memory cuts = [uint256(1), 31, 32, 33, 64];
        for (uint256 i; i < cuts.length; ++i) {
            rejectsProof(resized(proof, proof.length - cuts[i]), nth("a proof short by", cuts[i]));
        }
        rejectsProof("", "an empty proof");
        rejectsProof(resized(proof, 1), "a proof of a byte");
        rejectsProof(resized(proof, proof.length / 2), "half a proof");
    }

    function test_lengths_rejectsLongProofs() public view {
        bytes memory proof = honestProof();
        uint256[5] memory more = [uint256(1), 31, 32, 33, 64];
        for (uint256 i; i < more.length; ++i) {
            rejectsProof(resized(proof, proof.length + more[i]), nth("a proof longer by", more[i]));
        }
        rejectsProof(bytes.concat(proof, proof), "the proof twice");
    }

    function testFuzz_lengths_rejectsOtherProofLengths(uint16 length) public view {
        bytes memory proof = honestProof();
        if (length == proof.length) return;
        rejectsProof(resized(proof, length), nth("a proof of", length));
    }

    function test_lengths_rejectsOtherInstanceCounts() public view {
        uint256 count = instanceCount();
        for (uint256 other; other < count + 4; ++other) {
            if (other != count) rejectsCount(other);
        }
    }

    /// @dev The verifier lays out its memory by hand: a long array of instances must not reach what it computes.
    function test_lengths_rejectsManyInstances() public view {
        for (uint256 count = 64; count <= 16_384; count *= 4) {
            if (count != instanceCount()) rejectsCount(count);
        }
    }

    function test_lengths_rejectsEmptyInputs() public view {
        assertRejects(encode("", new uint256[](0)), "no proof and no instances");
        rejectsProof("", "no proof");
        assertRejects(encode("", new uint256[](instanceCount() + 1)), "no proof and an instance more");
    }

    /// @dev The length words alone: what they announce is not there, or is hidden by what is.
    function test_lengths_rejectsOtherLengthWords() public view {
        bytes memory data = honestCall();
        uint256[2] memory offsets = [proofByte(0) - 32, instanceByte(0) - 32];
        for (uint256 i; i < offsets.length; ++i) {
            uint256 honest = get(data, offsets[i]);
            for (uint256 bit; bit < 256; ++bit) {
                set(data, offsets[i], honest ^ (1 << bit));
                assertRejects(data, nth(nth("length", i), bit));
            }
            set(data, offsets[i], 0);
            assertRejects(data, nth("length of zero", i));
            set(data, offsets[i], type(uint256).max);
            assertRejects(data, nth("largest length", i));
            set(data, offsets[i], honest);
        }
    }

    function rejectsProof(bytes memory proof, string memory what) private view {
        uint256 expected = honestProof().length;
        bytes memory refusal =
            abi.encodeWithSelector(VerifierErrors.InvalidProofLength.selector, expected, proof.length);
        assertRejectsWith(encode(proof, honestInstances()), refusal, what);
    }

    /// @dev The honest instances first, then zeros.
    function rejectsCount(uint256 count) private view {
        uint256[] memory honest = honestInstances();
        uint256[] memory instances = new uint256[](count);
        for (uint256 i; i < count && i < honest.length; ++i) {
            instances[i] = honest[i];
        }
        bytes memory refusal =
            abi.encodeWithSelector(VerifierErrors.InvalidInstanceCount.selector, honest.length, count);
        assertRejectsWith(encode(honestProof(), instances), refusal, nth("instances:", count));
    }
}
