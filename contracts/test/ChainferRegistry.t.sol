// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {Context} from "../src/types/Context.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    Inference,
    InferenceState,
    InferenceStatus,
    ModelRecord,
    ModelRegistration
} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";
import {StubVerifier} from "./stubs/StubVerifier.sol";

/// @notice Commit, prove and attest: what they record, emit and allow.
contract ChainferRegistryTest is RegistryTest {
    ModelId internal modelId;
    InferenceId internal inferenceId;
    Context internal context;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        inferenceId = idOf(modelId, ROOT);
        context = contextOf(modelId, REQUESTER, NONCE);
    }

    // ------------------------------------------------------------------------------------------------------ Naming

    function test_contextOf_isTheSpecifiedHash() public view {
        bytes32 digest = keccak256(
            abi.encode(keccak256("chainfer.context.v1"), block.chainid, address(registry), modelId, REQUESTER, NONCE)
        );
        assertEq(Context.unwrap(registry.contextOf(modelId, REQUESTER, NONCE)), uint256(digest) >> 8);
        assertEq(Context.unwrap(context), uint256(digest) >> 8);
    }

    function test_contextOf_differsByChain() public {
        vm.chainId(block.chainid + 1);
        assertNotEq(Context.unwrap(context), Context.unwrap(registry.contextOf(modelId, REQUESTER, NONCE)));
    }

    function test_inferenceIdOf_isTheSpecifiedHash() public view {
        InferenceId actual = registry.inferenceIdOf(inferenceOf(modelId, ROOT));
        assertEq(InferenceId.unwrap(actual), keccak256(abi.encode(modelId, ROOT, context)));
        assertEqId(actual, inferenceId);
    }

    function test_inferenceIdOf_revertsForWhatNoInferenceHas() public {
        vm.expectRevert(IChainferRegistry.InvalidRoot.selector);
        registry.inferenceIdOf(inferenceOf(modelId, 0));
        vm.expectRevert(IChainferRegistry.InvalidRoot.selector);
        registry.inferenceIdOf(inferenceOf(modelId, R));
        vm.expectRevert(IChainferRegistry.RequesterIsZero.selector);
        registry.inferenceIdOf(Inference(modelId, ROOT, address(0), NONCE));
    }

    // ------------------------------------------------------------------------------------------------------ Commit

    function test_commit_recordsTheRoot() public {
        vm.expectEmit(address(registry));
        emit IChainferRegistry.InferenceCommitted(modelId, ROOT, RELAYER, inferenceId, REQUESTER, NONCE, context);
        vm.prank(RELAYER);
        assertEqId(commit(modelId, ROOT), inferenceId);

        InferenceState memory state = stateOf(modelId, ROOT);
        assertEq(uint256(state.status), uint256(InferenceStatus.Committed));
        assertEq(state.time, block.timestamp);
        assertEq(state.valuesHash, 0);
        assertEq(state.provenChunks, 0);
    }

    function test_commit_twice_changesNothing() public {
        commit(modelId, ROOT);
        bytes memory before = abi.encode(stateOf(modelId, ROOT));
        vm.warp(block.timestamp + 1 days);
        vm.recordLogs();
        assertEqId(commit(modelId, ROOT), inferenceId);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(abi.encode(stateOf(modelId, ROOT)), before);
    }

    function test_commit_afterChunksWereProven_changesNothing() public {
        attest(modelId, ROOT, only(honestProof(modelId, ROOT, 1)));
        bytes memory partly = abi.encode(stateOf(modelId, ROOT));
        skip(1);
        commit(modelId, ROOT);
        assertEq(abi.encode(stateOf(modelId, ROOT)), partly);
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        bytes memory proven = abi.encode(stateOf(modelId, ROOT));
        skip(1);
        commit(modelId, ROOT);
        assertEq(abi.encode(stateOf(modelId, ROOT)), proven);
    }

    function test_commit_otherNonceOrRequester_isAnotherInference() public {
        InferenceId first = commit(modelId, ROOT);
        InferenceId second = registry.commit(Inference(modelId, ROOT, REQUESTER, NONCE + 1));
        InferenceId third = registry.commit(Inference(modelId, ROOT, RELAYER, NONCE));
        assertFalse(first == second);
        assertFalse(first == third);
    }

    function test_commit_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        commit(unknown, ROOT);
    }

    function test_commit_revertsWhenTheRootIsZero() public {
        vm.expectRevert(IChainferRegistry.InvalidRoot.selector);
        commit(modelId, 0);
    }

    function test_commit_revertsWhenTheRootIsNotCanonical() public {
        vm.expectRevert(IChainferRegistry.InvalidRoot.selector);
        commit(modelId, R);
        commit(modelId, R - 1);
    }

    function test_commit_revertsWhenTheRequesterIsZero() public {
        vm.expectRevert(IChainferRegistry.RequesterIsZero.selector);
        registry.commit(Inference(modelId, ROOT, address(0), NONCE));
    }

    // ------------------------------------------------------------------------------------------------------- Prove

    function test_prove_chunkByChunk_reachesProven() public {
        commit(modelId, ROOT);
        uint256 committedAt = block.timestamp;
        skip(1);
        prove(modelId, ROOT, only(honestProof(modelId, ROOT, 2)));
        prove(modelId, ROOT, only(honestProof(modelId, ROOT, 0)));
        InferenceState memory state = stateOf(modelId, ROOT);
        assertEq(uint256(state.status), uint256(InferenceStatus.Committed));
        assertEq(state.time, committedAt);
        assertEq(state.provenChunks, 5);

        ChunkProof memory last = honestProof(modelId, ROOT, 1);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ChunkProven(modelId, ROOT, RELAYER, inferenceId, 1, last.publicValues);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.InferenceProven(modelId, ROOT, RELAYER, inferenceId, REQUESTER);
        vm.prank(RELAYER);
        assertEqId(prove(modelId, ROOT, only(last)), inferenceId);

        state = stateOf(modelId, ROOT);
        assertEq(uint256(state.status), uint256(InferenceStatus.Proven));
        assertEq(state.time, block.timestamp);
        assertEq(state.provenChunks, 0);
    }

    function test_prove_emitsThePublicValues() public {
        commit(modelId, ROOT);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        for (uint256 i; i < 3; ++i) {
            vm.expectEmit(address(registry));
            emit IChainferRegistry.ChunkProven(modelId, ROOT, RELAYER, inferenceId, i, proofs[i].publicValues);
        }
        vm.prank(RELAYER);
        prove(modelId, ROOT, proofs);
    }

    function test_prove_theLargestModel_reachesProven() public {
        uint32[] memory numPublic = uniform(256, 0);
        numPublic[0] = 1;
        ModelId many = register(registrationOf("many", numPublic));
        commit(many, ROOT);
        prove(many, ROOT, only(honestProof(many, ROOT, 255)));
        assertEq(stateOf(many, ROOT).provenChunks, 1 << 255);
        prove(many, ROOT, honestProofs(many, ROOT));
        assertTrue(isProven(many, idOf(many, ROOT)));
        assertEq(stateOf(many, ROOT).provenChunks, 0);
    }

    function test_prove_aProvenInferenceAgain_changesNothing() public {
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        bytes memory before = abi.encode(stateOf(modelId, ROOT));
        vm.warp(block.timestamp + 1 days);
        ChunkProof[] memory again = honestProofs(modelId, ROOT);
        again[0].proof = "not even a proof";
        again[1].key = "nor a key";
        again[2].publicValues[0] ^= 1;
        vm.recordLogs();
        assertEqId(prove(modelId, ROOT, again), inferenceId);
        assertEqId(attest(modelId, ROOT, again), inferenceId);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(abi.encode(stateOf(modelId, ROOT)), before);
    }

    /// @dev Neither its key nor its proof nor its values are looked at, and its values do not enter the hash.
    function test_prove_aProvenChunkAgain_isSkipped() public {
        attest(modelId, ROOT, only(honestProof(modelId, ROOT, 2)));
        bytes memory before = abi.encode(stateOf(modelId, ROOT));
        ChunkProof memory again = ChunkProof(2, "no key", "no proof", new uint256[](9));
        vm.recordLogs();
        prove(modelId, ROOT, only(again));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(abi.encode(stateOf(modelId, ROOT)), before);

        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        proofs[2] = again;
        prove(modelId, ROOT, proofs);
        assertTrue(isProven(modelId, inferenceId));
        proofs = honestProofs(modelId, ROOT);
        (proofs[0], proofs[1], proofs[2]) = (proofs[2], proofs[0], proofs[1]);
        assertEq(stateOf(modelId, ROOT).valuesHash, Records.hashOf(shown(proofs)));
    }

    function test_prove_theSameChunkTwiceInACall_verifiesItOnce() public {
        commit(modelId, ROOT);
        ChunkProof[] memory proofs = new ChunkProof[](2);
        proofs[0] = honestProof(modelId, ROOT, 0);
        proofs[1] = honestProof(modelId, ROOT, 0);
        vm.expectCall(chunkOf(modelId, 0).verifier, "", 1);
        prove(modelId, ROOT, proofs);
        assertEq(stateOf(modelId, ROOT).provenChunks, 1);
        assertEq(stateOf(modelId, ROOT).valuesHash, Records.hashOf(shown(only(proofs[0]))));
    }

    function test_prove_revertsWhenNotCommitted() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotCommitted.selector, inferenceId));
        prove(modelId, ROOT, proofs);
    }

    function test_prove_revertsWhenTheRootIsAnother() public {
        commit(modelId, ROOT);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(
            abi.encodeWithSelector(IChainferRegistry.InferenceNotCommitted.selector, idOf(modelId, ROOT + 1))
        );
        prove(modelId, ROOT + 1, proofs);
    }

    function test_prove_revertsWhenThereAreNoProofs() public {
        commit(modelId, ROOT);
        vm.expectRevert(IChainferRegistry.NoChunkProofs.selector);
        prove(modelId, ROOT, new ChunkProof[](0));
    }

    function test_prove_revertsWhenAChunkIsOutOfRange() public {
        commit(modelId, ROOT);
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        proof.chunk = 3;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ChunkOutOfRange.selector, 3, 3));
        prove(modelId, ROOT, only(proof));
    }

    function test_prove_revertsWhenPublicValuesAreMissingOrTooMany() public {
        commit(modelId, ROOT);
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        proof.publicValues = new uint256[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValueCountMismatch.selector, 0, 1, 0));
        prove(modelId, ROOT, only(proof));
        proof.publicValues = new uint256[](2);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValueCountMismatch.selector, 0, 1, 2));
        prove(modelId, ROOT, only(proof));
    }

    function test_prove_revertsWhenAPublicValueIsNotCanonical() public {
        commit(modelId, ROOT);
        uint256[] memory values = honestValues(modelId, ROOT, 0);
        values[0] = R;
        ChunkProof memory proof = proofWith(inferenceOf(modelId, ROOT), 0, values);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValueNotCanonical.selector, 0, 0));
        prove(modelId, ROOT, only(proof));
        values[0] = R - 1;
        prove(modelId, ROOT, only(proofWith(inferenceOf(modelId, ROOT), 0, values)));
    }

    function test_prove_revertsWhenOneProofOfManyIsWrong_storesNothing() public {
        commit(modelId, ROOT);
        for (uint256 bad; bad < 3; ++bad) {
            ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
            proofs[bad].proof[31] ^= 0x01;
            vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
            prove(modelId, ROOT, proofs);
        }
        assertEq(stateOf(modelId, ROOT).provenChunks, 0);
        assertEq(stateOf(modelId, ROOT).valuesHash, 0);
    }

    function test_prove_revertsWhenAProofIsMalformed_namesTheChunk() public {
        commit(modelId, ROOT);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        proofs[1].proof = "short";
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 1, reason));
        prove(modelId, ROOT, proofs);
    }

    function test_prove_chunksOfOneShape_shareAVerifierAndAPairing() public {
        ModelRegistration memory registration = _oneShape();
        ModelId shared = register(registration);
        ChunkProof[] memory proofs = honestProofs(shared, ROOT);
        vm.expectCall(registration.chunks[0].verifier, "", 4);
        vm.expectCall(address(8), "", 1);
        attest(shared, ROOT, proofs);
        assertTrue(isProven(shared, idOf(shared, ROOT)));
    }

    function test_prove_revertsWhenChunksOfOneShapeSwapTheirProofs() public {
        ModelRegistration memory registration = _oneShape();
        ModelId shared = register(registration);
        ChunkProof[] memory proofs = honestProofs(shared, ROOT);
        (proofs[1].proof, proofs[2].proof) = (proofs[2].proof, proofs[1].proof);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(shared, ROOT, proofs);
    }

    /// @dev Four chunks with one verifier and four keys.
    function _oneShape() private returns (ModelRegistration memory registration) {
        registration = registrationOf("one shape", uniform(4, 1));
        for (uint256 i = 1; i < 4; ++i) {
            registration.chunks[i].verifier = registration.chunks[0].verifier;
            registration.chunks[i].codeHash = registration.chunks[0].codeHash;
        }
    }

    // ------------------------------------------------------------------------------------------------------ Attest

    function test_attest_allChunks_commitsAndProves() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.InferenceCommitted(modelId, ROOT, RELAYER, inferenceId, REQUESTER, NONCE, context);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.InferenceProven(modelId, ROOT, RELAYER, inferenceId, REQUESTER);
        vm.prank(RELAYER);
        assertEqId(attest(modelId, ROOT, proofs), inferenceId);
        InferenceState memory state = stateOf(modelId, ROOT);
        assertEq(uint256(state.status), uint256(InferenceStatus.Proven));
        assertEq(state.time, block.timestamp);
        assertEq(state.valuesHash, Records.hashOf(shown(proofs)));
        assertEq(state.provenChunks, 0);
    }

    function test_attest_afterCommitAndSomeChunks_finishes() public {
        commit(modelId, ROOT);
        prove(modelId, ROOT, only(honestProof(modelId, ROOT, 1)));
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        assertTrue(isProven(modelId, inferenceId));
        assertEq(stateOf(modelId, ROOT).provenChunks, 0);
    }

    function test_attest_someChunks_staysCommitted() public {
        ChunkProof[] memory some = only(honestProof(modelId, ROOT, 1));
        attest(modelId, ROOT, some);
        InferenceState memory state = stateOf(modelId, ROOT);
        assertEq(uint256(state.status), uint256(InferenceStatus.Committed));
        assertEq(state.valuesHash, Records.hashOf(shown(some)));
        assertEq(state.provenChunks, 2);
    }

    function test_attest_revertsWhenTheProofsAreForAnotherRequester() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(Inference(modelId, ROOT, RELAYER, NONCE), proofs);
    }

    function test_attest_revertsWhenTheProofsAreForAnotherModel() public {
        ModelRegistration memory registration = registered(modelId);
        registration.manifestId = "the same but for its name";
        ModelId twin = register(registration);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(twin, ROOT, proofs);
    }

    function test_attest_revertsWhenAChunkCarriesAnotherChunksProof() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        (proofs[0].proof, proofs[2].proof) = (proofs[2].proof, proofs[0].proof);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        attest(modelId, ROOT, proofs);
    }

    /// @dev A registrant need not name a verifier that exists; nothing can be proven with one that does not.
    function test_attest_revertsWhenTheVerifierHasOtherCodeOrNone() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "no verifier";
        bytes32 pinned = registration.chunks[1].codeHash;
        registration.chunks[1].verifier = address(0xE0A);
        ModelId id = register(registration);
        registration = registered(modelId);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.etch(address(0xE0A), "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 1, pinned, address(0xE0A).codehash
            )
        );
        attest(id, ROOT, proofs);
        // Code that delegates to the right one is not the right one.
        vm.etch(address(0xE0A), abi.encodePacked(hex"ef0100", registration.chunks[1].verifier));
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 1, pinned, address(0xE0A).codehash
            )
        );
        attest(id, ROOT, proofs);
    }

    function test_supportsInterface_itsOwn() public view {
        IERC165 erc165 = IERC165(address(registry));
        assertTrue(erc165.supportsInterface(type(IERC165).interfaceId));
        assertTrue(erc165.supportsInterface(type(IChainferRegistry).interfaceId));
        assertTrue(erc165.supportsInterface(type(IRegistryGovernance).interfaceId));
        assertFalse(erc165.supportsInterface(0xffffffff));
        assertEq(type(IERC165).interfaceId, bytes4(0x01ffc9a7));
    }

    function test_attest_isNotPayable() public {
        ModelRecord memory record = recordOf(modelId);
        ChunkSpec[] memory chunks = chunksOf(modelId);
        bytes memory call = abi.encodeCall(
            IChainferRegistry.attest, (inferenceOf(modelId, ROOT), record, chunks, honestProofs(modelId, ROOT))
        );
        (bool success,) = address(registry).call{value: 1}(call);
        assertFalse(success);
    }

    function test_receive_isNotPayable() public {
        (bool success,) = address(registry).call{value: 1}("");
        assertFalse(success);
    }

    /// @dev One by one, from the bitmap's highest bit down.
    function test_attest_256Chunks_areProvenOneByOne() public {
        ModelRegistration memory registration = registrationOf("wide", uniform(1, 1));
        ChunkSpec memory only_ = registration.chunks[0];
        registration.chunks = new ChunkSpec[](256);
        for (uint256 i; i < 256; ++i) {
            registration.chunks[i] = ChunkSpec(only_.verifier, only_.codeHash, only_.keyHash, 0, 0);
        }
        registration.chunks[255].numPublic = 1;
        registration.inputs[0].chunk = 255;
        ModelId wide = register(registration);
        uint208 hash;
        for (uint256 i = 256; i != 0; --i) {
            ChunkProof memory proof = honestProof(wide, ROOT, uint16(i - 1));
            attest(wide, ROOT, only(proof));
            hash = Records.chain(hash, i - 1, Records.digestOf(proof.publicValues));
            InferenceState memory state = stateOf(wide, ROOT);
            assertEq(state.provenChunks, i == 1 ? 0 : type(uint256).max << (i - 1));
            assertEq(state.status == InferenceStatus.Proven, i == 1);
            assertEq(state.valuesHash, hash);
        }
    }
}
