// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {DeterministicDeployment} from "../script/DeterministicDeployment.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, Inference, ModelRegistration} from "../src/types/RegistryTypes.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice What the openings contract says about its registry.
interface IRegistryOfOpenings {
    function REGISTRY() external view returns (IChainferRegistry);
}

/// @notice Slots are what records cost: how many there are, which are written, and what a dApp's call reads. And how large the
/// registry's two contracts are, and where.
contract ChainferRegistryStorageTest is RegistryTest {
    ModelId internal modelId;

    /// @dev Of the last recording.
    mapping(bytes32 => bool) private _wasEmpty;
    mapping(bytes32 => uint256) private _seen;
    uint256 private _recording;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
    }

    // ------------------------------------------------------------------------------------------------------- Models

    function test_registerModel_takesTwoSlots_whateverItsSize() public {
        ModelRegistration memory registration = registrationOf("small", uniform(1, 1));
        vm.startStateDiffRecording();
        register(registration);
        _expectWrites(2, 2);
        registration = registrationOf("large", mostChunks(7));
        registration.uri = "ipfs://a uri that takes more than thirty-two bytes of data";
        vm.startStateDiffRecording();
        register(registration);
        _expectWrites(2, 2);
    }

    function test_lifecycle_writesTheFirstSlotOfTheModel() public {
        vm.prank(REGISTRANT);
        vm.startStateDiffRecording();
        registry.deprecateModel(modelId);
        _expectWrites(1, 0);
        vm.prank(GUARDIAN);
        vm.startStateDiffRecording();
        registry.freezeModel(modelId);
        _expectWrites(1, 0);
    }

    // --------------------------------------------------------------------------------------------------- Inferences

    function test_attest_allChunks_takesOneSlot() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.startStateDiffRecording();
        attest(modelId, ROOT, proofs);
        _expectWrites(1, 1);
    }

    function test_attest_aModelOf256Chunks_takesOneSlot() public {
        ModelId many = register(registrationOf("many", mostChunks(1)));
        ChunkProof[] memory proofs = honestProofs(many, ROOT);
        vm.startStateDiffRecording();
        attest(many, ROOT, proofs);
        _expectWrites(1, 1);
    }

    function test_commitAndProve_allChunks_takeOneSlot() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.startStateDiffRecording();
        commit(modelId, ROOT);
        _expectWrites(1, 1);
        vm.startStateDiffRecording();
        prove(modelId, ROOT, proofs);
        _expectWrites(1, 0);
    }

    /// @dev The second slot is there only while some but not all chunks are proven.
    function test_commitAndProve_chunkByChunk_takeASecondSlotMeanwhile() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        vm.startStateDiffRecording();
        commit(modelId, ROOT);
        prove(modelId, ROOT, only(proofs[1]));
        prove(modelId, ROOT, only(proofs[0]));
        _expectWrites(2, 2);
        vm.startStateDiffRecording();
        prove(modelId, ROOT, only(proofs[2]));
        bytes32[] memory written = _written();
        assertEq(written.length, 2);
        uint256 cleared;
        for (uint256 i; i < 2; ++i) {
            if (vm.load(address(registry), written[i]) == 0) ++cleared;
        }
        assertEq(cleared, 1);
        assertEq(stateOf(modelId, ROOT).provenChunks, 0);
    }

    function test_prove_nothingNew_writesNothing() public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        attest(modelId, ROOT, only(proofs[1]));
        skip(1);
        vm.startStateDiffRecording();
        attest(modelId, ROOT, only(proofs[1]));
        commit(modelId, ROOT);
        _expectWrites(0, 0);
        attest(modelId, ROOT, proofs);
        skip(1);
        vm.startStateDiffRecording();
        attest(modelId, ROOT, proofs);
        prove(modelId, ROOT, only(proofs[0]));
        commit(modelId, ROOT);
        _expectWrites(0, 0);
    }

    /// @dev The same root under two models, two requesters and two nonces: no two inferences share a slot.
    function test_inferences_shareNoSlot() public {
        ModelRegistration memory registration = registered(modelId);
        registration.manifestId = "twin";
        ModelId twin = register(registration);
        vm.startStateDiffRecording();
        registry.commit(Inference(modelId, ROOT, REQUESTER, NONCE));
        registry.commit(Inference(twin, ROOT, REQUESTER, NONCE));
        registry.commit(Inference(modelId, ROOT, RELAYER, NONCE));
        registry.commit(Inference(modelId, ROOT, REQUESTER, NONCE + 1));
        registry.commit(Inference(modelId, ROOT + 1, REQUESTER, NONCE));
        _expectWrites(5, 5);
    }

    // -------------------------------------------------------------------------------------------------------- Reads

    function test_requireAttested_readsTwoSlots() public {
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        vm.record();
        registry.requireAttested(modelId, idOf(modelId, ROOT));
        (bytes32[] memory reads, bytes32[] memory writes) = vm.accesses(address(registry));
        assertEq(_distinct(reads), 2);
        assertEq(writes.length, 0);
    }

    function test_commit_readsTwoSlots() public {
        vm.record();
        commit(modelId, ROOT);
        (bytes32[] memory reads,) = vm.accesses(address(registry));
        assertEq(_distinct(reads), 2);
    }

    // ---------------------------------------------------------------------------------------------------- Contracts

    function test_openings_isTheFirstContractThatTheRegistryCreates() public {
        _expectOpenings(registry);
        _expectOpenings(newRegistry(OWNER, GUARDIAN, new bytes32[](0)));
        DeterministicProxy.install();
        bytes memory code = bytes.concat(
            vm.getCode("ChainferRegistry.sol:ChainferRegistry"), abi.encode(OWNER, GUARDIAN, new bytes32[](0))
        );
        _expectOpenings(IChainferRegistry(DeterministicDeployment.deploy("salt", code)));
    }

    /// @dev The registry creates no other contract.
    function test_registry_createsOneContractAlone() public {
        assertEq(vm.getNonce(address(registry)), 2);
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        register(registrationOf("another", uniform(3, 1)));
        assertEq(vm.getNonce(address(registry)), 2);
    }

    function test_code_isWithinItsLimits() public view {
        assertLe(address(registry).code.length, 12_000);
        assertLe(address(openings).code.length, 9000);
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _expectOpenings(IChainferRegistry at) private view {
        address expected = vm.computeCreateAddress(address(at), 1);
        assertEq(address(at.openings()), expected);
        assertNotEq(expected.code.length, 0);
        assertEq(address(IRegistryOfOpenings(expected).REGISTRY()), address(at));
    }

    /// @dev Since the recording began the registry has written so many slots, of which so many were empty and are not any more.
    function _expectWrites(uint256 slots, uint256 fresh) private {
        bytes32[] memory written = _written();
        assertEq(written.length, slots, "slots written");
        uint256 count;
        for (uint256 i; i < written.length; ++i) {
            if (_wasEmpty[written[i]] && vm.load(address(registry), written[i]) != 0) ++count;
        }
        assertEq(count, fresh, "fresh slots");
    }

    /// @dev The distinct slots that the registry has written since the recording began.
    function _written() private returns (bytes32[] memory slots) {
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();
        ++_recording;
        slots = new bytes32[](64);
        uint256 count;
        for (uint256 i; i < accesses.length; ++i) {
            for (uint256 j; j < accesses[i].storageAccesses.length; ++j) {
                Vm.StorageAccess memory access = accesses[i].storageAccesses[j];
                if (access.account != address(registry) || !access.isWrite || access.reverted) continue;
                if (_seen[access.slot] == _recording) continue;
                _seen[access.slot] = _recording;
                _wasEmpty[access.slot] = access.previousValue == 0;
                slots[count++] = access.slot;
            }
        }
        assembly ("memory-safe") {
            mstore(slots, count)
        }
    }

    function _distinct(bytes32[] memory slots) private pure returns (uint256 count) {
        for (uint256 i; i < slots.length; ++i) {
            bool known;
            for (uint256 j; j < i; ++j) {
                known = known || slots[j] == slots[i];
            }
            if (!known) ++count;
        }
    }
}
