// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {LabelConsumer} from "../../src/examples/LabelConsumer.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
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
    TensorSpec,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

contract LabelConsumerTest is RegistryTest {
    LabelConsumer internal consumer;
    ModelId internal modelId;
    InferenceId internal id;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        consumer = new LabelConsumer(registry, modelId, recordOf(modelId), outputsOf(modelId));
        id = idOf(modelId, ROOT);
    }

    // ------------------------------------------------------------------------------------------------- Constructor

    /// @dev Whoever deploys with another place of the scores would let provers choose the label.
    function test_constructor_revertsWhenTheOutputsAreOthers() public {
        ModelRecord memory record = recordOf(modelId);
        TensorSpec[] memory outputs = outputsOf(modelId);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        outputs[0].chunk = 0;
        vm.expectRevert(expected);
        new LabelConsumer(registry, modelId, record, outputs);
        vm.expectRevert(expected);
        new LabelConsumer(registry, modelId, record, inputsOf(modelId));
        vm.expectRevert(expected);
        new LabelConsumer(registry, modelId, record, new TensorSpec[](0));
    }

    function test_constructor_revertsWhenTheRecordIsAnother() public {
        ModelRecord memory record = recordOf(modelId);
        record.keySet ^= 1;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId));
        new LabelConsumer(registry, modelId, record, outputsOf(modelId));
    }

    function test_constructor_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        new LabelConsumer(registry, unknown, recordOf(modelId), outputsOf(modelId));
    }

    // ------------------------------------------------------------------------------------------------------ record

    function test_record_keepsTheLabelOfTheLargestScore() public {
        ChunkValues[] memory values = _attest(modelId, 7);
        vm.prank(REQUESTER);
        consumer.record(ROOT, NONCE, values);
        assertEq(consumer.labelOf(REQUESTER), 7);
    }

    function test_record_takesDigestsOfTheOtherChunks() public {
        ChunkValues[] memory values = _attest(modelId, 7);
        values[0] = digested(values[0]);
        values[1] = digested(values[1]);
        vm.prank(REQUESTER);
        consumer.record(ROOT, NONCE, values);
        assertEq(consumer.labelOf(REQUESTER), 7);
    }

    function test_record_revertsWhenTheInferenceIsNotProven() public {
        commit(modelId, ROOT);
        _expectRefused(
            REQUESTER, new ChunkValues[](0), abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id)
        );
    }

    /// @dev The registry has a hash of the values proven so far.
    function test_record_revertsWhenTheInferenceIsPartlyProven() public {
        ChunkProof[] memory proofs = only(honestProof(modelId, ROOT, 2));
        attest(modelId, ROOT, proofs);
        _expectRefused(
            REQUESTER, shown(proofs), abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id)
        );
    }

    function test_record_revertsWhenTheRequesterIsAnother() public {
        ChunkValues[] memory values = _attest(modelId, 7);
        InferenceId relayers = idOf(Inference(modelId, ROOT, RELAYER, NONCE));
        _expectRefused(RELAYER, values, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, relayers));
    }

    function test_record_revertsWhenTheModelIsAnother() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "another";
        ChunkValues[] memory values = _attest(register(registration), 7);
        _expectRefused(REQUESTER, values, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
    }

    function test_record_revertsWhenTheModelIsFrozen() public {
        ChunkValues[] memory values = _attest(modelId, 7);
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        _expectRefused(REQUESTER, values, abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
    }

    function test_record_revertsWhenProvenAfterTheDeprecation() public {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        skip(1);
        ChunkValues[] memory values = _attest(modelId, 7);
        _expectRefused(REQUESTER, values, abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
    }

    function testFuzz_record_revertsWhenTheValuesAreOthers(uint256 word) public {
        ChunkValues[] memory values = _attest(modelId, 7);
        vm.assume(word != values[2].values[0]);
        values[2].values[0] = word;
        _expectRefused(REQUESTER, values, abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id));
    }

    function test_record_revertsWhenTheListIsNotThatOfTheProvenChunks() public {
        ChunkValues[] memory values = _attest(modelId, 7);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, id);
        ChunkValues[] memory some = new ChunkValues[](2);
        (some[0], some[1]) = (values[0], values[2]);
        _expectRefused(REQUESTER, some, expected);
        ChunkValues[] memory more = new ChunkValues[](4);
        (more[0], more[1], more[2], more[3]) = (values[0], values[1], values[2], values[2]);
        _expectRefused(REQUESTER, more, expected);
        (values[1], values[2]) = (values[2], values[1]);
        _expectRefused(REQUESTER, values, expected);
        (values[1], values[2]) = (values[2], values[1]);
        // The values of one chunk as those of another.
        (values[0].chunk, values[2].chunk) = (2, 0);
        _expectRefused(REQUESTER, values, expected);
    }

    function test_record_revertsWhenTheScoresAreNotShown() public {
        ChunkValues[] memory values = _attest(modelId, 7);
        values[2] = digested(values[2]);
        _expectRefused(REQUESTER, values, abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 2));
    }

    function test_record_revertsWhenTheScoresAreCommitted() public {
        ModelRegistration memory registration = classifierRegistration();
        registration.manifestId = "committed";
        registration.outputs[0].visibility = Visibility.Committed;
        ModelId committed = register(registration);
        consumer = new LabelConsumer(registry, committed, recordOf(committed), outputsOf(committed));
        ChunkValues[] memory values = _attest(committed, 7);
        _expectRefused(REQUESTER, values, abi.encodeWithSelector(ProvenTensors.TensorIsCommitted.selector, 4));
    }

    function _expectRefused(address sender, ChunkValues[] memory values, bytes memory expected) private {
        vm.expectRevert(expected);
        vm.prank(sender);
        consumer.record(ROOT, NONCE, values);
    }

    /// @dev Proven scores of which that of the label is the largest; and what shows them.
    function _attest(ModelId model, uint256 label) private returns (ChunkValues[] memory) {
        ChunkProof[] memory proofs = honestProofs(model, ROOT);
        uint256[] memory values = new uint256[](1);
        values[0] = 1 << (16 * label);
        proofs[2] = proofWith(inferenceOf(model, ROOT), 2, values);
        attest(model, ROOT, proofs);
        return shown(proofs);
    }
}
