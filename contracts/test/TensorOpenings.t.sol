// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "../src/interfaces/ITensorOpenings.sol";
import {PackedValues} from "../src/libraries/PackedValues.sol";
import {ScalarField} from "../src/libraries/ScalarField.sol";
import {TensorOpening} from "../src/libraries/TensorOpening.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {Inference, ModelRecord, ModelRegistration, Opening, Visibility} from "../src/types/RegistryTypes.sol";
import {Records} from "./helpers/Records.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// forge-config: default.fuzz.runs = 32
contract TensorOpeningsTest is TraceTest {
    ModelId internal modelId;
    ModelRecord internal record;
    uint32[] internal lengths;
    Trace internal trace;
    Inference internal inference;
    InferenceId internal id;

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        record = recordOf(modelId);
        lengths = leafLengthsOf(modelId);
        trace = traceOf("image", "hint", "salt");
        id = attestTrace(modelId, trace, NONCE);
        inference = traceInference(modelId, trace, NONCE);
    }

    function testFuzz_check_acceptsEveryTensorAndNoOther(uint256 leaf, uint256 at, uint8 bit) public {
        leaf = bound(leaf, 0, LEAVES - 1);
        Opening memory opening = openingOf(trace, leaf);
        assertEq(openings.check(inference, opening, record, lengths), trace.leaves[leaf]);

        // Any bit of the values, and the salt, and the path.
        at = bound(at, 0, lengthOf(leaf) - 1);
        opening.words[at / 15] ^= uint256(1) << (16 * (at % 15) + bit % 16);
        _expectMismatch(opening);
        opening = openingOf(trace, leaf);
        opening.salt ^= 1;
        _expectMismatch(opening);
        opening = openingOf(trace, leaf);
        opening.siblings[bit % HEIGHT] ^= 1;
        _expectMismatch(opening);
    }

    function test_open_recordsAndTells() public {
        Opening memory opening = openingOf(trace, CUT);
        assertEq(openings.openingOf(id, CUT), 0);
        vm.expectEmit(address(openings));
        emit ITensorOpenings.TensorOpened(id, CUT, RELAYER, trace.leaves[CUT], trace.words[CUT]);
        vm.prank(RELAYER);
        assertEq(openLeaf(inference, opening), trace.leaves[CUT]);
        assertEq(openings.openingOf(id, CUT), keccak256(abi.encodePacked(trace.words[CUT])));
    }

    function test_open_writesOneSlot() public {
        Opening memory opening = openingOf(trace, CUT);
        vm.record();
        openLeaf(inference, opening);
        (, bytes32[] memory writes) = vm.accesses(address(openings));
        assertEq(writes.length, 1);
        (, writes) = vm.accesses(address(registry));
        assertEq(writes.length, 0);
    }

    function test_check_recordsNothing() public {
        Opening memory opening = openingOf(trace, CUT);
        openings.check(inference, opening, record, lengths);
        assertEq(openings.openingOf(id, CUT), 0);
    }

    function test_open_twice_changesNothing() public {
        openLeaf(modelId, trace, NONCE, IMAGE);
        vm.recordLogs();
        openLeaf(modelId, trace, NONCE, IMAGE);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_open_concernsOneInferenceAndOneLeaf() public {
        InferenceId other = attestTrace(modelId, trace, NONCE + 1);
        openLeaf(modelId, trace, NONCE, IMAGE);
        assertNotEq(openings.openingOf(id, IMAGE), 0);
        assertEq(openings.openingOf(other, IMAGE), 0);
        assertEq(openings.openingOf(id, EMBEDDING), 0);
    }

    function test_check_revertsWhenTheTensorIsAtAnotherLeaf() public {
        Opening memory opening = openingOf(trace, IMAGE);
        opening.leaf = HINT;
        _expectError(abi.encodeWithSelector(PackedValues.WordCountMismatch.selector, 2, 3));
        openings.check(inference, opening, record, lengths);
    }

    /// @dev Same length, other position: the path of one does not serve the other.
    function test_check_revertsWhenALeafOfOneLengthIsAtAnotherPosition() public {
        ModelRegistration memory registration = registrationOf("alike", uniform(1, 1));
        registration.leafLengths = uniform(4, 10);
        registration.inputs[0].length = 10;
        ModelId alike = register(registration);
        uint256[] memory words = wordsOf("values", 10);
        uint256[] memory path = new uint256[](2);
        (path[0], path[1]) = (11, 12);
        uint256 root = TensorOpening.rootOf(TensorOpening.leafOf(5, words, 10), 1, path);
        Inference memory other = inferenceOf(alike, root);
        attest(other, honestProofs(alike, root));
        ModelRecord memory theirs = recordOf(alike);
        uint32[] memory theirLengths = leafLengthsOf(alike);
        Opening memory opening = Opening(1, 5, words, path);
        openings.check(other, opening, theirs, theirLengths);
        for (uint256 leaf; leaf < 4; ++leaf) {
            if (leaf == 1) continue;
            opening.leaf = leaf;
            uint256 actual = TensorOpening.rootOf(TensorOpening.leafOf(5, words, 10), leaf, path);
            _expectError(abi.encodeWithSelector(ITensorOpenings.OpeningMismatch.selector, root, actual));
            openings.check(other, opening, theirs, theirLengths);
        }
    }

    function test_check_revertsWhenTheInferenceIsNotProven() public {
        Inference memory other = Inference(modelId, trace.root, REQUESTER, NONCE + 9);
        Opening memory opening = openingOf(trace, IMAGE);
        InferenceId unknown = idOf(other);
        uint256[] memory values = publicOf(trace)[1];
        for (uint256 i; i < 3; ++i) {
            _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, unknown));
            openings.check(other, opening, record, lengths);
            if (i == 0) registry.commit(other);
            if (i == 1) prove(other, only(proofWith(other, 1, values)));
        }
    }

    /// @dev The inference of one model is opened with that model's record: with another's it is not proven.
    function test_check_revertsWhenTheInferenceIsAnotherModels() public {
        ModelId twin = register(traceRegistration("twin"));
        Opening memory opening = openingOf(trace, IMAGE);
        Inference memory other = traceInference(twin, trace, NONCE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, idOf(other)));
        openings.check(other, opening, record, lengths);
    }

    function test_check_revertsForWhatNoInferenceHas() public {
        Opening memory opening = openingOf(trace, IMAGE);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InvalidRoot.selector));
        openings.check(inferenceOf(modelId, 0), opening, record, lengths);
        _expectError(abi.encodeWithSelector(IChainferRegistry.RequesterIsZero.selector));
        openings.check(Inference(modelId, trace.root, address(0), NONCE), opening, record, lengths);
    }

    function test_check_revertsWhenTheModelHasNoSuchLeaf() public {
        Opening memory opening = Opening(LEAVES, 0, new uint256[](1), new uint256[](HEIGHT));
        _expectError(abi.encodeWithSelector(IChainferRegistry.LeafOutOfRange.selector, LEAVES, LEAVES));
        openings.check(inference, opening, record, lengths);
        opening.leaf = type(uint256).max;
        _expectError(abi.encodeWithSelector(IChainferRegistry.LeafOutOfRange.selector, opening.leaf, LEAVES));
        openings.check(inference, opening, record, lengths);
    }

    function test_check_revertsWhenThePathIsOfAnotherHeight() public {
        // An inner node is no leaf, however it is dressed up.
        Opening memory opening = openingOf(trace, IMAGE);
        opening.siblings = new uint256[](HEIGHT - 1);
        _expectError(abi.encodeWithSelector(ITensorOpenings.PathLengthMismatch.selector, HEIGHT, HEIGHT - 1));
        openings.check(inference, opening, record, lengths);
        opening.siblings = new uint256[](HEIGHT + 1);
        _expectError(abi.encodeWithSelector(ITensorOpenings.PathLengthMismatch.selector, HEIGHT, HEIGHT + 1));
        openings.check(inference, opening, record, lengths);
    }

    function test_check_revertsWhenTheWordsAreNotAPacking() public {
        Opening memory opening = openingOf(trace, IMAGE);
        opening.words = new uint256[](2);
        _expectError(abi.encodeWithSelector(PackedValues.WordCountMismatch.selector, 3, 2));
        openings.check(inference, opening, record, lengths);
        opening = openingOf(trace, IMAGE);
        opening.words[2] |= 1 << 16;
        _expectError(abi.encodeWithSelector(PackedValues.StrayBits.selector, 2));
        openings.check(inference, opening, record, lengths);
    }

    function test_check_revertsWhenTheSaltIsNotCanonical() public {
        Opening memory opening = openingOf(trace, IMAGE);
        opening.salt += R;
        _expectError(abi.encodeWithSelector(ScalarField.NotAScalar.selector, opening.salt));
        openings.check(inference, opening, record, lengths);
    }

    // ------------------------------------------------------------------------------------------------------- Record

    function test_check_revertsWhenAnyWordOfTheRecordIsAnother() public {
        Opening memory opening = openingOf(trace, IMAGE);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        for (uint256 i; i < 5; ++i) {
            ModelRecord memory other = record;
            assembly ("memory-safe") {
                let at := add(other, mul(i, 0x20))
                mstore(at, xor(mload(at), 1))
            }
            _expectError(expected);
            openings.check(inference, opening, other, lengths);
        }
    }

    /// @dev Other lengths would let a tensor of one length pass for one of another, or a node for a leaf.
    function test_check_revertsWhenTheLengthsAreOthers() public {
        Opening memory opening = openingOf(trace, IMAGE);
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        uint32[] memory others = lengths;
        others[CUT] += 1;
        _expectError(expected);
        openings.check(inference, opening, record, others);
        others = lengths;
        (others[0], others[1]) = (others[1], others[0]);
        _expectError(expected);
        openings.check(inference, opening, record, others);
        others = uniform(LEAVES + 1, 31);
        _expectError(expected);
        openings.check(inference, opening, record, others);
        _expectError(expected);
        openings.check(inference, opening, record, new uint32[](0));
        // Their digest in the record as well: it is another record then.
        ModelRegistration memory registration = registered(modelId);
        registration.leafLengths[CUT] += 1;
        ModelRecord memory changed = Records.recordOf(registration);
        _expectError(expected);
        openings.check(inference, opening, changed, registration.leafLengths);
    }

    function test_check_revertsWhenTheRecordIsAnotherModels() public {
        ModelRegistration memory registration = traceRegistration("another");
        registration.leafLengths[CUT] += 1;
        ModelId another = register(registration);
        Opening memory opening = openingOf(trace, IMAGE);
        ModelRecord memory theirs = recordOf(another);
        _expectError(abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId));
        openings.check(inference, opening, theirs, registration.leafLengths);
    }

    // ---------------------------------------------------------------------------------------------------- One leaf

    function test_check_aModelOfOneLeaf_needsNoPath() public {
        ModelId single = register(registrationOf("one leaf", uniform(1, 1)));
        uint256[] memory words = wordsOf("values", 15);
        uint256 leaf = TensorOpening.leafOf(5, words, 15);
        Inference memory other = inferenceOf(single, leaf);
        attest(other, honestProofs(single, leaf));
        Opening memory opening = Opening(0, 5, words, new uint256[](0));
        assertEq(openings.check(other, opening, recordOf(single), leafLengthsOf(single)), leaf);
    }

    // --------------------------------------------------------------------------------------------------------- Gas

    /// forge-config: default.isolate = true
    /// forge-config: ci.isolate = true
    /// forge-config: long.isolate = true
    function test_open_gas() public {
        _openWide(784);
        vm.snapshotGasLastCall("TensorOpenings", "open, 784 values, height 2");
    }

    /// @dev What the interface promises of a transaction of 2^24 gas.
    /// forge-config: default.isolate = true
    /// forge-config: ci.isolate = true
    /// forge-config: long.isolate = true
    function test_open_gas_22000ValuesFitATransaction() public {
        _openWide(22_000);
        assertLe(vm.snapshotGasLastCall("TensorOpenings", "open, 22,000 values, height 2"), 1 << 24);
    }

    function _openWide(uint32 length) private {
        ModelRegistration memory registration = registrationOf("gas", uniform(1, 1));
        registration.leafLengths = uniform(3, length);
        registration.inputs[0].visibility = Visibility.Committed;
        registration.inputs[0].length = length;
        ModelId wide = register(registration);
        uint256[] memory words = wordsOf("values", length);
        uint256[] memory path = new uint256[](2);
        (path[0], path[1]) = (11, 12);
        uint256 root = TensorOpening.rootOf(TensorOpening.leafOf(5, words, length), 1, path);
        attest(inferenceOf(wide, root), honestProofs(wide, root));
        openLeaf(inferenceOf(wide, root), Opening(1, 5, words, path));
    }

    function _expectMismatch(Opening memory opening) private {
        uint256 leaf = TensorOpening.leafOf(opening.salt, opening.words, lengthOf(opening.leaf));
        uint256 actual = TensorOpening.rootOf(leaf, opening.leaf, opening.siblings);
        _expectError(abi.encodeWithSelector(ITensorOpenings.OpeningMismatch.selector, trace.root, actual));
        openings.check(inference, opening, record, lengths);
    }

    function _expectError(bytes memory expected) private {
        vm.expectRevert(expected);
    }
}
