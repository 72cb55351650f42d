// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    Inference,
    ModelRecord,
    ModelRegistration,
    VerifierStatus
} from "../../src/types/RegistryTypes.sol";
import {StubKey, StubSetup} from "../stubs/StubKey.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";
import {ConsumerHandler} from "./ConsumerHandler.sol";

/// @notice Drives the registry with honest and dishonest calls by several accounts. What it expects of each call comes from the
/// books.
contract RegistryHandler is ConsumerHandler {
    uint256 internal constant MAX_MODELS = 6;

    constructor() {
        vm.warp(1_800_000_000);
        _register(3, 0, address(this));
        _register(1, 1, address(this));
        _register(MANY, 2, address(this));
    }

    // ------------------------------------------------------------------------------------------------------ Models

    function register(uint256 chunks, uint256 seed, uint256 who) external {
        // Nobody lists shapes any more once nobody owns.
        if (models.length >= MAX_MODELS || owner == address(0)) return;
        _register(chunks % 5 == 4 ? MANY : 1 + chunks % 5, seed, _actor(who));
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

    /// @dev Honest proofs: of all chunks, or of a random, possibly repetitive choice. Some keys are in contracts.
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
            if ((chunks >> (128 + i)) & 3 == 0) {
                proofs[i].key = abi.encodePacked(_holderOf(StubSetup.hashOf(proofs[i].key)));
            }
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
        how %= 6;
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
        } else {
            proofs[1].publicValues = new uint256[](0);
        }
        if (_send(inference, proofs, attest)) ++calls["dishonest call that went through"];
        else ++calls["dishonest call that was refused"];
    }

    /// @dev A good proof under another key than the chunk's: of a key that is altered, cut, too long or another chunk's, in calldata or
    /// in a contract, or in one that had the right key before; or under the right one, at an address that has none.
    function proveWithAnotherKey(uint256 which, uint256 root, uint256 how, bool attest, uint256 who)
        external
        asSomeone(who)
    {
        Inference memory inference = _pick(which, root, how >> 32);
        uint256 chunk = (how >> 8) % chunkCountOf(inference.modelId);
        ChunkProof[] memory proofs = new ChunkProof[](1);
        ChunkProof memory proof = proofs[0] = _honest(inference, uint16(chunk));
        bytes32 keyHash = chunkOf(inference.modelId, chunk).keyHash;
        bytes memory key = _alter(proof.key, how);
        if (key.length >= 384) {
            address verifier = chunkOf(inference.modelId, chunk).verifier;
            proof.proof = StubVerifier(verifier).proofFor(key, _instances(inference, proof.publicValues));
        }
        how = (how >> 40) % 4;
        address holder = _holderOf(keyHash);
        if (how == 0) proof.key = key;
        else if (how == 1) proof.key = abi.encodePacked(new StubKey(key));
        else if (how == 2) vm.etch(holder, bytes.concat(hex"00", key));
        else holder = address(uint160(who | 1 << 100));
        if (how >= 2) proof.key = abi.encodePacked(holder);
        if (how == 3) proof.proof = _honest(inference, uint16(chunk)).proof;
        if (_send(inference, proofs, attest)) ++calls["another key, skipped"];
        else ++calls["another key"];
        if (how == 2) vm.etch(holder, bytes.concat(hex"00", keyOf(keyHash)));
    }

    /// @dev Another key, which may not be one at all.
    function _alter(bytes memory key, uint256 how) private view returns (bytes memory altered) {
        altered = bytes.concat(key, hex"00");
        uint256 length = key.length;
        uint256 kind = (how >> 44) % 4;
        if (kind == 0) altered[(how >> 48) % length] ^= 0x01;
        if (kind == 1) return keyOf(chunkOf(models[(how >> 48) % models.length], 0).keyHash);
        if (kind == 2) length = (how >> 48) % length;
        if (kind == 3) length += 1;
        assembly ("memory-safe") {
            mstore(altered, length)
        }
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

    // ------------------------------------------------------------------------------------------------------ Choices

    function _pick(uint256 which, uint256 root, uint256 nonce) private view returns (Inference memory) {
        return Inference({
            modelId: models[which % models.length],
            root: rootOf(root % HONEST),
            requester: _actor(nonce % 2),
            nonce: nonce % 2
        });
    }
}
