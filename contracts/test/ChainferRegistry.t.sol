// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {Context} from "../src/types/Context.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, Inference, InferenceStatus, ModelRegistration} from "../src/types/RegistryTypes.sol";
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
        context = registry.contextOf(modelId, REQUESTER, NONCE);
    }

    // ------------------------------------------------------------------------------------------------------ Naming

    function test_contextOf_isTheSpecifiedHash() public view {
        bytes32 digest = keccak256(
            abi.encode(keccak256("chainfer.context.v1"), block.chainid, address(registry), modelId, REQUESTER, NONCE)
        );
        assertEq(Context.unwrap(context), uint256(digest) >> 8);
    }

    function test_contextOf_differsByChain() public {
        vm.chainId(block.chainid + 1);
        assertNotEq(Context.unwrap(context), Context.unwrap(registry.contextOf(modelId, REQUESTER, NONCE)));
    }

    function test_inferenceIdOf_isTheSpecifiedHash() public view {
        assertEq(InferenceId.unwrap(inferenceId), keccak256(abi.encode(modelId, ROOT, context)));
    }

    // ------------------------------------------------------------------------------------------------------ Commit

    function test_commit_recordsTheRoot() public {
        vm.expectEmit(address(registry));
        emit IChainferRegistry.InferenceCommitted(modelId, ROOT, RELAYER, inferenceId, REQUESTER, NONCE, context);
        vm.prank(RELAYER);
        assertEqId(registry.commit(modelId, ROOT, REQUESTER, NONCE), inferenceId);

        Inference memory record = registry.inference(inferenceId);
        assertEq(uint256(record.status), uint256(InferenceStatus.Committed));
        assertEqModel(record.modelId, modelId);
        assertEq(record.requester, REQUESTER);
        assertEq(record.root, ROOT);
        assertEq(record.provenChunks, 0);
        assertEq(record.committedAt, block.timestamp);
        assertEq(record.provenAt, 0);
        assertEq(uint256(registry.statusOf(inferenceId)), uint256(InferenceStatus.Committed));
        assertFalse(registry.isProven(inferenceId));
    }

    function test_commit_twice_changesNothing() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        bytes memory before = abi.encode(registry.inference(inferenceId));
        vm.warp(block.timestamp + 1 days);
        vm.recordLogs();
        assertEqId(registry.commit(modelId, ROOT, REQUESTER, NONCE), inferenceId);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(abi.encode(registry.inference(inferenceId)), before);
    }

    function test_commit_otherNonceOrRequester_isAnotherInference() public {
        InferenceId first = registry.commit(modelId, ROOT, REQUESTER, NONCE);
        InferenceId second = registry.commit(modelId, ROOT, REQUESTER, NONCE + 1);
        InferenceId third = registry.commit(modelId, ROOT, RELAYER, NONCE);
        assertFalse(first == second);
        assertFalse(first == third);
    }

    function test_commit_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.commit(unknown, ROOT, REQUESTER, NONCE);
    }

    function test_commit_revertsWhenTheRootIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidRoot.selector, 0));
        registry.commit(modelId, 0, REQUESTER, NONCE);
    }

    function test_commit_revertsWhenTheRootIsNotCanonical() public {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidRoot.selector, R));
        registry.commit(modelId, R, REQUESTER, NONCE);
        registry.commit(modelId, R - 1, REQUESTER, NONCE);
    }

    function test_commit_revertsWhenTheRequesterIsZero() public {
        vm.expectRevert(IChainferRegistry.RequesterIsZero.selector);
        registry.commit(modelId, ROOT, address(0), NONCE);
    }

    // ------------------------------------------------------------------------------------------------------- Prove

    function test_prove_chunkByChunk_reachesProven() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        vm.warp(block.timestamp + 1);
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 2)));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 0)));
        assertEq(registry.inference(inferenceId).provenChunks, 5);
        assertFalse(registry.isProven(inferenceId));

        ChunkProof memory last = honestProof(modelId, ROOT, 1);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ChunkProven(modelId, ROOT, RELAYER, inferenceId, 1, last.publicValues);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.InferenceProven(modelId, ROOT, RELAYER, inferenceId, REQUESTER);
        vm.prank(RELAYER);
        assertEqId(registry.prove(modelId, ROOT, REQUESTER, NONCE, only(last)), inferenceId);

        Inference memory record = registry.inference(inferenceId);
        assertEq(uint256(record.status), uint256(InferenceStatus.Proven));
        assertEq(uint256(registry.statusOf(inferenceId)), uint256(InferenceStatus.Proven));
        assertEq(record.provenChunks, 7);
        assertEq(record.provenAt, block.timestamp);
        assertEq(record.nonce, NONCE);
        assertEq(Context.unwrap(record.context), Context.unwrap(context));
        assertTrue(registry.isProven(inferenceId));
    }

    function test_prove_theLargestModel_reachesProven() public {
        ModelId many = register(registrationOf("many", uniform(256, 0)));
        registry.commit(many, ROOT, REQUESTER, NONCE);
        registry.prove(many, ROOT, REQUESTER, NONCE, honestProofs(many, ROOT));
        assertTrue(registry.isProven(idOf(many, ROOT)));
        assertEq(registry.inference(idOf(many, ROOT)).provenChunks, type(uint256).max);
    }

    function test_prove_aProvenChunkAgain_changesNothing() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        bytes memory before = abi.encode(registry.inference(inferenceId));
        vm.warp(block.timestamp + 1 days);
        ChunkProof[] memory again = honestProofs(modelId, ROOT);
        again[0].proof = "not even a proof";
        vm.recordLogs();
        registry.prove(modelId, ROOT, REQUESTER, NONCE, again);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(abi.encode(registry.inference(inferenceId)), before);
    }

    function test_prove_theSameChunkTwiceInACall_verifiesItOnce() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        ChunkProof[] memory proofs = new ChunkProof[](2);
        proofs[0] = honestProof(modelId, ROOT, 0);
        proofs[1] = honestProof(modelId, ROOT, 0);
        address verifier = registry.chunkSpec(modelId, 0).verifier;
        vm.expectCall(verifier, "", 1);
        registry.prove(modelId, ROOT, REQUESTER, NONCE, proofs);
        assertEq(registry.inference(inferenceId).provenChunks, 1);
    }

    function test_prove_revertsWhenNotCommitted() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotCommitted.selector, inferenceId));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, proofs);
    }

    function test_prove_revertsWhenTheRootIsAnother() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(
            abi.encodeWithSelector(IChainferRegistry.InferenceNotCommitted.selector, idOf(modelId, ROOT + 1))
        );
        registry.prove(modelId, ROOT + 1, REQUESTER, NONCE, proofs);
    }

    function test_prove_revertsWhenThereAreNoProofs() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        vm.expectRevert(IChainferRegistry.NoChunkProofs.selector);
        registry.prove(modelId, ROOT, REQUESTER, NONCE, new ChunkProof[](0));
    }

    function test_prove_revertsWhenAChunkIsOutOfRange() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        proof.chunk = 3;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ChunkOutOfRange.selector, 3, 3));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(proof));
    }

    function test_prove_revertsWhenPublicValuesAreMissingOrTooMany() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        ChunkProof memory proof = honestProof(modelId, ROOT, 0);
        proof.publicValues = new uint256[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValueCountMismatch.selector, 0, 1, 0));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(proof));
        proof.publicValues = new uint256[](2);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValueCountMismatch.selector, 0, 1, 2));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(proof));
    }

    function test_prove_revertsWhenAPublicValueIsNotCanonical() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        uint256[] memory values = honestValues(modelId, ROOT, 0);
        values[0] = R;
        ChunkProof memory proof = proofWith(modelId, ROOT, REQUESTER, NONCE, 0, values);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValueNotCanonical.selector, 0, 0));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(proof));
        values[0] = R - 1;
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(proofWith(modelId, ROOT, REQUESTER, NONCE, 0, values)));
    }

    function test_prove_revertsWhenPublicValuesOfAProvenChunkDiffer() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        uint256[] memory values = honestValues(modelId, ROOT, 2);
        values[0] ^= 1;
        ChunkProof memory proof = proofWith(modelId, ROOT, REQUESTER, NONCE, 2, values);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesConflict.selector, inferenceId, 2));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(proof));
    }

    function test_prove_revertsWhenOneProofOfManyIsWrong_storesNothing() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        for (uint256 bad; bad < 3; ++bad) {
            ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
            proofs[bad].proof[31] ^= 0x01;
            vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
            registry.prove(modelId, ROOT, REQUESTER, NONCE, proofs);
        }
        assertEq(registry.inference(inferenceId).provenChunks, 0);
    }

    function test_prove_revertsWhenAProofIsMalformed_namesTheChunk() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        proofs[1].proof = "short";
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 1, reason));
        registry.prove(modelId, ROOT, REQUESTER, NONCE, proofs);
    }

    function test_prove_chunksOfOneShape_shareAVerifierAndAPairing() public {
        ModelRegistration memory registration = _oneShape();
        ModelId shared = register(registration);
        ChunkProof[] memory proofs = honestProofs(shared, ROOT);
        vm.expectCall(registration.chunks[0].verifier, "", 4);
        vm.expectCall(address(8), "", 1);
        registry.attest(shared, ROOT, REQUESTER, NONCE, proofs);
        assertTrue(registry.isProven(idOf(shared, ROOT)));
    }

    function test_prove_revertsWhenChunksOfOneShapeSwapTheirProofs() public {
        ModelRegistration memory registration = _oneShape();
        ModelId shared = register(registration);
        ChunkProof[] memory proofs = honestProofs(shared, ROOT);
        (proofs[1].proof, proofs[2].proof) = (proofs[2].proof, proofs[1].proof);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        registry.attest(shared, ROOT, REQUESTER, NONCE, proofs);
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
        vm.prank(RELAYER);
        assertEqId(registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT)), inferenceId);
        Inference memory record = registry.inference(inferenceId);
        assertEq(uint256(record.status), uint256(InferenceStatus.Proven));
        assertEq(record.requester, REQUESTER);
        assertEq(record.committedAt, block.timestamp);
        assertEq(record.provenAt, block.timestamp);
    }

    function test_attest_afterCommitAndSomeChunks_finishes() public {
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 1)));
        registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        assertTrue(registry.isProven(inferenceId));
    }

    function test_attest_someChunks_staysCommitted() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 1)));
        assertEq(uint256(registry.statusOf(inferenceId)), uint256(InferenceStatus.Committed));
        assertEq(registry.inference(inferenceId).provenChunks, 2);
    }

    function test_attest_revertsWhenTheProofsAreForAnotherRequester() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        registry.attest(modelId, ROOT, RELAYER, NONCE, proofs);
    }

    function test_attest_revertsWhenAChunkCarriesAnotherChunksProof() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        (proofs[0].proof, proofs[2].proof) = (proofs[2].proof, proofs[0].proof);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        registry.attest(modelId, ROOT, REQUESTER, NONCE, proofs);
    }

    function test_supportsInterface_itsOwn() public view {
        assertTrue(registry.supportsInterface(type(IERC165).interfaceId));
        assertTrue(registry.supportsInterface(type(IChainferRegistry).interfaceId));
        assertTrue(registry.supportsInterface(type(IRegistryGovernance).interfaceId));
        assertFalse(registry.supportsInterface(0xffffffff));
        assertEq(type(IERC165).interfaceId, bytes4(0x01ffc9a7));
    }

    function test_attest_isNotPayable() public {
        bytes memory call =
            abi.encodeCall(IChainferRegistry.attest, (modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT)));
        (bool success,) = address(registry).call{value: 1}(call);
        assertFalse(success);
    }

    function test_receive_isNotPayable() public {
        (bool success,) = address(registry).call{value: 1}("");
        assertFalse(success);
    }
}
