// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Context} from "../../src/types/Context.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ITensorOpenings} from "../../src/interfaces/ITensorOpenings.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    InferenceStatus,
    Model,
    ModelRegistration,
    VerifierStatus
} from "../../src/types/RegistryTypes.sol";
import {StubKey} from "../stubs/StubKey.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";
import {Executions} from "./Executions.sol";
import {GovernanceHandler} from "./GovernanceHandler.sol";

/// @notice Drives the registry with honest and dishonest calls by several accounts, and keeps its own books: which chunk
/// of which inference was shown with a proof that its verifier accepts. The books come from asking the verifiers, never
/// from the registry.
contract RegistryHandler is GovernanceHandler, Executions {
    uint256 internal constant MAX_MODELS = 6;

    /// @dev What a commitment fixed; nothing may change it.
    struct Fixed {
        ModelId modelId;
        uint256 root;
        address requester;
        uint256 nonce;
    }

    /// @dev Honest requests have the nonces 0 and 1; broken circuits speak under this one.
    uint256 internal constant BROKEN_NONCE = 2;

    mapping(ModelId => bytes32) public modelDigest;
    InferenceId[] public inferences;
    mapping(InferenceId => Fixed) public fixedOf;
    /// @notice Chunks with an accepted proof for exactly this root and context, as a bitmap.
    mapping(InferenceId => uint256) public verified;
    mapping(InferenceId => mapping(uint256 => bytes32)) public valuesHash;
    mapping(InferenceId => InferenceStatus) public highest;
    /// @notice keccak256 of the words that a leaf was opened to; zero for one that was not.
    mapping(InferenceId => mapping(uint256 => bytes32)) public opened;
    mapping(InferenceId => mapping(uint256 => uint256[])) private _values;

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

    // ------------------------------------------------------------------------------------------------------ Actions

    function register(uint256 chunks, uint256 seed, uint256 who) external {
        // Nobody lists shapes any more once nobody owns.
        if (models.length >= MAX_MODELS || owner == address(0)) return;
        _register(1 + chunks % 4, seed, _actor(who));
    }

    /// @dev A manifest that is taken, by its registrant or by someone else.
    function registerAgain(uint256 which, uint256 who) external {
        ModelId modelId = models[which % models.length];
        ModelRegistration memory registration;
        registration.manifestId = REGISTRY.model(modelId).manifestId;
        registration.uri = "ipfs://other";
        registration.chunks = new ChunkSpec[](1);
        registration.chunks[0] = REGISTRY.chunkSpec(modelId, 0);
        describe(registration, who);
        address registrant = who % 2 == 0 ? REGISTRY.model(modelId).registrant : _actor(who);
        ModelId own = REGISTRY.modelIdOf(registration.manifestId, registrant);
        bool taken = modelDigest[own] != 0;
        bool active = verifierStatus[registration.chunks[0].codeHash] == VerifierStatus.Active;
        if (!taken && models.length >= MAX_MODELS) return;
        vm.prank(registrant);
        try REGISTRY.registerModel(registration) returns (ModelId other) {
            if (taken) violation = "a model was registered twice";
            if (!active) violation = "a model was registered with a verifier that is not active";
            if (other != own) violation = "a model got another id";
            _remember(other, registrant);
        } catch {
            if (!taken && active) violation = "a fresh registration was refused";
        }
    }

    function commit(uint256 which, uint256 root, uint256 nonce, uint256 who) external asSomeone(who) {
        Fixed memory fixed_ = _pick(which, root, nonce);
        try REGISTRY.commit(fixed_.modelId, fixed_.root, fixed_.requester, fixed_.nonce) {
            if (!_usable(fixed_.modelId)) violation = "a commitment to a frozen model";
            _track(fixed_);
            ++calls["commit"];
        } catch {
            if (_usable(fixed_.modelId)) violation = "a commitment was refused";
        }
    }

    /// @dev Honest proofs: of all chunks, or of a random, possibly repetitive choice.
    function prove(uint256 which, uint256 root, uint256 nonce, uint256 chunks, bool attest, uint256 who)
        external
        asSomeone(who)
    {
        Fixed memory fixed_ = _pick(which, root, nonce);
        uint256 count = REGISTRY.model(fixed_.modelId).chunkCount;
        bool all = chunks & 0x10 != 0;
        ChunkProof[] memory proofs = new ChunkProof[](all ? count : 1 + chunks % 4);
        for (uint256 i; i < proofs.length; ++i) {
            proofs[i] = _honest(fixed_, uint16(all ? i : (chunks >> (8 * i + 8)) % count));
        }
        InferenceId id = _idOf(fixed_);
        bool known = REGISTRY.statusOf(id) != InferenceStatus.None;
        bool active = _areActive(id, fixed_.modelId, proofs);
        if (_send(fixed_, proofs, attest)) {
            if (!known && !attest) violation = "proven without a commitment";
            ++calls["prove"];
        } else if ((known || attest) && _usable(fixed_.modelId) && active) {
            violation = "honest proofs were refused";
        }
    }

    /// @dev A circuit that is broken: its verifier takes a proof of other public values than the honest ones, or of an execution
    /// that never was. Of one chunk, or with all others.
    function proveFalsely(uint256 which, uint256 root, uint256 chunk, uint256 who) external asSomeone(who) {
        Fixed memory fixed_ = _pick(which, root, 0);
        // Mostly about what others have spoken of.
        if (root % 4 != 0 && inferences.length != 0) fixed_ = fixedOf[inferences[which % inferences.length]];
        (fixed_.requester, fixed_.nonce) = (_actor(0), BROKEN_NONCE);
        bool whole = chunk & 0x1800 != 0;
        bool falseExecution = chunk & 0x600 == 0;
        if (falseExecution) fixed_.root = rootOf(FALSE_ONE);
        uint256 at = chunk >> 16;
        uint256 count = REGISTRY.model(fixed_.modelId).chunkCount;
        chunk %= count;
        ChunkProof[] memory proofs = new ChunkProof[](whole ? count : 1);
        for (uint256 i; i < proofs.length; ++i) {
            proofs[i] = _honest(fixed_, uint16(whole ? i : chunk));
        }
        ChunkProof memory broken = proofs[whole ? chunk : 0];
        uint256[] memory values = broken.publicValues;
        if (!falseExecution && values.length != 0) {
            values[at % 2 == 0 ? 0 : (at >> 1) % values.length] ^= 1;
            ChunkSpec memory spec = REGISTRY.chunkSpec(fixed_.modelId, chunk);
            broken.proof = StubVerifier(spec.verifier).proofFor(spec.key, _instances(fixed_, values));
        }
        if (_send(fixed_, proofs, true)) ++calls["false proof"];
    }

    /// @dev Anyone who knows an execution opens any of its leaves, once the inference is proven.
    function open(uint256 which, uint256 leaf, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        leaf %= LEAVES;
        (uint256 salt, uint256[] memory words, uint256[] memory path) = openingOf(fixedOf[id].root, leaf);
        ITensorOpenings openings = REGISTRY.openings();
        bool lawful = _isWhole(id);
        (bool success,) = address(openings).call(abi.encodeCall(openings.open, (id, leaf, salt, words, path)));
        if (success != lawful) violation = lawful ? "an opening was refused" : "an unproven inference was opened";
        if (success) opened[id][leaf] = keccak256(abi.encodePacked(words));
        ++calls[success ? bytes32("opening") : bytes32("no opening")];
    }

    /// @dev Anyone shows any two inferences with all their values. That passes exactly if both are proven, the books have the same
    /// input of both, and another output: another word of the public one, or another opening of the committed one.
    function reportOutputs(uint256 first, uint256 second, uint256 output, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId a = _preferWhole(first);
        InferenceId b = _preferWhole(second);
        if (second % 2 == 0) {
            uint256 root = second % 4 == 0 ? fixedOf[a].root : rootOf(FALSE_ONE);
            b = _idOf(Fixed(fixedOf[a].modelId, root, _actor(0), BROKEN_NONCE));
        }
        output %= 2;
        ModelId modelId = fixedOf[a].modelId;
        bool lawful = !(a == b) && modelId == fixedOf[b].modelId && _isWhole(a) && _isWhole(b) && !frozen[modelId];
        if (lawful) {
            uint256 last = REGISTRY.model(modelId).chunkCount - 1;
            uint256 at = firstOutput(last);
            lawful = _values[a][0][0] == _values[b][0][0];
            if (output == 0) {
                lawful = lawful && _values[a][last][at] != _values[b][last][at];
            } else {
                (bytes32 x, bytes32 y) = (opened[a][EMBEDDING], opened[b][EMBEDDING]);
                lawful = lawful && x != 0 && y != 0 && x != y;
            }
        }
        bytes memory call = abi.encodeCall(REGISTRY.reportContradiction, (a, b, output, _shown(a), _shown(b)));
        (bool success,) = address(REGISTRY).call(call);
        if (success != lawful) violation = lawful ? "unequal outputs were ignored" : "honest outputs froze a model";
        if (success) frozen[modelId] = true;
        ++calls[success ? bytes32("unequal outputs") : bytes32("no unequal outputs")];
    }

    /// @dev Anyone shows an inference whose output was opened. That passes exactly if the proven word is not what the leaf says.
    function reportOpening(uint256 which, uint256 output, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        output %= 2;
        Fixed memory fixed_ = fixedOf[id];
        bool lawful = _isWhole(id) && !frozen[fixed_.modelId] && opened[id][SCORES + output] != 0;
        if (lawful) {
            uint256 last = REGISTRY.model(fixed_.modelId).chunkCount - 1;
            uint256 word = _values[id][last][firstOutput(last) + output];
            Execution memory execution = executionOf(fixed_.root);
            lawful = word != (output == 0 ? execution.words[SCORES] : execution.leaves[EMBEDDING]);
        }
        bytes memory call = abi.encodeCall(REGISTRY.reportOpeningContradiction, (id, output, _shown(id)));
        (bool success,) = address(REGISTRY).call(call);
        if (success != lawful) {
            violation = lawful ? "an unequal opening was ignored" : "an honest opening froze a model";
        }
        if (success) frozen[fixed_.modelId] = true;
        ++calls[success ? bytes32("unequal opening") : bytes32("no unequal opening")];
    }

    /// @dev Anyone shows any two inferences. That passes exactly if they are of one model and one root, and the books know of
    /// different values of the chunk: never for honest ones.
    function report(uint256 first, uint256 second, uint256 chunk, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId a = inferences[first % inferences.length];
        InferenceId b = inferences[second % inferences.length];
        // Often what a broken circuit says of the same root.
        if (second % 2 == 0) b = _idOf(Fixed(fixedOf[a].modelId, fixedOf[a].root, _actor(0), BROKEN_NONCE));
        chunk %= 4;
        uint256 both = verified[a] & verified[b];
        while (second % 2 == 0 && both != 0 && (both >> chunk) & 1 == 0) {
            chunk = (chunk + 1) % 4;
        }
        ModelId modelId = fixedOf[a].modelId;
        bool comparable = !(a == b) && modelId == fixedOf[b].modelId && fixedOf[a].root == fixedOf[b].root;
        bool contradict = comparable && (both >> chunk) & 1 == 1 && valuesHash[a][chunk] != valuesHash[b][chunk];
        bool lawful = contradict && !frozen[modelId];
        (bool success,) = address(REGISTRY).call(abi.encodeCall(REGISTRY.reportRootContradiction, (a, b, chunk)));
        if (success != lawful) violation = lawful ? "a contradiction was ignored" : "honest inferences froze a model";
        if (success) frozen[modelId] = true;
        ++calls[success ? bytes32("contradiction") : bytes32("no contradiction")];
    }

    /// @dev One proof with something wrong, among honest ones.
    function proveDishonestly(uint256 which, uint256 root, uint256 nonce, uint256 how, bool attest, uint256 who)
        external
        asSomeone(who)
    {
        (root, nonce) = (root % HONEST, nonce % 2);
        Fixed memory fixed_ = _pick(which, root, nonce);
        uint256 count = REGISTRY.model(fixed_.modelId).chunkCount;
        uint16 chunk = uint16((how >> 8) % count);
        ChunkProof[] memory proofs = new ChunkProof[](2);
        proofs[0] = _honest(fixed_, uint16((how >> 16) % count));
        proofs[1] = _honest(fixed_, chunk);
        how %= 6;
        if (how == 0) {
            proofs[1].proof[7] ^= 0x10;
        } else if (how == 1) {
            Fixed memory other = _pick(which, root + 1, nonce);
            proofs[1].proof = _honest(other, chunk).proof;
        } else if (how == 2) {
            Fixed memory other = _pick(which, root, nonce + 1);
            proofs[1].proof = _honest(other, chunk).proof;
        } else if (how == 3) {
            proofs[1].chunk = uint16((chunk + 1) % (count + 1));
        } else if (how == 4) {
            if (proofs[1].publicValues.length == 0) proofs[1].publicValues = new uint256[](1);
            else proofs[1].publicValues[0] ^= 1;
        } else {
            proofs[1].publicValues = new uint256[](0);
        }
        if (_send(fixed_, proofs, attest)) ++calls["dishonest call that went through"];
        else ++calls["dishonest call that was refused"];
    }

    // -------------------------------------------------------------------------------------------------------- Books

    function inferencesLength() external view returns (uint256) {
        return inferences.length;
    }

    function digestOf(ModelId modelId) public view returns (bytes32 digest) {
        Model memory model = REGISTRY.model(modelId);
        digest = keccak256(abi.encode(model));
        for (uint256 i; i < model.chunkCount; ++i) {
            digest = keccak256(abi.encode(digest, REGISTRY.chunkSpec(modelId, i)));
        }
        for (uint256 i; i < model.inputCount; ++i) {
            digest = keccak256(abi.encode(digest, REGISTRY.inputSpec(modelId, i)));
        }
        for (uint256 i; i < model.outputCount; ++i) {
            digest = keccak256(abi.encode(digest, REGISTRY.outputSpec(modelId, i)));
        }
        for (uint256 i; i < model.leafCount; ++i) {
            digest = keccak256(abi.encode(digest, REGISTRY.leafLength(modelId, i)));
        }
    }

    /// @dev Any inference, three times out of four one that is proven if there is any.
    function _preferWhole(uint256 which) private view returns (InferenceId id) {
        uint256 count = inferences.length;
        id = inferences[which % count];
        for (uint256 i; i < count && which & 0x300 != 0 && !_isWhole(id); ++i) {
            id = inferences[(which % count + i) % count];
        }
    }

    /// @dev Every chunk of it was accepted.
    function _isWhole(InferenceId id) private view returns (bool) {
        if (fixedOf[id].root == 0) return false;
        return verified[id] == (uint256(1) << REGISTRY.model(fixedOf[id].modelId).chunkCount) - 1;
    }

    /// @dev Public values of the first and the last chunk, stored or not.
    function _shown(InferenceId id) private view returns (ChunkValues[] memory shown) {
        if (fixedOf[id].root == 0) return shown;
        uint16 last = REGISTRY.model(fixedOf[id].modelId).chunkCount - 1;
        shown = new ChunkValues[](2);
        shown[0] = ChunkValues(0, _values[id][0]);
        shown[1] = ChunkValues(last, _values[id][last]);
    }

    function _send(Fixed memory fixed_, ChunkProof[] memory proofs, bool attest) private returns (bool) {
        bool success;
        if (attest) {
            try REGISTRY.attest(fixed_.modelId, fixed_.root, fixed_.requester, fixed_.nonce, proofs) {
                success = true;
            } catch {}
        } else {
            try REGISTRY.prove(fixed_.modelId, fixed_.root, fixed_.requester, fixed_.nonce, proofs) {
                success = true;
            } catch {}
        }
        if (!success) return false;
        _track(fixed_);
        if (!_usable(fixed_.modelId)) violation = "a frozen model proved";
        InferenceId id = _idOf(fixed_);
        for (uint256 i; i < proofs.length; ++i) {
            _book(id, fixed_, proofs[i]);
        }
        InferenceStatus status = REGISTRY.statusOf(id);
        if (status < highest[id]) violation = "a status went back";
        highest[id] = status;
        return true;
    }

    /// @dev A proof that the registry let pass is either accepted by its verifier, for this root and context, or
    /// repeats a chunk, with the same public values.
    function _book(InferenceId id, Fixed memory fixed_, ChunkProof memory proof) private {
        uint256[] memory instances = _instances(fixed_, proof.publicValues);
        bool accepted;
        ChunkSpec memory spec = REGISTRY.chunkSpec(fixed_.modelId, proof.chunk);
        try StubVerifier(spec.verifier).verifyProof(spec.key, proof.proof, instances) returns (bool answer) {
            accepted = answer;
        } catch {}
        bytes32 hash = keccak256(abi.encodePacked(proof.publicValues));
        if ((verified[id] >> proof.chunk) & 1 == 1) {
            if (valuesHash[id][proof.chunk] != hash) violation = "other public values passed";
        } else if (!accepted) {
            violation = "an unverified chunk passed";
        } else if (verifierStatus[spec.codeHash] != VerifierStatus.Active) {
            violation = "a verifier that is not active verified";
        } else {
            verified[id] |= uint256(1) << proof.chunk;
            valuesHash[id][proof.chunk] = hash;
            _values[id][proof.chunk] = proof.publicValues;
        }
    }

    function _track(Fixed memory fixed_) private {
        InferenceId id = _idOf(fixed_);
        if (fixedOf[id].root != 0) return;
        fixedOf[id] = fixed_;
        inferences.push(id);
    }

    /// @dev Every chunk that would have to be verified has an active verifier.
    function _areActive(InferenceId id, ModelId modelId, ChunkProof[] memory proofs) private view returns (bool) {
        for (uint256 i; i < proofs.length; ++i) {
            if ((verified[id] >> proofs[i].chunk) & 1 == 1) continue;
            bytes32 shape = REGISTRY.chunkSpec(modelId, proofs[i].chunk).codeHash;
            if (verifierStatus[shape] != VerifierStatus.Active) return false;
        }
        return true;
    }

    function _remember(ModelId modelId, address registrant) private {
        if (modelDigest[modelId] != 0) return;
        models.push(modelId);
        registrantOf[modelId] = registrant;
        modelDigest[modelId] = digestOf(modelId);
    }

    // ------------------------------------------------------------------------------------------------------ Choices

    function _register(uint256 chunks, uint256 seed, address registrant) private {
        ModelRegistration memory registration;
        registration.manifestId = keccak256(abi.encode("manifest", models.length));
        registration.uri = "ipfs://bundle";
        registration.chunks = new ChunkSpec[](chunks);
        for (uint256 i; i < chunks; ++i) {
            // Every other chunk shares a verifier with the one before; keys are all different.
            address verifier = address(new StubVerifier(uint256(keccak256(abi.encode(models.length, i / 2)))));
            if (i % 2 == 1) verifier = registration.chunks[i - 1].verifier;
            address key = address(new StubKey(keccak256(abi.encode(models.length, i))));
            if (i % 2 == 0) {
                vm.prank(owner);
                REGISTRY.addVerifier(verifier.codehash);
                _list(verifier.codehash);
            }
            uint256 random = uint256(keccak256(abi.encode(seed, i))) % 5;
            uint32 numPublic = random == 4 ? 33 : uint32(random);
            registration.chunks[i] = ChunkSpec({
                verifier: verifier,
                codeHash: verifier.codehash,
                key: key,
                keyCodeHash: key.codehash,
                numPublic: numPublic,
                hidingBudget: 0
            });
        }
        describe(registration, seed);
        vm.prank(registrant);
        _remember(REGISTRY.registerModel(registration), registrant);
    }

    function _pick(uint256 which, uint256 root, uint256 nonce) private view returns (Fixed memory) {
        return Fixed({
            modelId: models[which % models.length],
            root: rootOf(root % HONEST),
            requester: _actor(nonce % 2),
            nonce: nonce % 2
        });
    }

    function _idOf(Fixed memory fixed_) private view returns (InferenceId) {
        Context context = REGISTRY.contextOf(fixed_.modelId, fixed_.requester, fixed_.nonce);
        return REGISTRY.inferenceIdOf(fixed_.modelId, fixed_.root, context);
    }

    function _instances(Fixed memory fixed_, uint256[] memory values)
        private
        view
        returns (uint256[] memory instances)
    {
        instances = new uint256[](values.length + 2);
        instances[0] = fixed_.root;
        instances[1] = Context.unwrap(REGISTRY.contextOf(fixed_.modelId, fixed_.requester, fixed_.nonce));
        for (uint256 i; i < values.length; ++i) {
            instances[i + 2] = values[i];
        }
    }

    function _honest(Fixed memory fixed_, uint16 chunk) private view returns (ChunkProof memory) {
        ChunkSpec memory spec = REGISTRY.chunkSpec(fixed_.modelId, chunk);
        uint256[] memory values = new uint256[](spec.numPublic);
        for (uint256 i; i < values.length; ++i) {
            values[i] = uint256(keccak256(abi.encode(fixed_.modelId, fixed_.root, chunk, i))) >> 16;
        }
        expose(fixed_.root, chunk, REGISTRY.model(fixed_.modelId).chunkCount - 1, values);
        bytes memory proof = StubVerifier(spec.verifier).proofFor(spec.key, _instances(fixed_, values));
        return ChunkProof({chunk: chunk, proof: proof, publicValues: values});
    }
}
