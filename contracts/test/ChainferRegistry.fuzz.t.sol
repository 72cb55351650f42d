// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, Inference, InferenceState, InferenceStatus} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice Chunk orders, duplicates, splits over transactions, racing provers, corrupted submissions.
contract ChainferRegistryFuzzTest is RegistryTest {
    /// @dev However honest proofs arrive, the inference is proven exactly when each chunk has arrived once, and its hash is that of the
    /// values in the order in which they first arrived.
    function testFuzz_prove_anyOrderDuplicatesAndSplits_reachProven(uint256 seed, uint8 chunkCount) public {
        uint256 count = bound(chunkCount, 1, 8);
        ModelId modelId = register(registrationOf("fuzz", _mixed(seed, count)));
        InferenceId id = commit(modelId, ROOT);
        uint256 full = (1 << count) - 1;
        uint256 seen;
        uint208 hash;
        for (uint256 step; seen != full; ++step) {
            uint256 random = uint256(keccak256(abi.encode(seed, step)));
            ChunkProof[] memory batch = new ChunkProof[](1 + random % 4);
            for (uint256 i; i < batch.length; ++i) {
                random = uint256(keccak256(abi.encode(random, i)));
                // After a while, take the lowest chunk that is missing.
                uint16 chunk = step < 12 ? uint16(random % count) : _lowestMissing(seen);
                batch[i] = honestProof(modelId, ROOT, chunk);
                if ((seen >> chunk) & 1 == 0) {
                    hash = Records.chain(hash, chunk, Records.digestOf(batch[i].publicValues));
                }
                seen |= uint256(1) << chunk;
                if (seen == full) {
                    assembly ("memory-safe") {
                        mstore(batch, add(i, 1))
                    }
                    break;
                }
            }
            assertFalse(isProven(modelId, id));
            vm.prank(address(uint160(random | 1)));
            prove(modelId, ROOT, batch);
            assertEq(stateOf(modelId, ROOT).provenChunks, seen == full ? 0 : seen);
            assertEq(stateOf(modelId, ROOT).valuesHash, hash);
        }
        assertTrue(isProven(modelId, id));
    }

    /// @dev Two provers with overlapping chunks, the second by `prove` or `attest`, and between them whatever a third may try: the
    /// order decides nothing but who pays.
    function testFuzz_prove_twoProversRacing_endAlike(uint256 first, uint256 second, bool attests, uint256 meddling)
        public
    {
        ModelId modelId = register(registrationOf("race", uniform(5, 1)));
        first = bound(first, 1, 31);
        second = bound(second, 1, 31);
        commit(modelId, ROOT);
        ChunkProof[] memory proofs = _subset(modelId, first);
        vm.prank(address(1));
        prove(modelId, ROOT, proofs);
        InferenceState memory before = stateOf(modelId, ROOT);
        assertEq(before.provenChunks, first == 31 ? 0 : first);
        _meddle(modelId, second, meddling);
        assertEq(abi.encode(stateOf(modelId, ROOT)), abi.encode(before));

        proofs = _subset(modelId, second);
        vm.prank(address(2));
        if (attests) attest(modelId, ROOT, proofs);
        else prove(modelId, ROOT, proofs);
        InferenceState memory state = stateOf(modelId, ROOT);
        bool done = first | second == 31;
        assertEq(state.status == InferenceStatus.Proven, done);
        assertEq(state.provenChunks, done ? 0 : first | second);
        assertEq(state.time, before.time);
        assertEq(state.valuesHash, _hash(modelId, second & ~first, _hash(modelId, first, 0)));
    }

    /// @dev A third party sends the second prover's proofs, spoilt or for themselves: refused, and nothing of theirs is proven.
    function _meddle(ModelId modelId, uint256 mask, uint256 how) private {
        address thief = address(3);
        ChunkProof[] memory proofs = _subset(modelId, mask);
        ChunkProof memory touched = proofs[(how >> 8) % proofs.length];
        (address requester, uint256 nonce) = (thief, NONCE);
        vm.startPrank(thief);
        if (how % 4 == 0) {
            touched.proof[how % 32] ^= 0x01;
        } else if (how % 4 == 1) {
            touched.publicValues[0] ^= 1;
        } else if (how % 4 == 2) {
            nonce = NONCE + 1;
        }
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(Inference(modelId, ROOT, requester, nonce), proofs);
        InferenceId own = registry.commit(Inference(modelId, ROOT, requester, nonce));
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        prove(Inference(modelId, ROOT, requester, nonce), proofs);
        vm.stopPrank();
        assertEq(registry.stateOf(modelId, own).provenChunks, 0);
        assertEq(registry.stateOf(modelId, own).valuesHash, 0);
        assertFalse(isProven(modelId, own));
    }

    /// @dev Proofs that are spoilt under the requester's own name are refused whole, the good ones among them too.
    function testFuzz_prove_aSpoiltProofBetween_leavesNoTrace(uint256 first, uint256 second, uint256 at) public {
        ModelId modelId = register(registrationOf("race", uniform(5, 1)));
        first = bound(first, 1, 30);
        second = bound(second, 1, 31) | (31 ^ first);
        InferenceId id = commit(modelId, ROOT);
        prove(modelId, ROOT, _subset(modelId, first));
        bytes32 before = keccak256(abi.encode(stateOf(modelId, ROOT)));
        ChunkProof[] memory proofs = _subset(modelId, second);
        // One that the registry has not seen: what is proven is skipped, its proof unread.
        uint256 index = at % proofs.length;
        while ((first >> proofs[index].chunk) & 1 == 1) {
            index = (index + 1) % proofs.length;
        }
        proofs[index].proof[at % 32] ^= 0x01;
        vm.prank(address(3));
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        prove(modelId, ROOT, proofs);
        assertEq(keccak256(abi.encode(stateOf(modelId, ROOT))), before);

        proofs = _subset(modelId, second);
        vm.prank(address(2));
        attest(modelId, ROOT, proofs);
        assertTrue(isProven(modelId, id));
    }

    /// @dev Any change to what was proven is refused, and leaves no trace.
    function testFuzz_attest_anyChange_reverts(uint256 root, address requester, uint256 nonce, uint256 flip) public {
        ModelId modelId = register(registrationOf("change", uniform(1, 2)));
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        root = bound(root, 1, R - 1);
        vm.assume(requester != address(0));
        bool same = root == ROOT && requester == REQUESTER && nonce == NONCE;
        if (same) proof.publicValues[flip % 2] ^= uint256(1) << (flip % 248);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(Inference(modelId, root, requester, nonce), only(proof));

        proof = honestProof(modelId, ROOT, 0);
        proof.publicValues[flip % 2] ^= uint256(1) << (flip % 248);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(modelId, ROOT, only(proof));

        proof = honestProof(modelId, ROOT, 0);
        proof.proof[flip % 32] ^= bytes1(uint8(1 << (flip % 8)));
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(modelId, ROOT, only(proof));
        assertEq(uint256(stateOf(modelId, ROOT).status), 0);
    }

    function _mixed(uint256 seed, uint256 count) private pure returns (uint32[] memory list) {
        list = new uint32[](count);
        for (uint256 i; i < count; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, "words", i)));
            list[i] = uint32(random % 8 == 0 ? 33 : random % 4);
        }
        // A model has an input.
        if (list[0] == 0) list[0] = 1;
    }

    /// @dev The hash after the chunks of a set, in order.
    function _hash(ModelId modelId, uint256 mask, uint208 hash) private view returns (uint208) {
        for (uint256 i; i < 5; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            hash = Records.chain(hash, i, Records.digestOf(honestValues(modelId, ROOT, i)));
        }
        return hash;
    }

    function _lowestMissing(uint256 seen) private pure returns (uint16 chunk) {
        while ((seen >> chunk) & 1 == 1) {
            ++chunk;
        }
    }

    function _subset(ModelId modelId, uint256 mask) private view returns (ChunkProof[] memory proofs) {
        proofs = new ChunkProof[](5);
        uint256 count;
        for (uint16 i; i < 5; ++i) {
            if ((mask >> i) & 1 == 1) proofs[count++] = honestProof(modelId, ROOT, i);
        }
        assembly ("memory-safe") {
            mstore(proofs, count)
        }
    }
}
