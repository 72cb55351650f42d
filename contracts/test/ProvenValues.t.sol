// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {CodeData} from "../src/libraries/CodeData.sol";
import {PackedValues} from "../src/libraries/PackedValues.sol";
import {ProvenTensors} from "../src/libraries/ProvenTensors.sol";
import {ProvenValues} from "../src/ProvenValues.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    TensorSpec
} from "../src/types/RegistryTypes.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

contract ProvenValuesTest is TraceTest {
    ProvenValues internal values;
    ModelId internal modelId;
    Trace internal trace;
    InferenceId internal id;
    ModelRecord internal record;

    function setUp() public override {
        super.setUp();
        values = new ProvenValues(registry);
        ModelRegistration memory registration = traceRegistration("trace");
        registration.outputs[0].zeroPoint = 100;
        registration.outputs[0].scaleWad = 0.25e18;
        modelId = register(registration);
        record = recordOf(modelId);
        trace = traceOf("image", "hint", "salt");
        id = attestTrace(modelId, trace, NONCE);
    }

    // ------------------------------------------------------------------------------------------------------- store

    function test_store_keepsTheValuesOfEachChunk() public {
        _expectNotStored(modelId, 1);
        for (uint256 chunk; chunk < 3; ++chunk) {
            vm.expectEmit(address(values));
            emit ProvenValues.ValuesStored(modelId, id, chunk);
        }
        vm.prank(RELAYER);
        values.store(modelId, id, shownTrace(trace));
        for (uint256 chunk; chunk < 3; ++chunk) {
            assertEq(values.publicValues(modelId, id, chunk), publicOf(trace)[chunk]);
        }
    }

    function testFuzz_store_ofAnyNumberOfWords_isWhatWasProven(uint32 count) public {
        _checkWide(uint32(bound(count, 1, 767)));
    }

    function test_store_revertsWhenOneContractCannotHoldThem() public {
        _checkWide(767);
        (ModelId wide, InferenceId inferenceId, uint256[][] memory all) = _attestWide(768);
        vm.expectRevert(abi.encodeWithSelector(CodeData.CodeDataTooLarge.selector, 768 * 32));
        values.store(wide, inferenceId, shown(all));
    }

    function test_store_inParts_leavesNothingOut() public {
        ChunkValues[] memory list = shownTrace(trace);
        (list[0], list[2]) = (digested(list[0]), digested(list[2]));
        values.store(modelId, id, list);
        assertEq(values.publicValues(modelId, id, 1), publicOf(trace)[1]);
        _expectNotStored(modelId, 0);
        _expectNotStored(modelId, 2);
        values.store(modelId, id, shownTrace(trace));
        for (uint256 chunk; chunk < 3; ++chunk) {
            assertEq(values.publicValues(modelId, id, chunk), publicOf(trace)[chunk]);
        }
    }

    function test_store_again_changesNothing() public {
        values.store(modelId, id, shownTrace(trace));
        vm.recordLogs();
        uint64 before = vm.getNonce(address(values));
        values.store(modelId, id, shownTrace(trace));
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(vm.getNonce(address(values)), before);
    }

    function test_store_leavesOutChunksWithoutValues() public {
        ModelId classifier = register(classifierRegistration());
        InferenceId inferenceId = attest(classifier, ROOT, honestProofs(classifier, ROOT));
        values.store(classifier, inferenceId, shownHonestly(classifier, ROOT));
        assertEq(values.publicValues(classifier, inferenceId, 2), honestValues(classifier, ROOT, 2));
        vm.expectRevert(abi.encodeWithSelector(ProvenValues.ValuesNotStored.selector, inferenceId, 1));
        values.publicValues(classifier, inferenceId, 1);
    }

    function testFuzz_store_revertsWhenTheValuesAreOthers(uint256 chunk, uint8 bit) public {
        chunk = bound(chunk, 0, 2);
        ChunkValues[] memory list = shownTrace(trace);
        list[chunk].values[0] ^= uint256(1) << bit;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id));
        values.store(modelId, id, list);
    }

    function test_store_revertsWhenTheInferenceIsNotProvenOrOfAnotherModel() public {
        Inference memory inference = traceInference(modelId, trace, NONCE + 1);
        ChunkProof[] memory proofs = only(proofsWith(inference, publicOf(trace))[2]);
        ChunkValues[] memory list = shown(proofs);
        InferenceId partly = attest(inference, proofs);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, partly));
        values.store(modelId, partly, list);
        ModelId other = register(traceRegistration("other"));
        list = shownTrace(trace);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
        values.store(other, id, list);
        values.store(modelId, id, list);
        _expectNotStored(other, 2);
    }

    /// @dev What was proven stays readable; whether it counts is another question.
    function test_store_ofAFrozenModel_isHistory() public {
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        values.store(modelId, id, shownTrace(trace));
        assertEq(values.publicValues(modelId, id, 2), publicOf(trace)[2]);
        assertTrue(values.wasAttested(modelId, id));
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        _storedOutput(0);
    }

    // ----------------------------------------------------------------------------------------------------- Outputs

    function test_storedOutput_isWhatWasProven() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenValues.ValuesNotStored.selector, id, 2));
        _storedOutput(0);
        values.store(modelId, id, shownTrace(trace));
        (uint256[] memory raw, int256[] memory wad) = _storedOutput(0);
        _assertScores(raw, wad);
    }

    /// @dev Its offset is not zero, and its chunk has other values behind it.
    function test_storedOutput_isReadFromItsPlace() public {
        ModelRegistration memory registration = traceRegistration("places");
        registration.chunks[2].numPublic = 4;
        registration.outputs[0] = tensor(EMBEDDING, 2, 0, registration.outputs[1].visibility);
        registration.outputs[1] = wordsAt(uint32(SCORES), 2, 1, 2);
        registration.leafLengths[SCORES] = 30;
        TensorSpec[] memory outputs = new TensorSpec[](3);
        (outputs[0], outputs[1]) = (registration.outputs[0], registration.outputs[1]);
        outputs[2] = wordsAt(uint32(CUT), 2, 3, 1);
        registration.leafLengths[CUT] = 15;
        registration.outputs = outputs;
        modelId = register(registration);
        record = recordOf(modelId);
        uint256[][] memory all = new uint256[][](3);
        for (uint256 i; i < 3; ++i) {
            all[i] = honestValues(modelId, ROOT, i);
        }
        id = attestValues(modelId, ROOT, NONCE, all);
        values.store(modelId, id, shown(all));
        uint256[] memory words = new uint256[](2);
        (words[0], words[1]) = (all[2][1], all[2][2]);
        (uint256[] memory raw,) = _storedOutput(1);
        assertEq(raw, PackedValues.unpack(words, 30));
    }

    function test_storedOutput_revertsWhenItIsCommittedOrNone() public {
        values.store(modelId, id, shownTrace(trace));
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorIsCommitted.selector, EMBEDDING));
        _storedOutput(1);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        _storedOutput(2);
    }

    function test_storedOutput_revertsWhenRecordOrOutputsAreOthers() public {
        values.store(modelId, id, shownTrace(trace));
        TensorSpec[] memory outputs = outputsOf(modelId);
        outputs[0].chunk = 1;
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        vm.expectRevert(expected);
        values.storedOutput(modelId, id, 0, record, outputs);
        outputs = outputsOf(modelId);
        record.keySet ^= 1;
        vm.expectRevert(expected);
        values.storedOutput(modelId, id, 0, record, outputs);
    }

    function test_provenOutput_andDequantised_areWhatWasProven() public view {
        TensorSpec[] memory outputs = outputsOf(modelId);
        ChunkValues[] memory list = shownTrace(trace);
        uint256[] memory raw = values.provenOutput(modelId, id, 0, record, outputs, list);
        _assertScores(raw, values.dequantised(modelId, id, 0, record, outputs, list));
    }

    function test_provenOutput_andDequantised_revertWhenTheValuesAreOthers() public {
        TensorSpec[] memory outputs = outputsOf(modelId);
        ChunkValues[] memory list = shownTrace(trace);
        list[2].values[0] ^= 1;
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id);
        vm.expectRevert(expected);
        values.provenOutput(modelId, id, 0, record, outputs, list);
        vm.expectRevert(expected);
        values.dequantised(modelId, id, 0, record, outputs, list);
    }

    function test_openedOutput_isWhatWasOpened() public {
        TensorSpec[] memory outputs = outputsOf(modelId);
        uint256[] memory words = trace.words[EMBEDDING];
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorNotOpened.selector, id, EMBEDDING));
        values.openedOutput(modelId, id, 1, record, outputs, words);
        openLeaf(modelId, trace, NONCE, EMBEDDING);
        (uint256[] memory raw, int256[] memory wad) = values.openedOutput(modelId, id, 1, record, outputs, words);
        assertEq(raw, PackedValues.unpack(words, lengthOf(EMBEDDING)));
        for (uint256 i; i < raw.length; ++i) {
            assertEq(wad[i], int256(raw[i]));
        }
    }

    function test_wasAttested_isFalseWhenNotProven() public view {
        assertTrue(values.wasAttested(modelId, id));
        assertFalse(values.wasAttested(modelId, InferenceId.wrap("unknown")));
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _storedOutput(uint256 outputIndex) private view returns (uint256[] memory, int256[] memory) {
        return values.storedOutput(modelId, id, outputIndex, record, outputsOf(modelId));
    }

    function _assertScores(uint256[] memory raw, int256[] memory wad) private view {
        assertEq(raw, PackedValues.unpack(trace.words[SCORES], lengthOf(SCORES)));
        assertEq(wad.length, raw.length);
        for (uint256 i; i < raw.length; ++i) {
            assertEq(wad[i], 0.25e18 * (int256(raw[i]) - 100));
        }
    }

    function _expectNotStored(ModelId model, uint256 chunk) private {
        vm.expectRevert(abi.encodeWithSelector(ProvenValues.ValuesNotStored.selector, id, chunk));
        values.publicValues(model, id, chunk);
    }

    function _checkWide(uint32 count) private {
        (ModelId wide, InferenceId inferenceId, uint256[][] memory all) = _attestWide(count);
        values.store(wide, inferenceId, shown(all));
        assertEq(values.publicValues(wide, inferenceId, 0), all[0]);
    }

    /// @dev A model of one chunk, whose input has so many words.
    function _attestWide(uint32 count) private returns (ModelId wide, InferenceId inferenceId, uint256[][] memory all) {
        wide = register(registrationOf(bytes32(uint256(count)), uniform(1, count)));
        all = new uint256[][](1);
        all[0] = honestValues(wide, ROOT, 0);
        inferenceId = attestValues(wide, ROOT, NONCE, all);
    }
}
