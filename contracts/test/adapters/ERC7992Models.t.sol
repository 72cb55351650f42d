// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC7992Adapter} from "../../src/adapters/ERC7992Adapter.sol";
import {ERC7992Models} from "../../src/adapters/ERC7992Models.sol";
import {IERCZKMLRegistry, IERCZKMLVerifier} from "../../src/interfaces/standards/IERC7992.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkSpec, ModelRecord, ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

/// @notice The registry interface of ERC-7992.
contract ERC7992ModelsTest is RegistryTest {
    bytes32 internal constant MANIFEST = "classifier";

    ERC7992Adapter internal adapter;
    IERCZKMLRegistry.ModelCommitment internal commitment;
    uint256 internal modelId;
    ModelId internal id;

    function setUp() public override {
        super.setUp();
        adapter = new ERC7992Adapter(registry);
        ModelRegistration memory registration = classifierRegistration();
        id = register(registration);
        modelId = uint256(ModelId.unwrap(id));
        commitment.modelHash = MANIFEST;
        commitment.circuitHash = keccak256(
            abi.encodePacked(
                registration.chunks[0].codeHash, registration.chunks[1].codeHash, registration.chunks[2].codeHash
            )
        );
        commitment.vkHash = keccak256(
            abi.encodePacked(
                registration.chunks[0].keyHash, registration.chunks[1].keyHash, registration.chunks[2].keyHash
            )
        );
        commitment.proofSystemId = bytes4(keccak256("halo2-kzg-bn254-v1"));
        commitment.uri = "ipfs://bundle";
    }

    // ------------------------------------------------------------------------------------------------- showRecord

    /// @dev By anyone, and without a word of the registrant, whose URI is missing.
    function test_showRecord_makesTheCommitmentKnown() public {
        bytes memory notShown = abi.encodeWithSelector(ERC7992Models.RecordNotShown.selector, modelId);
        vm.expectRevert(notShown);
        adapter.getModel(modelId);
        vm.expectRevert(notShown);
        vm.prank(REGISTRANT);
        adapter.registerModel(commitment);
        vm.expectEmit(address(adapter));
        emit ERC7992Models.RecordShown(modelId, MANIFEST, commitment.circuitHash, commitment.vkHash);
        _show();
        (IERCZKMLRegistry.ModelCommitment memory actual, bool deprecated, address owner) = adapter.getModel(modelId);
        commitment.uri = "";
        assertEq(abi.encode(actual), abi.encode(commitment));
        assertFalse(deprecated);
        assertEq(owner, REGISTRANT);
    }

    function test_showRecord_again_changesNothing() public {
        _show();
        vm.prank(REGISTRANT);
        adapter.registerModel(commitment);
        vm.recordLogs();
        _show();
        assertEq(vm.getRecordedLogs().length, 0);
        (IERCZKMLRegistry.ModelCommitment memory actual,,) = adapter.getModel(modelId);
        assertEq(abi.encode(actual), abi.encode(commitment));
    }

    /// @dev What follows from the record is what a model is known by here.
    function test_showRecord_revertsWhenItIsNotTheModels() public {
        (ModelRecord memory record, ChunkSpec[] memory chunks) = (recordOf(id), chunksOf(id));
        _expectRecordMismatch("another manifest", record, chunks);
        record.outputs = record.inputs;
        _expectRecordMismatch(MANIFEST, record, chunks);
        record = recordOf(id);
        (chunks[0], chunks[1]) = (chunks[1], chunks[0]);
        _expectRecordMismatch(MANIFEST, record, chunks);
        _expectRecordMismatch(MANIFEST, record, new ChunkSpec[](0));
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "another";
        ModelId other = register(registration);
        _expectRecordMismatch("another", recordOf(other), chunksOf(other));
        _expectRecordMismatch(MANIFEST, recordOf(id), chunksOf(other));
    }

    function test_showRecord_revertsWhenThereIsNoSuchModel() public {
        (ModelRecord memory record, ChunkSpec[] memory chunks) = (recordOf(id), chunksOf(id));
        vm.expectRevert(abi.encodeWithSelector(IERCZKMLRegistry.ModelNotFound.selector, 5));
        adapter.showRecord(5, MANIFEST, record, chunks);
    }

    // ---------------------------------------------------------------------------------- The standard's functions

    function test_getModel_isTheRecord() public {
        _show();
        vm.prank(REGISTRANT);
        adapter.registerModel(commitment);
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
        _show();
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
        _show();
        bytes memory expected = abi.encodeWithSelector(ERC7992Models.CommitmentMismatch.selector, modelId);
        IERCZKMLRegistry.ModelCommitment memory other = commitment;
        other.circuitHash ^= bytes32(uint256(1));
        vm.startPrank(REGISTRANT);
        vm.expectRevert(expected);
        adapter.registerModel(other);
        other = commitment;
        other.vkHash ^= bytes32(uint256(1));
        vm.expectRevert(expected);
        adapter.registerModel(other);
    }

    /// @dev The registry's record does not have it, so it is the registrant's word, and said once.
    function test_registerModel_takesTheUriFromTheRegistrant() public {
        _show();
        commitment.uri = "ipfs://other";
        vm.prank(REGISTRANT);
        adapter.registerModel(commitment);
        (IERCZKMLRegistry.ModelCommitment memory actual,,) = adapter.getModel(modelId);
        assertEq(actual.uri, "ipfs://other");
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
        _show();
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
        _show();
        (, bool deprecated,) = adapter.getModel(modelId);
        assertTrue(deprecated);
        assertEq(registry.model(id).deprecatedAt, 0);
    }

    function test_deprecateModel_inTheRegistry_showsHere() public {
        vm.prank(REGISTRANT);
        registry.deprecateModel(id);
        _show();
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

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _show() private {
        adapter.showRecord(modelId, MANIFEST, recordOf(id), chunksOf(id));
    }

    function _expectRecordMismatch(bytes32 manifestId, ModelRecord memory record, ChunkSpec[] memory chunks) private {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, id));
        adapter.showRecord(modelId, manifestId, record, chunks);
    }
}
