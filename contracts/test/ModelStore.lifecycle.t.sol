// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, ChunkValues, ModelRegistration} from "../src/types/RegistryTypes.sol";
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
        attested = registry.attest(modelId, ROOT, REQUESTER, NONCE, honestProofs(modelId, ROOT));
        registry.commit(modelId, OTHER_ROOT, REQUESTER, NONCE);
        ChunkProof[] memory all = honestProofs(modelId, OTHER_ROOT);
        for (uint256 i; i < all.length; ++i) {
            proofs.push(all[i]);
        }
    }

    // ------------------------------------------------------------------------------------------------------- Frozen

    function test_freezeModel_stopsEverythingButHistory() public {
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.ModelFrozen(modelId, GUARDIAN);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        assertTrue(registry.isFrozen(modelId));

        bytes memory frozen = abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId);
        vm.expectRevert(frozen);
        registry.requireAttested(modelId, attested);
        vm.expectRevert(frozen);
        registry.commit(modelId, ROOT, REQUESTER, NONCE + 1);
        vm.expectRevert(frozen);
        registry.prove(modelId, OTHER_ROOT, REQUESTER, NONCE, proofs);
        vm.expectRevert(frozen);
        registry.attest(modelId, OTHER_ROOT, REQUESTER, NONCE, proofs);
        vm.expectRevert(frozen);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);

        assertTrue(registry.wasAttested(modelId, attested));
        assertTrue(registry.isProven(attested));
        assertEq(registry.publicValues(attested, 0), honestValues(modelId, ROOT, 0));
    }

    function test_freezeModel_concernsNoOtherModel() public {
        ModelId other = registry.registerModel(_another());
        vm.prank(OWNER);
        registry.freezeModel(modelId);
        registry.attest(other, ROOT, REQUESTER, NONCE, honestProofs(other, ROOT));
        registry.requireAttested(other, idOf(other, ROOT));
    }

    function test_unfreezeModel_undoesIt() public {
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.ModelUnfrozen(modelId);
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
        assertFalse(registry.isFrozen(modelId));
        registry.requireAttested(modelId, attested);
        registry.prove(modelId, OTHER_ROOT, REQUESTER, NONCE, proofs);
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
        assertEq(registry.deprecatedAt(modelId), 0);
        skip(1);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ModelDeprecated(modelId);
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        assertTrue(registry.isDeprecated(modelId));
        assertEq(registry.deprecatedAt(modelId), block.timestamp);
        skip(1 days);
        registry.requireAttested(modelId, attested);
        assertTrue(registry.wasAttested(modelId, attested));
    }

    /// @dev A block's time is all that is compared, so that of the deprecation is the last that counts.
    function test_deprecateModel_whatIsProvenInTheSameBlock_counts() public {
        _deprecate();
        registry.prove(modelId, OTHER_ROOT, REQUESTER, NONCE, proofs);
        registry.requireAttested(modelId, idOf(modelId, OTHER_ROOT));
    }

    /// @dev Committed before, begun before, or neither: what counts is when the last chunk was proven.
    function test_deprecateModel_whatIsProvenAfter_doesNotCount() public {
        registry.prove(modelId, OTHER_ROOT, REQUESTER, NONCE, only(proofs[0]));
        _deprecate();
        skip(1);
        registry.prove(modelId, OTHER_ROOT, REQUESTER, NONCE, proofs);
        _expectDoesNotCount(idOf(modelId, OTHER_ROOT));
        registry.commit(modelId, ROOT + 2, REQUESTER, NONCE);
        registry.attest(modelId, ROOT + 2, REQUESTER, NONCE, honestProofs(modelId, ROOT + 2));
        _expectDoesNotCount(idOf(modelId, ROOT + 2));
    }

    /// @dev A registrant whose circuit is broken attests a lie and deprecates: the circuit breaker works all the same.
    function test_deprecateModel_aContradictionAfter_freezes() public {
        skip(1);
        _deprecate();
        skip(1 days);
        ChunkProof[] memory truth = honestProofs(modelId, ROOT + 2);
        truth[0] = proofWith(modelId, ROOT + 2, REQUESTER, NONCE, 0, honestValues(modelId, ROOT, 0));
        InferenceId second = registry.attest(modelId, ROOT + 2, REQUESTER, NONCE, truth);
        registry.requireAttested(modelId, attested);
        registry.reportContradiction(attested, second, 0, new ChunkValues[](0), new ChunkValues[](0));
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
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.deprecatedAt(unknown);
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
        assertTrue(registry.isDeprecated(modelId));
    }

    // ------------------------------------------------------------------------------------------------------ History

    function test_wasAttested_saysWhetherTheModelMatches() public {
        ModelId other = registry.registerModel(_another());
        assertTrue(registry.wasAttested(modelId, attested));
        assertFalse(registry.wasAttested(other, attested));
        assertFalse(registry.wasAttested(modelId, idOf(modelId, OTHER_ROOT)));
        assertFalse(registry.wasAttested(ModelId.wrap(0), InferenceId.wrap(0)));
    }

    function _deprecate() private {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
    }

    function _expectDoesNotCount(InferenceId id) private {
        assertTrue(registry.isProven(id));
        assertFalse(registry.wasAttested(modelId, id));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
        registry.requireAttested(modelId, id);
    }

    function _another() private returns (ModelRegistration memory) {
        return registrationOf("another", uniform(1, 1));
    }
}
