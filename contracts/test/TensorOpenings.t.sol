// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "../src/interfaces/ITensorOpenings.sol";
import {PackedValues} from "../src/libraries/PackedValues.sol";
import {ScalarField} from "../src/libraries/ScalarField.sol";
import {TensorOpening} from "../src/libraries/TensorOpening.sol";
import {InferenceId} from "../src/types/InferenceId.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ModelRegistration} from "../src/types/RegistryTypes.sol";
import {TraceTest} from "./helpers/TraceTest.sol";

/// forge-config: default.fuzz.runs = 32
contract TensorOpeningsTest is TraceTest {
    ITensorOpenings internal openings;
    ModelId internal modelId;
    Trace internal trace;
    InferenceId internal id;

    function setUp() public override {
        super.setUp();
        openings = registry.openings();
        modelId = register(traceRegistration("trace"));
        trace = traceOf("image", "hint", "salt");
        id = attestTrace(modelId, trace, NONCE);
    }

    function testFuzz_check_acceptsEveryTensorAndNoOther(uint256 leaf, uint256 at, uint8 bit) public {
        leaf = bound(leaf, 0, LEAVES - 1);
        uint256[] memory words = trace.words[leaf];
        uint256[] memory path = pathOf(trace, leaf);
        assertEq(openings.check(id, leaf, trace.salts[leaf], words, path), trace.leaves[leaf]);

        // Any bit of the values, and the salt.
        at = bound(at, 0, lengthOf(leaf) - 1);
        words[at / 15] ^= uint256(1) << (16 * (at % 15) + bit % 16);
        _expectMismatch(leaf, trace.salts[leaf], words, path);
        _expectMismatch(leaf, trace.salts[leaf] ^ 1, trace.words[leaf], path);
        path[bit % HEIGHT] ^= 1;
        _expectMismatch(leaf, trace.salts[leaf], trace.words[leaf], path);
    }

    function test_open_recordsAndTells() public {
        (bytes32 digest, uint256 commitment) = openings.openingOf(id, CUT);
        assertEq(digest, 0);
        assertEq(commitment, 0);
        vm.expectEmit(address(openings));
        emit ITensorOpenings.TensorOpened(id, CUT, RELAYER, trace.leaves[CUT], trace.words[CUT]);
        vm.prank(RELAYER);
        assertEq(openings.open(id, CUT, trace.salts[CUT], trace.words[CUT], pathOf(trace, CUT)), trace.leaves[CUT]);
        (digest, commitment) = openings.openingOf(id, CUT);
        assertEq(digest, keccak256(abi.encodePacked(trace.words[CUT])));
        assertEq(commitment, trace.leaves[CUT]);
    }

    function test_open_twice_changesNothing() public {
        openLeaf(id, trace, IMAGE);
        vm.recordLogs();
        openLeaf(id, trace, IMAGE);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_open_concernsOneInferenceAndOneLeaf() public {
        InferenceId other = attestTrace(modelId, trace, NONCE + 1);
        openLeaf(id, trace, IMAGE);
        (bytes32 digest,) = openings.openingOf(other, IMAGE);
        assertEq(digest, 0);
        (digest,) = openings.openingOf(id, EMBEDDING);
        assertEq(digest, 0);
    }

    function test_check_revertsWhenTheTensorIsAtAnotherLeaf() public {
        // Same length, other position: the path of one does not serve the other.
        uint256[] memory path = pathOf(trace, IMAGE);
        _expectError(abi.encodeWithSelector(PackedValues.WordCountMismatch.selector, 2, 3));
        openings.check(id, HINT, trace.salts[IMAGE], trace.words[IMAGE], path);
    }

    function test_check_revertsWhenTheInferenceIsNotProven() public {
        InferenceId committed = registry.commit(modelId, trace.root, REQUESTER, NONCE + 9);
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, committed));
        openings.check(committed, 0, trace.salts[0], trace.words[0], new uint256[](HEIGHT));
        InferenceId unknown = InferenceId.wrap("unknown");
        _expectError(abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, unknown));
        openings.check(unknown, 0, trace.salts[0], trace.words[0], new uint256[](HEIGHT));
    }

    function test_check_revertsWhenTheModelHasNoSuchLeaf() public {
        _expectError(abi.encodeWithSelector(IChainferRegistry.LeafOutOfRange.selector, LEAVES, LEAVES));
        openings.check(id, LEAVES, 0, new uint256[](1), new uint256[](HEIGHT));
    }

    function test_check_revertsWhenThePathIsOfAnotherHeight() public {
        // An inner node is no leaf, however it is dressed up.
        _expectError(abi.encodeWithSelector(ITensorOpenings.PathLengthMismatch.selector, HEIGHT, HEIGHT - 1));
        openings.check(id, 0, trace.salts[0], trace.words[0], new uint256[](HEIGHT - 1));
        _expectError(abi.encodeWithSelector(ITensorOpenings.PathLengthMismatch.selector, HEIGHT, HEIGHT + 1));
        openings.check(id, 0, trace.salts[0], trace.words[0], new uint256[](HEIGHT + 1));
    }

    function test_check_revertsWhenTheWordsAreNotAPacking() public {
        uint256[] memory path = pathOf(trace, IMAGE);
        _expectError(abi.encodeWithSelector(PackedValues.WordCountMismatch.selector, 3, 2));
        openings.check(id, IMAGE, trace.salts[IMAGE], new uint256[](2), path);
        uint256[] memory words = trace.words[IMAGE];
        words[2] |= 1 << 16;
        _expectError(abi.encodeWithSelector(PackedValues.StrayBits.selector, 2));
        openings.check(id, IMAGE, trace.salts[IMAGE], words, path);
    }

    function test_check_revertsWhenTheSaltIsNotCanonical() public {
        uint256 salt = trace.salts[IMAGE] + R;
        uint256[] memory path = pathOf(trace, IMAGE);
        _expectError(abi.encodeWithSelector(ScalarField.NotAScalar.selector, salt));
        openings.check(id, IMAGE, salt, trace.words[IMAGE], path);
    }

    function test_check_aModelOfOneLeaf_needsNoPath() public {
        ModelRegistration memory registration = registrationOf("one leaf", uniform(1, 0));
        ModelId single = register(registration);
        uint256[] memory words = wordsOf("values", 10);
        uint256 leaf = TensorOpening.leafOf(5, words, 10);
        InferenceId inferenceId = attestValues(single, leaf, NONCE, new uint256[][](1));
        assertEq(openings.check(inferenceId, 0, 5, words, new uint256[](0)), leaf);
    }

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
    function test_open_gas_23000ValuesFitATransaction() public {
        _openWide(23_000);
        assertLe(vm.snapshotGasLastCall("TensorOpenings", "open, 23,000 values, height 2"), 1 << 24);
    }

    function _openWide(uint32 length) private {
        ModelRegistration memory registration = registrationOf("gas", uniform(1, 0));
        registration.leafLengths = uniform(3, length);
        ModelId wide = register(registration);
        uint256[] memory words = wordsOf("values", length);
        uint256[] memory path = new uint256[](2);
        (path[0], path[1]) = (11, 12);
        uint256 root = TensorOpening.rootOf(TensorOpening.leafOf(5, words, length), 1, path);
        InferenceId inferenceId = attestValues(wide, root, NONCE, new uint256[][](1));
        openings.open(inferenceId, 1, 5, words, path);
    }

    function _expectMismatch(uint256 leaf, uint256 salt, uint256[] memory words, uint256[] memory path) private {
        uint256 actual = TensorOpening.rootOf(TensorOpening.leafOf(salt, words, lengthOf(leaf)), leaf, path);
        _expectError(abi.encodeWithSelector(ITensorOpenings.OpeningMismatch.selector, trace.root, actual));
        openings.check(id, leaf, salt, words, path);
    }

    function _expectError(bytes memory expected) private {
        vm.expectRevert(expected);
    }
}
