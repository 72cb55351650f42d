// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {ChainferRegistry} from "../../src/ChainferRegistry.sol";
import {Context} from "../../src/types/Context.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ModelRegistration,
    TensorSpec,
    VerifierStatus,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {StubKey} from "../stubs/StubKey.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";

/// @notice A registry, stub-verified models, and honest proofs for them.
abstract contract RegistryTest is Test {
    uint256 internal constant R =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;

    address internal constant OWNER = address(0x0E4);
    address internal constant GUARDIAN = address(0x6A4D);
    address internal constant REGISTRANT = address(0xA11CE);
    address internal constant REQUESTER = address(0xB0B);
    address internal constant RELAYER = address(0xCA11);
    uint256 internal constant ROOT = uint256(keccak256("root")) >> 8;
    uint256 internal constant NONCE = 7;

    ChainferRegistry internal registry;

    function setUp() public virtual {
        registry = new ChainferRegistry(OWNER, GUARDIAN, new bytes32[](0));
        vm.warp(1_800_000_000);
    }

    // ------------------------------------------------------------------------------------------------------ Models

    /// @dev A registration with stubs for verifiers and keys, all different. No inputs; the public values of each chunk that has
    /// any are one output. A model without public values has one leaf of ten values.
    function registrationOf(bytes32 manifestId, uint32[] memory numPublic)
        internal
        returns (ModelRegistration memory registration)
    {
        registration.manifestId = manifestId;
        registration.uri = "ipfs://bundle";
        registration.chunks = new ChunkSpec[](numPublic.length);
        for (uint256 i; i < numPublic.length; ++i) {
            registration.chunks[i] = stubSpec(uint256(keccak256(abi.encode(manifestId, i))), numPublic[i]);
        }
        describeOutputs(registration);
    }

    /// @dev Makes the public values of each chunk one public output.
    function describeOutputs(ModelRegistration memory registration) internal pure {
        uint256 count;
        for (uint256 i; i < registration.chunks.length; ++i) {
            if (registration.chunks[i].numPublic != 0) ++count;
        }
        registration.leafLengths = uniform(count == 0 ? 1 : count, 10);
        registration.outputs = new TensorSpec[](count);
        uint32 leaf;
        for (uint16 i; leaf < count; ++i) {
            uint32 words = registration.chunks[i].numPublic;
            if (words == 0) continue;
            registration.outputs[leaf] = wordsAt(leaf, i, 0, words);
            registration.leafLengths[leaf++] = 15 * words;
        }
    }

    /// @dev A public tensor that fills so many words.
    function wordsAt(uint32 leaf, uint16 chunk, uint32 offset, uint32 words) internal pure returns (TensorSpec memory) {
        return TensorSpec({
            name: "words",
            shape: shapeOf(15 * words),
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
        address key = address(new StubKey(bytes32(seed)));
        allow(verifier.codehash);
        return ChunkSpec({
            verifier: verifier,
            codeHash: verifier.codehash,
            key: key,
            keyCodeHash: key.codehash,
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
        vm.prank(REGISTRANT);
        return registry.registerModel(registration);
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
            name: "image",
            shape: shapeOf(4, 5),
            leaf: 0,
            chunk: 0,
            offset: 0,
            length: 20,
            zeroPoint: 0,
            visibility: Visibility.Committed,
            scaleWad: 1e18
        });
    }

    function scores(uint16 chunk) internal pure returns (TensorSpec memory) {
        return TensorSpec({
            name: "scores",
            shape: shapeOf(10),
            leaf: 0,
            chunk: chunk,
            offset: 0,
            length: 10,
            zeroPoint: 100,
            visibility: Visibility.Public,
            scaleWad: 0.25e18
        });
    }

    function shapeOf(uint32 length) internal pure returns (uint32[] memory shape) {
        shape = uniform(1, length);
    }

    function shapeOf(uint32 rows, uint32 columns) internal pure returns (uint32[] memory shape) {
        shape = uniform(2, rows);
        shape[1] = columns;
    }

    function uniform(uint256 count, uint32 numPublic) internal pure returns (uint32[] memory list) {
        list = new uint32[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = numPublic;
        }
    }

    // ------------------------------------------------------------------------------------------------------ Proofs

    /// @dev Public values that a deterministic circuit would give for a root.
    function honestValues(ModelId modelId, uint256 root, uint256 chunk)
        internal
        view
        returns (uint256[] memory values)
    {
        values = new uint256[](registry.chunkSpec(modelId, chunk).numPublic);
        for (uint256 i; i < values.length; ++i) {
            values[i] = uint256(keccak256(abi.encode(modelId, root, chunk, i))) >> 16;
        }
    }

    function proofWith(
        ModelId modelId,
        uint256 root,
        address requester,
        uint256 nonce,
        uint16 chunk,
        uint256[] memory values
    ) internal view returns (ChunkProof memory) {
        uint256[] memory instances = new uint256[](values.length + 2);
        instances[0] = root;
        instances[1] = Context.unwrap(registry.contextOf(modelId, requester, nonce));
        for (uint256 i; i < values.length; ++i) {
            instances[i + 2] = values[i];
        }
        ChunkSpec memory spec = registry.chunkSpec(modelId, chunk);
        return ChunkProof({chunk: chunk, proof: proofFor(spec, instances), publicValues: values});
    }

    function proofFor(ChunkSpec memory spec, uint256[] memory instances) internal view virtual returns (bytes memory) {
        return StubVerifier(spec.verifier).proofFor(spec.key, instances);
    }

    function honestProof(ModelId modelId, uint256 root, uint16 chunk) internal view returns (ChunkProof memory) {
        return proofWith(modelId, root, REQUESTER, NONCE, chunk, honestValues(modelId, root, chunk));
    }

    function honestProofs(ModelId modelId, uint256 root) internal view returns (ChunkProof[] memory proofs) {
        proofs = new ChunkProof[](registry.model(modelId).chunkCount);
        for (uint16 i; i < proofs.length; ++i) {
            proofs[i] = honestProof(modelId, root, i);
        }
    }

    function only(ChunkProof memory proof) internal pure returns (ChunkProof[] memory proofs) {
        proofs = new ChunkProof[](1);
        proofs[0] = proof;
    }

    function idOf(ModelId modelId, uint256 root) internal view returns (InferenceId) {
        return registry.inferenceIdOf(modelId, root, registry.contextOf(modelId, REQUESTER, NONCE));
    }

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
