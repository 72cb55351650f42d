// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, Inference, ModelRecord, ModelRegistration, TensorSpec} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice Frozen and deprecated models: what they still do, and what they do no more.
contract ModelStoreLifecycleTest is RegistryTest {
    ModelId internal modelId;
    InferenceId internal attested;
    ChunkProof[] internal proofs;

    uint256 internal constant OTHER_ROOT = ROOT + 1;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        attested = attest(modelId, ROOT, honestProofs(modelId, ROOT));
        commit(modelId, OTHER_ROOT);
        ChunkProof[] memory all = honestProofs(modelId, OTHER_ROOT);
        for (uint256 i; i < all.length; ++i) {
            proofs.push(all[i]);
        }
    }

    // ------------------------------------------------------------------------------------------------------- Frozen

    function test_freezeModel_stopsEverythingButHistory() public {
        bytes32 before = keccak256(abi.encode(registry.stateOf(modelId, attested)));
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.ModelFrozen(modelId, GUARDIAN);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        assertTrue(registry.model(modelId).frozen);

        bytes memory frozen = abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId);
        vm.expectRevert(frozen);
        registry.requireAttested(modelId, attested);
        vm.expectRevert(frozen);
        registry.commit(Inference(modelId, ROOT, REQUESTER, NONCE + 1));
        vm.expectRevert(frozen);
        prove(modelId, OTHER_ROOT, proofs);
        vm.expectRevert(frozen);
        attest(modelId, OTHER_ROOT, proofs);
        vm.expectRevert(frozen);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);

        assertTrue(isProven(modelId, attested));
        assertEq(keccak256(abi.encode(registry.stateOf(modelId, attested))), before);
    }

    function test_freezeModel_concernsNoOtherModel() public {
        ModelId other = register(_another());
        vm.prank(OWNER);
        registry.freezeModel(modelId);
        attest(other, ROOT, honestProofs(other, ROOT));
        registry.requireAttested(other, idOf(other, ROOT));
    }

    function test_unfreezeModel_undoesIt() public {
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.ModelUnfrozen(modelId);
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
        assertFalse(registry.model(modelId).frozen);
        registry.requireAttested(modelId, attested);
        prove(modelId, OTHER_ROOT, proofs);
    }

    function test_unfreezeModel_revertsWhenNotFrozen() public {
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsNotFrozen.selector, modelId));
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
    }

    function test_freezeModel_revertsWhenNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown);
        vm.startPrank(OWNER);
        vm.expectRevert(expected);
        registry.freezeModel(unknown);
        vm.expectRevert(expected);
        registry.unfreezeModel(unknown);
    }

    // --------------------------------------------------------------------------------------------------- Deprecated

    function test_deprecateModel_whatWasProvenBefore_stillCounts() public {
        assertEq(registry.model(modelId).deprecatedAt, 0);
        skip(1);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ModelDeprecated(modelId);
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        assertEq(registry.model(modelId).deprecatedAt, block.timestamp);
        skip(1 days);
        registry.requireAttested(modelId, attested);
    }

    /// @dev A block's time is all that is compared, so that of the deprecation is the last that counts.
    function test_deprecateModel_whatIsProvenInTheSameBlock_counts() public {
        _deprecate();
        prove(modelId, OTHER_ROOT, proofs);
        registry.requireAttested(modelId, idOf(modelId, OTHER_ROOT));
    }

    /// @dev Committed before, begun before, or neither: what counts is when the last chunk was proven.
    function test_deprecateModel_whatIsProvenAfter_doesNotCount() public {
        prove(modelId, OTHER_ROOT, only(proofs[0]));
        _deprecate();
        skip(1);
        prove(modelId, OTHER_ROOT, proofs);
        _expectDoesNotCount(idOf(modelId, OTHER_ROOT));
        commit(modelId, ROOT + 2);
        attest(modelId, ROOT + 2, honestProofs(modelId, ROOT + 2));
        _expectDoesNotCount(idOf(modelId, ROOT + 2));
    }

    /// @dev A registrant whose circuit is broken attests a lie and deprecates: the circuit breaker works all the same.
    function test_deprecateModel_aContradictionAfter_freezes() public {
        skip(1);
        _deprecate();
        skip(1 days);
        uint256[][] memory values = new uint256[][](3);
        ChunkProof[] memory truth = honestProofs(modelId, ROOT + 2);
        truth[0] = proofWith(inferenceOf(modelId, ROOT + 2), 0, honestValues(modelId, ROOT, 0));
        for (uint256 i; i < 3; ++i) {
            values[i] = truth[i].publicValues;
        }
        InferenceId second = attest(modelId, ROOT + 2, truth);
        registry.requireAttested(modelId, attested);
        ModelRecord memory record = recordOf(modelId);
        TensorSpec[] memory inputs = inputsOf(modelId);
        TensorSpec[] memory outputs = outputsOf(modelId);
        uint256[][] memory lies = new uint256[][](3);
        for (uint256 i; i < 3; ++i) {
            lies[i] = honestValues(modelId, ROOT, i);
        }
        registry.reportContradiction(modelId, shown(attested, lies), shown(second, values), 0, record, inputs, outputs);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        registry.requireAttested(modelId, attested);
    }

    function test_deprecateModel_revertsWhenDoneBefore() public {
        vm.startPrank(REGISTRANT);
        registry.deprecateModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
        registry.deprecateModel(modelId);
    }

    function testFuzz_deprecateModel_revertsForAnyoneButTheRegistrant(address account) public {
        vm.assume(account != REGISTRANT);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.NotRegistrant.selector, modelId, account));
        vm.prank(account);
        registry.deprecateModel(modelId);
    }

    function test_deprecateModel_revertsWhenNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.deprecateModel(unknown);
    }

    function test_freezeModel_ofADeprecatedModel_countsFirst() public {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        registry.requireAttested(modelId, attested);
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
        assertEq(registry.model(modelId).deprecatedAt, block.timestamp);
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _deprecate() private {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
    }

    function _expectDoesNotCount(InferenceId id) private {
        assertTrue(isProven(modelId, id));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
        registry.requireAttested(modelId, id);
    }

    function _another() private returns (ModelRegistration memory) {
        return registrationOf("another", uniform(1, 1));
    }
}
