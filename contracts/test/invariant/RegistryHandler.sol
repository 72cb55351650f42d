// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ITensorOpenings} from "../../src/interfaces/ITensorOpenings.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    InferenceStatus,
    ModelRecord,
    ModelRegistration,
    Opening,
    ShownInference,
    TensorSpec,
    VerifierStatus
} from "../../src/types/RegistryTypes.sol";
import {Records} from "../helpers/Records.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";
import {InferenceBook} from "./InferenceBook.sol";

/// @notice Drives the registry with honest and dishonest calls by several accounts. What it expects of each call comes from the
/// books.
contract RegistryHandler is InferenceBook {
    uint256 internal constant MAX_MODELS = 6;

    /// @dev Honest requests have the nonces 0 and 1; broken circuits speak under this one.
    uint256 internal constant BROKEN_NONCE = 2;

    modifier asSomeone(uint256 who) {
        vm.warp(block.timestamp + 1);
        vm.startPrank(_actor(who));
        _;
        vm.stopPrank();
    }

    constructor() {
        vm.warp(1_800_000_000);
        _register(3, 0, address(this));
        _register(1, 1, address(this));
    }

    // ------------------------------------------------------------------------------------------------------ Models

    function register(uint256 chunks, uint256 seed, uint256 who) external {
        // Nobody lists shapes any more once nobody owns.
        if (models.length >= MAX_MODELS || owner == address(0)) return;
        _register(1 + chunks % 4, seed, _actor(who));
    }

    /// @dev A manifest that is taken, by its registrant or by someone else.
    function registerAgain(uint256 which, uint256 who) external {
        ModelId modelId = models[which % models.length];
        ModelRegistration memory registration;
        registration.manifestId = registered(modelId).manifestId;
        registration.uri = "ipfs://other";
        registration.chunks = new ChunkSpec[](1);
        registration.chunks[0] = chunkOf(modelId, 0);
        describe(registration, who);
        address registrant = who % 2 == 0 ? registrantOf[modelId] : _actor(who);
        ModelId own = REGISTRY.modelIdOf(registration.manifestId, registrant);
        bool taken = modelDigest[own] != 0;
        bool active = verifierStatus[registration.chunks[0].codeHash] == VerifierStatus.Active;
        if (!taken && models.length >= MAX_MODELS) return;
        vm.prank(registrant);
        try REGISTRY.registerModel(registration) returns (ModelId other) {
            if (taken) violation = "a model was registered twice";
            if (!active) violation = "a model was registered with a verifier that is not active";
            if (other != own) violation = "a model got another id";
            _remember(other, registrant, registration);
        } catch {
            if (!taken && active) violation = "a fresh registration was refused";
        }
    }

    // -------------------------------------------------------------------------------------------------- Inferences

    function commit(uint256 which, uint256 root, uint256 nonce, uint256 who) external asSomeone(who) {
        Inference memory inference = _pick(which, root, nonce);
        try REGISTRY.commit(inference) {
            if (!_usable(inference.modelId)) violation = "a commitment to a frozen model";
            _track(inference);
            ++calls["commit"];
        } catch {
            if (_usable(inference.modelId)) violation = "a commitment was refused";
        }
    }

    /// @dev Honest proofs: of all chunks, or of a random, possibly repetitive choice.
    function prove(uint256 which, uint256 root, uint256 nonce, uint256 chunks, bool attest, uint256 who)
        external
        asSomeone(who)
    {
        Inference memory inference = _pick(which, root, nonce);
        uint256 count = chunkCountOf(inference.modelId);
        bool all = chunks & 0x10 != 0;
        ChunkProof[] memory proofs = new ChunkProof[](all ? count : 1 + chunks % 4);
        for (uint256 i; i < proofs.length; ++i) {
            proofs[i] = _honest(inference, uint16(all ? i : (chunks >> (8 * i + 8)) % count));
        }
        InferenceId id = _idOf(inference);
        bool known = fixedOf[id].root != 0;
        bool active = _areActive(id, inference.modelId, proofs);
        if (_send(inference, proofs, attest)) {
            if (!known && !attest) violation = "proven without a commitment";
            ++calls["prove"];
        } else if ((known || attest) && _usable(inference.modelId) && active) {
            violation = "honest proofs were refused";
        }
    }

    /// @dev A circuit that is broken: its verifier takes a proof of other public values than the honest ones, or of an execution
    /// that never was. Of one chunk, or with all others.
    function proveFalsely(uint256 which, uint256 root, uint256 chunk, uint256 who) external asSomeone(who) {
        Inference memory inference = _pick(which, root, 0);
        // Mostly about what others have spoken of.
        if (root % 4 != 0 && inferences.length != 0) inference = fixedOf[inferences[which % inferences.length]];
        (inference.requester, inference.nonce) = (_actor(0), BROKEN_NONCE);
        bool whole = chunk & 0x1800 != 0;
        bool falseExecution = chunk & 0x600 == 0;
        if (falseExecution) inference.root = rootOf(FALSE_ONE);
        uint256 at = chunk >> 16;
        uint256 count = chunkCountOf(inference.modelId);
        chunk %= count;
        ChunkProof[] memory proofs = new ChunkProof[](whole ? count : 1);
        for (uint256 i; i < proofs.length; ++i) {
            proofs[i] = _honest(inference, uint16(whole ? i : chunk));
        }
        ChunkProof memory broken = proofs[whole ? chunk : 0];
        uint256[] memory values = broken.publicValues;
        if (!falseExecution && values.length != 0) {
            values[at % 2 == 0 ? 0 : (at >> 1) % values.length] ^= 1;
            address verifier = chunkOf(inference.modelId, chunk).verifier;
            broken.proof = StubVerifier(verifier).proofFor(broken.key, _instances(inference, values));
        }
        if (_send(inference, proofs, true)) ++calls["false proof"];
    }

    /// @dev One proof with something wrong, among honest ones.
    function proveDishonestly(uint256 which, uint256 root, uint256 nonce, uint256 how, bool attest, uint256 who)
        external
        asSomeone(who)
    {
        (root, nonce) = (root % HONEST, nonce % 2);
        Inference memory inference = _pick(which, root, nonce);
        uint256 count = chunkCountOf(inference.modelId);
        uint16 chunk = uint16((how >> 8) % count);
        ChunkProof[] memory proofs = new ChunkProof[](2);
        proofs[0] = _honest(inference, uint16((how >> 16) % count));
        proofs[1] = _honest(inference, chunk);
        how %= 8;
        if (how == 0) {
            proofs[1].proof[7] ^= 0x10;
        } else if (how == 1) {
            proofs[1].proof = _honest(_pick(which, root + 1, nonce), chunk).proof;
        } else if (how == 2) {
            proofs[1].proof = _honest(_pick(which, root, nonce + 1), chunk).proof;
        } else if (how == 3) {
            proofs[1].chunk = uint16((chunk + 1) % (count + 1));
        } else if (how == 4) {
            if (proofs[1].publicValues.length == 0) proofs[1].publicValues = new uint256[](1);
            else proofs[1].publicValues[0] ^= 1;
        } else if (how == 5) {
            proofs[1].publicValues = new uint256[](0);
        } else if (how == 6) {
            proofs[1].key[who % 384] ^= 0x01;
        } else {
            proofs[1].key = keyOf(chunkOf(models[who % models.length], 0).keyHash);
        }
        if (_send(inference, proofs, attest)) ++calls["dishonest call that went through"];
        else ++calls["dishonest call that was refused"];
    }

    /// @dev Honest proofs, and a record or a list of chunks that is not the model's: never taken, whatever is proven.
    function proveWithAnotherRecord(uint256 which, uint256 root, uint256 nonce, uint256 how, bool attest, uint256 who)
        external
        asSomeone(who)
    {
        Inference memory inference = _pick(which, root, nonce);
        ModelRecord memory record = recordOf(inference.modelId);
        ChunkSpec[] memory chunks = chunksOf(inference.modelId);
        ModelId other = models[who % models.length];
        if (how % 4 == 0) {
            assembly ("memory-safe") {
                let at := add(record, mul(mod(shr(8, how), 5), 0x20))
                mstore(at, xor(mload(at), shl(byte(29, how), 1)))
            }
        } else if (how % 4 == 1) {
            chunks[(how >> 8) % chunks.length].keyHash ^= bytes32(uint256(1));
        } else if (how % 4 == 2) {
            assembly ("memory-safe") {
                mstore(chunks, sub(mload(chunks), 1))
            }
        } else {
            if (other == inference.modelId) return;
            (record, chunks) = (recordOf(other), chunksOf(other));
        }
        ChunkProof[] memory proofs = new ChunkProof[](1);
        proofs[0] = _honest(inference, 0);
        bytes memory call = attest
            ? abi.encodeCall(REGISTRY.attest, (inference, record, chunks, proofs))
            : abi.encodeCall(REGISTRY.prove, (inference, record, chunks, proofs));
        (bool success,) = address(REGISTRY).call(call);
        if (success) violation = "another record was taken";
        ++calls["another record"];
    }

    /// @dev Anyone who knows an execution opens any of its leaves, once the inference is proven.
    function open(uint256 which, uint256 leaf, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        Inference memory inference = fixedOf[id];
        Opening memory opening = openingOf(inference.root, leaf % LEAVES);
        ModelRecord memory record = recordOf(inference.modelId);
        uint32[] memory lengths = registered(inference.modelId).leafLengths;
        ITensorOpenings openings = REGISTRY.openings();
        bool lawful = _isWhole(id);
        bytes memory call = abi.encodeCall(openings.open, (inference, opening, record, lengths));
        (bool success,) = address(openings).call(call);
        if (success != lawful) violation = lawful ? "an opening was refused" : "an unproven inference was opened";
        if (success) opened[id][opening.leaf] = Records.digestOf(opening.words);
        ++calls[success ? bytes32("opening") : bytes32("no opening")];
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
        how %= 7;
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
        } else if (how == 5) {
            parts.inputs = new TensorSpec[](0);
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
        chunk %= 4;
        uint256 both = verified[idA] & verified[idB];
        while (second % 2 == 0 && both != 0 && (both >> chunk) & 1 == 0) {
            chunk = (chunk + 1) % 4;
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

    function _pick(uint256 which, uint256 root, uint256 nonce) private view returns (Inference memory) {
        return Inference({
            modelId: models[which % models.length],
            root: rootOf(root % HONEST),
            requester: _actor(nonce % 2),
            nonce: nonce % 2
        });
    }

    /// @dev Any inference, three times out of four one that is proven if there is any.
    function _preferWhole(uint256 which) private view returns (InferenceId id) {
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

    function _isContradiction(InferenceId a, InferenceId b, uint256 output) private view returns (bool) {
        ModelId modelId = fixedOf[a].modelId;
        if (a == b || modelId != fixedOf[b].modelId || frozen[modelId]) return false;
        if (!_isWhole(a) || !_isWhole(b)) return false;
        if (_values[a][0][0] != _values[b][0][0] || _outputOf(a, output) == _outputOf(b, output)) return false;
        (bytes32 x, bytes32 y) = (opened[a][EMBEDDING], opened[b][EMBEDDING]);
        return output == 0 || (x != 0 && y != 0 && x != y);
    }

    function _outputOf(InferenceId id, uint256 output) private view returns (uint256) {
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
