// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ShownValues} from "../src/libraries/ShownValues.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRegistration,
    ShownInference,
    TensorSpec
} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice What must be shown of two inferences to report them. Two chunks: the first with an input of 20 words and one of 12, the
/// second with an output of 8.
contract CircuitBreakerShownTest is RegistryTest {
    ModelId internal modelId;
    uint256[] internal inputs;
    uint256[] internal outputs;
    InferenceId internal first;

    function setUp() public override {
        super.setUp();
        uint32[] memory numPublic = uniform(2, 32);
        numPublic[1] = 8;
        ModelRegistration memory registration = registrationOf("long", numPublic);
        registration.leafLengths = new uint32[](3);
        registration.inputs = new TensorSpec[](2);
        registration.outputs = new TensorSpec[](1);
        registration.inputs[0] = _public(registration, 0, 0, 0, 20);
        registration.inputs[1] = _public(registration, 1, 0, 20, 12);
        registration.outputs[0] = _public(registration, 2, 1, 0, 8);
        modelId = register(registration);
        inputs = honestValues(modelId, ROOT, 0);
        outputs = honestValues(modelId, ROOT, 1);
        first = _attest(ROOT, inputs, outputs);
    }

    function test_reportContradiction_shownValues_freezes() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        _report(_own(), _theirs(second));
        assertTrue(_frozen());
    }

    /// @dev Nobody has to show the inputs if the chunk that exposes them has the same public values in both.
    function test_reportContradiction_digestOfAnEqualChunk_freezes() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        (ShownInference memory a, ShownInference memory b) = (_own(), _theirs(second));
        (a.values[0], b.values[0]) = (digested(a.values[0]), digested(b.values[0]));
        _report(a, b);
        assertTrue(_frozen());
    }

    /// @dev In any mixture: one shows the values, the other their digest.
    function test_reportContradiction_digestOfAnEqualChunkInOne_freezes() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        (ShownInference memory a, ShownInference memory b) = (_own(), _theirs(second));
        b.values[0] = digested(b.values[0]);
        _report(a, b);
        assertTrue(_frozen());
    }

    /// @dev A digest does not say which of a chunk's words differ.
    function test_reportContradiction_revertsWhenOnlyTheDigestOfADifferingChunkIsShown() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        (ShownInference memory a, ShownInference memory b) = (_own(), _theirs(second));
        b.values[1] = digested(b.values[1]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 1));
        _report(a, b);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 1));
        _report(b, a);
        a.values[1] = digested(a.values[1]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 1));
        _report(a, b);
        // Nor does it for the inputs.
        uint256[] memory moved = inputs;
        moved[31] ^= 1;
        InferenceId third = _attest(ROOT + 2, moved, _other());
        a = _own();
        b = ShownInference(third, _list(moved, _other()));
        b.values[0] = digested(b.values[0]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 0));
        _report(a, b);
    }

    function test_reportContradiction_equalOutputs_isRefused() public {
        InferenceId second = _attest(ROOT + 1, inputs, outputs);
        ShownInference memory b = ShownInference(second, _list(inputs, outputs));
        vm.expectRevert(IChainferRegistry.NoContradiction.selector);
        _report(_own(), b);
        b.values[1] = digested(b.values[1]);
        vm.expectRevert(IChainferRegistry.NoContradiction.selector);
        _report(_own(), b);
    }

    function testFuzz_reportContradiction_anotherInputWord_isRefused(uint256 at, uint8 bit) public {
        uint256[] memory moved = inputs;
        at = bound(at, 0, 31);
        moved[at] ^= uint256(1) << (bit % 240);
        InferenceId second = _attest(ROOT + 1, moved, _other());
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, at < 20 ? 0 : 1));
        _report(_own(), ShownInference(second, _list(moved, _other())));
    }

    function testFuzz_reportContradiction_revertsWhenOtherValuesAreShown(uint256 at, uint8 bit) public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        ShownInference memory a = _own();
        at = bound(at, 0, 39);
        if (at < 32) a.values[0].values[at] ^= uint256(1) << bit;
        else a.values[1].values[at - 32] ^= uint256(1) << bit;
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first));
        _report(a, _theirs(second));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first));
        _report(_theirs(second), a);
    }

    function test_reportContradiction_revertsWhenTheOthersValuesAreShown() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        ShownInference memory b = ShownInference(second, _list(inputs, outputs));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, second));
        _report(_own(), b);
    }

    /// @dev All chunks in the order of proving: no list but one passes.
    function test_reportContradiction_revertsWhenTheListIsAnother() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        ChunkValues[] memory list = _list(inputs, outputs);
        _expectMismatch(new ChunkValues[](0), second);
        // Too few.
        _expectMismatch(_pick(list, 0), second);
        _expectMismatch(_pick(list, 1), second);
        // Reordered.
        _expectMismatch(_pick(list, 1, 0), second);
        // Twice, or one too many.
        _expectMismatch(_pick(list, 0, 0), second);
        ChunkValues[] memory more = new ChunkValues[](3);
        (more[0], more[1], more[2]) = (list[0], list[1], list[1]);
        _expectMismatch(more, second);
        more[2] = ChunkValues(7, 0, new uint256[](0));
        _expectMismatch(more, second);
        (more[0], more[1], more[2]) = (list[0], list[0], list[1]);
        _expectMismatch(more, second);
        // Under another chunk's number.
        (list[0].chunk, list[1].chunk) = (1, 0);
        _expectMismatch(list, second);
    }

    function test_reportContradiction_revertsWhenADigestIsWrong() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        ChunkValues[] memory list = _list(inputs, outputs);
        list[0] = ChunkValues(0, "not the digest", new uint256[](0));
        _expectMismatch(list, second);
        // The digest of the values that the list does not show, beside others.
        list = _list(inputs, outputs);
        list[0].digest = Records.digestOf(inputs);
        list[0].values = new uint256[](32);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesAndDigest.selector, 0));
        _report(ShownInference(first, list), _theirs(second));
        // Even beside the right ones: a list has one form for each chunk.
        list[0].values = inputs;
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesAndDigest.selector, 0));
        _report(ShownInference(first, list), _theirs(second));
    }

    /// @dev Words moved from one chunk to the next leave the list of all words as it was, and not the hash.
    function test_reportContradiction_revertsWhenWordsMoveBetweenChunks() public {
        InferenceId second = _attest(ROOT + 1, inputs, _other());
        uint256[] memory longer = new uint256[](33);
        uint256[] memory shorter = new uint256[](7);
        for (uint256 i; i < 40; ++i) {
            uint256 word = i < 32 ? inputs[i] : outputs[i - 32];
            if (i < 33) longer[i] = word;
            else shorter[i - 33] = word;
        }
        _expectMismatch(_list(longer, shorter), second);
    }

    /// @dev In the order in which the chunks were proven, which need not be the model's.
    function test_reportContradiction_provenInAnotherOrder_freezes() public {
        Inference memory inference = inferenceOf(modelId, ROOT + 1);
        uint256[] memory other = _other();
        attest(inference, only(proofWith(inference, 1, other)));
        InferenceId second = attest(inference, only(proofWith(inference, 0, inputs)));
        ChunkValues[] memory list = _list(inputs, other);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, second));
        _report(_own(), ShownInference(second, list));
        _report(_own(), ShownInference(second, _pick(list, 1, 0)));
        assertTrue(_frozen());
    }

    function test_reportRootContradiction_revertsWhenTheListIsAnother() public {
        Inference memory own = inferenceOf(modelId, ROOT);
        Inference memory other = Inference(modelId, ROOT, REQUESTER, NONCE + 1);
        uint256[] memory lie = _other();
        attest(other, only(proofWith(other, 1, lie)));
        ChunkValues[] memory theirs = _pick(_list(inputs, lie), 1);
        ChunkValues[] memory list = _list(inputs, outputs);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first));
        registry.reportRootContradiction(own, other, 1, _pick(list, 1), theirs);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first));
        registry.reportRootContradiction(own, other, 1, _pick(list, 1, 0), theirs);
        InferenceId second = idOf(other);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, second));
        registry.reportRootContradiction(own, other, 1, list, _list(inputs, lie));
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 0));
        registry.reportRootContradiction(own, other, 0, list, theirs);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 5));
        registry.reportRootContradiction(own, other, 5, list, theirs);
        registry.reportRootContradiction(own, other, 1, list, theirs);
        assertTrue(_frozen());
    }

    /// @dev 64 inputs of 16 words each and an output, all in one chunk.
    function test_reportContradiction_manyInputs_fitsATransaction() public {
        uint32 count = 64;
        ModelRegistration memory registration = registrationOf("wide", uniform(1, 16 * count + 1));
        registration.leafLengths = new uint32[](count + 1);
        registration.inputs = new TensorSpec[](count);
        registration.outputs = new TensorSpec[](1);
        for (uint32 i; i < count; ++i) {
            registration.inputs[i] = _public(registration, i, 0, 16 * i, 16);
        }
        registration.outputs[0] = _public(registration, count, 0, 16 * count, 1);
        modelId = register(registration);
        uint256[][] memory honest = new uint256[][](1);
        honest[0] = honestValues(modelId, ROOT, 0);
        uint256[][] memory other = new uint256[][](1);
        other[0] = honestValues(modelId, ROOT, 0);
        other[0][16 * count] ^= 1;
        attest(modelId, ROOT, only(proofWith(inferenceOf(modelId, ROOT), 0, honest[0])));
        attest(modelId, ROOT + 1, only(proofWith(inferenceOf(modelId, ROOT + 1), 0, other[0])));
        ShownInference memory a = shown(idOf(modelId, ROOT), honest);
        ShownInference memory b = shown(idOf(modelId, ROOT + 1), other);
        uint256 before = gasleft();
        _report(a, b);
        assertLt(before - gasleft(), 1 << 22);
        assertTrue(_frozen());
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _attest(uint256 root, uint256[] memory ins, uint256[] memory outs) private returns (InferenceId) {
        Inference memory inference = inferenceOf(modelId, root);
        ChunkProof[] memory proofs = new ChunkProof[](2);
        (proofs[0], proofs[1]) = (proofWith(inference, 0, ins), proofWith(inference, 1, outs));
        return attest(inference, proofs);
    }

    /// @dev The honest outputs, but for a bit of the last word.
    function _other() private view returns (uint256[] memory other) {
        other = outputs;
        other[7] ^= 1;
    }

    function _list(uint256[] memory ins, uint256[] memory outs) private pure returns (ChunkValues[] memory) {
        uint256[][] memory values = new uint256[][](2);
        (values[0], values[1]) = (ins, outs);
        return shown(values);
    }

    function _own() private view returns (ShownInference memory) {
        return ShownInference(first, _list(inputs, outputs));
    }

    function _theirs(InferenceId second) private view returns (ShownInference memory) {
        return ShownInference(second, _list(inputs, _other()));
    }

    function _pick(ChunkValues[] memory list, uint256 a) private pure returns (ChunkValues[] memory picked) {
        picked = new ChunkValues[](1);
        picked[0] = list[a];
    }

    function _pick(ChunkValues[] memory list, uint256 a, uint256 b) private pure returns (ChunkValues[] memory picked) {
        picked = new ChunkValues[](2);
        (picked[0], picked[1]) = (list[a], list[b]);
    }

    function _expectMismatch(ChunkValues[] memory list, InferenceId second) private {
        ShownInference memory theirs = _theirs(second);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first));
        _report(ShownInference(first, list), theirs);
    }

    function _report(ShownInference memory a, ShownInference memory b) private {
        ModelRegistration memory parts = registered(modelId);
        registry.reportContradiction(modelId, a, b, 0, recordOf(modelId), parts.inputs, parts.outputs);
    }

    function _frozen() private view returns (bool) {
        return registry.model(modelId).frozen;
    }

    /// @dev A public tensor of so many full words.
    function _public(ModelRegistration memory registration, uint32 leaf, uint16 chunk, uint32 offset, uint32 words)
        private
        pure
        returns (TensorSpec memory)
    {
        registration.leafLengths[leaf] = 15 * words;
        return wordsAt(leaf, chunk, offset, words);
    }
}
