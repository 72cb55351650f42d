// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {PackedValues} from "../../src/libraries/PackedValues.sol";
import {ProvenTensors} from "../../src/libraries/ProvenTensors.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    TensorSpec
} from "../../src/types/RegistryTypes.sol";
import {TraceTest} from "../helpers/TraceTest.sol";

/// @notice The library, as a contract, so that its arguments are calldata and its reverts are seen.
contract TensorReader {
    IChainferRegistry private immutable REGISTRY;

    constructor(IChainferRegistry registry) {
        REGISTRY = registry;
    }

    function idOf(ModelId modelId, uint256 root, address requester, uint256 nonce) external view returns (InferenceId) {
        return ProvenTensors.idOf(REGISTRY, modelId, root, requester, nonce);
    }

    function wasAttested(ModelId modelId, InferenceId id) external view returns (bool) {
        return ProvenTensors.wasAttested(REGISTRY, modelId, id);
    }

    function isAttested(ModelId modelId, InferenceId id) external view returns (bool) {
        return ProvenTensors.isAttested(REGISTRY, modelId, id);
    }

    function requireValues(ModelId modelId, InferenceId id, ChunkValues[] calldata shown) external view {
        ProvenTensors.requireValues(REGISTRY, modelId, id, shown);
    }

    function requireAttestedValues(ModelId modelId, InferenceId id, ChunkValues[] calldata shown) external view {
        ProvenTensors.requireAttestedValues(REGISTRY, modelId, id, shown);
    }

    function requireInputs(ModelId modelId, ModelRecord calldata record, TensorSpec[] calldata inputs) external view {
        ProvenTensors.requireInputs(REGISTRY, modelId, record, inputs);
    }

    function requireOutputs(ModelId modelId, ModelRecord calldata record, TensorSpec[] calldata outputs) external view {
        ProvenTensors.requireOutputs(REGISTRY, modelId, record, outputs);
    }

    function pinInputs(ModelId modelId, ModelRecord memory record, TensorSpec[] memory inputs) external view {
        ProvenTensors.pinInputs(REGISTRY, modelId, record, inputs);
    }

    function pinOutputs(ModelId modelId, ModelRecord memory record, TensorSpec[] memory outputs) external view {
        ProvenTensors.pinOutputs(REGISTRY, modelId, record, outputs);
    }

    function provenOutput(
        ModelId modelId,
        InferenceId id,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata shown
    ) external view returns (uint256[] memory, int256[] memory) {
        uint256[] memory raw = ProvenTensors.provenOutput(REGISTRY, modelId, id, outputIndex, record, outputs, shown);
        return (raw, ProvenTensors.dequantise(outputs[outputIndex], raw));
    }

    function openedOutput(
        ModelId modelId,
        InferenceId id,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata outputs,
        uint256[] calldata words
    ) external view returns (uint256[] memory, int256[] memory) {
        uint256[] memory raw = ProvenTensors.openedOutput(REGISTRY, modelId, id, outputIndex, record, outputs, words);
        return (raw, ProvenTensors.dequantise(outputs[outputIndex], raw));
    }

    function wordsOf(TensorSpec[] calldata specs, ChunkValues[] calldata shown)
        external
        pure
        returns (uint256[][] memory)
    {
        return ProvenTensors.wordsOf(specs, shown);
    }
}

/// @notice What a contract can rely on when it is handed record, parts and values.
contract ProvenTensorsTest is TraceTest {
    uint256 internal constant SCORES_OUTPUT = 0;
    uint256 internal constant EMBEDDING_OUTPUT = 1;

    TensorReader internal reader;
    ModelId internal modelId;
    Trace internal trace;
    InferenceId internal id;
    ModelRecord internal record;

    function setUp() public override {
        super.setUp();
        reader = new TensorReader(registry);
        ModelRegistration memory registration = traceRegistration("trace");
        registration.outputs[SCORES_OUTPUT].zeroPoint = 100;
        registration.outputs[SCORES_OUTPUT].scaleWad = 0.25e18;
        registration.outputs[EMBEDDING_OUTPUT].zeroPoint = 32_768;
        registration.outputs[EMBEDDING_OUTPUT].scaleWad = 0.5e18;
        modelId = register(registration);
        record = recordOf(modelId);
        trace = traceOf("image", "hint", "salt");
        id = attestTrace(modelId, trace, NONCE);
    }

    // -------------------------------------------------------------------------------------------------- Inferences

    function testFuzz_idOf_isThatOfTheRegistry(bytes32 model, uint256 root, address requester, uint256 nonce) public {
        root = bound(root, 1, R - 1);
        vm.assume(requester != address(0));
        vm.chainId(uint64(bound(nonce, 1, type(uint64).max)));
        Inference memory inference = Inference(ModelId.wrap(model), root, requester, nonce);
        assertEqId(reader.idOf(inference.modelId, root, requester, nonce), registry.inferenceIdOf(inference));
    }

    function test_wasAttested_isHistory() public {
        assertTrue(reader.wasAttested(modelId, id));
        assertTrue(reader.isAttested(modelId, id));
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        assertTrue(reader.isAttested(modelId, id));
        skip(1);
        InferenceId late = attestTrace(modelId, trace, NONCE + 1);
        assertFalse(reader.wasAttested(modelId, late));
        assertFalse(reader.isAttested(modelId, late));
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        assertTrue(reader.wasAttested(modelId, id));
        assertFalse(reader.isAttested(modelId, id));
    }

    function test_wasAttested_isFalseForWhatIsNotProvenOrOfAnotherModel() public {
        InferenceId committed = registry.commit(traceInference(modelId, trace, NONCE + 1));
        assertFalse(reader.wasAttested(modelId, committed));
        assertFalse(reader.isAttested(modelId, committed));
        ModelId other = register(traceRegistration("other"));
        assertFalse(reader.wasAttested(other, id));
        assertFalse(reader.isAttested(other, id));
        assertFalse(reader.wasAttested(ModelId.wrap("unknown"), id));
        assertFalse(reader.isAttested(ModelId.wrap("unknown"), id));
    }

    // ------------------------------------------------------------------------------------------------------ Values

    function test_requireValues_takesValuesAndDigests() public {
        ChunkValues[] memory list = shownTrace(trace);
        reader.requireValues(modelId, id, list);
        reader.requireAttestedValues(modelId, id, list);
        list[0] = digested(list[0]);
        list[2] = digested(list[2]);
        reader.requireValues(modelId, id, list);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        reader.requireValues(modelId, id, list);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        reader.requireAttestedValues(modelId, id, list);
    }

    function testFuzz_requireValues_revertsWhenAnyBitIsAnother(uint256 at, uint8 bit) public {
        ChunkValues[] memory list = shownTrace(trace);
        at = bound(at, 0, 4);
        if (at == 0) list[0].values[0] ^= uint256(1) << bit;
        else if (at < 3) list[1].values[at - 1] ^= uint256(1) << bit;
        else list[2].values[at - 3] ^= uint256(1) << bit;
        _expectOtherValues(list);
    }

    function test_requireValues_revertsWhenTheListIsAnother() public {
        ChunkValues[] memory list = shownTrace(trace);
        ChunkValues[] memory fewer = new ChunkValues[](2);
        (fewer[0], fewer[1]) = (list[0], list[1]);
        _expectOtherValues(fewer);
        _expectOtherValues(new ChunkValues[](0));
        ChunkValues[] memory more = new ChunkValues[](4);
        (more[0], more[1], more[2], more[3]) = (list[0], list[1], list[2], list[1]);
        _expectOtherValues(more);
        (list[0], list[1]) = (list[1], list[0]);
        _expectOtherValues(list);
        (list[0], list[1]) = (list[1], list[0]);
        list[0].digest = digested(list[0]).digest;
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesAndDigest.selector, 0));
        reader.requireValues(modelId, id, list);
    }

    /// @dev Nothing has the hash of no values, and some chunks that of theirs: neither is an inference.
    function test_requireValues_revertsWhenTheInferenceIsNotProven() public {
        Inference memory inference = traceInference(modelId, trace, NONCE + 1);
        InferenceId other = idOf(inference);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, other);
        ChunkProof[] memory proofs = proofsWith(inference, publicOf(trace));
        vm.expectRevert(expected);
        reader.requireValues(modelId, other, new ChunkValues[](0));
        registry.commit(inference);
        vm.expectRevert(expected);
        reader.requireValues(modelId, other, new ChunkValues[](0));
        prove(inference, only(proofs[2]));
        vm.expectRevert(expected);
        reader.requireValues(modelId, other, shown(only(proofs[2])));
        prove(inference, proofs);
        ChunkValues[] memory list = shownTrace(trace);
        (list[0], list[1], list[2]) = (list[2], list[0], list[1]);
        reader.requireValues(modelId, other, list);
    }

    // ------------------------------------------------------------------------------------------------------- Parts

    function test_parts_areTheModels() public view {
        reader.requireInputs(modelId, record, inputsOf(modelId));
        reader.requireOutputs(modelId, record, outputsOf(modelId));
        reader.pinInputs(modelId, record, inputsOf(modelId));
        reader.pinOutputs(modelId, record, outputsOf(modelId));
    }

    function testFuzz_parts_revertWhenAnyFieldIsAnother(uint256 field, bool second) public {
        (TensorSpec[] memory inputs, TensorSpec[] memory outputs) = (inputsOf(modelId), outputsOf(modelId));
        field = bound(field, 0, 6);
        _change(inputs[second ? 1 : 0], field);
        _change(outputs[second ? 1 : 0], field);
        _expectNeitherInputs(record, inputs);
        _expectNeitherOutputs(record, outputs);
    }

    function test_parts_revertWhenTheyAreOthers() public {
        (TensorSpec[] memory inputs, TensorSpec[] memory outputs) = (inputsOf(modelId), outputsOf(modelId));
        _expectNeitherInputs(record, outputs);
        _expectNeitherOutputs(record, inputs);
        _expectNeitherInputs(record, new TensorSpec[](0));
        _expectNeitherOutputs(record, new TensorSpec[](0));
        (inputs[0], inputs[1]) = (inputs[1], inputs[0]);
        (outputs[0], outputs[1]) = (outputs[1], outputs[0]);
        _expectNeitherInputs(record, inputs);
        _expectNeitherOutputs(record, outputs);
    }

    function testFuzz_parts_revertWhenTheRecordIsAnother(uint256 word) public {
        ModelRecord memory other = record;
        bytes32 change = bytes32(uint256(1));
        word = bound(word, 0, 4);
        if (word == 0) other.keySet ^= 1;
        else if (word == 1) other.chunks ^= change;
        else if (word == 2) other.inputs ^= change;
        else if (word == 3) other.outputs ^= change;
        else other.leafLengths ^= change;
        _expectNeitherInputs(other, inputsOf(modelId));
        _expectNeitherOutputs(other, outputsOf(modelId));
    }

    function test_parts_revertWhenTheyFitARecordThatIsNotTheModels() public {
        ModelId other = register(traceRegistration("other"));
        _expectNeitherInputs(recordOf(other), inputsOf(other));
        _expectNeitherOutputs(recordOf(other), outputsOf(other));
    }

    /// @dev A word with bits beyond its field is not read as if they were not there.
    function test_parts_revertWhenAWordHasStrayBits() public {
        bytes memory call_ = abi.encodeCall(reader.requireInputs, (modelId, record, inputsOf(modelId)));
        // Selector, model, record, offset, length; the chunk is the second word of the first input.
        call_[4 + 32 + 160 + 32 + 32 + 32] = 0x01;
        (bool success, bytes memory reason) = address(reader).staticcall(call_);
        assertFalse(success);
        assertEq(reason, abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId));
    }

    function test_parts_revertWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        TensorSpec[] memory none = new TensorSpec[](0);
        ModelRecord memory empty;
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown);
        vm.expectRevert(expected);
        reader.requireInputs(unknown, empty, none);
        vm.expectRevert(expected);
        reader.pinOutputs(unknown, empty, none);
    }

    function test_wordsOf_areThePublicWordsOfEach() public view {
        uint256[][] memory words = reader.wordsOf(inputsOf(modelId), shownTrace(trace));
        assertEq(words.length, 2);
        assertEq(words[0], publicOf(trace)[0]);
        assertEq(words[1], trace.words[HINT]);
        words = reader.wordsOf(outputsOf(modelId), shownTrace(trace));
        assertEq(words.length, 2);
        assertEq(words[0], trace.words[SCORES]);
        assertEq(words[1].length, 1);
        assertEq(words[1][0], trace.leaves[EMBEDDING]);
    }

    // ------------------------------------------------------------------------------------------------------ Proven

    function test_provenOutput_isWhatWasProven() public view {
        (uint256[] memory raw, int256[] memory wad) = _proven(id, SCORES_OUTPUT, shownTrace(trace));
        assertEq(raw, PackedValues.unpack(trace.words[SCORES], lengthOf(SCORES)));
        for (uint256 i; i < raw.length; ++i) {
            assertEq(wad[i], 0.25e18 * (int256(raw[i]) - 100));
        }
    }

    /// @dev One chunk of 40 words, 36 of which are an output of 540 values.
    function testFuzz_provenOutput_ofALongChunk_isWhatWasProven(bytes32 seed) public {
        ModelRegistration memory registration = registrationOf("long", uniform(1, 40));
        registration.leafLengths = uniform(3, 15);
        (registration.leafLengths[0], registration.leafLengths[1]) = (45, 540);
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = wordsAt(0, 0, 0, 3);
        registration.outputs = new TensorSpec[](2);
        registration.outputs[0] = scores(0);
        registration.outputs[1] = wordsAt(2, 0, 39, 1);
        (registration.outputs[0].leaf, registration.outputs[0].offset, registration.outputs[0].length) = (1, 3, 540);
        modelId = register(registration);
        record = recordOf(modelId);
        uint256[][] memory values = new uint256[][](1);
        values[0] = honestValues(modelId, ROOT, 0);
        uint256[] memory words = wordsOf(seed, 540);
        for (uint256 i; i < words.length; ++i) {
            values[0][3 + i] = words[i];
        }
        id = attestValues(modelId, ROOT, NONCE, values);
        (uint256[] memory raw, int256[] memory wad) = _proven(id, 0, shown(values));
        assertEq(raw, PackedValues.unpack(words, 540));
        for (uint256 i; i < 540; ++i) {
            assertEq(wad[i], 0.25e18 * (int256(raw[i]) - 100));
        }
    }

    function test_provenOutput_revertsWhenOtherValuesAreShown() public {
        ChunkValues[] memory list = shownTrace(trace);
        list[2].values[0] ^= 1;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id));
        _proven(id, SCORES_OUTPUT, list);
        list = shownTrace(trace);
        list[2] = digested(list[2]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 2));
        _proven(id, SCORES_OUTPUT, list);
    }

    function test_provenOutput_revertsWhenRecordOrOutputsAreOthers() public {
        TensorSpec[] memory outputs = outputsOf(modelId);
        ChunkValues[] memory list = shownTrace(trace);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        outputs[0].chunk = 1;
        vm.expectRevert(expected);
        reader.provenOutput(modelId, id, 0, record, outputs, list);
        ModelId other = register(traceRegistration("other"));
        (ModelRecord memory otherRecord, TensorSpec[] memory otherOutputs) = (recordOf(other), outputsOf(other));
        vm.expectRevert(expected);
        reader.provenOutput(modelId, id, 0, otherRecord, otherOutputs, list);
        // Nor is it an inference of the model that they are of.
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        reader.provenOutput(other, id, 0, otherRecord, otherOutputs, list);
    }

    function test_provenOutput_revertsWhenItIsCommitted() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorIsCommitted.selector, EMBEDDING));
        _proven(id, EMBEDDING_OUTPUT, shownTrace(trace));
    }

    function test_provenOutput_revertsWhenTheInferenceDoesNotCount() public {
        InferenceId committed = registry.commit(traceInference(modelId, trace, NONCE + 9));
        ChunkValues[] memory list = shownTrace(trace);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, committed));
        _proven(committed, SCORES_OUTPUT, list);
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        skip(1);
        InferenceId late = attestTrace(modelId, trace, NONCE + 1);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
        _proven(late, SCORES_OUTPUT, list);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        _proven(id, SCORES_OUTPUT, list);
    }

    function test_provenOutput_revertsWhenThereIsNoSuchOutput() public {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        _proven(id, 2, shownTrace(trace));
    }

    // ------------------------------------------------------------------------------------------------------ Opened

    function test_openedOutput_isWhatWasOpened() public {
        openLeaf(modelId, trace, NONCE, EMBEDDING);
        (uint256[] memory raw, int256[] memory wad) = _opened(id, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
        assertEq(raw, PackedValues.unpack(trace.words[EMBEDDING], lengthOf(EMBEDDING)));
        for (uint256 i; i < raw.length; ++i) {
            assertEq(wad[i], 0.5e18 * (int256(raw[i]) - 32_768));
        }
    }

    function test_openedOutput_revertsWhenNobodyHasOpenedIt() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorNotOpened.selector, id, EMBEDDING));
        _opened(id, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
    }

    function testFuzz_openedOutput_revertsWhenOtherWordsAreShown(uint8 bit) public {
        openLeaf(modelId, trace, NONCE, EMBEDDING);
        uint256[] memory words = trace.words[EMBEDDING];
        words[0] ^= uint256(1) << bit;
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.OpenedValuesMismatch.selector, id, EMBEDDING));
        _opened(id, EMBEDDING_OUTPUT, words);
    }

    /// @dev Another leaf's opening is not the output's.
    function test_openedOutput_revertsWhenAnotherLeafWasOpened() public {
        openLeaf(modelId, trace, NONCE, CUT);
        TensorSpec[] memory outputs = outputsOf(modelId);
        outputs[EMBEDDING_OUTPUT].leaf = uint32(CUT);
        outputs[EMBEDDING_OUTPUT].length = uint32(lengthOf(CUT));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId));
        reader.openedOutput(modelId, id, EMBEDDING_OUTPUT, record, outputs, trace.words[CUT]);
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorNotOpened.selector, id, EMBEDDING));
        _opened(id, EMBEDDING_OUTPUT, trace.words[CUT]);
    }

    function test_openedOutput_revertsWhenItIsPublic() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorIsPublic.selector, SCORES));
        _opened(id, SCORES_OUTPUT, trace.words[SCORES]);
    }

    function test_openedOutput_revertsWhenTheInferenceDoesNotCount() public {
        InferenceId committed = registry.commit(traceInference(modelId, trace, NONCE + 9));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, committed));
        _opened(committed, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
        openLeaf(modelId, trace, NONCE, EMBEDDING);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        _opened(id, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _proven(InferenceId inferenceId, uint256 outputIndex, ChunkValues[] memory list)
        private
        view
        returns (uint256[] memory, int256[] memory)
    {
        return reader.provenOutput(modelId, inferenceId, outputIndex, record, outputsOf(modelId), list);
    }

    function _opened(InferenceId inferenceId, uint256 outputIndex, uint256[] memory words)
        private
        view
        returns (uint256[] memory, int256[] memory)
    {
        return reader.openedOutput(modelId, inferenceId, outputIndex, record, outputsOf(modelId), words);
    }

    function _expectOtherValues(ChunkValues[] memory list) private {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id));
        reader.requireValues(modelId, id, list);
    }

    function _expectNeitherInputs(ModelRecord memory record_, TensorSpec[] memory inputs) private {
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        vm.expectRevert(expected);
        reader.requireInputs(modelId, record_, inputs);
        vm.expectRevert(expected);
        reader.pinInputs(modelId, record_, inputs);
    }

    function _expectNeitherOutputs(ModelRecord memory record_, TensorSpec[] memory outputs) private {
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        vm.expectRevert(expected);
        reader.requireOutputs(modelId, record_, outputs);
        vm.expectRevert(expected);
        reader.pinOutputs(modelId, record_, outputs);
    }

    /// @dev Every word of a specification is in memory as it is encoded.
    function _change(TensorSpec memory spec, uint256 field) private pure {
        assembly ("memory-safe") {
            let at := add(spec, shl(5, field))
            mstore(at, xor(mload(at), 1))
        }
    }
}
