// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Curve} from "../base/Curve.sol";
import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";

/// @notice Every word of the proof and of the instances counts: with any of them changed, the proof is refused, and with the
/// error that the change deserves.
abstract contract Mutations is VerifierTest {
    function test_verifyProof_rejectsEveryWordFlipped() public view {
        bytes memory data = honestCall();
        for (uint256 word; word < wordCount(); ++word) {
            // Another bit in each word, from the lowest to the highest.
            rejectsWord(data, word, wordOf(data, word) ^ (1 << (word * 37 % 254)));
        }
    }

    function test_verifyProof_rejectsEveryWordIncremented() public view {
        bytes memory data = honestCall();
        for (uint256 word; word < wordCount(); ++word) {
            rejectsWord(data, word, wordOf(data, word) + 1);
        }
    }

    function test_verifyProof_rejectsEveryWordZeroed() public view {
        bytes memory data = honestCall();
        for (uint256 word; word < wordCount(); ++word) {
            rejectsWord(data, word, 0);
        }
    }

    /// @dev A scalar and its negation are easily mixed up where it enters squared.
    function test_verifyProof_rejectsEveryScalarNegated() public view {
        bytes memory data = honestCall();
        for (uint256 word = firstScalar(); word < wordCount(); ++word) {
            if (word >= proofWords() || isScalar(word)) {
                uint256 honest = wordOf(data, word);
                rejectsWord(data, word, honest == 0 ? 0 : Curve.R - honest);
            }
        }
    }

    function testFuzz_verifyProof_rejectsAnyWordXored(uint256 word, uint256 mask) public view {
        bytes memory data = honestCall();
        word %= wordCount();
        rejectsWord(data, word, wordOf(data, word) ^ mask);
    }

    function testFuzz_verifyProof_rejectsAnyByteChanged(uint256 index, uint8 difference) public view {
        bytes memory data = honestCall();
        index %= 32 * wordCount();
        uint256 shift = 8 * (31 - index % 32);
        rejectsWord(data, index / 32, wordOf(data, index / 32) ^ (uint256(difference) << shift));
    }

    function testFuzz_verifyProof_rejectsSwappedWords(uint256 first, uint256 second) public view {
        bytes memory data = honestCall();
        (uint256 a, uint256 b) = (offsetOf(first % wordCount()), offsetOf(second % wordCount()));
        (uint256 x, uint256 y) = (get(data, a), get(data, b));
        if (x == y) return;
        set(data, a, y);
        set(data, b, x);
        assertRejects(data, "swapped words");
    }

    function testFuzz_verifyProof_rejectsRandomInstances(uint256 seed) public view {
        uint256[] memory instances = honestInstances();
        for (uint256 i; i < instances.length; ++i) {
            instances[i] = uint256(keccak256(abi.encode(seed, i))) % Curve.R;
        }
        if (instances.length == 0) return;
        assertRejectsWith(encode(honestProof(), instances), VerifierErrors.ProofRejected.selector, "random instances");
    }

    function testFuzz_verifyProof_rejectsRandomBytes(uint256 seed) public view {
        bytes memory data = honestCall();
        for (uint256 word; word < proofWords(); ++word) {
            set(data, proofByte(word), uint256(keccak256(abi.encode(seed, word))));
        }
        assertRejects(data, "random bytes");
    }

    /// @dev Random points of the curve and scalars in range: nothing is wrong but the proof.
    function testFuzz_verifyProof_rejectsRandomWellFormedProofs(uint256 seed) public view {
        bytes memory data = honestCall();
        uint256[] memory starts = pointStarts();
        for (uint256 i; i < starts.length; ++i) {
            (uint256 x, uint256 y) = Curve.multiply(1, 2, uint256(keccak256(abi.encode(seed, i))));
            set(data, proofByte(starts[i]), x);
            set(data, proofByte(starts[i] + 1), y);
        }
        for (uint256 word = firstScalar(); word < firstOpeningWord(); ++word) {
            set(data, proofByte(word), uint256(keccak256(abi.encode(word, seed))) % Curve.R);
        }
        assertRejectsWith(data, VerifierErrors.ProofRejected.selector, "a random proof");
    }

    /// @dev Words of the proof and, behind them, the instances.
    function wordCount() private view returns (uint256) {
        return proofWords() + instanceCount();
    }

    function offsetOf(uint256 word) private view returns (uint256) {
        return word < proofWords() ? proofByte(word) : instanceByte(word - proofWords());
    }

    function wordOf(bytes memory data, uint256 word) private view returns (uint256) {
        return get(data, offsetOf(word));
    }

    /// @dev Replaces one word, unless that changes nothing, and puts the honest one back.
    function rejectsWord(bytes memory data, uint256 word, uint256 value) private view {
        uint256 offset = offsetOf(word);
        uint256 honest = get(data, offset);
        if (value == honest) return;
        set(data, offset, value);
        bytes memory expected;
        if (word < proofWords()) {
            expected = errorOfProofWord(data, word);
        } else if (value >= Curve.R) {
            expected = abi.encodeWithSelector(VerifierErrors.InstanceOutOfRange.selector, word - proofWords());
        } else {
            expected = abi.encodeWithSelector(VerifierErrors.ProofRejected.selector);
        }
        assertRejectsWith(data, expected, nth("another value of word", word));
        set(data, offset, honest);
    }
}
