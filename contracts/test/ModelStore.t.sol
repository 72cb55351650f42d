// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkSpec, Model, ModelRegistration, TensorSpec, Visibility} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

contract ModelStoreTest is RegistryTest {
    function test_registerModel_recordsEverything() public {
        ModelRegistration memory registration = classifierRegistration();
        ModelId expected = registry.modelIdOf("classifier", REGISTRANT);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ModelRegistered(expected, REGISTRANT, "classifier", 3, 1, "ipfs://bundle");
        ModelId modelId = register(registration);

        assertEqModel(modelId, expected);
        assertEq(registry.modelCount(), 1);
        Model memory model = registry.model(modelId);
        assertEq(model.manifestId, bytes32("classifier"));
        assertEq(model.registrant, REGISTRANT);
        assertEq(model.registeredAt, block.timestamp);
        assertEq(model.chunkCount, 3);
        assertEq(model.inputCount, 1);
        assertEq(model.outputCount, 1);
        assertEq(model.leafCount, 5);
        assertEq(model.treeHeight, 3);
        assertEq(model.uri, "ipfs://bundle");
        for (uint256 i; i < 3; ++i) {
            assertEq(abi.encode(registry.chunkSpec(modelId, i)), abi.encode(registration.chunks[i]));
        }
        assertEq(abi.encode(registry.inputSpec(modelId, 0)), abi.encode(registration.inputs[0]));
        assertEq(abi.encode(registry.outputSpec(modelId, 0)), abi.encode(registration.outputs[0]));
        for (uint256 i; i < 5; ++i) {
            assertEq(registry.leafLength(modelId, i), registration.leafLengths[i]);
        }
        assertFalse(registry.isFrozen(modelId));
        assertFalse(registry.isDeprecated(modelId));
    }

    function test_modelIdOf_isTheSpecifiedHash() public view {
        bytes32 expected = keccak256(abi.encode(keccak256("chainfer.model.v1"), bytes32("m"), REGISTRANT));
        assertEq(ModelId.unwrap(registry.modelIdOf("m", REGISTRANT)), expected);
    }

    function test_registerModel_byTwoRegistrants_givesTwoModels() public {
        ModelRegistration memory registration = classifierRegistration();
        ModelId first = register(registration);
        ModelId second = registry.registerModel(registration);
        assertTrue(first != second);
        assertEq(registry.modelCount(), 2);
    }

    function test_registerModel_theLargestChunkCount_isRecorded() public {
        ModelRegistration memory registration = registrationOf("many", uniform(256, 0));
        // Fifteen tensors of the largest length are exactly the largest number of words.
        uint32 words = type(uint32).max / 15;
        registration.leafLengths = uniform(2048, type(uint32).max);
        registration.leafLengths[2047] = 1;
        registration.outputs = new TensorSpec[](256 + 2 * 14);
        uint32 leaf;
        for (uint16 i; i < 256; ++i) {
            uint32 tensors = i == 0 || i == 255 ? 15 : 1;
            for (uint32 j; j < tensors; ++j) {
                uint32 shorter = j == 14 && i == 255 ? 1 : 0;
                registration.outputs[leaf] = wordsAt(leaf, i, j * words, words - shorter);
                registration.leafLengths[leaf++] -= 15 * shorter;
                registration.chunks[i].numPublic += words - shorter;
            }
            registration.chunks[i].hidingBudget = type(uint32).max - i;
        }
        assertEq(registration.chunks[0].numPublic, type(uint32).max);
        assertEq(registration.chunks[255].numPublic, type(uint32).max - 1);
        ModelId modelId = register(registration);
        assertEq(registry.model(modelId).chunkCount, 256);
        assertEq(registry.model(modelId).leafCount, 2048);
        assertEq(registry.model(modelId).treeHeight, 11);
        assertEq(registry.leafLength(modelId, 0), type(uint32).max);
        assertEq(registry.leafLength(modelId, 2047), 1);
        for (uint256 i; i < 256; ++i) {
            assertEq(abi.encode(registry.chunkSpec(modelId, i)), abi.encode(registration.chunks[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ChunkOutOfRange.selector, 256, 256));
        registry.chunkSpec(modelId, 256);
    }

    function test_registerModel_storesTheChunksAsDataThatCannotRun() public {
        address table = vm.computeCreateAddress(address(registry), vm.getNonce(address(registry)));
        register(classifierRegistration());
        assertEq(table.code.length, 1 + 3 * 108 + 4 * (5 + 3));
        assertEq(table.code[0], bytes1(0));
        (bool success, bytes memory answer) = table.call("anything");
        assertTrue(success);
        assertEq(answer.length, 0);
    }

    function test_registerModel_acceptsACommittedOutput() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.outputs[0].visibility = Visibility.Committed;
        registration.outputs[0].length = 1000;
        registration.outputs[0].shape = shapeOf(8, 125);
        registration.leafLengths[4] = 1000;
        ModelId modelId = register(registration);
        assertEq(uint256(registry.outputSpec(modelId, 0).visibility), uint256(Visibility.Committed));
    }

    function test_registerModel_revertsWhenManifestIdIsZero() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = 0;
        vm.expectRevert(IChainferRegistry.ManifestIdIsZero.selector);
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenAlreadyRegistered() public {
        ModelRegistration memory registration = classifierRegistration();
        ModelId modelId = register(registration);
        registration.uri = "ipfs://other";
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelAlreadyRegistered.selector, modelId));
        register(registration);
    }

    function test_registerModel_revertsWhenThereAreNoChunks() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.chunks = new ChunkSpec[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidChunkCount.selector, 0));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenThereAreTooManyChunks() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.chunks = new ChunkSpec[](257);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidChunkCount.selector, 257));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenAVerifierHasNoCode() public {
        ModelRegistration memory registration = classifierRegistration();
        address empty = address(0xE0A);
        vm.deal(empty, 1);
        registration.chunks[1].verifier = empty;
        registration.chunks[1].codeHash = empty.codehash;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierWithoutCode.selector, 1, empty));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenAVerifierIsADelegatingAccount() public {
        ModelRegistration memory registration = classifierRegistration();
        address account = address(0xE0A);
        vm.etch(account, abi.encodePacked(hex"ef0100", registration.chunks[0].verifier));
        registration.chunks[1].verifier = account;
        registration.chunks[1].codeHash = account.codehash;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierWithoutCode.selector, 1, account));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenACodeHashDiffers() public {
        ModelRegistration memory registration = classifierRegistration();
        bytes32 actual = registration.chunks[2].codeHash;
        registration.chunks[2].codeHash = bytes32(uint256(1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 2, bytes32(uint256(1)), actual
            )
        );
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenAKeyHasNoCode() public {
        ModelRegistration memory registration = classifierRegistration();
        _expectInvalidKey(registration, address(0xE0A), "");
    }

    function test_registerModel_revertsWhenAKeyCouldRun() public {
        ModelRegistration memory registration = classifierRegistration();
        bytes memory code = registration.chunks[1].key.code;
        code[0] = 0x01;
        _expectInvalidKey(registration, address(0xE0A), code);
    }

    function test_registerModel_revertsWhenAKeyIsADelegatingAccount() public {
        ModelRegistration memory registration = classifierRegistration();
        _expectInvalidKey(registration, address(0xE0A), abi.encodePacked(hex"ef0100", registration.chunks[1].key));
    }

    function test_registerModel_revertsWhenAKeyIsTooShort() public {
        ModelRegistration memory registration = classifierRegistration();
        bytes memory code = registration.chunks[1].key.code;
        assembly ("memory-safe") {
            mstore(code, 384)
        }
        _expectInvalidKey(registration, address(0xE0A), code);
    }

    function test_registerModel_revertsWhenAKeysCodeHashDiffers() public {
        ModelRegistration memory registration = classifierRegistration();
        bytes32 actual = registration.chunks[2].keyCodeHash;
        registration.chunks[2].keyCodeHash = registration.chunks[1].keyCodeHash;
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.KeyCodeHashMismatch.selector, 2, registration.chunks[1].keyCodeHash, actual
            )
        );
        registry.registerModel(registration);
    }

    function testFuzz_registerModel_revertsWhenAKeyIsOfAnotherSetup(uint256 chunk, uint256 at, uint8 bit) public {
        ModelRegistration memory registration = registrationOf("setups", uniform(3, 0));
        chunk = bound(chunk, 1, 2);
        bytes memory code = registration.chunks[chunk].key.code;
        code[bound(at, 1, 256)] ^= bytes1(uint8(1 << (bit % 8)));
        vm.etch(registration.chunks[chunk].key, code);
        registration.chunks[chunk].keyCodeHash = keccak256(code);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, chunk));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenALaterKeyIsOfAnotherSetup() public {
        ModelRegistration memory registration = registrationOf("setups", uniform(130, 0));
        bytes memory code = registration.chunks[128].key.code;
        code[256] ^= 0x01;
        vm.etch(registration.chunks[128].key, code);
        registration.chunks[128].keyCodeHash = keccak256(code);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, 128));
        registry.registerModel(registration);
    }

    /// @dev What the next tests break in one place is sound.
    function test_registerModel_theOnlyTensorAsInputOrOutput_isRecorded() public {
        ModelId asInput = register(_oneTensor(scores(2), 10, true));
        assertEq(abi.encode(registry.inputSpec(asInput, 0)), abi.encode(scores(2)));
        ModelId asOutput = registry.registerModel(_oneTensor(scores(2), 10, false));
        assertEq(abi.encode(registry.outputSpec(asOutput, 0)), abi.encode(scores(2)));
    }

    function test_registerModel_revertsWhenATensorNamesAMissingChunk() public {
        TensorSpec memory spec = scores(3);
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenATensorHasNoValues() public {
        TensorSpec memory spec = scores(2);
        spec.length = 0;
        spec.shape = shapeOf(0);
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenATensorRunsPastThePublicValues() public {
        TensorSpec memory spec = scores(2);
        (spec.length, spec.shape) = (16, shapeOf(16));
        _expectInvalidTensor(spec);
        (spec.length, spec.shape) = (15, shapeOf(15));
        spec.offset = 1;
        _expectInvalidTensor(spec);
        spec.offset = type(uint32).max;
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenACommittedTensorRunsPast() public {
        TensorSpec memory spec = scores(1);
        spec.visibility = Visibility.Committed;
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenATensorNamesAWrongLeaf() public {
        TensorSpec memory spec = scores(2);
        spec.leaf = 6;
        _expectInvalidTensor(spec);
        spec.leaf = 0;
        _expectInvalidTensor(spec, 11);
    }

    function test_registerModel_revertsWhenAShapeIsOfAnotherLength() public {
        TensorSpec memory spec = scores(2);
        spec.shape = shapeOf(9);
        _expectInvalidTensor(spec);
        spec.shape = shapeOf(5, 5);
        _expectInvalidTensor(spec);
        spec.shape = new uint32[](0);
        _expectInvalidTensor(spec);
        spec.shape = shapeOf(10, 0);
        _expectInvalidTensor(spec);
        // No product of eight dimensions wraps.
        spec.shape = uniform(8, type(uint32).max);
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenAShapeHasNineDimensions() public {
        TensorSpec memory spec = scores(2);
        spec.shape = uniform(9, 1);
        spec.shape[0] = 10;
        _expectInvalidTensor(spec);
    }

    function test_registerModel_recordsShapesOfNoneToEightDimensions() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.outputs[0].shape = uniform(8, 1);
        registration.outputs[0].shape[7] = 10;
        ModelId id = register(registration);
        assertEq(abi.encode(registry.outputSpec(id, 0)), abi.encode(registration.outputs[0]));
        assertEq(abi.encode(registry.inputSpec(id, 0).shape), abi.encode(shapeOf(4, 5)));

        registration = registrationOf("scalar", uniform(1, 1));
        registration.leafLengths[0] = 1;
        registration.outputs[0] = scores(0);
        (registration.outputs[0].length, registration.outputs[0].shape) = (1, new uint32[](0));
        id = register(registration);
        assertEq(registry.outputSpec(id, 0).shape.length, 0);
    }

    function test_registerModel_revertsWhenThereAreTooManyTensors() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.inputs = new TensorSpec[](2049);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.TooManyTensors.selector, 2049, 1));
        register(registration);
        registration.inputs = new TensorSpec[](0);
        registration.outputs = new TensorSpec[](2049);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.TooManyTensors.selector, 0, 2049));
        register(registration);
    }

    function test_registerModel_revertsWhenThereAreNoLeavesOrTooMany() public {
        ModelRegistration memory registration = registrationOf("leaves", uniform(1, 0));
        registration.leafLengths = new uint32[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidLeafCount.selector, 0));
        registry.registerModel(registration);
        registration.leafLengths = uniform(2049, 1);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidLeafCount.selector, 2049));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenALeafIsEmpty() public {
        ModelRegistration memory registration = registrationOf("leaves", uniform(1, 0));
        registration.leafLengths = uniform(3, 1);
        registration.leafLengths[1] = 0;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.LeafIsEmpty.selector, 1));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenAZeroPointIsNoValue() public {
        TensorSpec memory spec = scores(2);
        spec.zeroPoint = 65_536;
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenAScaleIsNotPositiveOrTooLarge() public {
        TensorSpec memory spec = scores(2);
        spec.scaleWad = 0;
        _expectInvalidTensor(spec);
        spec.scaleWad = -1;
        _expectInvalidTensor(spec);
        spec.scaleWad = int256(type(int128).max) + 1;
        _expectInvalidTensor(spec);
    }

    function test_model_revertsWhenNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown);
        vm.expectRevert(expected);
        registry.model(unknown);
        vm.expectRevert(expected);
        registry.chunkSpec(unknown, 0);
        vm.expectRevert(expected);
        registry.outputSpec(unknown, 0);
        vm.expectRevert(expected);
        registry.inputSpec(unknown, 0);
        vm.expectRevert(expected);
        registry.leafLength(unknown, 0);
        vm.expectRevert(expected);
        registry.isFrozen(unknown);
        vm.expectRevert(expected);
        registry.isDeprecated(unknown);
    }

    function test_chunkSpec_revertsWhenOutOfRange() public {
        ModelId modelId = register(classifierRegistration());
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ChunkOutOfRange.selector, 3, 3));
        registry.chunkSpec(modelId, 3);
    }

    function test_inputSpec_revertsWhenOutOfRange() public {
        ModelId modelId = register(classifierRegistration());
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InputOutOfRange.selector, 1, 1));
        registry.inputSpec(modelId, 1);
    }

    function test_leafLength_revertsWhenOutOfRange() public {
        ModelId modelId = register(classifierRegistration());
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.LeafOutOfRange.selector, 5, 5));
        registry.leafLength(modelId, 5);
    }

    function test_outputSpec_revertsWhenOutOfRange() public {
        ModelId modelId = register(classifierRegistration());
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 1, 1));
        registry.outputSpec(modelId, 1);
    }

    function _expectInvalidKey(ModelRegistration memory registration, address key, bytes memory code) private {
        vm.etch(key, code);
        registration.chunks[1].key = key;
        registration.chunks[1].keyCodeHash = key.codehash;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKeyContract.selector, 1, key));
        registry.registerModel(registration);
    }

    /// @dev Refused as the only output and as the only input. Its leaf has the length that it says.
    function _expectInvalidTensor(TensorSpec memory spec) private {
        _expectInvalidTensor(spec, spec.length);
    }

    function _expectInvalidTensor(TensorSpec memory spec, uint32 length) private {
        ModelRegistration memory registration = _oneTensor(spec, length, true);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidInputSpec.selector, 0));
        registry.registerModel(registration);
        registration = _oneTensor(spec, length, false);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidOutputSpec.selector, 0));
        registry.registerModel(registration);
    }

    /// @dev A model of six leaves with one input or one output, and one public value in chunk 2.
    function _oneTensor(TensorSpec memory spec, uint32 length, bool asInput)
        private
        returns (ModelRegistration memory registration)
    {
        registration = classifierRegistration();
        registration.chunks[0].numPublic = 0;
        registration.leafLengths = uniform(6, length == 0 ? 1 : length);
        registration.inputs = new TensorSpec[](asInput ? 1 : 0);
        registration.outputs = new TensorSpec[](asInput ? 0 : 1);
        (asInput ? registration.inputs : registration.outputs)[0] = spec;
    }
}
