// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";

/// @notice One call has one encoding: offsets in order and without gaps, nothing behind the end, no other entry.
/// @dev The proof's bytes and the instances are those of the honest call in each of these.
abstract contract Encoding is VerifierTest {
    function test_encoding_rejectsSwappedTails() public view {
        uint256 first = firstTail();
        bytes memory tails = bytes.concat(instancesTail(), proofTail());
        assertRejects(withHeads(first + 32 + 32 * instanceCount(), first, tails), "instances before the proof");
    }

    function test_encoding_rejectsGaps() public view {
        uint256 first = firstTail();
        bytes memory proof = proofTail();
        bytes memory instances = instancesTail();
        uint256 second = first + proof.length;
        bytes32 word;
        bytes1 octet;
        bytes memory tails = bytes.concat(word, proof, instances);
        assertRejects(withHeads(first + 32, second + 32, tails), "a word between heads and proof");
        tails = bytes.concat(proof, word, instances);
        assertRejects(withHeads(first, second + 32, tails), "a word between proof and instances");
        tails = bytes.concat(proof, octet, instances);
        assertRejects(withHeads(first, second + 1, tails), "a byte between proof and instances");
        tails = bytes.concat(octet, proof, instances);
        assertRejects(withHeads(first + 1, second + 1, tails), "a byte between heads and proof");
    }

    function test_encoding_rejectsOtherOffsets() public view {
        bytes memory data = honestCall();
        for (uint256 head; head < 2; ++head) {
            uint256 offset = headByte() + 32 * head;
            uint256 honest = get(data, offset);
            for (uint256 bit; bit < 256; ++bit) {
                set(data, offset, honest ^ (1 << bit));
                assertRejects(data, nth(nth("head", head), bit));
            }
            uint256[6] memory values = [0, honest + 32, honest - 32, honest + 1, honest - 1, type(uint256).max];
            for (uint256 i; i < values.length; ++i) {
                set(data, offset, values[i]);
                assertRejects(data, nth(nth("head", head), values[i]));
            }
            set(data, offset, honest);
        }
    }

    /// @dev Both heads at the proof, or both at the instances.
    function test_encoding_rejectsOverlappingTails() public view {
        bytes memory data = honestCall();
        uint256 head = headByte();
        uint256 first = get(data, head);
        uint256 second = get(data, head + 32);
        set(data, head + 32, first);
        assertRejects(data, "instances read from the proof");
        set(data, head + 32, second);
        set(data, head, second);
        assertRejects(data, "a proof read from the instances");
    }

    function testFuzz_encoding_rejectsOtherHeads(uint256 head, uint256 value, bool small) public view {
        bytes memory data = honestCall();
        uint256 offset = headByte() + 32 * (head % 2);
        value = small ? value % (data.length + 64) : value;
        if (get(data, offset) == value) ++value;
        set(data, offset, value);
        assertRejects(data, "another head");
    }

    function test_encoding_rejectsOtherSelectors() public view {
        bytes memory data = honestCall();
        for (uint256 bit; bit < 32; ++bit) {
            data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            assertRejects(data, nth("a selector with another bit", bit));
            data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
    }

    function test_encoding_rejectsIncompleteCalldata() public view {
        bytes memory data = honestCall();
        assertRejects("", "empty calldata");
        for (uint256 length = 1; length < headByte() + 0x80; ++length) {
            assertRejects(resized(data, length), nth("calldata cut at byte", length));
        }
        for (uint256 cut = 1; cut <= 64; ++cut) {
            assertRejects(resized(data, data.length - cut), nth("calldata short by", cut));
        }
    }

    function test_encoding_rejectsTrailingCalldata() public view {
        bytes memory data = honestCall();
        bytes4 refusal = VerifierErrors.NonCanonicalCalldata.selector;
        for (uint256 more = 1; more <= 64; ++more) {
            assertRejectsWith(resized(data, data.length + more), refusal, nth("bytes behind the end:", more));
        }
        assertRejectsWith(bytes.concat(data, hex"01"), refusal, "a byte of 1 behind the end");
        assertRejectsWith(bytes.concat(data, data), refusal, "the call twice");
    }

    function test_encoding_rejectsValue() public {
        bytes memory data = honestCall();
        (bool success,) = verifier.call{gas: CALL_GAS, value: 1}(data);
        assertTrue(!success, "a call with value is not refused");
        (success,) = verifier.call{gas: CALL_GAS, value: 1}("");
        assertTrue(!success, "ether is taken");
    }

    /// @dev The call with these offsets and what follows them.
    function withHeads(uint256 proofAt, uint256 instancesAt, bytes memory tails) private view returns (bytes memory) {
        bytes memory heads = abi.encode(proofAt, instancesAt);
        if (key.length == 0) return bytes.concat(selector, heads, tails);
        return bytes.concat(selector, abi.encode(0x60), heads, encodeBytes(key), tails);
    }

    /// @dev The offset of what comes first behind the heads and the key.
    function firstTail() private view returns (uint256) {
        return proofTailByte() - 4;
    }

    function instancesTail() private view returns (bytes memory) {
        return abi.encodePacked(instanceCount(), honestInstances());
    }

    function proofTail() private view returns (bytes memory) {
        bytes memory proof = honestProof();
        return bytes.concat(bytes32(proof.length), proof);
    }
}
