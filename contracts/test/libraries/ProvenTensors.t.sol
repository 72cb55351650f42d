// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {PackedValues} from "../../src/libraries/PackedValues.sol";
import {ProvenTensors} from "../../src/libraries/ProvenTensors.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ModelRegistration, TensorSpec} from "../../src/types/RegistryTypes.sol";
import {TraceTest} from "../helpers/TraceTest.sol";

/// @notice Outputs that the registry knows by a hash alone: of long chunks, and committed ones that were opened.
contract ProvenTensorsTest is TraceTest {
    uint256 internal constant SCORES_OUTPUT = 0;
    uint256 internal constant EMBEDDING_OUTPUT = 1;

    ModelId internal modelId;
    Trace internal trace;
    InferenceId internal id;

    function shown(InferenceId inferenceId, uint256 outputIndex, uint256[] memory values)
        external
        view
        returns (uint256[] memory, int256[] memory)
    {
        return ProvenTensors.shownOutput(registry, inferenceId, outputIndex, values);
    }

    function opened(InferenceId inferenceId, uint256 outputIndex, uint256[] memory words)
        external
        view
        returns (uint256[] memory, int256[] memory)
    {
        return ProvenTensors.openedOutput(registry, inferenceId, outputIndex, words);
    }

    function setUp() public override {
        super.setUp();
        ModelRegistration memory registration = traceRegistration("trace");
        registration.outputs[EMBEDDING_OUTPUT].zeroPoint = 32_768;
        registration.outputs[EMBEDDING_OUTPUT].scaleWad = 0.5e18;
        modelId = register(registration);
        trace = traceOf("image", "hint", "salt");
        id = attestTrace(modelId, trace, NONCE);
    }

    // ------------------------------------------------------------------------------------------------------- Shown

    /// @dev One chunk of 40 words, 36 of which are an output of 540 values.
    function testFuzz_shownOutput_ofALongChunk_isWhatWasProven(bytes32 seed) public {
        (InferenceId long, uint256[] memory values, uint256[] memory words) = _attestLong(seed);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesNotStored.selector, long, 0));
        registry.dequantised(long, 0);
        (uint256[] memory raw, int256[] memory wad) = this.shown(long, 0, values);
        assertEq(raw, PackedValues.unpack(words, 540));
        for (uint256 i; i < 540; ++i) {
            assertEq(wad[i], 0.25e18 * (int256(raw[i]) - 100));
        }
    }

    function test_shownOutput_ofAShortChunk_isWhatTheRegistrySays() public view {
        (uint256[] memory raw, int256[] memory wad) = this.shown(id, SCORES_OUTPUT, publicOf(trace)[2]);
        assertEq(raw, registry.output(id, SCORES_OUTPUT));
        assertEq(wad, registry.dequantised(id, SCORES_OUTPUT));
    }

    function testFuzz_shownOutput_revertsWhenOtherValuesAreShown(uint256 at, uint8 bit) public {
        (InferenceId long, uint256[] memory values,) = _attestLong("seed");
        values[bound(at, 0, 39)] ^= uint256(1) << bit;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, long, 0));
        this.shown(long, 0, values);
    }

    function test_shownOutput_revertsWhenTooFewAreShown() public {
        (InferenceId long,, uint256[] memory words) = _attestLong("seed");
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, long, 0));
        this.shown(long, 0, words);
    }

    function test_shownOutput_revertsWhenItIsCommitted() public {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputIsCommitted.selector, EMBEDDING_OUTPUT));
        this.shown(id, EMBEDDING_OUTPUT, publicOf(trace)[2]);
    }

    function test_shownOutput_revertsWhenTheInferenceIsNotProven() public {
        InferenceId committed = registry.commit(modelId, trace.root, REQUESTER, NONCE + 9);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, committed));
        this.shown(committed, SCORES_OUTPUT, publicOf(trace)[2]);
    }

    function test_shownOutput_revertsWhenThereIsNoSuchOutput() public {
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        this.shown(id, 2, publicOf(trace)[2]);
    }

    // ------------------------------------------------------------------------------------------------------ Opened

    function test_openedOutput_isWhatWasOpened() public {
        openLeaf(id, trace, EMBEDDING);
        (uint256[] memory raw, int256[] memory wad) = this.opened(id, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
        assertEq(raw, PackedValues.unpack(trace.words[EMBEDDING], lengthOf(EMBEDDING)));
        for (uint256 i; i < raw.length; ++i) {
            assertEq(wad[i], 0.5e18 * (int256(raw[i]) - 32_768));
        }
    }

    function test_openedOutput_revertsWhenNobodyHasOpenedIt() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.TensorNotOpened.selector, id, EMBEDDING));
        this.opened(id, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
    }

    function testFuzz_openedOutput_revertsWhenOtherWordsAreShown(uint8 bit) public {
        openLeaf(id, trace, EMBEDDING);
        uint256[] memory words = trace.words[EMBEDDING];
        words[0] ^= uint256(1) << bit;
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.OpenedValuesMismatch.selector, id, EMBEDDING));
        this.opened(id, EMBEDDING_OUTPUT, words);
    }

    function test_openedOutput_revertsWhenItIsPublic() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenTensors.OutputIsPublic.selector, SCORES_OUTPUT));
        this.opened(id, SCORES_OUTPUT, trace.words[SCORES]);
    }

    function test_openedOutput_revertsWhenTheInferenceIsNotProven() public {
        InferenceId committed = registry.commit(modelId, trace.root, REQUESTER, NONCE + 9);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, committed));
        this.opened(committed, EMBEDDING_OUTPUT, trace.words[EMBEDDING]);
    }

    // ----------------------------------------------------------------------------------------------------- Helpers

    function _attestLong(bytes32 seed)
        private
        returns (InferenceId long, uint256[] memory values, uint256[] memory words)
    {
        ModelRegistration memory registration = registrationOf("long", uniform(1, 40));
        registration.leafLengths = uniform(3, 15);
        (registration.leafLengths[0], registration.leafLengths[1]) = (45, 540);
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = wordsAt(0, 0, 0, 3);
        registration.outputs = new TensorSpec[](2);
        registration.outputs[1] = wordsAt(2, 0, 39, 1);
        registration.outputs[0] = scores(0);
        (registration.outputs[0].leaf, registration.outputs[0].offset) = (1, 3);
        (registration.outputs[0].length, registration.outputs[0].shape) = (540, shapeOf(20, 27));
        ModelId wide = register(registration);
        values = honestValues(wide, ROOT, 0);
        words = wordsOf(seed, 540);
        for (uint256 i; i < words.length; ++i) {
            values[3 + i] = words[i];
        }
        uint256[][] memory all = new uint256[][](1);
        all[0] = values;
        long = attestValues(wide, ROOT, NONCE, all);
    }
}
