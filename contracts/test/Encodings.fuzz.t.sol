// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC8274Verifier} from "../src/adapters/ERC8274Verifier.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "../src/interfaces/ITensorOpenings.sol";
import {ProvenValues} from "../src/ProvenValues.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, InferenceState, InferenceStatus, ShownInference} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// @notice Calls in which words, offsets and lengths are replaced as a hostile encoder might: what passes is still the truth.
contract EncodingsFuzzTest is TraceTest {
    ModelId internal modelId;
    ProvenValues internal reader;
    ERC8274Verifier internal verifier;
    Trace internal first;
    Trace internal second;
    InferenceId internal firstId;
    InferenceId internal secondId;

    /// @dev Two honest inferences on the same inputs, with other salts.
    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        reader = new ProvenValues(registry);
        verifier = new ERC8274Verifier(registry);
        first = traceOf("image", "hint", "salt");
        second = traceOf("image", "hint", "other salt");
        firstId = attestTrace(modelId, first, NONCE);
        secondId = attestTrace(modelId, second, NONCE);
    }

    function testFuzz_provenOutput_mutatedCall_readsTheTruth(uint256 seed) public view {
        bytes memory data = abi.encodeCall(
            reader.provenOutput, (modelId, firstId, 0, recordOf(modelId), outputsOf(modelId), shownTrace(first))
        );
        _mutate(data, seed);
        (bool success, bytes memory answer) = address(reader).staticcall(data);
        if (!success) return;
        uint256[] memory raw = abi.decode(answer, (uint256[]));
        assertEq(raw.length, 10);
        assertEq(pack(raw), uint256(first.words[SCORES][0]));
    }

    function testFuzz_reports_mutatedCall_freezeNoHonestModel(uint256 seed) public {
        uint256 output = (seed >> 8) % 2;
        bytes memory data;
        if (seed % 3 == 0) {
            data = abi.encodeCall(
                IChainferRegistry.reportContradiction,
                (
                    modelId,
                    shownTrace(firstId, first),
                    shownTrace(secondId, second),
                    output,
                    recordOf(modelId),
                    inputsOf(modelId),
                    outputsOf(modelId)
                )
            );
        } else if (seed % 3 == 1) {
            data = abi.encodeCall(
                IChainferRegistry.reportOpeningContradiction,
                (
                    traceInference(modelId, first, NONCE),
                    openingOf(first, SCORES + output),
                    recordOf(modelId),
                    leafLengthsOf(modelId),
                    output,
                    outputsOf(modelId),
                    shownTrace(first)
                )
            );
        } else {
            data = abi.encodeCall(
                IChainferRegistry.reportRootContradiction,
                (
                    traceInference(modelId, first, NONCE),
                    traceInference(modelId, second, NONCE),
                    output,
                    shownTrace(first),
                    shownTrace(second)
                )
            );
        }
        _mutate(data, seed);
        (bool success,) = address(registry).call(data);
        assertFalse(success);
    }

    /// @dev Some of the chunks, in some order, with their honest values.
    function testFuzz_attest_mutatedCall_provesTheTruth(uint256 seed) public {
        Trace memory trace = traceOf("cat", "hint", "salt");
        ChunkProof[] memory proofs = proofsWith(inferenceOf(modelId, trace.root), publicOf(trace));
        bytes memory data = abi.encodeCall(
            registry.attest, (inferenceOf(modelId, trace.root), recordOf(modelId), chunksOf(modelId), proofs)
        );
        _mutate(data, seed);
        (bool success, bytes memory answer) = address(registry).call(data);
        if (!success) return;
        assertEqId(abi.decode(answer, (InferenceId)), idOf(modelId, trace.root));
        InferenceState memory state = stateOf(modelId, trace.root);
        uint256 chunks = _chunksBehind(state.valuesHash, 0, 0, proofs);
        assertNotEq(chunks, 0, "something else was proven");
        assertEq(state.status == InferenceStatus.Proven, chunks == 7);
        assertEq(state.provenChunks, chunks == 7 ? 0 : chunks);
    }

    function testFuzz_open_mutatedCall_opensTheTruth(uint256 seed) public {
        uint256 leaf = (seed >> 8) % LEAVES;
        bytes memory data = abi.encodeCall(
            ITensorOpenings.open,
            (traceInference(modelId, first, NONCE), openingOf(first, leaf), recordOf(modelId), leafLengthsOf(modelId))
        );
        _mutate(data, seed);
        (bool success, bytes memory answer) = address(openings).call(data);
        if (!success) return;
        assertEq(abi.decode(answer, (uint256)), first.leaves[leaf]);
        for (uint256 i; i < LEAVES; ++i) {
            bytes32 expected = i == leaf ? Records.digestOf(first.words[i]) : bytes32(0);
            assertEq(openings.openingOf(firstId, i), expected);
        }
    }

    /// @dev True is said of the right hashes alone, whatever the proof's bytes are.
    function testFuzz_erc8274_mutatedCall_isTrueOfTheRightHashes(uint256 seed) public view {
        (bytes memory data, bytes32 inputHash, bytes32 outputHash) = _call8274();
        (bool success, bytes memory answer) = address(verifier).staticcall(data);
        assertTrue(success && abi.decode(answer, (bool)));
        _mutate(data, seed);
        (success, answer) = address(verifier).staticcall(data);
        if (!success || !abi.decode(answer, (bool))) return;
        bytes32 hashes;
        assembly ("memory-safe") {
            hashes := keccak256(add(data, 0x24), 0x40)
        }
        assertEq(hashes, keccak256(abi.encode(inputHash, outputHash)));
    }

    // --------------------------------------------------------------------------------------------------- Helpers

    function _call8274() private view returns (bytes memory, bytes32 inputHash, bytes32 outputHash) {
        (uint256[][] memory inputs, uint256[][] memory outputs) = (new uint256[][](2), new uint256[][](2));
        (inputs[0], inputs[1]) = (new uint256[](1), first.words[HINT]);
        (outputs[0], outputs[1]) = (first.words[SCORES], new uint256[](1));
        (inputs[0][0], outputs[1][0]) = (first.leaves[IMAGE], first.leaves[EMBEDDING]);
        ERC8274Verifier.Proof memory proof = ERC8274Verifier.Proof(
            first.root, REQUESTER, NONCE, recordOf(modelId), inputsOf(modelId), outputsOf(modelId), shownTrace(first)
        );
        inputHash = verifier.inputHashOf(modelId, REQUESTER, NONCE, inputs);
        outputHash = verifier.outputHashOf(outputs);
        return (
            abi.encodeCall(verifier.verify, (inputHash, outputHash, abi.encode(modelId), abi.encode(proof))),
            inputHash,
            outputHash
        );
    }

    /// @dev Which chunks' honest values, after those in `chunks` and in whatever order, lead from `hash` to `target`; zero for none.
    function _chunksBehind(uint208 target, uint208 hash, uint256 chunks, ChunkProof[] memory proofs)
        private
        pure
        returns (uint256 found)
    {
        if (hash == target) return chunks;
        for (uint256 i; i < proofs.length && found == 0; ++i) {
            if ((chunks >> i) & 1 == 1) continue;
            uint208 next = Records.chain(hash, i, Records.digestOf(proofs[i].publicValues));
            found = _chunksBehind(target, next, chunks | uint256(1) << i, proofs);
        }
    }

    /// @dev Replaces one or two words behind the selector: by offsets forwards and backwards, by small numbers, by neighbouring
    /// numbers, by other words of the call.
    function _mutate(bytes memory data, uint256 seed) private pure {
        uint256 words = (data.length - 4) / 32;
        for (uint256 k; k < 1 + (seed >> 16) % 2; ++k) {
            uint256 random = uint256(keccak256(abi.encode(seed, k)));
            uint256 at = (random >> 8) % words;
            uint256 how = random % 8;
            uint256 other = (random >> 64) % words;
            uint256 value = _wordAt(data, at);
            unchecked {
                if (how == 0) value = 32 * other;
                else if (how == 1) value = 0 - 32 * other;
                else if (how == 2) value = other % 8;
                else if (how == 3) value += 32;
                else if (how == 4) value -= 32;
                else if (how == 5) value ^= uint256(1) << (random >> 128) % 256;
                else if (how == 6) value = _wordAt(data, other);
                else value = random;
            }
            assembly ("memory-safe") {
                mstore(add(add(data, 0x24), shl(5, at)), value)
            }
        }
    }

    function _wordAt(bytes memory data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x24), shl(5, at)))
        }
    }
}
