// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {PackedValues} from "../../src/libraries/PackedValues.sol";
import {TensorOpening} from "../../src/libraries/TensorOpening.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRegistration,
    Opening,
    ShownInference,
    TensorSpec,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "./RegistryTest.sol";

/// @notice Inferences of a model with two inputs and two outputs, with real leaves and roots.
/// @dev Leaves: 0 a committed input, 1 a public input of two words, 2 a tensor that crosses a cut, 3 public scores, 4 a committed
/// output. Chunk 0 exposes the first input, chunk 1 the second, chunk 2 the outputs.
abstract contract TraceTest is RegistryTest {
    uint256 internal constant LEAVES = 5;
    uint256 internal constant HEIGHT = 3;
    uint256 internal constant IMAGE = 0;
    uint256 internal constant HINT = 1;
    uint256 internal constant CUT = 2;
    uint256 internal constant SCORES = 3;
    uint256 internal constant EMBEDDING = 4;

    /// @dev What one execution leaves behind. Indexed by leaf.
    struct Trace {
        uint256[][] words;
        uint256[] salts;
        uint256[] leaves;
        uint256 root;
    }

    function traceRegistration(bytes32 manifestId) internal returns (ModelRegistration memory registration) {
        uint32[] memory numPublic = uniform(3, 1);
        numPublic[1] = 2;
        numPublic[2] = 2;
        registration = registrationOf(manifestId, numPublic);
        registration.leafLengths = new uint32[](LEAVES);
        for (uint256 i; i < LEAVES; ++i) {
            registration.leafLengths[i] = uint32(lengthOf(i));
        }
        registration.inputs = new TensorSpec[](2);
        registration.inputs[0] = tensor(IMAGE, 0, 0, Visibility.Committed);
        registration.inputs[1] = tensor(HINT, 1, 0, Visibility.Public);
        registration.outputs = new TensorSpec[](2);
        registration.outputs[0] = tensor(SCORES, 2, 0, Visibility.Public);
        registration.outputs[1] = tensor(EMBEDDING, 2, 1, Visibility.Committed);
    }

    function tensor(uint256 leaf, uint16 chunk, uint32 offset, Visibility visibility)
        internal
        pure
        returns (TensorSpec memory)
    {
        return TensorSpec({
            leaf: uint32(leaf),
            chunk: chunk,
            offset: offset,
            length: uint32(lengthOf(leaf)),
            zeroPoint: 0,
            visibility: visibility,
            scaleWad: 1
        });
    }

    function lengthOf(uint256 leaf) internal pure returns (uint256) {
        return [uint256(31), 20, 46, 10, 16][leaf];
    }

    /// @dev The execution on two inputs, as a function of their seeds, with salts of another.
    function traceOf(bytes32 image_, bytes32 hint, bytes32 salt) internal pure returns (Trace memory trace) {
        trace.words = new uint256[][](LEAVES);
        trace.salts = new uint256[](LEAVES);
        for (uint256 i; i < LEAVES; ++i) {
            bytes32 seed = i == IMAGE ? image_ : i == HINT ? hint : keccak256(abi.encode(image_, hint));
            trace.words[i] = wordsOf(keccak256(abi.encode(seed, i)), lengthOf(i));
            bool isPublic = i == HINT || i == SCORES;
            trace.salts[i] = isPublic ? 0 : uint256(keccak256(abi.encode(salt, i))) >> 8;
        }
        seal(trace);
    }

    /// @dev Computes leaves and root anew.
    function seal(Trace memory trace) internal pure {
        trace.leaves = new uint256[](LEAVES);
        for (uint256 i; i < LEAVES; ++i) {
            trace.leaves[i] = TensorOpening.leafOf(trace.salts[i], trace.words[i], lengthOf(i));
        }
        trace.root = TensorOpening.rootOf(trace.leaves[0], 0, pathOf(trace, 0));
    }

    function pathOf(Trace memory trace, uint256 leaf) internal pure returns (uint256[] memory path) {
        uint256[] memory level = new uint256[](1 << HEIGHT);
        for (uint256 i; i < LEAVES; ++i) {
            level[i] = trace.leaves[i];
        }
        path = new uint256[](HEIGHT);
        for (uint256 depth; depth < HEIGHT; ++depth) {
            path[depth] = level[(leaf >> depth) ^ 1];
            for (uint256 i; i < (1 << HEIGHT) >> (depth + 1); ++i) {
                level[i] = TensorOpening.nodeOf(level[2 * i], level[2 * i + 1]);
            }
        }
    }

    function wordsOf(bytes32 seed, uint256 length) internal pure returns (uint256[] memory words) {
        words = new uint256[](PackedValues.wordsFor(length));
        for (uint256 i; i < words.length; ++i) {
            uint256 held = length - 15 * i < 15 ? length - 15 * i : 15;
            words[i] = uint256(keccak256(abi.encode(seed, i))) & ((1 << (16 * held)) - 1);
        }
    }

    /// @dev Public values of each chunk.
    function publicOf(Trace memory trace) internal pure returns (uint256[][] memory values) {
        values = new uint256[][](3);
        values[0] = new uint256[](1);
        values[0][0] = trace.leaves[IMAGE];
        values[1] = trace.words[HINT];
        values[2] = new uint256[](2);
        values[2][0] = trace.words[SCORES][0];
        values[2][1] = trace.leaves[EMBEDDING];
    }

    function shownTrace(Trace memory trace) internal pure returns (ChunkValues[] memory) {
        return shown(publicOf(trace));
    }

    function shownTrace(InferenceId id, Trace memory trace) internal pure returns (ShownInference memory) {
        return ShownInference(id, shownTrace(trace));
    }

    function traceInference(ModelId modelId, Trace memory trace, uint256 nonce)
        internal
        pure
        returns (Inference memory)
    {
        return Inference(modelId, trace.root, REQUESTER, nonce);
    }

    function attestTrace(ModelId modelId, Trace memory trace, uint256 nonce) internal returns (InferenceId) {
        return attestValues(traceInference(modelId, trace, nonce), publicOf(trace));
    }

    function attestTraceFor(ModelId modelId, Trace memory trace, address requester, uint256 nonce)
        internal
        returns (InferenceId)
    {
        return attestValues(Inference(modelId, trace.root, requester, nonce), publicOf(trace));
    }

    function attestValues(ModelId modelId, uint256 root, uint256 nonce, uint256[][] memory values)
        internal
        returns (InferenceId)
    {
        return attestValues(Inference(modelId, root, REQUESTER, nonce), values);
    }

    /// @dev Proves all chunks in order. The stub verifiers take any values: what a broken circuit would do.
    function attestValues(Inference memory inference, uint256[][] memory values) internal returns (InferenceId) {
        return attest(inference, proofsWith(inference, values));
    }

    function proofsWith(Inference memory inference, uint256[][] memory values)
        internal
        view
        returns (ChunkProof[] memory proofs)
    {
        proofs = new ChunkProof[](values.length);
        for (uint16 i; i < values.length; ++i) {
            proofs[i] = proofWith(inference, i, values[i]);
        }
    }

    function openingOf(Trace memory trace, uint256 leaf) internal pure returns (Opening memory) {
        return Opening(leaf, trace.salts[leaf], trace.words[leaf], pathOf(trace, leaf));
    }

    function openLeaf(Inference memory inference, Opening memory opening) internal returns (uint256 commitment) {
        ModelId modelId = inference.modelId;
        return openings.open(inference, opening, recordOf(modelId), leafLengthsOf(modelId));
    }

    /// @dev Opens a leaf of the inference that `attestTrace` proves.
    function openLeaf(ModelId modelId, Trace memory trace, uint256 nonce, uint256 leaf) internal {
        openLeaf(traceInference(modelId, trace, nonce), openingOf(trace, leaf));
    }
}
