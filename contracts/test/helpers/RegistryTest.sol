// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {ITensorOpenings} from "../../src/interfaces/ITensorOpenings.sol";
import {Context, ContextLibrary} from "../../src/types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    InferenceState,
    InferenceStatus,
    ModelRegistration,
    ShownInference,
    TensorSpec,
    VerifierStatus,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {StubSetup} from "../stubs/StubKey.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";
import {ModelBook} from "./ModelBook.sol";
import {Records} from "./Records.sol";

/// @notice A registry, stub-verified models, and honest proofs for them.
/// @dev Nothing here calls the registry but
/// `register`, `commit`, `prove`, `attest` and what reads states: a prank or an expected revert before one of them meets that call, if
/// its proofs are made before.
abstract contract RegistryTest is ModelBook {
    uint256 internal constant R =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;

    address internal constant OWNER = address(0x0E4);
    address internal constant GUARDIAN = address(0x6A4D);
    address internal constant REGISTRANT = address(0xA11CE);
    address internal constant REQUESTER = address(0xB0B);
    address internal constant RELAYER = address(0xCA11);
    uint256 internal constant ROOT = uint256(keccak256("root")) >> 8;
    uint256 internal constant NONCE = 7;

    IChainferRegistry internal registry;
    ITensorOpenings internal openings;

    function setUp() public virtual {
        registry = newRegistry(OWNER, GUARDIAN, new bytes32[](0));
        openings = registry.openings();
        vm.warp(1_800_000_000);
    }

    /// @dev From its artefact: importing the source would compile the test with the registry's settings.
    function newRegistry(address owner, address guardian, bytes32[] memory codeHashes)
        internal
        returns (IChainferRegistry)
    {
        bytes memory arguments = abi.encode(owner, guardian, codeHashes);
        return IChainferRegistry(vm.deployCode("ChainferRegistry.sol:ChainferRegistry", arguments));
    }

    // ------------------------------------------------------------------------------------------------------ Models

    /// @dev A registration with stubs for verifiers and keys, all different. The public values of each chunk that has any are one
    /// tensor, as `describeTensors` says.
    function registrationOf(bytes32 manifestId, uint32[] memory numPublic)
        internal
        returns (ModelRegistration memory registration)
    {
        registration.manifestId = manifestId;
        registration.keySet = uint256(keccak256(abi.encode("key set", manifestId))) >> 8;
        registration.uri = "ipfs://bundle";
        registration.chunks = new ChunkSpec[](numPublic.length);
        for (uint256 i; i < numPublic.length; ++i) {
            registration.chunks[i] = stubSpec(uint256(keccak256(abi.encode(manifestId, i))), numPublic[i]);
        }
        describeTensors(registration);
    }

    /// @dev Makes the public values of each chunk one public tensor: those of the first chunk that has any the input, the others
    /// outputs. Without public values there is no input, which no registry takes, and one leaf of ten values.
    function describeTensors(ModelRegistration memory registration) internal pure {
        uint256 count;
        for (uint256 i; i < registration.chunks.length; ++i) {
            if (registration.chunks[i].numPublic != 0) ++count;
        }
        registration.leafLengths = uniform(count == 0 ? 1 : count, 10);
        registration.inputs = new TensorSpec[](count == 0 ? 0 : 1);
        registration.outputs = new TensorSpec[](count == 0 ? 0 : count - 1);
        uint32 leaf;
        for (uint16 i; leaf < count; ++i) {
            uint32 words = registration.chunks[i].numPublic;
            if (words == 0) continue;
            TensorSpec memory spec = wordsAt(leaf, i, 0, words);
            if (leaf == 0) registration.inputs[0] = spec;
            else registration.outputs[leaf - 1] = spec;
            registration.leafLengths[leaf++] = 15 * words;
        }
    }

    /// @dev A public tensor that fills so many words.
    function wordsAt(uint32 leaf, uint16 chunk, uint32 offset, uint32 words) internal pure returns (TensorSpec memory) {
        return TensorSpec({
            leaf: leaf,
            chunk: chunk,
            offset: offset,
            length: 15 * words,
            zeroPoint: 0,
            visibility: Visibility.Public,
            scaleWad: 1
        });
    }

    function stubSpec(uint256 seed, uint32 numPublic) internal returns (ChunkSpec memory) {
        address verifier = newVerifier(seed);
        allow(verifier.codehash);
        return ChunkSpec({
            verifier: verifier,
            codeHash: verifier.codehash,
            keyHash: noteKey(StubSetup.key(bytes32(seed))),
            numPublic: numPublic,
            hidingBudget: 64
        });
    }

    /// @dev Lists a verifier shape, if it is not.
    function allow(bytes32 codeHash) internal {
        if (registry.verifierStatus(codeHash) != VerifierStatus.Unknown) return;
        vm.prank(OWNER);
        registry.addVerifier(codeHash);
    }

    function newVerifier(uint256 seed) internal virtual returns (address) {
        return address(new StubVerifier(seed));
    }

    function register(ModelRegistration memory registration) internal returns (ModelId) {
        return registerAs(REGISTRANT, registration);
    }

    function registerAs(address registrant, ModelRegistration memory registration) internal returns (ModelId modelId) {
        vm.prank(registrant);
        modelId = registry.registerModel(registration);
        noteModel(modelId, registration);
    }

    /// @dev Three chunks: the first reads a committed input, the last writes ten public scores. Five leaves: the input, three
    /// tensors that cross cuts, the scores.
    function classifierRegistration() internal returns (ModelRegistration memory registration) {
        uint32[] memory numPublic = new uint32[](3);
        numPublic[0] = 1;
        numPublic[2] = 1;
        registration = registrationOf("classifier", numPublic);
        registration.leafLengths = new uint32[](5);
        for (uint32 i; i < 4; ++i) {
            registration.leafLengths[i] = 20 + i;
        }
        registration.leafLengths[4] = 10;
        registration.inputs = new TensorSpec[](1);
        registration.inputs[0] = image();
        registration.outputs = new TensorSpec[](1);
        registration.outputs[0] = scores(2);
        registration.outputs[0].leaf = 4;
    }

    function image() internal pure returns (TensorSpec memory) {
        return TensorSpec({
            leaf: 0, chunk: 0, offset: 0, length: 20, zeroPoint: 0, visibility: Visibility.Committed, scaleWad: 1e18
        });
    }

    function scores(uint16 chunk) internal pure returns (TensorSpec memory) {
        return TensorSpec({
            leaf: 0,
            chunk: chunk,
            offset: 0,
            length: 10,
            zeroPoint: 100,
            visibility: Visibility.Public,
            scaleWad: 0.25e18
        });
    }

    function uniform(uint256 count, uint32 value) internal pure returns (uint32[] memory list) {
        list = new uint32[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = value;
        }
    }

    /// @dev Numbers of public values of 256 chunks, of which only the first and the last have any: if all had, the model would be too large.
    function mostChunks(uint32 words) internal pure returns (uint32[] memory numPublic) {
        numPublic = new uint32[](256);
        (numPublic[0], numPublic[255]) = (words, words);
    }

    // -------------------------------------------------------------------------------------------------- Inferences

    function inferenceOf(ModelId modelId, uint256 root) internal pure returns (Inference memory) {
        return Inference(modelId, root, REQUESTER, NONCE);
    }

    function contextOf(ModelId modelId, address requester, uint256 nonce) internal view returns (Context) {
        return ContextLibrary.derive(block.chainid, address(registry), modelId, requester, nonce);
    }

    function idOf(Inference memory inference) internal view returns (InferenceId) {
        Context context = contextOf(inference.modelId, inference.requester, inference.nonce);
        return InferenceIdLibrary.derive(inference.modelId, inference.root, context);
    }

    function idOf(ModelId modelId, uint256 root) internal view returns (InferenceId) {
        return idOf(inferenceOf(modelId, root));
    }

    function commit(ModelId modelId, uint256 root) internal returns (InferenceId) {
        return registry.commit(inferenceOf(modelId, root));
    }

    function prove(Inference memory inference, ChunkProof[] memory proofs) internal returns (InferenceId) {
        return registry.prove(inference, recordOf(inference.modelId), chunksOf(inference.modelId), proofs);
    }

    function prove(ModelId modelId, uint256 root, ChunkProof[] memory proofs) internal returns (InferenceId) {
        return prove(inferenceOf(modelId, root), proofs);
    }

    function attest(Inference memory inference, ChunkProof[] memory proofs) internal returns (InferenceId) {
        return registry.attest(inference, recordOf(inference.modelId), chunksOf(inference.modelId), proofs);
    }

    function attest(ModelId modelId, uint256 root, ChunkProof[] memory proofs) internal returns (InferenceId) {
        return attest(inferenceOf(modelId, root), proofs);
    }

    function stateOf(ModelId modelId, uint256 root) internal view returns (InferenceState memory) {
        return registry.stateOf(modelId, idOf(modelId, root));
    }

    function statusOf(ModelId modelId, InferenceId id) internal view returns (InferenceStatus) {
        return registry.stateOf(modelId, id).status;
    }

    function isProven(ModelId modelId, InferenceId id) internal view returns (bool) {
        return statusOf(modelId, id) == InferenceStatus.Proven;
    }

    // ------------------------------------------------------------------------------------------------------ Proofs

    /// @dev Public values that a deterministic circuit would give for a root.
    function honestValues(ModelId modelId, uint256 root, uint256 chunk)
        internal
        view
        returns (uint256[] memory values)
    {
        values = new uint256[](chunkOf(modelId, chunk).numPublic);
        for (uint256 i; i < values.length; ++i) {
            values[i] = uint256(keccak256(abi.encode(modelId, root, chunk, i))) >> 16;
        }
    }

    /// @dev The key in calldata; see `holderOf` for the other form.
    function proofWith(Inference memory inference, uint16 chunk, uint256[] memory values)
        internal
        view
        returns (ChunkProof memory)
    {
        uint256[] memory instances = new uint256[](values.length + 2);
        instances[0] = inference.root;
        instances[1] = Context.unwrap(contextOf(inference.modelId, inference.requester, inference.nonce));
        for (uint256 i; i < values.length; ++i) {
            instances[i + 2] = values[i];
        }
        ChunkSpec memory spec = chunkOf(inference.modelId, chunk);
        return
            ChunkProof({chunk: chunk, key: keyOf(spec.keyHash), proof: proofFor(spec, instances), publicValues: values});
    }

    function proofFor(ChunkSpec memory spec, uint256[] memory instances) internal view virtual returns (bytes memory) {
        return StubVerifier(spec.verifier).proofFor(keyOf(spec.keyHash), instances);
    }

    function honestProof(ModelId modelId, uint256 root, uint16 chunk) internal view returns (ChunkProof memory) {
        return proofWith(inferenceOf(modelId, root), chunk, honestValues(modelId, root, chunk));
    }

    function honestProofs(ModelId modelId, uint256 root) internal view returns (ChunkProof[] memory proofs) {
        proofs = new ChunkProof[](chunkCountOf(modelId));
        for (uint16 i; i < proofs.length; ++i) {
            proofs[i] = honestProof(modelId, root, i);
        }
    }

    function only(ChunkProof memory proof) internal pure returns (ChunkProof[] memory proofs) {
        proofs = new ChunkProof[](1);
        proofs[0] = proof;
    }

    // ------------------------------------------------------------------------------------------------ Shown values

    /// @dev The values of all chunks, as they are shown if the chunks were proven in the model's order.
    function shown(uint256[][] memory values) internal pure returns (ChunkValues[] memory list) {
        list = new ChunkValues[](values.length);
        for (uint16 i; i < values.length; ++i) {
            list[i] = ChunkValues({chunk: i, digest: 0, values: values[i]});
        }
    }

    /// @dev What the proofs show, in their order.
    function shown(ChunkProof[] memory proofs) internal pure returns (ChunkValues[] memory list) {
        list = new ChunkValues[](proofs.length);
        for (uint256 i; i < proofs.length; ++i) {
            list[i] = ChunkValues({chunk: proofs[i].chunk, digest: 0, values: proofs[i].publicValues});
        }
    }

    function shown(InferenceId id, uint256[][] memory values) internal pure returns (ShownInference memory) {
        return ShownInference(id, shown(values));
    }

    /// @dev The honest values of all chunks of a model.
    function shownHonestly(ModelId modelId, uint256 root) internal view returns (ChunkValues[] memory) {
        uint256[][] memory values = new uint256[][](chunkCountOf(modelId));
        for (uint256 i; i < values.length; ++i) {
            values[i] = honestValues(modelId, root, i);
        }
        return shown(values);
    }

    /// @dev The digest of an entry's values instead of them.
    function digested(ChunkValues memory entry) internal pure returns (ChunkValues memory) {
        return ChunkValues(entry.chunk, Records.digestOf(entry.values), new uint256[](0));
    }

    // ----------------------------------------------------------------------------------------------------- Various

    function pack(uint256[] memory values) internal pure returns (uint256 word) {
        for (uint256 i = values.length; i > 0; --i) {
            word = word << 16 | values[i - 1];
        }
    }

    function assertEqId(InferenceId a, InferenceId b) internal pure {
        assertEq(InferenceId.unwrap(a), InferenceId.unwrap(b));
    }

    function assertEqModel(ModelId a, ModelId b) internal pure {
        assertEq(ModelId.unwrap(a), ModelId.unwrap(b));
    }
}
