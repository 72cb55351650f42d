// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {TensorOpening} from "../src/libraries/TensorOpening.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    ModelRegistration,
    Opening,
    ShownInference,
    TensorSpec,
    Visibility
} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";

/// @notice A contradiction of any model that can be registered fits a transaction: 2^24 gas (EIP-7825), 128 KiB.
/// @dev Reports show all values of all chunks, though digests would do for most, and values without zero bytes where there can be
/// none.
contract CircuitBreakerCostTest is RegistryTest {
    uint256 private constant GAS_CAP = 1 << 24;
    uint256 private constant BYTE_CAP = 128 * 1024;
    /// @dev What a transaction has beside its data, at most: numbers, signature, and the lengths of both.
    uint256 private constant ENVELOPE = 256;
    uint256 private constant MAX_INPUTS = 64;
    uint256 private constant MAX_LEAVES = 2048;
    /// @dev Words of a report; see `_wordsOf`.
    uint256 private constant MAX_WORDS = 4000;
    /// @dev Fifteen values of 16 bits.
    uint256 private constant FULL = (1 << 240) - 1;

    /// @dev A model, all of whose tensors are public and in the last chunk.
    struct Shape {
        uint256 chunks;
        uint256 inputs;
        uint32 inputWords;
        uint256 outputs;
        uint32 outputWords;
        uint256 leaves;
    }

    // --------------------------------------------------------------------------------------------------- The most

    function test_reports_mostChunksAndInputs_fit() public {
        Shape memory shape = Shape(256, MAX_INPUTS, 1, 1, 1, MAX_LEAVES);
        assertLe(_wordsOf(shape), MAX_WORDS);
        _assertFits(shape);
    }

    function test_reports_mostChunksInputsAndWords_fit() public {
        _assertLargest(Shape(256, MAX_INPUTS, 7, 1, 20, MAX_LEAVES));
    }

    function test_reports_mostWordsOfAnInput_fit() public {
        _assertLargest(Shape(1, 1, 1982, 1, 1, MAX_LEAVES));
    }

    function test_reports_mostWordsOfAnOutput_fit() public {
        _assertLargest(Shape(1, 1, 2, 1, 991, MAX_LEAVES));
    }

    function test_reports_mostOutputs_fit() public {
        _assertLargest(Shape(1, 1, 11, 220, 1, MAX_LEAVES));
    }

    function test_reports_mostChunksAndWordsOfAnOutput_fit() public {
        _assertLargest(Shape(256, 1, 1, 1, 354, MAX_LEAVES));
    }

    function test_reports_mostChunksAndOutputs_fit() public {
        _assertLargest(Shape(256, 1, 5, 79, 1, MAX_LEAVES));
    }

    /// @dev Any mixture that takes all, or nearly all, of the words.
    /// forge-config: default.fuzz.runs = 8
    function testFuzz_reports_ofAnyLargestModel_fit(uint256 seed) public {
        Shape memory shape = Shape(1 + seed % 256, 1 + (seed >> 16) % MAX_INPUTS, 1, 1, 1, MAX_LEAVES);
        shape.outputs = 1 + (seed >> 32) % ((MAX_WORDS - _wordsOf(shape)) / 18 + 1);
        uint256 most = (MAX_WORDS - _wordsOf(shape)) / (2 * shape.inputs);
        shape.inputWords = uint32(1 + (seed >> 64) % (most + 1));
        shape.outputWords = uint32(1 + (MAX_WORDS - _wordsOf(shape)) / (4 * shape.outputs));
        assertLt(MAX_WORDS - _wordsOf(shape), 4 * shape.outputs);
        _assertFits(shape);
    }

    /// @dev Inputs whose leaves differ are compared by their recorded openings.
    function test_reportContradiction_mostOpenedInputs_fits() public {
        ModelRegistration memory registration = _registration(Shape(256, MAX_INPUTS, 1, 1, 1, MAX_LEAVES));
        for (uint256 i; i < MAX_INPUTS; ++i) {
            registration.inputs[i].visibility = Visibility.Committed;
        }
        ModelId modelId = register(registration);
        ShownInference[2] memory reported;
        for (uint256 k; k < 2; ++k) {
            uint256[] memory values = _full(MAX_INPUTS + 1);
            for (uint256 i; i <= MAX_INPUTS; ++i) {
                values[i] -= k;
            }
            reported[k] = _prove(inferenceOf(modelId, ROOT + k), values);
            // What `open` writes.
            for (uint256 i; i < MAX_INPUTS; ++i) {
                bytes32 slot = keccak256(abi.encode(i, keccak256(abi.encode(reported[k].id, 0))));
                vm.store(address(openings), slot, "opened");
            }
        }
        _reportContradiction(registration, modelId, reported);
    }

    // ----------------------------------------------------------------------------------------------- More than that

    function test_registerModel_revertsForMoreInputs() public {
        _assertRefused(Shape(1, MAX_INPUTS + 1, 1, 1, 1, MAX_LEAVES));
    }

    function test_registerModel_revertsWithoutInputs() public {
        _assertRefused(Shape(1, 0, 1, 1, 1, MAX_LEAVES));
    }

    function test_registerModel_revertsForMoreLeaves() public {
        _assertRefused(Shape(1, 1, 1, 1, 1, MAX_LEAVES + 1));
        register(_registration(Shape(1, 1, 1, 1, 1, MAX_LEAVES)));
    }

    function test_registerModel_revertsForMoreWords() public {
        Shape[5] memory shapes = [
            Shape(1, 1, 1983, 1, 1, 2),
            Shape(1, 1, 3, 1, 991, 2),
            Shape(1, 1, 12, 220, 1, 221),
            Shape(256, 1, 2, 1, 354, 2),
            Shape(232, 13, 40, 12, 8, 25)
        ];
        for (uint256 i; i < shapes.length; ++i) {
            assertGt(_wordsOf(shapes[i]), MAX_WORDS);
            assertLe(_wordsOf(shapes[i]), MAX_WORDS + 3);
            _assertRefused(shapes[i]);
        }
    }

    // --------------------------------------------------------------------------------------------------- Helpers

    /// @dev As `InvalidPublicSize` counts them.
    function _wordsOf(Shape memory shape) private pure returns (uint256) {
        return
            10 * shape.chunks + shape.inputs * (7 + 2 * shape.inputWords) + 2 * shape.outputs
                * (7 + 2 * shape.outputWords);
    }

    function _assertRefused(Shape memory shape) private {
        ModelRegistration memory registration = _registration(shape);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChainferRegistry.InvalidPublicSize.selector, registration.inputs.length, _wordsOf(shape)
            )
        );
        vm.prank(REGISTRANT);
        registry.registerModel(registration);
    }

    /// @dev An output with a word more would be too much.
    function _assertLargest(Shape memory shape) private {
        assertLe(_wordsOf(shape), MAX_WORDS);
        assertGt(_wordsOf(shape), MAX_WORDS - 4);
        _assertFits(shape);
    }

    /// @dev Two inferences with the same inputs whose last outputs differ; then one whose first output is not what its leaf opens to.
    function _assertFits(Shape memory shape) private {
        ModelRegistration memory registration = _registration(shape);
        ModelId modelId = register(registration);
        ShownInference[2] memory reported;
        for (uint256 k; k < 2; ++k) {
            uint256[] memory values = _full(registration.chunks[shape.chunks - 1].numPublic);
            values[values.length - 1] -= k;
            reported[k] = _prove(inferenceOf(modelId, ROOT + k), values);
        }
        uint256 snapshot = vm.snapshotState();
        _reportContradiction(registration, modelId, reported);
        vm.revertToState(snapshot);
        _reportOpening(registration, modelId);
    }

    function _reportContradiction(
        ModelRegistration memory registration,
        ModelId modelId,
        ShownInference[2] memory reported
    ) private {
        _assertFreezes(
            modelId,
            abi.encodeCall(
                IChainferRegistry.reportContradiction,
                (
                    modelId,
                    reported[0],
                    reported[1],
                    registration.outputs.length - 1,
                    recordOf(modelId),
                    registration.inputs,
                    registration.outputs
                )
            )
        );
    }

    function _reportOpening(ModelRegistration memory registration, ModelId modelId) private {
        TensorSpec memory output = registration.outputs[0];
        Opening memory opening = Opening(output.leaf, 0, _full(output.length / 15), _full(11));
        uint256 leaf = TensorOpening.leafOf(0, opening.words, output.length);
        Inference memory inference = inferenceOf(modelId, TensorOpening.rootOf(leaf, output.leaf, opening.siblings));
        uint256[] memory values = _full(registration.chunks[output.chunk].numPublic);
        values[output.offset] -= 1;
        ShownInference memory shown_ = _prove(inference, values);
        _assertFreezes(
            modelId,
            abi.encodeCall(
                IChainferRegistry.reportOpeningContradiction,
                (
                    inference,
                    opening,
                    recordOf(modelId),
                    registration.leafLengths,
                    0,
                    registration.outputs,
                    shown_.values
                )
            )
        );
    }

    function _assertFreezes(ModelId modelId, bytes memory call) private {
        assertLe(call.length + ENVELOPE, BYTE_CAP, "bytes");
        (bool success,) = address(registry).call(call);
        uint256 executed = vm.lastCallGas().gasTotalUsed;
        assertTrue(success);
        assertTrue(registry.model(modelId).frozen);
        uint256 zeros = _zerosOf(call);
        // EIP-2028, and the floor of EIP-7976.
        assertLe(21_000 + executed + 16 * (call.length - zeros) + 4 * zeros, GAS_CAP, "gas");
        assertLe(21_000 + 64 * call.length, GAS_CAP, "floor");
    }

    function _zerosOf(bytes memory data) private pure returns (uint256 zeros) {
        assembly ("memory-safe") {
            let end := add(add(data, 0x20), mload(data))
            for { let at := add(data, 0x20) } lt(at, end) { at := add(at, 1) } {
                zeros := add(zeros, iszero(byte(0, mload(at))))
            }
        }
    }

    /// @dev All chunks in order; the last one has all the values.
    function _prove(Inference memory inference, uint256[] memory values) private returns (ShownInference memory) {
        ChunkProof[] memory proofs = new ChunkProof[](chunkCountOf(inference.modelId));
        for (uint16 i; i < proofs.length; ++i) {
            proofs[i] = proofWith(inference, i, i + 1 == proofs.length ? values : new uint256[](0));
        }
        return ShownInference(attest(inference, proofs), shown(proofs));
    }

    function _full(uint256 count) private pure returns (uint256[] memory words) {
        words = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            words[i] = FULL;
        }
    }

    function _registration(Shape memory shape) private returns (ModelRegistration memory registration) {
        uint16 last = uint16(shape.chunks - 1);
        registration.manifestId = keccak256(abi.encode(shape));
        ChunkSpec memory stub = stubSpec(1, 0);
        registration.chunks = new ChunkSpec[](shape.chunks);
        for (uint256 i; i < shape.chunks; ++i) {
            registration.chunks[i] = ChunkSpec(stub.verifier, stub.codeHash, stub.keyHash, 0, 0);
        }
        registration.leafLengths = uniform(shape.leaves, type(uint32).max);
        registration.inputs = new TensorSpec[](shape.inputs);
        registration.outputs = new TensorSpec[](shape.outputs);
        uint32 offset;
        for (uint32 i; i < shape.inputs + shape.outputs; ++i) {
            uint32 words = i < shape.inputs ? shape.inputWords : shape.outputWords;
            TensorSpec memory spec = wordsAt(i, last, offset, words);
            if (i < shape.inputs) registration.inputs[i] = spec;
            else registration.outputs[i - shape.inputs] = spec;
            registration.leafLengths[i] = 15 * words;
            offset += words;
        }
        registration.chunks[last].numPublic = offset;
    }
}
