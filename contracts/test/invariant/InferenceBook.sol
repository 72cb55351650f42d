// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Context, ContextLibrary} from "../../src/types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    InferenceStatus,
    Model,
    ModelRegistration,
    VerifierStatus
} from "../../src/types/RegistryTypes.sol";
import {ModelBook} from "../helpers/ModelBook.sol";
import {StubKey, StubSetup} from "../stubs/StubKey.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";
import {Executions} from "./Executions.sol";
import {GovernanceHandler} from "./GovernanceHandler.sol";

/// @notice Sends proofs to the registry and keeps its own books: which chunk of which inference was shown with a proof that its
/// verifier accepts, with which values and in which order. The books come from asking the verifiers, never from the registry.
abstract contract InferenceBook is GovernanceHandler, ModelBook, Executions {
    mapping(ModelId => bytes32) public modelDigest;
    InferenceId[] public inferences;
    /// @notice What a commitment fixed; nothing may change it.
    mapping(InferenceId => Inference) public fixedOf;
    /// @notice Chunks with an accepted proof for exactly this root and context, as a bitmap.
    mapping(InferenceId => uint256) public verified;
    mapping(InferenceId => uint256) public committedAt;
    /// @notice Zero for one that is not.
    mapping(InferenceId => uint256) public provenAt;
    mapping(InferenceId => InferenceStatus) public highest;
    /// @notice keccak256 of the words that a leaf was opened to; zero for one that was not.
    mapping(InferenceId => mapping(uint256 => bytes32)) public opened;
    mapping(InferenceId => mapping(uint256 => uint256[])) internal _values;
    mapping(InferenceId => uint16[]) private _order;
    /// @dev Verifiers that models have; further models may have them too.
    address[] private _verifiers;
    /// @dev A contract that has a key as its code.
    mapping(bytes32 keyHash => address) private _holders;

    // -------------------------------------------------------------------------------------------------------- Books

    function inferencesLength() external view returns (uint256) {
        return inferences.length;
    }

    function chunksLength(ModelId modelId) external view returns (uint256) {
        return chunkCountOf(modelId);
    }

    /// @notice What no one may change about a model.
    function digestOf(ModelId modelId) public view returns (bytes32) {
        Model memory model = REGISTRY.model(modelId);
        return keccak256(abi.encode(model.registrant, model.registeredAt, model.recordHash));
    }

    function registrationOf(ModelId modelId) external view returns (ModelRegistration memory) {
        return registered(modelId);
    }

    /// @notice Values of the verified chunks, in the order in which they were verified.
    function shownOf(InferenceId id) public view returns (ChunkValues[] memory shown) {
        shown = new ChunkValues[](_order[id].length);
        for (uint256 i; i < shown.length; ++i) {
            uint16 chunk = _order[id][i];
            shown[i] = ChunkValues(chunk, 0, _values[id][chunk]);
        }
    }

    /// @dev Every chunk of it was accepted.
    function _isWhole(InferenceId id) internal view returns (bool) {
        if (fixedOf[id].root == 0) return false;
        return verified[id] == (uint256(1) << chunkCountOf(fixedOf[id].modelId)) - 1;
    }

    /// @dev Every chunk that would have to be verified has an active verifier.
    function _areActive(InferenceId id, ModelId modelId, ChunkProof[] memory proofs) internal view returns (bool) {
        for (uint256 i; i < proofs.length; ++i) {
            if ((verified[id] >> proofs[i].chunk) & 1 == 1) continue;
            if (verifierStatus[chunkOf(modelId, proofs[i].chunk).codeHash] != VerifierStatus.Active) return false;
        }
        return true;
    }

    function _remember(ModelId modelId, address registrant, ModelRegistration memory registration) internal {
        if (modelDigest[modelId] != 0) return;
        models.push(modelId);
        registrantOf[modelId] = registrant;
        noteModel(modelId, registration);
        modelDigest[modelId] = digestOf(modelId);
    }

    function _track(Inference memory inference) internal {
        InferenceId id = _idOf(inference);
        if (fixedOf[id].root != 0) return;
        fixedOf[id] = inference;
        committedAt[id] = block.timestamp;
        inferences.push(id);
    }

    // ------------------------------------------------------------------------------------------------------- Sending

    function _register(uint256 chunks, uint256 seed, address registrant) internal {
        ModelRegistration memory registration;
        registration.manifestId = keccak256(abi.encode("manifest", models.length));
        registration.keySet = seed;
        registration.uri = "ipfs://bundle";
        registration.chunks = new ChunkSpec[](chunks);
        for (uint256 i; i < chunks; ++i) {
            // Every other chunk shares a verifier with the one before; keys are all different.
            address verifier = i % 2 == 1 ? registration.chunks[i - 1].verifier : _verifier(seed, i);
            uint256 random = uint256(keccak256(abi.encode(seed, i))) % 5;
            uint32 numPublic = random == 4 ? 33 : uint32(random);
            registration.chunks[i] = ChunkSpec({
                verifier: verifier,
                codeHash: verifier.codehash,
                keyHash: noteKey(StubSetup.key(keccak256(abi.encode(models.length, i)))),
                numPublic: numPublic,
                hidingBudget: 0
            });
        }
        describe(registration, seed);
        vm.prank(registrant);
        _remember(REGISTRY.registerModel(registration), registrant, registration);
    }

    /// @dev Often another model's.
    function _verifier(uint256 seed, uint256 chunk) private returns (address verifier) {
        uint256 random = uint256(keccak256(abi.encode("verifier", seed, chunk)));
        if (_verifiers.length != 0 && random % 2 == 0) {
            verifier = _verifiers[(random >> 8) % _verifiers.length];
            if (verifierStatus[verifier.codehash] == VerifierStatus.Active) return verifier;
        }
        verifier = address(new StubVerifier(uint256(keccak256(abi.encode(models.length, chunk)))));
        _verifiers.push(verifier);
        vm.prank(owner);
        REGISTRY.addVerifier(verifier.codehash);
        _list(verifier.codehash);
    }

    /// @dev Sends proofs with the model's record, and books what must have been verified if they are taken.
    function _send(Inference memory inference, ChunkProof[] memory proofs, bool attest) internal returns (bool) {
        ModelId modelId = inference.modelId;
        bytes memory call = attest
            ? abi.encodeCall(REGISTRY.attest, (inference, recordOf(modelId), chunksOf(modelId), proofs))
            : abi.encodeCall(REGISTRY.prove, (inference, recordOf(modelId), chunksOf(modelId), proofs));
        (bool success,) = address(REGISTRY).call(call);
        if (!success) return false;
        _track(inference);
        if (!_usable(modelId)) violation = "a frozen model proved";
        InferenceId id = _idOf(inference);
        // Of a proven inference nothing more is looked at.
        for (uint256 i; i < proofs.length && !_isWhole(id); ++i) {
            _book(id, inference, proofs[i]);
        }
        InferenceStatus status = REGISTRY.stateOf(modelId, id).status;
        if (status < highest[id]) violation = "a status went back";
        highest[id] = status;
        return true;
    }

    /// @dev A proof that the registry let pass is either accepted by its verifier, for this key, root and context, or of a chunk that
    /// was accepted before, which is skipped.
    function _book(InferenceId id, Inference memory inference, ChunkProof memory proof) private {
        if ((verified[id] >> proof.chunk) & 1 == 1) return;
        if (proof.chunk >= chunkCountOf(inference.modelId)) {
            violation = "a chunk that does not exist passed";
            return;
        }
        ChunkSpec memory spec = chunkOf(inference.modelId, proof.chunk);
        uint256[] memory instances = _instances(inference, proof.publicValues);
        bool accepted;
        try StubVerifier(spec.verifier).verifyProof(keyOf(spec.keyHash), proof.proof, instances) returns (bool answer) {
            accepted = answer;
        } catch {}
        if (!accepted) {
            violation = "an unverified chunk passed";
        } else if (StubSetup.hashOf(_keyIn(proof.key)) != spec.keyHash) {
            violation = "a chunk passed with another key";
        } else if (verifierStatus[spec.codeHash] != VerifierStatus.Active) {
            violation = "a verifier that is not active verified";
        } else {
            verified[id] |= uint256(1) << proof.chunk;
            _values[id][proof.chunk] = proof.publicValues;
            _order[id].push(proof.chunk);
            if (_isWhole(id)) provenAt[id] = block.timestamp;
        }
    }

    /// @dev What a proof's key stands for: itself, or the code behind the first byte at an address.
    function _keyIn(bytes memory key) internal view returns (bytes memory actual) {
        if (key.length != 20) return key;
        address holder = address(bytes20(key));
        uint256 size = holder.code.length;
        if (size == 0) return "";
        actual = new bytes(size - 1);
        assembly ("memory-safe") {
            extcodecopy(holder, add(actual, 0x20), 1, sub(size, 1))
        }
    }

    /// @dev The one contract that has the key.
    function _holderOf(bytes32 keyHash) internal returns (address holder) {
        holder = _holders[keyHash];
        if (holder != address(0)) return holder;
        holder = address(new StubKey(keyOf(keyHash)));
        _holders[keyHash] = holder;
    }

    function _idOf(Inference memory inference) internal view returns (InferenceId) {
        return InferenceIdLibrary.derive(inference.modelId, inference.root, _contextOf(inference));
    }

    function _contextOf(Inference memory inference) private view returns (Context) {
        return ContextLibrary.derive(
            block.chainid, address(REGISTRY), inference.modelId, inference.requester, inference.nonce
        );
    }

    function _instances(Inference memory inference, uint256[] memory values)
        internal
        view
        returns (uint256[] memory instances)
    {
        instances = new uint256[](values.length + 2);
        instances[0] = inference.root;
        instances[1] = Context.unwrap(_contextOf(inference));
        for (uint256 i; i < values.length; ++i) {
            instances[i + 2] = values[i];
        }
    }

    function _honest(Inference memory inference, uint16 chunk) internal view returns (ChunkProof memory) {
        ChunkSpec memory spec = chunkOf(inference.modelId, chunk);
        uint256[] memory values = new uint256[](spec.numPublic);
        for (uint256 i; i < values.length; ++i) {
            values[i] = uint256(keccak256(abi.encode(inference.modelId, inference.root, chunk, i))) >> 16;
        }
        expose(inference.root, chunk, chunkCountOf(inference.modelId) - 1, values);
        bytes memory key = keyOf(spec.keyHash);
        bytes memory proof = StubVerifier(spec.verifier).proofFor(key, _instances(inference, values));
        return ChunkProof({chunk: chunk, key: key, proof: proof, publicValues: values});
    }
}
