// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ITensorOpenings} from "../../src/interfaces/ITensorOpenings.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    Opening,
    ShownInference,
    TensorSpec,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {Records} from "../helpers/Records.sol";
import {InferenceBook} from "./InferenceBook.sol";

/// @notice Opens tensors and reports contradictions, with what is right and with what is not. What it expects of each call comes from
/// the books.
abstract contract ReportHandler is InferenceBook {
    /// @dev Chunks of a model that has many.
    uint256 internal constant MANY = 12;

    /// @dev Honest requests have the nonces 0 and 1; broken circuits speak under this one.
    uint256 internal constant BROKEN_NONCE = 2;

    modifier asSomeone(uint256 who) {
        vm.warp(block.timestamp + 1);
        vm.startPrank(_actor(who));
        _;
        vm.stopPrank();
    }

    // ---------------------------------------------------------------------------------------------------- Openings

    /// @dev Anyone who knows an execution opens any of its leaves, once the inference is proven: with the model's record and the lengths in
    /// it, and no others.
    function open(uint256 which, uint256 leaf, uint256 how, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        Inference memory inference = fixedOf[id];
        Opening memory opening = openingOf(inference.root, leaf % LEAVES);
        ModelRecord memory record = recordOf(inference.modelId);
        uint32[] memory lengths = registered(inference.modelId).leafLengths;
        bool altered = _alter(record, lengths, how);
        ITensorOpenings openings = REGISTRY.openings();
        bool lawful = _isWhole(id) && !altered;
        bytes memory call = abi.encodeCall(openings.open, (inference, opening, record, lengths));
        (bool success,) = address(openings).call(call);
        if (success != lawful) violation = lawful ? "an opening was refused" : "an opening was taken";
        if (success) opened[id][opening.leaf] = Records.digestOf(opening.words);
        ++calls[success ? bytes32("opening") : bytes32("no opening")];
    }

    /// @dev Half of the time nothing; or the record, or the lengths, with or without the record that fits them. Leaves and root are
    /// the same under all of them.
    function _alter(ModelRecord memory record, uint32[] memory lengths, uint256 how) private pure returns (bool) {
        uint256 kind = how % 8;
        if (kind < 4) return false;
        if (kind == 4) record.keySet ^= 1;
        else lengths[LEAVES + (how >> 8) % (lengths.length - LEAVES)] ^= 1;
        if (kind == 6) record.leafLengths = Records.digestOf(lengths);
        if (kind == 7) {
            assembly ("memory-safe") {
                mstore(lengths, sub(mload(lengths), 1))
            }
        }
        return true;
    }

    // ----------------------------------------------------------------------------------------------------- Reports

    /// @dev Anyone shows any two inferences with all their values. That passes exactly if both are proven, the books have the same
    /// input of both, and another output: another word of the public one, or another opening of the committed one.
    function reportOutputs(uint256 first, uint256 second, uint256 output, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        (InferenceId a, InferenceId b) = _two(first, second);
        output %= 2;
        ModelId modelId = fixedOf[a].modelId;
        bool lawful = _isContradiction(a, b, output);
        (bool success,) = address(REGISTRY).call(_report(modelId, _shownOf(a), _shownOf(b), output));
        if (success != lawful) violation = lawful ? "unequal outputs were ignored" : "honest outputs froze a model";
        if (success) frozen[modelId] = true;
        ++calls[success ? bytes32("unequal outputs") : bytes32("no unequal outputs")];
    }

    /// @dev A report of two inferences in which something is not what was proven or registered: never passes, not even about a
    /// contradiction.
    function misreport(uint256 first, uint256 second, uint256 how, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        (InferenceId a, InferenceId b) = _two(first, second);
        ShownInference memory own = _shownOf(a);
        if (own.values.length == 0) return;
        ChunkValues memory entry = own.values[(how >> 8) % own.values.length];
        ModelId modelId = fixedOf[a].modelId;
        ModelRegistration memory parts = registered(modelId);
        ModelRecord memory record = recordOf(modelId);
        how %= 6;
        if (how == 0) {
            if (entry.values.length == 0) entry.values = new uint256[](1);
            else entry.values[who % entry.values.length] ^= 1;
        } else if (how == 1) {
            ChunkValues[] memory list = own.values;
            assembly ("memory-safe") {
                mstore(list, sub(mload(list), 1))
            }
        } else if (how == 2) {
            if (own.values.length < 2) return;
            (own.values[0], own.values[1]) = (own.values[1], own.values[0]);
        } else if (how == 3) {
            entry.chunk ^= 1;
        } else if (how == 4) {
            (entry.digest, entry.values) = (keccak256("another"), new uint256[](0));
        } else {
            parts.outputs[0].leaf ^= 1;
        }
        bytes memory call = abi.encodeCall(
            REGISTRY.reportContradiction, (modelId, own, _shownOf(b), 0, record, parts.inputs, parts.outputs)
        );
        (bool success,) = address(REGISTRY).call(call);
        if (success) violation = "a false report froze a model";
        ++calls["false report"];
    }

    /// @dev Two proven inferences of one model that say unequal things of unequal inputs, and tensors or a record that are not the
    /// model's, under which they would contradict each other.
    function misreportTensors(uint256 which, uint256 how, uint256 who) external asSomeone(who) {
        (InferenceId a, InferenceId b) = (_whole(which, 0), _whole(which, OTHER_INPUT));
        if (!_isWhole(a) || !_isWhole(b)) return;
        ModelId modelId = fixedOf[a].modelId;
        ModelRegistration memory parts = registered(modelId);
        ModelRecord memory record = recordOf(modelId);
        if (how % 3 == 0) parts.inputs = new TensorSpec[](0);
        else if (how % 3 == 1) parts.inputs[0] = parts.outputs[0];
        else (parts.inputs, parts.outputs) = (new TensorSpec[](0), parts.inputs);
        if (how & 0x100 == 0) {
            record.inputs = Records.digestOf(parts.inputs);
            record.outputs = Records.digestOf(parts.outputs);
        }
        bytes memory call = abi.encodeCall(
            REGISTRY.reportContradiction, (modelId, _shownOf(a), _shownOf(b), 0, record, parts.inputs, parts.outputs)
        );
        (bool success,) = address(REGISTRY).call(call);
        if (success) violation = "other tensors froze a model";
        ++calls["other tensors"];
    }

    /// @dev A report about one root, in which the values are not those that were proven, or the roots or the models are two.
    function misreportRoot(uint256 first, uint256 second, uint256 how, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        (InferenceId idA, InferenceId idB) = (_preferWhole(first), inferences[second % inferences.length]);
        Inference memory a = fixedOf[idA];
        Inference memory b = fixedOf[idB];
        ChunkValues[] memory ofA = shownOf(idA);
        ChunkValues[] memory ofB = shownOf(idB);
        uint256 chunk = (how >> 8) % MANY;
        if (how % 4 == 0) {
            // One inference, under two names of one requester.
            (b, ofB) = (Inference(a.modelId, a.root, a.requester, a.nonce + 7), shownOf(idA));
            if (ofB.length != 0) ofB[0].values = new uint256[](2);
        } else if (how % 4 == 1) {
            if (ofA.length == 0) return;
            chunk = ofA[(how >> 8) % ofA.length].chunk;
            ofA[(how >> 8) % ofA.length] = ChunkValues(uint16(chunk), "another", new uint256[](0));
        } else if (how % 4 == 2) {
            (a, ofA) = (b, ofB);
        } else {
            if (a.root == b.root && a.modelId == b.modelId) return;
        }
        bytes memory call = abi.encodeCall(REGISTRY.reportRootContradiction, (a, b, chunk, ofA, ofB));
        (bool success,) = address(REGISTRY).call(call);
        if (success) violation = "a false report about a root froze a model";
        ++calls["false report about a root"];
    }

    /// @dev A good opening of a proven inference, and a record, lengths, outputs or values that are not its: whatever they say, it
    /// shows nothing.
    function misreportOpening(uint256 which, uint256 how, uint256 who) external asSomeone(who) {
        InferenceId id = _whole(which, which % HONEST);
        if (!_isWhole(id)) return;
        Inference memory inference = fixedOf[id];
        ModelRegistration memory parts = registered(inference.modelId);
        ModelRecord memory record = recordOf(inference.modelId);
        ChunkValues[] memory list = shownOf(id);
        uint256 output = (how >> 8) % 2;
        if (how % 2 == 0) {
            // Says that the output is one word further on, or in another chunk, or fewer values, or the other one's.
            TensorSpec memory spec = parts.outputs[output];
            uint256 kind = (how >> 16) % 4;
            if (kind == 0) spec.offset = output == 0 ? spec.offset + 1 : spec.offset - 1;
            else if (kind == 1) (spec.chunk, spec.offset) = (0, 0);
            else if (kind == 2) spec.visibility = Visibility(1 - uint256(spec.visibility));
            else parts.outputs[1 - output].leaf = spec.leaf;
            if (kind == 3) output = 1 - output;
            if ((how >> 24) % 2 == 0) record.outputs = Records.digestOf(parts.outputs);
        } else if (!_alter(record, parts.leafLengths, how >> 16)) {
            if (list.length == 0) return;
            ChunkValues memory entry = list[(how >> 32) % list.length];
            if (entry.values.length == 0) return;
            entry.values[(how >> 40) % entry.values.length] ^= 1;
        }
        uint256 leaf = SCORES + ((how >> 8) % 2);
        bytes memory call = abi.encodeCall(
            REGISTRY.reportOpeningContradiction,
            (inference, openingOf(inference.root, leaf), record, parts.leafLengths, output, parts.outputs, list)
        );
        (bool success,) = address(REGISTRY).call(call);
        if (success) violation = "a false report about an opening froze a model";
        ++calls["false report about an opening"];
    }

    /// @dev Anyone shows an inference and opens one of its outputs. That passes exactly if the proven word is not what the leaf says.
    function reportOpening(uint256 which, uint256 output, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        output %= 2;
        Inference memory inference = fixedOf[id];
        ModelId modelId = inference.modelId;
        Execution memory execution = executionOf(inference.root);
        bool lawful = _isWhole(id) && !frozen[modelId]
            && _outputOf(id, output) != (output == 0 ? execution.words[SCORES] : execution.leaves[EMBEDDING]);
        ModelRegistration memory parts = registered(modelId);
        bytes memory call = abi.encodeCall(
            REGISTRY.reportOpeningContradiction,
            (
                inference,
                openingOf(inference.root, SCORES + output),
                recordOf(modelId),
                parts.leafLengths,
                output,
                parts.outputs,
                shownOf(id)
            )
        );
        (bool success,) = address(REGISTRY).call(call);
        if (success != lawful) {
            violation = lawful ? "an unequal opening was ignored" : "an honest opening froze a model";
        }
        if (success) frozen[modelId] = true;
        ++calls[success ? bytes32("unequal opening") : bytes32("no unequal opening")];
    }

    /// @dev Anyone shows any two inferences. That passes exactly if they are of one model and one root, and the books know of
    /// different values of the chunk: never for honest ones.
    function report(uint256 first, uint256 second, uint256 chunk, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        Inference memory a = fixedOf[inferences[first % inferences.length]];
        Inference memory b = fixedOf[inferences[second % inferences.length]];
        // Often what a broken circuit says of the same root.
        if (second % 2 == 0) b = Inference(a.modelId, a.root, _actor(0), BROKEN_NONCE);
        (InferenceId idA, InferenceId idB) = (_idOf(a), _idOf(b));
        chunk %= MANY;
        uint256 both = verified[idA] & verified[idB];
        while (second % 2 == 0 && both != 0 && (both >> chunk) & 1 == 0) {
            chunk = (chunk + 1) % MANY;
        }
        bool comparable = !(idA == idB) && a.modelId == b.modelId && a.root == b.root;
        bool lawful = comparable && (both >> chunk) & 1 == 1
            && Records.digestOf(_values[idA][chunk]) != Records.digestOf(_values[idB][chunk]) && !frozen[a.modelId];
        bytes memory call = abi.encodeCall(REGISTRY.reportRootContradiction, (a, b, chunk, shownOf(idA), shownOf(idB)));
        (bool success,) = address(REGISTRY).call(call);
        if (success != lawful) violation = lawful ? "a contradiction was ignored" : "honest inferences froze a model";
        if (success) frozen[a.modelId] = true;
        ++calls[success ? bytes32("contradiction") : bytes32("no contradiction")];
    }

    // ------------------------------------------------------------------------------------------------------ Choices

    /// @dev Any inference, three times out of four one that is proven if there is any.
    function _preferWhole(uint256 which) internal view returns (InferenceId id) {
        uint256 count = inferences.length;
        id = inferences[which % count];
        for (uint256 i; i < count && which & 0x300 != 0 && !_isWhole(id); ++i) {
            id = inferences[(which % count + i) % count];
        }
    }

    /// @dev Two of them, the second often what a broken circuit says.
    function _two(uint256 first, uint256 second) private view returns (InferenceId a, InferenceId b) {
        a = _preferWhole(first);
        b = _preferWhole(second);
        if (second % 2 == 0) {
            uint256 root = second % 4 == 0 ? fixedOf[a].root : rootOf(FALSE_ONE);
            b = _idOf(Inference(fixedOf[a].modelId, root, _actor(0), BROKEN_NONCE));
        }
    }

    /// @dev An honest inference, of which all chunks are proven now, unless model or verifiers are frozen.
    function _whole(uint256 which, uint256 root) private returns (InferenceId id) {
        Inference memory inference = Inference(models[which % models.length], rootOf(root), _actor(0), 0);
        id = _idOf(inference);
        if (_isWhole(id)) return id;
        ChunkProof[] memory proofs = new ChunkProof[](chunkCountOf(inference.modelId));
        for (uint16 i; i < proofs.length; ++i) {
            proofs[i] = _honest(inference, i);
        }
        _send(inference, proofs, true);
    }

    function _isContradiction(InferenceId a, InferenceId b, uint256 output) private view returns (bool) {
        ModelId modelId = fixedOf[a].modelId;
        if (a == b || modelId != fixedOf[b].modelId || frozen[modelId]) return false;
        if (!_isWhole(a) || !_isWhole(b)) return false;
        if (_values[a][0][0] != _values[b][0][0] || _outputOf(a, output) == _outputOf(b, output)) return false;
        (bytes32 x, bytes32 y) = (opened[a][EMBEDDING], opened[b][EMBEDDING]);
        return output == 0 || (x != 0 && y != 0 && x != y);
    }

    function _outputOf(InferenceId id, uint256 output) internal view returns (uint256) {
        uint256 last = chunkCountOf(fixedOf[id].modelId) - 1;
        return _values[id][last][firstOutput(last) + output];
    }

    function _shownOf(InferenceId id) private view returns (ShownInference memory) {
        return ShownInference(id, shownOf(id));
    }

    function _report(ModelId modelId, ShownInference memory a, ShownInference memory b, uint256 output)
        private
        view
        returns (bytes memory)
    {
        ModelRegistration memory parts = registered(modelId);
        ModelRecord memory record = recordOf(modelId);
        return
            abi.encodeCall(REGISTRY.reportContradiction, (modelId, a, b, output, record, parts.inputs, parts.outputs));
    }
}
