// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    Inference,
    InferenceStatus,
    ModelRecord,
    ModelRegistration
} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {TraceTest} from "./helpers/TraceTest.sol";
import {StubVerifier} from "./stubs/StubVerifier.sol";

/// @notice The registry stores hashes, and callers hand in what it needs: for proving, no record and no list of chunks but the
/// registered ones. Attacks on calldata itself are made on the encoded call.
contract ChainferRegistryRecordsTest is TraceTest {
    /// @dev Where the call's arguments are, in words behind the selector: the inference, the record, two offsets, the chunks.
    uint256 internal constant RECORD = 4;
    uint256 internal constant CHUNKS_OFFSET = 9;
    uint256 internal constant PROOFS_OFFSET = 10;
    uint256 internal constant CHUNKS_LENGTH = 11;
    uint256 internal constant CHUNKS = 12;
    uint256 internal constant CHUNK_WORDS = 5;

    ModelId internal modelId;
    ModelRecord internal record;
    Inference internal inference;
    ChunkProof[] internal proofs;
    bytes internal mismatch;

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        record = recordOf(modelId);
        inference = inferenceOf(modelId, ROOT);
        ChunkProof[] memory honest = honestProofs(modelId, ROOT);
        for (uint256 i; i < honest.length; ++i) {
            proofs.push(honest[i]);
        }
        mismatch = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
    }

    // ------------------------------------------------------------------------------------------------------- Record

    /// @dev Any bit of any word, those that proving does not use among them.
    function testFuzz_attest_revertsWhenAnyBitOfTheRecordIsAnother(uint256 word, uint8 bit) public {
        bytes memory call = _call(chunksOf(modelId));
        word = RECORD + word % 5;
        _set(call, word, _get(call, word) ^ (uint256(1) << bit));
        _expectFailure(call, mismatch);
        _expectNothing();
    }

    function test_attest_revertsWhenWordsOfTheRecordAreSwapped() public {
        for (uint256 i; i < 5; ++i) {
            for (uint256 j; j < i; ++j) {
                bytes memory call = _call(chunksOf(modelId));
                (uint256 a, uint256 b) = (_get(call, RECORD + i), _get(call, RECORD + j));
                _set(call, RECORD + i, b);
                _set(call, RECORD + j, a);
                _expectFailure(call, mismatch);
            }
        }
    }

    /// @dev Another model's record, with its chunks, which would pass for that model: one whose verifiers say yes to everything.
    function test_attest_revertsWhenRecordAndChunksAreAnotherModels() public {
        ModelRegistration memory registration = traceRegistration("another");
        ModelId another = register(registration);
        ChunkProof[] memory theirs = honestProofs(another, ROOT);
        for (uint256 i; i < 3; ++i) {
            theirs[i].proof = proofFor(registration.chunks[i], _instances(theirs[i].publicValues));
        }
        ModelRecord memory their = recordOf(another);
        vm.expectRevert(mismatch);
        registry.attest(inference, their, registration.chunks, theirs);
        // Their chunks with this model's record.
        vm.expectRevert(mismatch);
        registry.attest(inference, record, registration.chunks, theirs);
        // Their chunks under this model's name: a record that nobody registered.
        ModelRecord memory mixed = record;
        mixed.chunks = their.chunks;
        vm.expectRevert(mismatch);
        registry.attest(inference, mixed, registration.chunks, theirs);
        _expectNothing();
    }

    function test_prove_revertsWhenTheRecordIsAnother() public {
        registry.commit(inference);
        ChunkSpec[] memory chunks = chunksOf(modelId);
        ModelRecord memory other = record;
        other.keySet ^= 1;
        vm.expectRevert(mismatch);
        registry.prove(inference, other, chunks, proofs);
        chunks[1].keyHash ^= bytes32(uint256(1));
        vm.expectRevert(mismatch);
        registry.prove(inference, record, chunks, proofs);
        assertEq(stateOf(modelId, ROOT).valuesHash, 0);
    }

    /// @dev The hash of a model that nobody registered is zero, which no record has.
    function test_attest_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        ModelRecord memory empty;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.attest(inferenceOf(unknown, ROOT), empty, new ChunkSpec[](0), proofs);
    }

    /// @dev Even for a proven inference, of which nothing more is looked at.
    function test_attest_aProvenInference_stillTakesTheRecordAlone() public {
        ChunkSpec[] memory chunks = chunksOf(modelId);
        registry.attest(inference, record, chunks, proofs);
        chunks[0].hidingBudget ^= 1;
        vm.expectRevert(mismatch);
        registry.attest(inference, record, chunks, proofs);
    }

    // ------------------------------------------------------------------------------------------------------- Chunks

    /// @dev Any bit of any word: verifier, code hash, key hash, number of public values, budget; and all that lies beyond the
    /// fields' types, where an encoder would put zeros.
    function testFuzz_attest_revertsWhenAnyBitOfTheChunksIsAnother(uint256 word, uint8 bit) public {
        bytes memory call = _call(chunksOf(modelId));
        word = CHUNKS + word % (3 * CHUNK_WORDS);
        _set(call, word, _get(call, word) ^ (uint256(1) << bit));
        _expectFailure(call, mismatch);
        _expectNothing();
    }

    function test_attest_revertsWhenChunksAreReordered() public {
        ChunkSpec[] memory chunks = chunksOf(modelId);
        (chunks[0], chunks[1]) = (chunks[1], chunks[0]);
        vm.expectRevert(mismatch);
        registry.attest(inference, record, chunks, proofs);
    }

    /// @dev One chunk left out, and the inference would be proven without it.
    function test_attest_revertsWhenChunksAreMissingTwiceOrTooMany() public {
        ChunkSpec[] memory chunks = chunksOf(modelId);
        for (uint256 length; length < 5; ++length) {
            if (length == 3) continue;
            ChunkSpec[] memory other = new ChunkSpec[](length);
            for (uint256 i; i < length; ++i) {
                other[i] = chunks[i % 3];
            }
            vm.expectRevert(mismatch);
            registry.attest(inference, record, other, proofs);
        }
        ChunkSpec[] memory twice = chunksOf(modelId);
        twice[1] = twice[0];
        vm.expectRevert(mismatch);
        registry.attest(inference, record, twice, proofs);
        _expectNothing();
    }

    /// @dev A list that says that it is shorter or longer than it is: what follows in calldata would be its rest.
    function test_attest_revertsWhenTheChunksLengthLies() public {
        for (uint256 length; length < 6; ++length) {
            if (length == 3) continue;
            bytes memory call = _call(chunksOf(modelId));
            _set(call, CHUNKS_LENGTH, length);
            _expectFailure(call, mismatch);
        }
        bytes memory huge = _call(chunksOf(modelId));
        _set(huge, CHUNKS_LENGTH, type(uint64).max);
        _expectFailure(huge, "");
        _set(huge, CHUNKS_LENGTH, type(uint256).max / 160 + 4);
        _expectFailure(huge, "");
        _set(huge, CHUNKS_LENGTH, 3);
        _set(huge, CHUNKS_OFFSET, type(uint256).max - 31);
        _expectFailure(huge, "");
    }

    // ------------------------------------------------------------------------------------------------------ Calldata

    /// @dev Where a part lies in calldata does not matter: behind the proofs, or at an odd place.
    function testFuzz_attest_chunksElsewhereInCalldata_areTheSame(uint256 gap) public {
        bytes memory call = _call(chunksOf(modelId));
        bytes memory encoded = abi.encode(chunksOf(modelId));
        uint256 end = call.length - 4 + gap % 100;
        _set(call, CHUNKS_OFFSET, end);
        call = bytes.concat(call, new bytes(gap % 100), _tail(encoded, 0x20));
        // What was the list before is anything.
        _set(call, CHUNKS + 1, type(uint256).max);
        _expectSuccess(call);
        assertTrue(isProven(modelId, idOf(inference)));
    }

    /// @dev A list of chunks inside of a proof, where it is a verifier's business: still no other than the registered one.
    function test_attest_chunksThatOverlapAProof() public {
        ChunkSpec[] memory chunks = chunksOf(modelId);
        bytes memory others = _tail(abi.encode(registered(register(traceRegistration("another"))).chunks), 0x20);
        proofs[0].proof = others;
        bytes memory call = _call(chunks);
        _set(call, CHUNKS_OFFSET, _find(call, others, 0) - 4);
        _expectFailure(call, mismatch);
        // The registered one is taken from there, and the proof is as false as it was.
        bytes memory own = _tail(abi.encode(chunks), 0x20);
        proofs[0].proof = own;
        call = _call(chunks);
        _set(call, CHUNKS_OFFSET, _find(call, own, _find(call, own, 0) + 1) - 4);
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        _expectFailure(call, abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 0, reason));
        _expectNothing();
    }

    /// @dev Public values that are words of the list of chunks: they are what the verifier is asked about, and what is kept.
    function test_attest_publicValuesThatOverlapTheChunks() public {
        // The first chunk has one public value, and its hiding budget is the word behind that number.
        uint256[] memory values = new uint256[](1);
        values[0] = chunkOf(modelId, 0).hidingBudget;
        proofs[0] = proofWith(inference, 0, values);
        bytes memory call = _call(chunksOf(modelId));
        uint256 end = (call.length - 4) / 32;
        _set(call, CHUNKS_OFFSET, 32 * end);
        uint256 first = _get(call, PROOFS_OFFSET) / 32;
        uint256 proof = first + 1 + _get(call, first + 1) / 32;
        _set(call, proof + 3, 32 * (end + 4 - proof));
        call = bytes.concat(call, _tail(abi.encode(chunksOf(modelId)), 0x20));
        _expectSuccess(call);
        ChunkProof[] memory all = proofs;
        assertEq(stateOf(modelId, ROOT).valuesHash, Records.hashOf(shown(all)));
        registry.requireAttested(modelId, idOf(inference));
    }

    /// @dev Two proofs of one place in calldata are one proof twice.
    function test_attest_proofsThatShareTheirPlace_areOneProof() public {
        bytes memory call = _call(chunksOf(modelId));
        uint256 first = _get(call, PROOFS_OFFSET) / 32;
        _set(call, first + 2, _get(call, first + 1));
        _set(call, first + 3, _get(call, first + 1));
        _expectSuccess(call);
        assertEq(stateOf(modelId, ROOT).provenChunks, 1);
        assertEq(uint256(stateOf(modelId, ROOT).status), uint256(InferenceStatus.Committed));
        ChunkProof[] memory one = only(proofs[0]);
        assertEq(stateOf(modelId, ROOT).valuesHash, Records.hashOf(shown(one)));
    }

    function test_attest_revertsWhenCalldataIsCut() public {
        bytes memory call = _call(chunksOf(modelId));
        for (uint256 length = 4; length < 4 + 32 * CHUNKS; length += 32) {
            bytes memory cut = new bytes(length);
            for (uint256 i; i < length; ++i) {
                cut[i] = call[i];
            }
            _expectFailure(cut, "");
        }
    }

    // ------------------------------------------------------------------------------------------------------- Helpers

    function _call(ChunkSpec[] memory chunks) private view returns (bytes memory) {
        return abi.encodeCall(IChainferRegistry.attest, (inference, record, chunks, proofs));
    }

    function _instances(uint256[] memory values) private view returns (uint256[] memory instances) {
        instances = new uint256[](values.length + 2);
        instances[0] = ROOT;
        instances[1] = contextOf(modelId, REQUESTER, NONCE).toUint();
        for (uint256 i; i < values.length; ++i) {
            instances[i + 2] = values[i];
        }
    }

    function _get(bytes memory data, uint256 word) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x24), mul(word, 0x20)))
        }
    }

    function _set(bytes memory data, uint256 word, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x24), mul(word, 0x20)), value)
        }
    }

    function _tail(bytes memory data, uint256 start) private pure returns (bytes memory tail) {
        tail = new bytes(data.length - start);
        for (uint256 i; i < tail.length; ++i) {
            tail[i] = data[start + i];
        }
    }

    /// @dev Where the data lie in all of it, from a position on.
    function _find(bytes memory all, bytes memory data, uint256 at) private pure returns (uint256) {
        bytes32 expected = keccak256(data);
        for (; at + data.length <= all.length; ++at) {
            bytes32 actual;
            assembly ("memory-safe") {
                actual := keccak256(add(add(all, 0x20), at), mload(data))
            }
            if (actual == expected) return at;
        }
        revert("not in the data");
    }

    function _expectSuccess(bytes memory data) private {
        (bool success, bytes memory reason) = address(registry).call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    function _expectFailure(bytes memory data, bytes memory expected) private {
        (bool success, bytes memory reason) = address(registry).call(data);
        assertFalse(success);
        assertEq(reason, expected);
    }

    function _expectNothing() private view {
        assertEq(uint256(stateOf(modelId, ROOT).status), uint256(InferenceStatus.None));
    }
}
