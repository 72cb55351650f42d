// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    Inference,
    ModelRecord,
    ModelRegistration,
    Opening,
    ShownInference,
    TensorSpec,
    Visibility
} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// @notice A report hands in what inputs and outputs are. With others an honest model could be frozen: two honest inferences of
/// different inputs contradict each other if the list of inputs is empty, or names an output.
contract CircuitBreakerRecordsTest is TraceTest {
    ModelId internal modelId;
    ModelRecord internal record;
    Trace internal honest;
    Trace internal other;
    InferenceId internal first;
    InferenceId internal second;
    bytes internal mismatch;

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        record = recordOf(modelId);
        honest = traceOf("image", "hint", "salt");
        other = traceOf("another image", "another hint", "salt");
        first = attestTrace(modelId, honest, NONCE);
        second = attestTrace(modelId, other, NONCE);
        mismatch = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
    }

    function test_reportContradiction_revertsWhenInputsAreLeftOut() public {
        TensorSpec[] memory inputs = inputsOf(modelId);
        _expectMismatch(record, new TensorSpec[](0), outputsOf(modelId));
        for (uint256 i; i < 2; ++i) {
            TensorSpec[] memory one = new TensorSpec[](1);
            one[0] = inputs[i];
            _expectMismatch(record, one, outputsOf(modelId));
        }
    }

    function test_reportContradiction_revertsWhenTensorsAreReorderedOrTwice() public {
        TensorSpec[] memory inputs = inputsOf(modelId);
        TensorSpec[] memory outputs = outputsOf(modelId);
        (inputs[0], inputs[1]) = (inputs[1], inputs[0]);
        _expectMismatch(record, inputs, outputs);
        inputs[1] = inputs[0];
        _expectMismatch(record, inputs, outputs);
        inputs = inputsOf(modelId);
        (outputs[0], outputs[1]) = (outputs[1], outputs[0]);
        _expectMismatch(record, inputs, outputs);
        TensorSpec[] memory more = new TensorSpec[](3);
        (more[0], more[1], more[2]) = (outputs[1], outputs[0], outputs[0]);
        _expectMismatch(record, inputs, more);
        _expectMismatch(record, inputs, new TensorSpec[](0));
    }

    function test_reportContradiction_revertsWhenAPartStandsForAnother() public {
        TensorSpec[] memory inputs = inputsOf(modelId);
        TensorSpec[] memory outputs = outputsOf(modelId);
        _expectMismatch(record, outputs, inputs);
        _expectMismatch(record, inputs, inputs);
        _expectMismatch(record, outputs, outputs);
        // With the digests swapped as well it is another record.
        ModelRecord memory swapped = record;
        (swapped.inputs, swapped.outputs) = (swapped.outputs, swapped.inputs);
        _expectMismatch(swapped, outputs, inputs);
    }

    /// @dev Any bit of any word of either list, beyond the fields' types too.
    function testFuzz_reportContradiction_revertsWhenAnyBitOfAPartIsAnother(uint256 at, uint8 bit) public {
        ShownInference memory a = shownTrace(first, honest);
        ShownInference memory b = shownTrace(second, other);
        TensorSpec[] memory inputs = inputsOf(modelId);
        TensorSpec[] memory outputs = outputsOf(modelId);
        bytes memory data =
            abi.encodeCall(IChainferRegistry.reportContradiction, (modelId, a, b, 0, record, inputs, outputs));
        // Both lists are at the end of the call: 2 + 14 words, 1 + 14 words.
        at %= 28;
        uint256 word = at < 14 ? 29 - at : 14 - (at - 14);
        uint256 position = data.length - 32 * word;
        assembly ("memory-safe") {
            let place := add(add(data, 0x20), position)
            mstore(place, xor(mload(place), shl(bit, 1)))
        }
        (bool success, bytes memory reason) = address(registry).call(data);
        assertFalse(success);
        assertEq(reason, mismatch);
    }

    function test_reportContradiction_revertsWhenRecordAndPartsAreAnotherModels() public {
        ModelRegistration memory blind = traceRegistration("another");
        // A model that takes the hint for its only input, and the image for an output.
        TensorSpec[] memory outputs = new TensorSpec[](1);
        outputs[0] = blind.outputs[0];
        blind.outputs = outputs;
        blind.chunks[2].numPublic = 1;
        ModelId another = register(blind);
        ModelRecord memory theirs = recordOf(another);
        _expectMismatch(theirs, blind.inputs, blind.outputs);
        _expectMismatch(record, blind.inputs, blind.outputs);
        ModelRecord memory mixed = record;
        mixed.outputs = theirs.outputs;
        _expectMismatch(mixed, blind.inputs, blind.outputs);
    }

    function testFuzz_reportContradiction_revertsWhenAnyBitOfTheRecordIsAnother(uint256 word, uint8 bit) public {
        ModelRecord memory changed = _changed(word, bit);
        _expectMismatch(changed, inputsOf(modelId), outputsOf(modelId));
    }

    // ----------------------------------------------------------------------------------------------------- Openings

    /// @dev An output that points at the image's word would contradict the opening of every embedding.
    function test_reportOpeningContradiction_revertsWhenTheOutputsAreOthers() public {
        TensorSpec[] memory outputs = outputsOf(modelId);
        outputs[0].leaf = uint32(IMAGE);
        _expectOpeningMismatch(record, leafLengthsOf(modelId), outputs);
        outputs = outputsOf(modelId);
        outputs[0].visibility = Visibility.Committed;
        _expectOpeningMismatch(record, leafLengthsOf(modelId), outputs);
        (outputs[0], outputs[1]) = (outputs[1], outputs[0]);
        _expectOpeningMismatch(record, leafLengthsOf(modelId), outputs);
        _expectOpeningMismatch(record, leafLengthsOf(modelId), inputsOf(modelId));
        _expectOpeningMismatch(record, leafLengthsOf(modelId), new TensorSpec[](0));
    }

    function test_reportOpeningContradiction_revertsWhenTheLengthsAreOthers() public {
        TensorSpec[] memory outputs = outputsOf(modelId);
        uint32[] memory lengths = leafLengthsOf(modelId);
        lengths[CUT] += 1;
        _expectOpeningMismatch(record, lengths, outputs);
        ModelRecord memory changed = record;
        changed.leafLengths = Records.digestOf(lengths);
        _expectOpeningMismatch(changed, lengths, outputs);
    }

    function testFuzz_reportOpeningContradiction_revertsWhenAnyBitOfTheRecordIsAnother(uint256 word, uint8 bit) public {
        ModelRecord memory changed = _changed(word, bit);
        _expectOpeningMismatch(changed, leafLengthsOf(modelId), outputsOf(modelId));
    }

    function test_reportOpeningContradiction_revertsWhenOtherValuesAreShown() public {
        Inference memory inference = inferenceOf(modelId, honest.root);
        Opening memory opening = openingOf(honest, SCORES);
        uint256[][] memory values = publicOf(honest);
        values[2][0] ^= 1;
        uint32[] memory lengths = leafLengthsOf(modelId);
        TensorSpec[] memory outputs = outputsOf(modelId);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first));
        registry.reportOpeningContradiction(inference, opening, record, lengths, 0, outputs, shown(values));
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _changed(uint256 word, uint8 bit) private view returns (ModelRecord memory changed) {
        changed = record;
        assembly ("memory-safe") {
            let place := add(changed, mul(mod(word, 5), 0x20))
            mstore(place, xor(mload(place), shl(bit, 1)))
        }
    }

    function _expectMismatch(ModelRecord memory record_, TensorSpec[] memory inputs, TensorSpec[] memory outputs)
        private
    {
        ShownInference memory a = shownTrace(first, honest);
        ShownInference memory b = shownTrace(second, other);
        vm.expectRevert(mismatch);
        registry.reportContradiction(modelId, a, b, 0, record_, inputs, outputs);
    }

    function _expectOpeningMismatch(ModelRecord memory record_, uint32[] memory lengths, TensorSpec[] memory outputs)
        private
    {
        Inference memory inference = inferenceOf(modelId, honest.root);
        Opening memory opening = openingOf(honest, EMBEDDING);
        vm.expectRevert(mismatch);
        registry.reportOpeningContradiction(inference, opening, record_, lengths, 0, outputs, shownTrace(honest));
    }
}
