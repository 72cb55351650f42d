// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {ITensorOpenings} from "../src/interfaces/ITensorOpenings.sol";
import {ShownValues} from "../src/libraries/ShownValues.sol";
import {TensorOpening} from "../src/libraries/TensorOpening.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    Opening,
    ShownInference,
    TensorSpec
} from "../src/types/RegistryTypes.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// @notice What freezes a model, and what does not. Dishonest results are what a broken circuit would let pass: the stub
/// verifiers accept any public values.
contract CircuitBreakerTest is TraceTest {
    uint256 internal constant SCORES_OUTPUT = 0;
    uint256 internal constant EMBEDDING_OUTPUT = 1;

    ModelId internal modelId;
    ModelRecord internal record;
    Trace internal honest;
    InferenceId internal first;

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        record = recordOf(modelId);
        honest = traceOf("image", "hint", "salt");
        first = attestTrace(modelId, honest, NONCE);
    }

    // ------------------------------------------------------------------------------------------------ Equal inputs

    function test_reportContradiction_equalInputsAndAnotherOutput_freezes() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.ModelFrozen(modelId, RELAYER);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ContradictionReported(modelId, first, second, RELAYER);
        vm.prank(RELAYER);
        _report(second, lie, SCORES_OUTPUT);
        assertTrue(_frozen());
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        registry.requireAttested(modelId, first);
        assertTrue(isProven(modelId, second));
    }

    function test_reportContradiction_otherSaltsAndOpenedInputs_freezes() public {
        Trace memory lie = traceOf("image", "hint", "other salt");
        lie.words[SCORES][0] ^= 1;
        seal(lie);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        _report(second, lie, SCORES_OUTPUT);
        openLeaf(modelId, honest, NONCE, IMAGE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        _report(second, lie, SCORES_OUTPUT);
        openLeaf(modelId, lie, NONCE, IMAGE);
        _report(second, lie, SCORES_OUTPUT);
        assertTrue(_frozen());
    }

    function test_reportContradiction_openedOutputsThatDiffer_freezes() public {
        Trace memory lie = _lie(EMBEDDING);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _expectNone(second, lie, EMBEDDING_OUTPUT);
        openLeaf(modelId, honest, NONCE, EMBEDDING);
        _expectNone(second, lie, EMBEDDING_OUTPUT);
        openLeaf(modelId, lie, NONCE, EMBEDDING);
        // Whichever is named first.
        _report(shownTrace(second, lie), shownTrace(first, honest), EMBEDDING_OUTPUT);
        assertTrue(_frozen());
    }

    function test_reportContradiction_afterUnfreezing_freezesAgain() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _report(second, lie, SCORES_OUTPUT);
        _expectError(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        _report(second, lie, SCORES_OUTPUT);
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
        _report(second, lie, SCORES_OUTPUT);
        assertTrue(_frozen());
    }

    function test_reportContradiction_revertsWhenAnInferenceIsNotProven() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = registry.commit(inferenceOf(modelId, lie.root));
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        _report(second, lie, SCORES_OUTPUT);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        _report(shownTrace(second, lie), shownTrace(first, honest), SCORES_OUTPUT);
        // One chunk short of it.
        uint256[][] memory values = publicOf(lie);
        for (uint16 i = 1; i < 3; ++i) {
            prove(modelId, lie.root, only(proofWith(inferenceOf(modelId, lie.root), i, values[i])));
        }
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        _report(second, lie, SCORES_OUTPUT);
    }

    function test_reportContradiction_revertsWhenTheOutputIsOutOfRange() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        _report(second, lie, 2);
    }

    function test_reportContradiction_revertsWhenNotComparable() public {
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector));
        _report(first, honest, SCORES_OUTPUT);
    }

    /// @dev Another model's inference is not this model's, whatever both have alike; nor is this model's another's.
    function test_reportContradiction_revertsWhenOneIsOfAnotherModel() public {
        ModelId other = register(traceRegistration("another model"));
        Trace memory lie = _lie(SCORES);
        InferenceId second = attestTrace(other, lie, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        _report(second, lie, SCORES_OUTPUT);
        (ModelRecord memory theirs, ModelRegistration memory parts) = (recordOf(other), registered(other));
        ShownInference memory own = shownTrace(first, honest);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, first));
        registry.reportContradiction(
            other, own, shownTrace(second, lie), SCORES_OUTPUT, theirs, parts.inputs, parts.outputs
        );
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector));
        _reportRoot(inferenceOf(modelId, honest.root), inferenceOf(other, honest.root), 0, honest, honest);
    }

    function test_reportContradiction_revertsForAnUnknownModel() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        ShownInference memory a = shownTrace(first, honest);
        ShownInference memory b = shownTrace(second, lie);
        (TensorSpec[] memory inputs, TensorSpec[] memory outputs) = (inputsOf(modelId), outputsOf(modelId));
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, first));
        registry.reportContradiction(ModelId.wrap("unknown"), a, b, SCORES_OUTPUT, record, inputs, outputs);
    }

    // -------------------------------------------------------------------------------------------------- Equal roots

    function test_reportRootContradiction_otherPublicValues_freezes() public {
        (Inference memory other, uint256[][] memory values) = _sameRoot(0);
        InferenceId second = idOf(other);
        Inference memory own = inferenceOf(modelId, honest.root);
        for (uint256 i; i < 2; ++i) {
            _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
            registry.reportRootContradiction(own, other, i, shownTrace(honest), shown(values));
        }
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ContradictionReported(modelId, first, second, RELAYER);
        vm.prank(RELAYER);
        registry.reportRootContradiction(own, other, 2, shownTrace(honest), shown(values));
        assertTrue(_frozen());
    }

    /// @dev The digests of all chunks are enough.
    function test_reportRootContradiction_byDigests_freezes() public {
        (Inference memory other, uint256[][] memory values) = _sameRoot(0);
        ChunkValues[] memory own = shownTrace(honest);
        ChunkValues[] memory theirs = shown(values);
        for (uint256 i; i < 3; ++i) {
            (own[i], theirs[i]) = (digested(own[i]), digested(theirs[i]));
        }
        Inference memory inference = inferenceOf(modelId, honest.root);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        registry.reportRootContradiction(inference, other, 1, own, theirs);
        registry.reportRootContradiction(inference, other, 2, own, theirs);
        assertTrue(_frozen());
    }

    function test_reportRootContradiction_beforeAllIsProven_freezes() public {
        Inference memory other = Inference(modelId, honest.root, REQUESTER, NONCE + 1);
        ChunkValues[] memory shown_ = new ChunkValues[](1);
        shown_[0].values = uniformWords(1, 7);
        attest(other, only(proofWith(other, 0, shown_[0].values)));
        Inference memory own = inferenceOf(modelId, honest.root);
        _expectError(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 1));
        registry.reportRootContradiction(own, other, 1, shownTrace(honest), shown_);
        registry.reportRootContradiction(own, other, 0, shownTrace(honest), shown_);
        assertTrue(_frozen());
    }

    /// @dev Somebody proves one more chunk before the report: it is sent again, with that chunk.
    function test_reportRootContradiction_overtaken_freezesAgain() public {
        Inference memory other = Inference(modelId, honest.root, REQUESTER, NONCE + 1);
        ChunkValues[] memory early = new ChunkValues[](1);
        early[0].values = uniformWords(1, 7);
        attest(other, only(proofWith(other, 0, early[0].values)));
        ChunkValues[] memory late = new ChunkValues[](2);
        (late[0], late[1]) = (early[0], ChunkValues(1, 0, honest.words[HINT]));
        attest(other, only(proofWith(other, 1, late[1].values)));
        Inference memory own = inferenceOf(modelId, honest.root);
        _expectError(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, idOf(other)));
        registry.reportRootContradiction(own, other, 0, shownTrace(honest), early);
        registry.reportRootContradiction(own, other, 0, shownTrace(honest), late);
        assertTrue(_frozen());
    }

    function test_reportRootContradiction_revertsWhenTheRootsDiffer() public {
        Trace memory lie = _lie(SCORES);
        attestTrace(modelId, lie, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentRoots.selector));
        _reportRoot(inferenceOf(modelId, honest.root), inferenceOf(modelId, lie.root), 2, honest, lie);
    }

    function test_reportRootContradiction_revertsWhenTheyAreTheSame() public {
        Inference memory own = inferenceOf(modelId, honest.root);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector));
        _reportRoot(own, own, 2, honest, honest);
    }

    /// @dev Nothing is known of an inference that nobody has posted, or only posted.
    function test_reportRootContradiction_revertsWhenNothingIsProven() public {
        Inference memory own = inferenceOf(modelId, honest.root);
        Inference memory other = Inference(modelId, honest.root, REQUESTER, NONCE + 1);
        Trace memory lie = _lie(SCORES);
        InferenceId second = idOf(other);
        for (uint256 i; i < 2; ++i) {
            _expectError(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, second));
            _reportRoot(own, other, 2, honest, lie);
            _expectError(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 2));
            registry.reportRootContradiction(own, other, 2, shownTrace(honest), new ChunkValues[](0));
            registry.commit(other);
        }
        assertFalse(_frozen());
    }

    // ----------------------------------------------------------------------------------------------------- Openings

    function test_reportOpeningContradiction_anotherValue_freezes() public {
        (Inference memory other, uint256[][] memory values) = _sameRoot(0);
        InferenceId second = idOf(other);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        _reportOpening(other, openingOf(honest, EMBEDDING), EMBEDDING_OUTPUT, values);
        // The opening of another leaf than the output's.
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        _reportOpening(other, openingOf(honest, EMBEDDING), SCORES_OUTPUT, values);
        Opening memory opening = openingOf(honest, SCORES);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ContradictionReported(modelId, second, second, address(this));
        _reportOpening(other, opening, SCORES_OUTPUT, values);
        assertTrue(_frozen());
    }

    function test_reportOpeningContradiction_anotherLeaf_freezes() public {
        (Inference memory other, uint256[][] memory values) = _sameRoot(1);
        _reportOpening(other, openingOf(honest, EMBEDDING), EMBEDDING_OUTPUT, values);
        assertTrue(_frozen());
    }

    function test_reportOpeningContradiction_revertsWhenNotProven() public {
        Inference memory other = Inference(modelId, honest.root, REQUESTER, NONCE + 1);
        InferenceId second = registry.commit(other);
        Opening memory opening = openingOf(honest, SCORES);
        uint256[][] memory values = publicOf(honest);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        _reportOpening(other, opening, 0, values);
        other.nonce = NONCE;
        _expectError(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        _reportOpening(other, opening, 2, values);
    }

    /// @dev What `ITensorOpenings.check` refuses, it refuses: the error is passed on.
    function test_reportOpeningContradiction_revertsWhenTheOpeningIsFalse() public {
        (Inference memory other, uint256[][] memory values) = _sameRoot(0);
        Opening memory opening = openingOf(honest, SCORES);
        opening.words[0] ^= 1;
        uint256 leaf = TensorOpening.leafOf(0, opening.words, lengthOf(SCORES));
        uint256 root = TensorOpening.rootOf(leaf, SCORES, opening.siblings);
        _expectError(abi.encodeWithSelector(ITensorOpenings.OpeningMismatch.selector, honest.root, root));
        _reportOpening(other, opening, SCORES_OUTPUT, values);
        opening = openingOf(honest, SCORES);
        opening.leaf = LEAVES;
        _expectError(abi.encodeWithSelector(IChainferRegistry.LeafOutOfRange.selector, LEAVES, LEAVES));
        _reportOpening(other, opening, SCORES_OUTPUT, values);
        assertFalse(_frozen());
    }

    // ------------------------------------------------------------------------------------------------------- Honest

    /// @dev Any two honest inferences, with everything opened or not: no report passes, whatever it names.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: ci.fuzz.runs = 256
    /// forge-config: long.fuzz.runs = 1000
    function testFuzz_honestInferences_neverTripIt(
        bool sameImage,
        bool sameHint,
        bool sameSalt,
        uint256 opened,
        uint256 output
    ) public {
        Trace memory other = traceOf(
            sameImage ? bytes32("image") : bytes32("other image"),
            sameHint ? bytes32("hint") : bytes32("other hint"),
            sameSalt ? bytes32("salt") : bytes32("other salt")
        );
        InferenceId second = attestTrace(modelId, other, NONCE + 1);
        for (uint256 i; i < LEAVES; ++i) {
            if ((opened >> (2 * i)) & 1 == 1) openLeaf(modelId, honest, NONCE, i);
            if ((opened >> (2 * i + 1)) & 1 == 1) openLeaf(modelId, other, NONCE + 1, i);
        }
        output %= 3;
        _expectRefused(_reportCall(shownTrace(first, honest), shownTrace(second, other), output));
        _expectRefused(_reportCall(shownTrace(second, other), shownTrace(first, honest), output));
        Inference memory a = traceInference(modelId, honest, NONCE);
        Inference memory b = traceInference(modelId, other, NONCE + 1);
        _expectRefused(
            abi.encodeCall(registry.reportRootContradiction, (a, b, output, shownTrace(honest), shownTrace(other)))
        );
        for (uint256 leaf; leaf < LEAVES; ++leaf) {
            _expectRefused(_openingCall(a, openingOf(honest, leaf), output, publicOf(honest)));
            _expectRefused(_openingCall(b, openingOf(other, leaf), output, publicOf(other)));
        }
        assertFalse(_frozen());
    }

    function test_reportContradiction_otherSalts_isRefused() public {
        Trace memory other = traceOf("image", "hint", "other salt");
        InferenceId second = attestTrace(modelId, other, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        _report(second, other, EMBEDDING_OUTPUT);
    }

    function test_reportContradiction_oneOfSeveralInputsDiffers_isRefused() public {
        Trace memory other = traceOf("image", "other hint", "salt");
        InferenceId second = attestTrace(modelId, other, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 1));
        _report(second, other, SCORES_OUTPUT);
        other = traceOf("other image", "hint", "salt");
        second = attestTrace(modelId, other, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        _report(second, other, SCORES_OUTPUT);
    }

    function test_reportContradiction_otherOutputSalts_isRefused() public {
        // The input keeps its salt, the output does not: its leaf differs, its values do not.
        Trace memory other = traceOf("image", "hint", "salt");
        other.salts[EMBEDDING] += 1;
        seal(other);
        InferenceId second = attestTrace(modelId, other, NONCE);
        _expectNone(second, other, EMBEDDING_OUTPUT);
        openLeaf(modelId, honest, NONCE, EMBEDDING);
        openLeaf(modelId, other, NONCE, EMBEDDING);
        _expectNone(second, other, EMBEDDING_OUTPUT);
        _expectNone(second, other, SCORES_OUTPUT);
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    /// @dev The honest trace, with another value in one tensor.
    function _lie(uint256 leaf) private view returns (Trace memory lie) {
        lie = honest;
        lie.words[leaf][0] ^= 1;
        seal(lie);
    }

    /// @dev Another inference under the honest root, with a false word in the last chunk.
    function _sameRoot(uint256 word) private returns (Inference memory other, uint256[][] memory values) {
        values = publicOf(honest);
        values[2][word] ^= 1;
        other = Inference(modelId, honest.root, REQUESTER, NONCE + 1);
        attestValues(other, values);
    }

    function uniformWords(uint256 count, uint256 word) private pure returns (uint256[] memory words) {
        words = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            words[i] = word;
        }
    }

    /// @dev Reports the honest inference and another.
    function _report(InferenceId second, Trace memory trace, uint256 output) private {
        _report(shownTrace(first, honest), shownTrace(second, trace), output);
    }

    function _report(ShownInference memory a, ShownInference memory b, uint256 output) private {
        ModelRegistration memory parts = registered(modelId);
        registry.reportContradiction(modelId, a, b, output, record, parts.inputs, parts.outputs);
    }

    function _reportCall(ShownInference memory a, ShownInference memory b, uint256 output)
        private
        view
        returns (bytes memory)
    {
        ModelRegistration memory parts = registered(modelId);
        return
            abi.encodeCall(registry.reportContradiction, (modelId, a, b, output, record, parts.inputs, parts.outputs));
    }

    function _reportRoot(Inference memory a, Inference memory b, uint256 chunk, Trace memory ofA, Trace memory ofB)
        private
    {
        registry.reportRootContradiction(a, b, chunk, shownTrace(ofA), shownTrace(ofB));
    }

    function _reportOpening(
        Inference memory inference,
        Opening memory opening,
        uint256 output,
        uint256[][] memory values
    ) private {
        ModelRegistration memory parts = registered(modelId);
        registry.reportOpeningContradiction(
            inference, opening, record, parts.leafLengths, output, parts.outputs, shown(values)
        );
    }

    function _openingCall(Inference memory inference, Opening memory opening, uint256 output, uint256[][] memory values)
        private
        view
        returns (bytes memory)
    {
        ModelRegistration memory parts = registered(modelId);
        return abi.encodeCall(
            registry.reportOpeningContradiction,
            (inference, opening, record, parts.leafLengths, output, parts.outputs, shown(values))
        );
    }

    function _frozen() private view returns (bool) {
        return registry.model(modelId).frozen;
    }

    function _expectNone(InferenceId second, Trace memory trace, uint256 output) private {
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        _report(second, trace, output);
    }

    function _expectError(bytes memory expected) private {
        vm.expectRevert(expected);
    }

    function _expectRefused(bytes memory call) private {
        (bool success,) = address(registry).call(call);
        assertFalse(success, "a report about honest inferences went through");
    }
}
