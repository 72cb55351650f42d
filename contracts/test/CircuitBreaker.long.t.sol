// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkValues, ModelRegistration, TensorSpec, Visibility} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice Contradictions between public values that are not stored: one chunk with an input of 20 words, an input of 12 and
/// an output of 8.
contract CircuitBreakerLongTest is RegistryTest {
    ModelId internal modelId;
    uint256[] internal values;
    InferenceId internal first;

    function setUp() public override {
        super.setUp();
        ModelRegistration memory registration = registrationOf("long", uniform(1, 40));
        registration.leafLengths = new uint32[](3);
        registration.inputs = new TensorSpec[](2);
        registration.outputs = new TensorSpec[](1);
        registration.inputs[0] = _public(registration, 0, 0, 300);
        registration.inputs[1] = _public(registration, 1, 20, 180);
        registration.outputs[0] = _public(registration, 2, 32, 120);
        modelId = register(registration);
        values = honestValues(modelId, ROOT, 0);
        first = _attest(ROOT, values);
    }

    function test_reportContradiction_shownValues_freezes() public {
        uint256[] memory other = values;
        other[39] ^= 1;
        InferenceId second = _attest(ROOT + 1, other);
        registry.reportContradiction(first, second, 0, _shown(values), _shown(other));
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportContradiction_equalHashes_needNoValues() public {
        InferenceId second = _attest(ROOT + 1, values);
        vm.expectRevert(IChainferRegistry.NoContradiction.selector);
        registry.reportContradiction(first, second, 0, new ChunkValues[](0), new ChunkValues[](0));
    }

    function testFuzz_reportContradiction_anotherInputWord_isRefused(uint256 at, uint8 bit) public {
        uint256[] memory other = values;
        at = bound(at, 0, 31);
        other[at] ^= uint256(1) << (bit % 240);
        other[39] ^= 1;
        InferenceId second = _attest(ROOT + 1, other);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.DifferentInputs.selector, at < 20 ? 0 : 1));
        registry.reportContradiction(first, second, 0, _shown(values), _shown(other));
    }

    function test_reportContradiction_revertsWhenValuesAreNotShown() public {
        uint256[] memory other = values;
        other[39] ^= 1;
        InferenceId second = _attest(ROOT + 1, other);
        ChunkValues[] memory none = new ChunkValues[](0);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesNotStored.selector, first, 0));
        registry.reportContradiction(first, second, 0, none, _shown(other));
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesNotStored.selector, second, 0));
        registry.reportContradiction(first, second, 0, _shown(values), none);
    }

    function test_reportContradiction_revertsWhenOtherValuesAreShown() public {
        uint256[] memory other = values;
        other[39] ^= 1;
        InferenceId second = _attest(ROOT + 1, other);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, second, 0));
        registry.reportContradiction(first, second, 0, _shown(values), _shown(values));
        assembly ("memory-safe") {
            mstore(other, 39)
        }
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first, 0));
        registry.reportContradiction(first, second, 0, _shown(other), _shown(values));
    }

    function test_reportRootContradiction_comparesHashes() public {
        uint256[] memory other = values;
        other[0] ^= 1;
        ModelId id = modelId;
        registry.attest(id, ROOT, REQUESTER, NONCE + 1, only(proofWith(id, ROOT, REQUESTER, NONCE + 1, 0, other)));
        InferenceId second = registry.inferenceIdOf(id, ROOT, registry.contextOf(id, REQUESTER, NONCE + 1));
        registry.reportRootContradiction(first, second, 0);
        assertTrue(registry.isFrozen(modelId));
    }

    /// @dev 64 inputs of 16 words each and an output, all in one chunk: each list is hashed once, not once for each input.
    function test_reportContradiction_manyInputs_fitsATransaction() public {
        uint32 count = 64;
        ModelRegistration memory registration = registrationOf("wide", uniform(1, 16 * count + 1));
        registration.leafLengths = new uint32[](count + 1);
        registration.inputs = new TensorSpec[](count);
        registration.outputs = new TensorSpec[](1);
        for (uint32 i; i < count; ++i) {
            registration.inputs[i] = _public(registration, i, 16 * i, 240);
        }
        registration.outputs[0] = _public(registration, count, 16 * count, 15);
        modelId = register(registration);
        uint256[] memory honest = honestValues(modelId, ROOT, 0);
        uint256[] memory other = honestValues(modelId, ROOT, 0);
        other[16 * count] ^= 1;
        InferenceId a = _attest(ROOT, honest);
        InferenceId b = _attest(ROOT + 1, other);
        (ChunkValues[] memory shownA, ChunkValues[] memory shownB) = (_shown(honest), _shown(other));
        uint256 before = gasleft();
        registry.reportContradiction(a, b, 0, shownA, shownB);
        assertLt(before - gasleft(), 1 << 22);
        assertTrue(registry.isFrozen(modelId));
    }

    function test_reportContradiction_revertsWhenOneOfTwoListsIsWrong() public {
        uint256[] memory other = values;
        other[39] ^= 1;
        InferenceId second = _attest(ROOT + 1, other);
        ChunkValues[] memory shown = new ChunkValues[](2);
        (shown[0].values, shown[1].values) = (values, other);
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.PublicValuesMismatch.selector, first, 0));
        registry.reportContradiction(first, second, 0, shown, _shown(other));
    }

    function _attest(uint256 root, uint256[] memory words) private returns (InferenceId) {
        return
            registry.attest(modelId, root, REQUESTER, NONCE, only(proofWith(modelId, root, REQUESTER, NONCE, 0, words)));
    }

    function _shown(uint256[] memory words) private pure returns (ChunkValues[] memory shown) {
        // Chunks that are not asked for do no harm.
        shown = new ChunkValues[](2);
        shown[0].chunk = 7;
        shown[1].values = words;
    }

    function _public(ModelRegistration memory registration, uint32 leaf, uint32 offset, uint32 length)
        private
        pure
        returns (TensorSpec memory)
    {
        registration.leafLengths[leaf] = length;
        return TensorSpec({
            shape: shapeOf(length),
            name: "tensor",
            leaf: leaf,
            chunk: 0,
            offset: offset,
            length: length,
            zeroPoint: 0,
            visibility: Visibility.Public,
            scaleWad: 1
        });
    }
}
