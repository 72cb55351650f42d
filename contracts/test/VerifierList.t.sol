// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, ModelRegistration, VerifierStatus} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice Owner, guardian, and what a verifier's status means for registering and proving.
contract VerifierListTest is RegistryTest {
    bytes32 internal constant SHAPE = keccak256("shape");

    function test_constructor_setsOwnerGuardianAndList() public {
        bytes32[] memory codeHashes = new bytes32[](2);
        codeHashes[0] = SHAPE;
        codeHashes[1] = keccak256("another");
        IChainferRegistry fresh = newRegistry(OWNER, GUARDIAN, codeHashes);
        assertEq(Ownable2Step(address(fresh)).owner(), OWNER);
        assertEq(fresh.guardian(), GUARDIAN);
        _assertStatus(fresh, SHAPE, VerifierStatus.Active);
        _assertStatus(fresh, codeHashes[1], VerifierStatus.Active);
        _assertStatus(fresh, "third", VerifierStatus.Unknown);
    }

    function test_constructor_revertsWhenTheOwnerIsZero() public {
        bytes memory error_ = abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0));
        _expectNotCreated(address(0), new bytes32[](0), error_);
    }

    function test_constructor_revertsWhenTheListIsWrong() public {
        bytes32[] memory codeHashes = new bytes32[](2);
        (codeHashes[0], codeHashes[1]) = (SHAPE, SHAPE);
        bytes4 selector = IRegistryGovernance.UnexpectedVerifierStatus.selector;
        _expectNotCreated(OWNER, codeHashes, abi.encodeWithSelector(selector, SHAPE, VerifierStatus.Active));
        codeHashes[1] = keccak256("");
        selector = IRegistryGovernance.InvalidVerifierCodeHash.selector;
        _expectNotCreated(OWNER, codeHashes, abi.encodeWithSelector(selector, codeHashes[1]));
    }

    // ---------------------------------------------------------------------------------------------------- Verifiers

    function test_addVerifier_lists() public {
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.VerifierAdded(SHAPE);
        _add(SHAPE);
        _assertStatus(registry, SHAPE, VerifierStatus.Active);
    }

    function test_addVerifier_revertsWhenNoVerifierHasTheCodeHash() public {
        bytes32[2] memory hashes = [bytes32(0), keccak256("")];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.InvalidVerifierCodeHash.selector, hashes[i]));
            _add(hashes[i]);
        }
    }

    function test_addVerifier_revertsWhenListedFrozenOrRemoved() public {
        _add(SHAPE);
        _expectStatus(VerifierStatus.Active);
        _add(SHAPE);
        _freeze(SHAPE);
        _expectStatus(VerifierStatus.Frozen);
        _add(SHAPE);
        _remove(SHAPE);
        _expectStatus(VerifierStatus.Removed);
        _add(SHAPE);
    }

    function test_freezeVerifier_byGuardianOrOwner() public {
        _add(SHAPE);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.VerifierFrozen(SHAPE, GUARDIAN);
        _freeze(SHAPE);
        _assertStatus(registry, SHAPE, VerifierStatus.Frozen);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.VerifierUnfrozen(SHAPE);
        vm.startPrank(OWNER);
        registry.unfreezeVerifier(SHAPE);
        _assertStatus(registry, SHAPE, VerifierStatus.Active);
        registry.freezeVerifier(SHAPE);
        _assertStatus(registry, SHAPE, VerifierStatus.Frozen);
    }

    function test_freezeVerifier_revertsWhenNotActive() public {
        _expectStatus(VerifierStatus.Unknown);
        _freeze(SHAPE);
        _add(SHAPE);
        _freeze(SHAPE);
        _expectStatus(VerifierStatus.Frozen);
        _freeze(SHAPE);
        _remove(SHAPE);
        _expectStatus(VerifierStatus.Removed);
        _freeze(SHAPE);
    }

    function test_unfreezeVerifier_revertsWhenNotFrozen() public {
        VerifierStatus[3] memory statuses = [VerifierStatus.Unknown, VerifierStatus.Active, VerifierStatus.Removed];
        for (uint256 i; i < 3; ++i) {
            if (i == 1) _add(SHAPE);
            if (i == 2) _remove(SHAPE);
            _expectStatus(statuses[i]);
            vm.prank(OWNER);
            registry.unfreezeVerifier(SHAPE);
        }
    }

    function test_removeVerifier_isForGood() public {
        _add(SHAPE);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.VerifierRemoved(SHAPE);
        _remove(SHAPE);
        _assertStatus(registry, SHAPE, VerifierStatus.Removed);
        _add("frozen");
        _freeze("frozen");
        _remove("frozen");
        _assertStatus(registry, "frozen", VerifierStatus.Removed);
        _expectStatus(VerifierStatus.Removed);
        _remove(SHAPE);
    }

    function test_removeVerifier_revertsWhenUnknown() public {
        _expectStatus(VerifierStatus.Unknown);
        _remove(SHAPE);
    }

    // ------------------------------------------------------------------------------------------------------- Rights

    function testFuzz_owner_onlyActions_revertForAnyoneElse(address account) public {
        vm.assume(account != OWNER);
        ModelId modelId = register(classifierRegistration());
        bytes[] memory calls = new bytes[](6);
        calls[0] = abi.encodeCall(IRegistryGovernance.addVerifier, (SHAPE));
        calls[1] = abi.encodeCall(IRegistryGovernance.unfreezeVerifier, (SHAPE));
        calls[2] = abi.encodeCall(IRegistryGovernance.removeVerifier, (SHAPE));
        calls[3] = abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId));
        calls[4] = abi.encodeCall(IRegistryGovernance.setGuardian, (account));
        calls[5] = abi.encodeCall(Ownable2Step.transferOwnership, (account));
        for (uint256 i; i < calls.length; ++i) {
            _expectFailure(
                account, calls[i], abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, account)
            );
        }
        bytes memory accept = abi.encodeCall(Ownable2Step.acceptOwnership, ());
        _expectFailure(account, accept, abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, account));
    }

    function testFuzz_freeze_revertsForAnyoneButGuardianAndOwner(address account) public {
        vm.assume(account != OWNER && account != GUARDIAN);
        _add(SHAPE);
        ModelId modelId = register(classifierRegistration());
        bytes memory expected = abi.encodeWithSelector(IRegistryGovernance.NotGuardian.selector, account);
        _expectFailure(account, abi.encodeCall(IRegistryGovernance.freezeVerifier, (SHAPE)), expected);
        _expectFailure(account, abi.encodeCall(IRegistryGovernance.freezeModel, (modelId)), expected);
    }

    function test_setGuardian_replacesTheGuardian() public {
        _add(SHAPE);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.GuardianChanged(GUARDIAN, RELAYER);
        vm.prank(OWNER);
        registry.setGuardian(RELAYER);
        assertEq(registry.guardian(), RELAYER);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.NotGuardian.selector, GUARDIAN));
        _freeze(SHAPE);
        vm.prank(RELAYER);
        registry.freezeVerifier(SHAPE);
    }

    function test_transferOwnership_takesTwoSteps() public {
        Ownable2Step ownable = Ownable2Step(address(registry));
        vm.prank(OWNER);
        ownable.transferOwnership(RELAYER);
        assertEq(ownable.owner(), OWNER);
        assertEq(ownable.pendingOwner(), RELAYER);
        vm.prank(RELAYER);
        ownable.acceptOwnership();
        assertEq(ownable.owner(), RELAYER);
    }

    // ---------------------------------------------------------------------------------------------------------- Use

    function test_registerModel_revertsWhenAVerifierIsNotActive() public {
        ModelRegistration memory registration = registrationOf("three", uniform(3, 1));
        bytes32 shape = registration.chunks[1].codeHash;
        _freeze(shape);
        _expectNotActive(1, shape, VerifierStatus.Frozen);
        registry.registerModel(registration);
        _remove(shape);
        _expectNotActive(1, shape, VerifierStatus.Removed);
        registry.registerModel(registration);

        registration.chunks[1].verifier = address(this);
        registration.chunks[1].codeHash = address(this).codehash;
        _expectNotActive(1, address(this).codehash, VerifierStatus.Unknown);
        registry.registerModel(registration);
    }

    function test_prove_revertsWhenAVerifierIsFrozenOrRemoved_andResumes() public {
        ModelId modelId = register(registrationOf("three", uniform(3, 1)));
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        bytes32 shape = chunkOf(modelId, 2).codeHash;
        _freeze(shape);
        _expectNotActive(2, shape, VerifierStatus.Frozen);
        attest(modelId, ROOT, proofs);

        // The other chunks are not concerned, nor is what they have proven.
        commit(modelId, ROOT);
        prove(modelId, ROOT, only(proofs[0]));
        prove(modelId, ROOT, only(proofs[1]));
        _expectNotActive(2, shape, VerifierStatus.Frozen);
        prove(modelId, ROOT, only(proofs[2]));

        vm.prank(OWNER);
        registry.unfreezeVerifier(shape);
        uint256 before = vm.snapshotState();
        prove(modelId, ROOT, proofs);
        registry.requireAttested(modelId, idOf(modelId, ROOT));
        vm.revertToState(before);
        _remove(shape);
        _expectNotActive(2, shape, VerifierStatus.Removed);
        prove(modelId, ROOT, proofs);
    }

    function test_freezeVerifier_leavesWhatIsProven() public {
        ModelId modelId = register(classifierRegistration());
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        _freeze(chunkOf(modelId, 0).codeHash);
        registry.requireAttested(modelId, idOf(modelId, ROOT));
        // A replay verifies nothing, so there is nothing to refuse.
        prove(modelId, ROOT, honestProofs(modelId, ROOT));
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _add(bytes32 codeHash) private {
        vm.prank(OWNER);
        registry.addVerifier(codeHash);
    }

    function _freeze(bytes32 codeHash) private {
        vm.prank(GUARDIAN);
        registry.freezeVerifier(codeHash);
    }

    function _remove(bytes32 codeHash) private {
        vm.prank(OWNER);
        registry.removeVerifier(codeHash);
    }

    function _expectNotCreated(address owner, bytes32[] memory codeHashes, bytes memory expected) private {
        bytes memory code =
            bytes.concat(vm.getCode("ChainferRegistry.sol:ChainferRegistry"), abi.encode(owner, GUARDIAN, codeHashes));
        address created;
        bytes memory reason;
        assembly ("memory-safe") {
            created := create(0, add(code, 0x20), mload(code))
            reason := mload(0x40)
            mstore(reason, returndatasize())
            returndatacopy(add(reason, 0x20), 0x00, returndatasize())
            mstore(0x40, add(add(reason, 0x20), and(add(returndatasize(), 0x1f), not(0x1f))))
        }
        assertEq(created, address(0));
        assertEq(reason, expected);
    }

    function _expectStatus(VerifierStatus status) private {
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.UnexpectedVerifierStatus.selector, SHAPE, status));
    }

    function _expectNotActive(uint256 chunk, bytes32 codeHash, VerifierStatus status) private {
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.VerifierNotActive.selector, chunk, codeHash, status));
    }

    function _expectFailure(address sender, bytes memory call, bytes memory expected) private {
        vm.prank(sender);
        (bool success, bytes memory reason) = address(registry).call(call);
        assertFalse(success);
        assertEq(reason, expected);
    }

    function _assertStatus(IChainferRegistry at, bytes32 codeHash, VerifierStatus status) private view {
        assertEq(uint256(at.verifierStatus(codeHash)), uint256(status));
    }
}
