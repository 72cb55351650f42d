// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {PackedValues} from "../src/libraries/PackedValues.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    Inference,
    InferenceStatus,
    ModelRegistration,
    TensorSpec,
    Visibility
} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice What dApps read.
contract ChainferRegistryViewsTest is RegistryTest {
    ModelId internal modelId;
    InferenceId internal inferenceId;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        inferenceId = idOf(modelId, ROOT);
    }

    // --------------------------------------------------------------------------------------------- requireAttested

    function test_requireAttested_acceptsAProvenInferenceOfTheModel() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        registry.requireAttested(modelId, inferenceId);
    }

    function test_requireAttested_revertsWhenNotWhollyProven() public {
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, inferenceId);
        vm.expectRevert(expected);
        registry.requireAttested(modelId, inferenceId);
        registry.commit(modelId, ROOT, REQUESTER, NONCE);
        vm.expectRevert(expected);
        registry.requireAttested(modelId, inferenceId);
        registry.prove(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 2)));
        vm.expectRevert(expected);
        registry.requireAttested(modelId, inferenceId);
    }

    function test_requireAttested_revertsWhenTheModelIsAnother() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        ModelId other = register(registrationOf("other", uniform(1, 0)));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelMismatch.selector, inferenceId, other, modelId));
        registry.requireAttested(other, inferenceId);
    }

    function test_requireAttested_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.requireAttested(unknown, inferenceId);
    }

    // --------------------------------------------------------------------------------------------------- inference

    function test_inference_unknown_isNoneAndZeros() public view {
        Inference memory zero;
        assertEq(abi.encode(registry.inference(inferenceId)), abi.encode(zero));
        assertEq(uint256(registry.statusOf(inferenceId)), uint256(InferenceStatus.None));
    }

    // ----------------------------------------------------------------------------------------------- publicValues

    function test_publicValues_areThoseProven() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        for (uint256 i; i < 3; ++i) {
            uint256[] memory values = honestValues(modelId, ROOT, i);
            assertEq(registry.publicValues(inferenceId, i), values);
            assertEq(registry.publicValuesHash(inferenceId, i), keccak256(abi.encodePacked(values)));
        }
    }

    function test_publicValues_upToTheLimit_areStored() public {
        (InferenceId id, uint256[] memory values) = _attestWide(32);
        assertEq(registry.publicValues(id, 0), values);
    }

    function test_publicValues_revertsWhenBeyondTheLimit() public {
        (InferenceId id,) = _attestWide(33);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesNotStored.selector, id, 0));
        registry.publicValues(id, 0);
    }

    function test_publicValuesHash_beyondTheLimit_isStored() public {
        (InferenceId id, uint256[] memory values) = _attestWide(33);
        assertEq(registry.publicValuesHash(id, 0), keccak256(abi.encodePacked(values)));
    }

    function test_prove_revertsWhenLongPublicValuesOfAProvenChunkDiffer() public {
        (InferenceId id, uint256[] memory values) = _attestWide(33);
        ModelId wide = registry.inference(id).modelId;
        registry.prove(wide, ROOT, REQUESTER, NONCE, only(ChunkProof(0, "", values)));
        values[32] ^= 1;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesConflict.selector, id, 0));
        registry.prove(wide, ROOT, REQUESTER, NONCE, only(ChunkProof(0, "", values)));
    }

    function test_publicValues_revertsWhenTheChunkIsNotProven() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 1)));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ChunkNotProven.selector, inferenceId, 0));
        registry.publicValues(inferenceId, 0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ChunkNotProven.selector, inferenceId, 256));
        registry.publicValuesHash(inferenceId, 256);
    }

    // ------------------------------------------------------------------------------------------------------ output

    function test_output_unpacksAndDequantises() public {
        uint256[] memory scores_ = new uint256[](10);
        int256[] memory expected = new int256[](10);
        for (uint256 i; i < 10; ++i) {
            scores_[i] = i * 40;
            expected[i] = 0.25e18 * (int256(i * 40) - 100);
        }
        _attestScores(pack(scores_));
        assertEq(registry.output(inferenceId, 0), scores_);
        assertEq(registry.dequantised(inferenceId, 0), expected);
        assertEq(expected[0], -25e18);
    }

    function test_output_atAnOffset_readsItsOwnWords() public {
        ModelRegistration memory registration = registrationOf("wide", uniform(1, 4));
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = wordsAt(0, 0, 0, 1);
        registration.outputs[0] = scores(0);
        (registration.outputs[0].leaf, registration.outputs[0].offset) = (1, 1);
        (registration.outputs[0].length, registration.outputs[0].shape) = (31, shapeOf(31));
        registration.leafLengths = uniform(2, 15);
        registration.leafLengths[1] = 31;
        ModelId wide = register(registration);
        uint256[] memory words = new uint256[](4);
        uint256[] memory expected = new uint256[](31);
        words[0] = R - 1;
        for (uint256 i; i < 31; ++i) {
            expected[i] = 65_535 - i;
            words[1 + i / 15] |= expected[i] << (16 * (i % 15));
        }
        registry.attest(wide, ROOT, REQUESTER, NONCE, only(proofWith(wide, ROOT, REQUESTER, NONCE, 0, words)));
        assertEq(registry.output(idOf(wide, ROOT), 0), expected);
    }

    function test_output_revertsWhenOnlyItsChunkIsProven() public {
        registry.attest(modelId, ROOT, REQUESTER, NONCE, only(honestProof(modelId, ROOT, 2)));
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, inferenceId);
        vm.expectRevert(expected);
        registry.output(inferenceId, 0);
        vm.expectRevert(expected);
        registry.dequantised(inferenceId, 0);
    }

    function test_output_revertsWhenThereIsNoSuchOutput() public {
        _attestScores(0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 1, 1));
        registry.output(inferenceId, 1);
    }

    function test_output_revertsWhenItIsCommitted() public {
        ModelRegistration memory registration = registrationOf("committed", uniform(1, 1));
        registration.leafLengths[0] = 10;
        registration.outputs[0] = scores(0);
        registration.outputs[0].visibility = Visibility.Committed;
        ModelId committed = register(registration);
        registry.attest(committed, ROOT, REQUESTER, NONCE, honestProofs(committed, ROOT));
        InferenceId id = idOf(committed, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputIsCommitted.selector, 0));
        registry.output(id, 0);
    }

    function test_output_revertsWhenItsValuesAreNotStored() public {
        (InferenceId id,) = _attestWide(33);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesNotStored.selector, id, 0));
        registry.output(id, 0);
    }

    function test_output_revertsWhenAWordIsNotPacked() public {
        _attestScores(1 << 160);
        vm.expectRevert(abi.encodeWithSelector(PackedValues.StrayBits.selector, 0));
        registry.output(inferenceId, 0);
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _attestScores(uint256 word) private {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        uint256[] memory values = new uint256[](1);
        values[0] = word;
        proofs[2] = proofWith(modelId, ROOT, REQUESTER, NONCE, 2, values);
        registry.attest(modelId, ROOT, REQUESTER, NONCE, proofs);
    }

    function _attestWide(uint32 words) private returns (InferenceId id, uint256[] memory values) {
        ModelRegistration memory registration = registrationOf("wide", uniform(1, words));
        registration.leafLengths = uniform(2, 10);
        registration.leafLengths[1] = 15 * (words - 1);
        registration.outputs = new TensorSpec[](2);
        registration.outputs[0] = scores(0);
        registration.outputs[1] = wordsAt(1, 0, 1, words - 1);
        ModelId wide = register(registration);
        registry.attest(wide, ROOT, REQUESTER, NONCE, honestProofs(wide, ROOT));
        return (idOf(wide, ROOT), honestValues(wide, ROOT, 0));
    }
}
