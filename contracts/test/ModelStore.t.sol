// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkSpec,
    Model,
    ModelRegistration,
    TensorSpec,
    VerifierStatus,
    Visibility
} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

contract ModelStoreTest is RegistryTest {
    function test_registerModel_recordsWhoAndWhenAndTheHash() public {
        ModelRegistration memory registration = classifierRegistration();
        ModelId expected = registry.modelIdOf("classifier", REGISTRANT);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ModelRegistered(expected, REGISTRANT, "classifier", registration);
        ModelId modelId = register(registration);

        assertEqModel(modelId, expected);
        Model memory model = registry.model(modelId);
        assertEq(model.registrant, REGISTRANT);
        assertEq(model.registeredAt, block.timestamp);
        assertEq(model.deprecatedAt, 0);
        assertFalse(model.frozen);
        assertEq(model.recordHash, Records.hashOf(Records.recordOf(registration)));
    }

    /// @dev Whoever follows the event has everything that calls must hand in.
    function test_registerModel_theEventsDataDecodesToTheRegistration() public {
        _expectDecodes(classifierRegistration());
        ModelRegistration memory registration = registrationOf("many", mostChunks(2));
        registration.uri = "ipfs://a uri that takes more than thirty-two bytes of data";
        _expectDecodes(registration);
        registration = registrationOf("no uri", uniform(1, 1));
        registration.uri = "";
        _expectDecodes(registration);
    }

    function test_modelIdOf_isTheSpecifiedHash() public view {
        bytes32 expected = keccak256(abi.encode(keccak256("chainfer.model.v1"), bytes32("m"), REGISTRANT));
        assertEq(ModelId.unwrap(registry.modelIdOf("m", REGISTRANT)), expected);
    }

    function test_registerModel_byTwoRegistrants_givesTwoModels() public {
        ModelRegistration memory registration = classifierRegistration();
        ModelId first = register(registration);
        ModelId second = registerAs(RELAYER, registration);
        assertTrue(first != second);
        assertEq(registry.model(first).registrant, REGISTRANT);
        assertEq(registry.model(second).registrant, RELAYER);
        assertEq(registry.model(first).recordHash, registry.model(second).recordHash);
    }

    /// @dev The record's hash covers every word that a registrant states, except manifest (the id has it) and URI.
    function testFuzz_registerModel_anyOtherWord_isAnotherRecord(uint256 what, uint256 which) public {
        ModelId modelId = register(classifierRegistration());
        bytes32 before = registry.model(modelId).recordHash;
        ModelRegistration memory other = registered(modelId);
        other.manifestId = "other";
        ChunkSpec memory chunk = other.chunks[which % 3];
        what %= 8;
        if (what == 0) other.keySet ^= 1;
        else if (what == 1) chunk.verifier = address(uint160(chunk.verifier) ^ 1);
        else if (what == 2) chunk.codeHash = stubSpec(99, 0).codeHash;
        else if (what == 3) chunk.keyHash ^= bytes32(uint256(1));
        else if (what == 4) chunk.hidingBudget ^= 1;
        else if (what == 5) other.inputs[0].zeroPoint = 1;
        else if (what == 6) other.outputs[0].scaleWad += 1;
        else other.leafLengths[1 + which % 3] += 1;
        assertNotEq(registry.model(register(other)).recordHash, before);

        other = registered(modelId);
        other.manifestId = "the same by another name";
        other.uri = "";
        assertEq(registry.model(register(other)).recordHash, before);
    }

    /// @dev And the most leaves; chunks and 24 outputs of three words take 3,184 of the 4,000 that a report may take.
    function test_registerModel_theLargestChunkCount_isRecorded() public {
        ModelRegistration memory registration = registrationOf("many", uniform(256, 0));
        registration.leafLengths = uniform(2048, type(uint32).max);
        registration.inputs = new TensorSpec[](1);
        registration.outputs = new TensorSpec[](24);
        for (uint16 i; i < 25; ++i) {
            uint16 chunk = 10 * i + 15;
            TensorSpec memory spec = wordsAt(i, chunk, 0, 3);
            if (i == 0) registration.inputs[0] = spec;
            else registration.outputs[i - 1] = spec;
            registration.leafLengths[i] = 45;
            registration.chunks[chunk].numPublic = 3;
        }
        for (uint32 i; i < 256; ++i) {
            registration.chunks[i].hidingBudget = type(uint32).max - i;
        }
        ModelId modelId = register(registration);
        assertEq(registry.model(modelId).recordHash, Records.hashOf(Records.recordOf(registration)));
    }

    function test_registerModel_acceptsACommittedOutput() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.outputs[0].visibility = Visibility.Committed;
        registration.outputs[0].length = 1000;
        registration.leafLengths[4] = 1000;
        register(registration);
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
        bytes memory before = abi.encode(registry.model(modelId));
        registration.keySet = 1;
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelAlreadyRegistered.selector, modelId));
        vm.prank(REGISTRANT);
        registry.registerModel(registration);
        assertEq(abi.encode(registry.model(modelId)), before);
    }

    /// @dev Nor after it was deprecated or frozen.
    function test_registerModel_revertsWhenItsLifeIsOver() public {
        ModelRegistration memory registration = classifierRegistration();
        ModelId modelId = register(registration);
        vm.prank(OWNER);
        registry.freezeModel(modelId);
        vm.startPrank(REGISTRANT);
        registry.deprecateModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelAlreadyRegistered.selector, modelId));
        registry.registerModel(registration);
    }

    /// @dev No input has a chunk then.
    function test_registerModel_revertsWhenThereAreNoChunks() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.chunks = new ChunkSpec[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidTensorSpec.selector, 0));
        registry.registerModel(registration);
    }

    function test_registerModel_revertsWhenThereAreTooManyChunks() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.chunks = new ChunkSpec[](257);
        vm.expectRevert(IChainferRegistry.TooManyChunks.selector);
        registry.registerModel(registration);
        registration = registrationOf("too many", uniform(257, 1));
        vm.expectRevert(IChainferRegistry.TooManyChunks.selector);
        registry.registerModel(registration);
    }

    /// @dev Without one no two inferences would be comparable, and none could contradict another.
    function test_registerModel_revertsWhenAVerifierIsNotListed() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.chunks[2].codeHash = bytes32(uint256(1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IRegistryGovernance.VerifierNotActive.selector, 2, bytes32(uint256(1)), VerifierStatus.Unknown
            )
        );
        registry.registerModel(registration);
    }

    /// @dev What the next tests break in one place is sound.
    function test_registerModel_theOnlyTensor_isRecorded() public {
        register(_oneTensor(scores(2), 10));
        register(_output(scores(2), 10));
    }

    function test_registerModel_revertsWhenATensorNamesAMissingChunk() public {
        TensorSpec memory spec = scores(3);
        _expectInvalidTensor(spec);
        spec.chunk = type(uint16).max;
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenATensorHasNoValues() public {
        TensorSpec memory spec = scores(2);
        spec.length = 0;
        _expectInvalidTensor(spec);
        _expectInvalidTensor(spec, 1);
        spec.visibility = Visibility.Committed;
        _expectInvalidTensor(spec);
    }

    function test_registerModel_revertsWhenATensorRunsPastThePublicValues() public {
        TensorSpec memory spec = scores(2);
        spec.length = 16;
        _expectInvalidTensor(spec);
        spec.length = type(uint32).max;
        _expectInvalidTensor(spec);
        spec.length = 15;
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
        spec.leaf = type(uint32).max;
        _expectInvalidTensor(spec);
        spec.leaf = 0;
        _expectInvalidTensor(spec, 11);
    }

    function test_registerModel_revertsWhenThereAreNoLeaves() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.leafLengths = new uint32[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidTensorSpec.selector, 0));
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
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        registry.model(unknown);
    }

    function _expectDecodes(ModelRegistration memory registration) private {
        vm.recordLogs();
        ModelId modelId = register(registration);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].emitter, address(registry));
        assertEq(logs[0].topics.length, 4);
        assertEq(logs[0].topics[0], IChainferRegistry.ModelRegistered.selector);
        assertEq(logs[0].topics[1], ModelId.unwrap(modelId));
        assertEq(logs[0].topics[2], bytes32(uint256(uint160(REGISTRANT))));
        assertEq(logs[0].topics[3], registration.manifestId);
        assertEq(abi.encode(abi.decode(logs[0].data, (ModelRegistration))), abi.encode(registration));
        assertEq(logs[0].data, abi.encode(registration));
    }

    /// @dev Refused as an input and as an output. Its leaf has the length that it says.
    function _expectInvalidTensor(TensorSpec memory spec) private {
        _expectInvalidTensor(spec, spec.length);
    }

    function _expectInvalidTensor(TensorSpec memory spec, uint32 length) private {
        ModelRegistration memory registration = _oneTensor(spec, length);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidTensorSpec.selector, 0));
        registry.registerModel(registration);
        registration = _output(spec, length);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InvalidTensorSpec.selector, 1));
        registry.registerModel(registration);
    }

    /// @dev A model of six leaves with one input, and one public value in chunk 2.
    function _oneTensor(TensorSpec memory spec, uint32 length) private returns (ModelRegistration memory registration) {
        registration = classifierRegistration();
        registration.manifestId = "input";
        registration.chunks[0].numPublic = 0;
        registration.leafLengths = uniform(6, length == 0 ? 1 : length);
        registration.inputs[0] = spec;
        registration.outputs = new TensorSpec[](0);
    }

    /// @dev The same with a sound input in chunk 0, and the tensor as the output, its leaf one further on.
    function _output(TensorSpec memory spec, uint32 length) private returns (ModelRegistration memory registration) {
        registration = classifierRegistration();
        registration.manifestId = "output";
        registration.leafLengths = uniform(6, length == 0 ? 1 : length);
        registration.leafLengths[0] = 20;
        TensorSpec memory moved = abi.decode(abi.encode(spec), (TensorSpec));
        if (moved.leaf == 0) moved.leaf = 1;
        registration.outputs[0] = moved;
    }
}
