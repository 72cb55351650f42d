// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, InferenceState, ModelRegistration} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
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
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        registry.requireAttested(modelId, inferenceId);
    }

    function test_requireAttested_revertsWhenNotWhollyProven() public {
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, inferenceId);
        vm.expectRevert(expected);
        registry.requireAttested(modelId, inferenceId);
        commit(modelId, ROOT);
        vm.expectRevert(expected);
        registry.requireAttested(modelId, inferenceId);
        for (uint16 i = 2; i > 0; --i) {
            prove(modelId, ROOT, only(honestProof(modelId, ROOT, i)));
            vm.expectRevert(expected);
            registry.requireAttested(modelId, inferenceId);
        }
    }

    /// @dev The id of an inference says nothing about its model, so another model's must be unknown here, whatever both have alike.
    function test_requireAttested_revertsWhenTheModelIsAnother() public {
        ModelRegistration memory registration = registered(modelId);
        registration.manifestId = "the same but for its name";
        ModelId other = register(registration);
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, inferenceId));
        registry.requireAttested(other, inferenceId);
        attest(other, ROOT, honestProofs(other, ROOT));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, inferenceId));
        registry.requireAttested(other, inferenceId);
        InferenceId theirs = idOf(other, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, theirs));
        registry.requireAttested(modelId, theirs);
    }

    function test_requireAttested_revertsWhenTheModelIsNotRegistered() public {
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.requireAttested(unknown, inferenceId);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, ModelId.wrap(0)));
        registry.requireAttested(ModelId.wrap(0), InferenceId.wrap(0));
    }

    // ----------------------------------------------------------------------------------------------------- stateOf

    function test_stateOf_anUnknownInference_isZeros() public view {
        InferenceState memory zero;
        assertEq(abi.encode(registry.stateOf(modelId, inferenceId)), abi.encode(zero));
        assertEq(abi.encode(registry.stateOf(ModelId.wrap("unknown"), inferenceId)), abi.encode(zero));
    }

    function test_stateOf_anInferenceOfAnotherModel_isZeros() public {
        ModelId other = register(registrationOf("other", uniform(3, 1)));
        InferenceState memory zero;
        attest(modelId, ROOT, only(honestProof(modelId, ROOT, 0)));
        assertEq(abi.encode(registry.stateOf(other, inferenceId)), abi.encode(zero));
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        assertEq(abi.encode(registry.stateOf(other, inferenceId)), abi.encode(zero));
    }

    // -------------------------------------------------------------------------------------------------- valuesHash

    /// @dev As it is documented: from zero, over (hash, chunk, keccak of the values), the first 208 bits.
    function test_valuesHash_isTheSpecifiedChain() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        attest(modelId, ROOT, proofs);
        bytes32 hash;
        for (uint256 i; i < 3; ++i) {
            bytes32 digest = keccak256(abi.encodePacked(proofs[i].publicValues));
            hash = keccak256(abi.encode(uint256(hash), i, digest)) >> 48;
        }
        assertEq(uint256(hash), stateOf(modelId, ROOT).valuesHash);
        assertNotEq(hash, 0);
    }

    /// @dev Both orders reach proven, with the hash of that order.
    function testFuzz_valuesHash_followsTheOrderOfProving(uint256 seed, bool oneCall) public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        for (uint256 i = 2; i > 0; --i) {
            uint256 j = (seed >> (8 * i)) % (i + 1);
            (proofs[i], proofs[j]) = (proofs[j], proofs[i]);
        }
        if (oneCall) {
            attest(modelId, ROOT, proofs);
        } else {
            for (uint256 i; i < 3; ++i) {
                attest(modelId, ROOT, only(proofs[i]));
            }
        }
        registry.requireAttested(modelId, inferenceId);
        assertEq(stateOf(modelId, ROOT).valuesHash, Records.hashOf(shown(proofs)));
        bool inOrder = proofs[0].chunk == 0 && proofs[1].chunk == 1;
        assertEq(stateOf(modelId, ROOT).valuesHash == Records.hashOf(shown(honestProofs(modelId, ROOT))), inOrder);
    }

    /// @dev Lists of values of any lengths: no two that differ have one hash.
    function testFuzz_valuesHash_differsForOtherValues(uint256 at, uint8 bit) public {
        ModelId wide = register(registrationOf("wide", uniform(2, 33)));
        ChunkProof[] memory proofs = honestProofs(wide, ROOT);
        attest(wide, ROOT, proofs);
        uint208 before = stateOf(wide, ROOT).valuesHash;
        at = at % 66;
        uint256[] memory values = honestValues(wide, ROOT, at / 33);
        values[at % 33] ^= uint256(1) << (bit % 240);
        proofs = honestProofs(wide, ROOT + 1);
        for (uint16 i; i < 2; ++i) {
            uint256[] memory own = i == at / 33 ? values : honestValues(wide, ROOT, i);
            proofs[i] = proofWith(inferenceOf(wide, ROOT + 1), i, own);
        }
        attest(wide, ROOT + 1, proofs);
        assertNotEq(stateOf(wide, ROOT + 1).valuesHash, before);
    }
}
