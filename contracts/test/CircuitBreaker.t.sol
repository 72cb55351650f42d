// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkValues} from "../src/types/RegistryTypes.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// @notice What freezes a model, and what does not. Dishonest results are what a broken circuit would let pass: the stub
/// verifiers accept any public values.
contract CircuitBreakerTest is TraceTest {
    uint256 internal constant SCORES_OUTPUT = 0;
    uint256 internal constant EMBEDDING_OUTPUT = 1;

    ModelId internal modelId;
    Trace internal honest;
    InferenceId internal first;

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        honest = traceOf("image", "hint", "salt");
        first = attestTrace(modelId, honest, NONCE);
    }

    // ------------------------------------------------------------------------------------------------ Equal inputs

    function test_reportContradiction_equalInputsAndAnotherOutput_freezes() public {
        InferenceId second = attestTrace(modelId, _lie(SCORES), NONCE);
        vm.expectEmit(address(registry));
        emit IRegistryGovernance.ModelFrozen(modelId, RELAYER);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ContradictionReported(modelId, first, second, RELAYER);
        vm.prank(RELAYER);
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        assertTrue(registry.isFrozen(modelId));
        vm.expectRevert(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        registry.requireAttested(modelId, first);
        assertTrue(registry.wasAttested(modelId, second));
    }

    function test_reportContradiction_otherSaltsAndOpenedInputs_freezes() public {
        Trace memory lie = traceOf("image", "hint", "other salt");
        lie.words[SCORES][0] ^= 1;
        seal(lie);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        openLeaf(first, honest, IMAGE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        openLeaf(second, lie, IMAGE);
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportContradiction_openedOutputsThatDiffer_freezes() public {
        Trace memory lie = _lie(EMBEDDING);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _expectNone(second, EMBEDDING_OUTPUT);
        openLeaf(first, honest, EMBEDDING);
        _expectNone(second, EMBEDDING_OUTPUT);
        openLeaf(second, lie, EMBEDDING);
        registry.reportContradiction(second, first, EMBEDDING_OUTPUT, _none(), _none());
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportContradiction_afterUnfreezing_freezesAgain() public {
        InferenceId second = attestTrace(modelId, _lie(SCORES), NONCE);
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        _expectError(abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportContradiction_revertsWhenAnInferenceIsNotProven() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = registry.commit(modelId, lie.root, REQUESTER, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        registry.reportContradiction(second, first, SCORES_OUTPUT, _none(), _none());
    }

    function test_reportContradiction_revertsWhenTheOutputIsOutOfRange() public {
        InferenceId second = attestTrace(modelId, _lie(SCORES), NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        registry.reportContradiction(first, second, 2, _none(), _none());
    }

    function test_reportContradiction_revertsWhenNotComparable() public {
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector, first, first));
        registry.reportContradiction(first, first, SCORES_OUTPUT, _none(), _none());

        ModelId other = register(traceRegistration("another model"));
        InferenceId second = attestTrace(other, _lie(SCORES), NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector, first, second));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector, first, second));
        registry.reportRootContradiction(first, second, 0);

        // Without inputs, everything would be equal.
        ModelId blind = register(registrationOf("blind", uniform(1, 1)));
        InferenceId a = registry.attest(blind, ROOT, REQUESTER, NONCE, honestProofs(blind, ROOT));
        InferenceId b = registry.attest(blind, ROOT + 1, REQUESTER, NONCE, honestProofs(blind, ROOT + 1));
        _expectError(abi.encodeWithSelector(IChainferRegistry.NotComparable.selector, a, b));
        registry.reportContradiction(a, b, 0, _none(), _none());
    }

    // -------------------------------------------------------------------------------------------------- Equal roots

    function test_reportRootContradiction_otherPublicValues_freezes() public {
        uint256[][] memory values = publicOf(honest);
        values[2][0] ^= 1;
        InferenceId second = attestValues(modelId, honest.root, NONCE + 1, values);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        registry.reportRootContradiction(first, second, 0);
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ContradictionReported(modelId, first, second, RELAYER);
        vm.prank(RELAYER);
        registry.reportRootContradiction(first, second, 2);
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportRootContradiction_beforeAllIsProven_freezes() public {
        registry.attest(
            modelId,
            honest.root,
            REQUESTER,
            NONCE + 1,
            only(proofWith(modelId, honest.root, REQUESTER, NONCE + 1, 0, uniformWords(1, 7)))
        );
        InferenceId second =
            registry.inferenceIdOf(modelId, honest.root, registry.contextOf(modelId, REQUESTER, NONCE + 1));
        _expectError(abi.encodeWithSelector(IChainferRegistry.ChunkNotProven.selector, second, 1));
        registry.reportRootContradiction(first, second, 1);
        registry.reportRootContradiction(first, second, 0);
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportRootContradiction_revertsWhenTheRootsDiffer() public {
        Trace memory lie = _lie(SCORES);
        InferenceId second = attestTrace(modelId, lie, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentRoots.selector, honest.root, lie.root));
        registry.reportRootContradiction(first, second, 2);
    }

    // ----------------------------------------------------------------------------------------------------- Openings

    function test_reportOpeningContradiction_anotherValue_freezes() public {
        uint256[][] memory values = publicOf(honest);
        values[2][0] ^= 1;
        InferenceId second = attestValues(modelId, honest.root, NONCE + 1, values);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        registry.reportOpeningContradiction(second, SCORES_OUTPUT, _none());
        openLeaf(second, honest, SCORES);
        openLeaf(second, honest, EMBEDDING);
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        registry.reportOpeningContradiction(second, EMBEDDING_OUTPUT, _none());
        vm.expectEmit(address(registry));
        emit IChainferRegistry.ContradictionReported(modelId, second, second, address(this));
        registry.reportOpeningContradiction(second, SCORES_OUTPUT, _none());
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportOpeningContradiction_anotherLeaf_freezes() public {
        uint256[][] memory values = publicOf(honest);
        values[2][1] ^= 1;
        InferenceId second = attestValues(modelId, honest.root, NONCE + 1, values);
        openLeaf(second, honest, EMBEDDING);
        registry.reportOpeningContradiction(second, EMBEDDING_OUTPUT, _none());
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportOpeningContradiction_revertsWhenNotProven() public {
        InferenceId second = registry.commit(modelId, honest.root, REQUESTER, NONCE + 1);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, second));
        registry.reportOpeningContradiction(second, 0, _none());
        _expectError(abi.encodeWithSelector(IChainferRegistry.OutputOutOfRange.selector, 2, 2));
        registry.reportOpeningContradiction(first, 2, _none());
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
            if ((opened >> (2 * i)) & 1 == 1) openLeaf(first, honest, i);
            if ((opened >> (2 * i + 1)) & 1 == 1) openLeaf(second, other, i);
        }
        output %= 3;
        _expectRefused(abi.encodeCall(registry.reportContradiction, (first, second, output, _none(), _none())));
        _expectRefused(abi.encodeCall(registry.reportContradiction, (second, first, output, _none(), _none())));
        _expectRefused(abi.encodeCall(registry.reportRootContradiction, (first, second, output)));
        _expectRefused(abi.encodeCall(registry.reportOpeningContradiction, (first, output, _none())));
        _expectRefused(abi.encodeCall(registry.reportOpeningContradiction, (second, output, _none())));
        assertFalse(registry.isFrozen(modelId));
    }

    function test_reportContradiction_otherSalts_isRefused() public {
        InferenceId second = attestTrace(modelId, traceOf("image", "hint", "other salt"), NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        registry.reportContradiction(first, second, EMBEDDING_OUTPUT, _none(), _none());
    }

    function test_reportContradiction_oneOfSeveralInputsDiffers_isRefused() public {
        InferenceId second = attestTrace(modelId, traceOf("image", "other hint", "salt"), NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 1));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
        second = attestTrace(modelId, traceOf("other image", "hint", "salt"), NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, 0));
        registry.reportContradiction(first, second, SCORES_OUTPUT, _none(), _none());
    }

    function test_reportContradiction_otherOutputSalts_isRefused() public {
        // The input keeps its salt, the output does not: its leaf differs, its values do not.
        Trace memory other = traceOf("image", "hint", "salt");
        other.salts[EMBEDDING] += 1;
        seal(other);
        InferenceId second = attestTrace(modelId, other, NONCE);
        _expectNone(second, EMBEDDING_OUTPUT);
        openLeaf(first, honest, EMBEDDING);
        openLeaf(second, other, EMBEDDING);
        _expectNone(second, EMBEDDING_OUTPUT);
        _expectNone(second, SCORES_OUTPUT);
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    /// @dev The honest trace, with another value in one tensor.
    function _lie(uint256 leaf) private view returns (Trace memory lie) {
        lie = honest;
        lie.words[leaf][0] ^= 1;
        seal(lie);
    }

    function uniformWords(uint256 count, uint256 word) private pure returns (uint256[] memory words) {
        words = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            words[i] = word;
        }
    }

    function _none() private pure returns (ChunkValues[] memory) {}

    function _expectNone(InferenceId second, uint256 output) private {
        _expectError(abi.encodeWithSelector(IChainferRegistry.NoContradiction.selector));
        registry.reportContradiction(first, second, output, _none(), _none());
    }

    function _expectError(bytes memory expected) private {
        vm.expectRevert(expected);
    }

    function _expectRefused(bytes memory call) private {
        (bool success,) = address(registry).call(call);
        assertFalse(success, "a report about honest inferences went through");
    }
}
