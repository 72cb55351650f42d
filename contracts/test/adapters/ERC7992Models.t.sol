// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC7992Adapter} from "../../src/adapters/ERC7992Adapter.sol";
import {ERC7992Models} from "../../src/adapters/ERC7992Models.sol";
import {IERCZKMLRegistry, IERCZKMLVerifier} from "../../src/interfaces/standards/IERC7992.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

/// @notice The registry interface of ERC-7992.
contract ERC7992ModelsTest is RegistryTest {
    IERCZKMLRegistry internal adapter;
    IERCZKMLRegistry.ModelCommitment internal commitment;
    uint256 internal modelId;
    ModelId internal id;

    function setUp() public override {
        super.setUp();
        adapter = new ERC7992Adapter(registry);
        ModelRegistration memory registration = classifierRegistration();
        id = register(registration);
        modelId = uint256(ModelId.unwrap(id));
        commitment.modelHash = "classifier";
        commitment.circuitHash = keccak256(
            abi.encodePacked(
                registration.chunks[0].codeHash, registration.chunks[1].codeHash, registration.chunks[2].codeHash
            )
        );
        commitment.vkHash = keccak256(
            abi.encodePacked(
                registration.chunks[0].keyCodeHash,
                registration.chunks[1].keyCodeHash,
                registration.chunks[2].keyCodeHash
            )
        );
        commitment.proofSystemId = bytes4(keccak256("halo2-kzg-bn254-v1"));
        commitment.uri = "ipfs://bundle";
    }

    function test_getModel_isTheRecord() public view {
        (IERCZKMLRegistry.ModelCommitment memory actual, bool deprecated, address owner) = adapter.getModel(modelId);
        assertEq(abi.encode(actual), abi.encode(commitment));
        assertFalse(deprecated);
        assertEq(owner, REGISTRANT);
    }

    function test_getModel_revertsWhenThereIsNoSuchModel() public {
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelNotFound.selector, 5));
        adapter.getModel(5);
    }

    function test_registerModel_announcesARegisteredModel() public {
        vm.expectEmit(address(adapter));
        emit IERCZKMLRegistry.ModelRegistered(modelId, REGISTRANT, commitment);
        vm.prank(REGISTRANT);
        assertEq(adapter.registerModel(commitment), modelId);
    }

    function test_registerModel_revertsWhenTheSenderIsNotTheRegistrant() public {
        uint256 other = uint256(ModelId.unwrap(registry.modelIdOf("classifier", RELAYER)));
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelNotFound.selector, other));
        vm.prank(RELAYER);
        adapter.registerModel(commitment);
    }

    function test_registerModel_revertsWhenTheCommitmentIsAnother() public {
        bytes memory expected = abi.encodeWithSelector(ERC7992Models.CommitmentMismatch.selector, modelId);
        IERCZKMLRegistry.ModelCommitment memory other = commitment;
        other.circuitHash = 0;
        vm.startPrank(REGISTRANT);
        vm.expectRevert(expected);
        adapter.registerModel(other);
        other = commitment;
        other.vkHash = 0;
        vm.expectRevert(expected);
        adapter.registerModel(other);
        other = commitment;
        other.uri = "ipfs://other";
        vm.expectRevert(expected);
        adapter.registerModel(other);
    }

    function test_registerModel_revertsWhenTheProofSystemIsAnother() public {
        IERCZKMLRegistry.ModelCommitment memory other = commitment;
        other.proofSystemId = bytes4(keccak256("groth16-bn254-v1"));
        bytes4 selector = IERCZKMLVerifier.UnsupportedProofSystem.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, other.proofSystemId));
        vm.prank(REGISTRANT);
        adapter.registerModel(other);
    }

    function test_registerModel_revertsWhenAnnouncedBefore() public {
        vm.startPrank(REGISTRANT);
        adapter.registerModel(commitment);
        vm.expectRevert(abi.encodeWithSelector(ERC7992Models.ModelIsRegistered.selector, modelId));
        adapter.registerModel(commitment);
    }

    function test_updateModel_revertsAlways() public {
        vm.expectRevert(abi.encodeWithSelector(ERC7992Models.ModelIsImmutable.selector, modelId));
        vm.prank(REGISTRANT);
        adapter.updateModel(modelId, commitment);
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.NotModelOwner.selector, modelId, RELAYER));
        vm.prank(RELAYER);
        adapter.updateModel(modelId, commitment);
    }

    function test_deprecateModel_showsHere() public {
        vm.expectEmit(address(adapter));
        emit IERCZKMLRegistry.ModelDeprecated(modelId);
        vm.prank(REGISTRANT);
        adapter.deprecateModel(modelId);
        (, bool deprecated,) = adapter.getModel(modelId);
        assertTrue(deprecated);
        assertFalse(registry.isDeprecated(id));
    }

    function test_deprecateModel_inTheRegistry_showsHere() public {
        vm.prank(REGISTRANT);
        registry.deprecateModel(id);
        (, bool deprecated,) = adapter.getModel(modelId);
        assertTrue(deprecated);
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelIsDeprecated.selector, modelId));
        vm.prank(REGISTRANT);
        adapter.deprecateModel(modelId);
    }

    function test_deprecateModel_revertsForAnyoneButTheRegistrant() public {
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.NotModelOwner.selector, modelId, RELAYER));
        vm.prank(RELAYER);
        adapter.deprecateModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelNotFound.selector, 5));
        adapter.deprecateModel(5);
    }
}
