// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {TensorOpening} from "../../src/libraries/TensorOpening.sol";
import {ModelRegistration, Opening, TensorSpec, Visibility} from "../../src/types/RegistryTypes.sol";

/// @notice What a few executions of one network leave behind, with real leaves and roots: a public input, a tensor that crosses
/// a cut, public scores and a committed embedding. What else a chunk of a model exposes is a further output, whose leaf is 0.
/// @dev The first two are of one input with other salts, the third is of another input. The fourth is of the first input again, with
/// another embedding: what a broken circuit lets pass.
abstract contract Executions {
    uint256 internal constant HONEST = 3;
    uint256 internal constant OTHER_INPUT = 2;
    uint256 internal constant FALSE_ONE = 3;
    /// @dev Leaves of the network, then one for each of at most twelve chunks.
    uint256 internal constant LEAVES = 4;
    uint256 internal constant ALL_LEAVES = 16;
    uint256 internal constant INPUT = 0;
    uint256 internal constant SCORES = 2;
    uint256 internal constant EMBEDDING = 3;

    /// @dev Indexed by leaf; each tensor is one word.
    struct Execution {
        uint256[LEAVES] words;
        uint256[LEAVES] salts;
        uint256[LEAVES] leaves;
        uint256 root;
    }

    Execution[] private _executions;
    mapping(uint256 => uint256) private _indexOf;

    constructor() {
        for (uint256 i; i <= FALSE_ONE; ++i) {
            Execution memory execution;
            uint256 input = i == OTHER_INPUT ? 1 : 0;
            for (uint256 leaf; leaf < LEAVES; ++leaf) {
                bool isFalse = i == FALSE_ONE && leaf == EMBEDDING;
                uint256 bits = 16 * lengthOf(leaf);
                execution.words[leaf] =
                    uint256(keccak256(abi.encode("values", input, leaf, isFalse))) & ((1 << bits) - 1);
                bool isPublic = leaf == INPUT || leaf == SCORES;
                execution.salts[leaf] = isPublic ? 0 : uint256(keccak256(abi.encode("salt", i, leaf))) >> 8;
                execution.leaves[leaf] =
                    TensorOpening.leafOf(execution.salts[leaf], _one(execution.words[leaf]), lengthOf(leaf));
            }
            execution.root = TensorOpening.rootOf(execution.leaves[0], 0, _pathOf(execution, 0));
            _executions.push(execution);
            _indexOf[execution.root] = i;
        }
    }

    function lengthOf(uint256 leaf) internal pure returns (uint256) {
        return [uint256(10), 7, 15, 4][leaf];
    }

    function rootOf(uint256 index) internal view returns (uint256) {
        return _executions[index].root;
    }

    function executionOf(uint256 root) internal view returns (Execution memory) {
        return _executions[_indexOf[root]];
    }

    function openingOf(uint256 root, uint256 leaf) internal view returns (Opening memory) {
        Execution memory execution = executionOf(root);
        return Opening(leaf, execution.salts[leaf], _one(execution.words[leaf]), _pathOf(execution, leaf));
    }

    /// @dev The tensors of a model of so many chunks, whose specifications differ from model to model.
    function describe(ModelRegistration memory registration, uint256 seed) internal pure {
        uint256 last = registration.chunks.length - 1;
        registration.leafLengths = new uint32[](ALL_LEAVES);
        for (uint256 i; i < ALL_LEAVES; ++i) {
            registration.leafLengths[i] = i < LEAVES ? uint32(lengthOf(i)) : 1;
        }
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = _spec(INPUT, 0, 0, Visibility.Public, seed);
        TensorSpec[] memory outputs = new TensorSpec[](2 + registration.chunks.length);
        uint256 first = firstOutput(last);
        outputs[0] = _spec(SCORES, last, first, Visibility.Public, seed);
        outputs[1] = _spec(EMBEDDING, last, first + 1, Visibility.Committed, seed);
        uint256 count = 2;
        for (uint256 i; i <= last; ++i) {
            uint32 further = registration.chunks[i].numPublic;
            uint256 offset = (i == 0 ? 1 : 0) + (i == last ? 2 : 0);
            registration.chunks[i].numPublic = further + uint32(offset);
            if (further == 0) continue;
            registration.leafLengths[LEAVES + i] = 15 * further;
            outputs[count++] = _further(LEAVES + i, i, offset, 15 * further);
        }
        assembly ("memory-safe") {
            mstore(outputs, count)
        }
        registration.outputs = outputs;
    }

    /// @dev Where the outputs stand among the last chunk's public values: behind the input, if that is the first chunk too.
    function firstOutput(uint256 lastChunk) internal pure returns (uint256) {
        return lastChunk == 0 ? 1 : 0;
    }

    /// @dev Puts the words of inputs and outputs among a chunk's public values.
    function expose(uint256 root, uint256 chunk, uint256 lastChunk, uint256[] memory values) internal view {
        Execution memory execution = executionOf(root);
        if (chunk == 0) values[0] = execution.words[INPUT];
        if (chunk != lastChunk) return;
        uint256 first = firstOutput(lastChunk);
        values[first] = execution.words[SCORES];
        values[first + 1] = execution.leaves[EMBEDDING];
    }

    function _spec(uint256 leaf, uint256 chunk, uint256 offset, Visibility visibility, uint256 seed)
        private
        pure
        returns (TensorSpec memory)
    {
        return TensorSpec({
            leaf: uint32(leaf),
            chunk: uint16(chunk),
            offset: uint32(offset),
            length: uint32(lengthOf(leaf)),
            zeroPoint: uint32(seed % 65_536),
            visibility: visibility,
            scaleWad: int256(1 + seed % 1e18)
        });
    }

    function _further(uint256 leaf, uint256 chunk, uint256 offset, uint32 length)
        private
        pure
        returns (TensorSpec memory)
    {
        return TensorSpec({
            leaf: uint32(leaf),
            chunk: uint16(chunk),
            offset: uint32(offset),
            length: length,
            zeroPoint: 0,
            visibility: Visibility.Public,
            scaleWad: 1
        });
    }

    function _pathOf(Execution memory execution, uint256 leaf) private pure returns (uint256[] memory path) {
        path = new uint256[](4);
        path[0] = execution.leaves[leaf ^ 1];
        uint256 other = (leaf ^ 2) & ~uint256(1);
        path[1] = TensorOpening.nodeOf(execution.leaves[other], execution.leaves[other + 1]);
        uint256 pair = TensorOpening.nodeOf(0, 0);
        path[2] = TensorOpening.nodeOf(pair, pair);
        path[3] = TensorOpening.nodeOf(path[2], path[2]);
    }

    function _one(uint256 word) private pure returns (uint256[] memory words) {
        words = new uint256[](1);
        words[0] = word;
    }
}
