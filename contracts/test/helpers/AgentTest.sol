// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {Evidence} from "../../src/libraries/ShownTensors.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    ModelRecord,
    ModelRegistration,
    ShownInference,
    TensorSpec,
    Visibility
} from "../../src/types/RegistryTypes.sol";
import {StubSetup} from "../stubs/StubKey.sol";

/// @notice TEST ONLY, proves nothing: takes every proof.
contract CredulousVerifier is IHalo2SharedVerifier {
    function verifyProof(bytes calldata, bytes calldata, uint256[] calldata) external pure override returns (bool) {
        return true;
    }

    /// @dev Two identities, for which every pairing holds.
    function accumulate(bytes calldata, bytes calldata, uint256[] calldata)
        external
        pure
        override
        returns (uint256[4] memory)
    {}
}

/// @notice A registry with one model whose proofs all pass, and what callers of adapters show of its inferences: what they prove is
/// what the tests say, whether or not any circuit would.
/// @dev Chunk 0 exposes a committed input, chunk 1 a public input of two words, chunk 2 a public output of one word and a committed
/// output, chunk 3 nothing.
abstract contract AgentTest is Test {
    address internal constant OWNER = address(0x0E4);
    address internal constant GUARDIAN = address(0x6A4D);
    address internal constant REGISTRANT = address(0xA11CE);
    address internal constant REQUESTER = address(0xB0B);
    address internal constant RELAYER = address(0xCA11);
    uint256 internal constant NONCE = 7;

    /// @dev What one execution leaves behind.
    struct Run {
        uint256 root;
        uint256[][] inputs;
        uint256[][] outputs;
    }

    IChainferRegistry internal registry;
    ModelId internal modelId;
    Run internal run;
    bytes private _registration;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        bytes32[] memory shapes = new bytes32[](1);
        address verifier = address(new CredulousVerifier());
        shapes[0] = verifier.codehash;
        registry = _deploy(shapes);
        _registration = abi.encode(_registrationWith(verifier));
        modelId = registerAs("model");
        run = runOf("image", "hint");
    }

    // ------------------------------------------------------------------------------------------------------ Models

    /// @dev The same model under another manifest.
    function registerAs(bytes32 manifestId) internal returns (ModelId) {
        ModelRegistration memory registration = _model();
        registration.manifestId = manifestId;
        vm.prank(REGISTRANT);
        return registry.registerModel(registration);
    }

    function deprecate() internal {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        vm.warp(block.timestamp + 1);
    }

    function freeze() internal {
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
    }

    function unfreeze() internal {
        vm.prank(OWNER);
        registry.unfreezeModel(modelId);
    }

    /// @dev Freezes the model by a second inference, with the inputs of the run and another output.
    function contradict(InferenceId first) internal {
        Run memory other = runOf("image", "hint");
        other.outputs[0][0] ^= 1;
        other.root ^= 1;
        InferenceId second = attest(other, RELAYER, NONCE);
        registry.reportContradiction(
            modelId,
            ShownInference(first, valuesOf(run)),
            ShownInference(second, valuesOf(other)),
            0,
            record(),
            _model().inputs,
            _model().outputs
        );
    }

    // -------------------------------------------------------------------------------------------------- Inferences

    function runOf(bytes32 image, bytes32 hint) internal pure returns (Run memory made) {
        made.root = _word("root", keccak256(abi.encode(image, hint)));
        (made.inputs, made.outputs) = (new uint256[][](2), new uint256[][](2));
        (made.inputs[0], made.inputs[1]) = (new uint256[](1), new uint256[](2));
        (made.outputs[0], made.outputs[1]) = (new uint256[](1), new uint256[](1));
        made.inputs[0][0] = _word("image", image);
        (made.inputs[1][0], made.inputs[1][1]) = (_word("hint", hint), 5);
        made.outputs[0][0] = _word("scores", image);
        made.outputs[1][0] = _word("embedding", image);
    }

    function attest(Run memory made, address requester, uint256 nonce) internal returns (InferenceId) {
        return attestChunks(made, requester, nonce, 4);
    }

    /// @dev The first `count` chunks. With three of four, everything public is proven, but not that it belongs together.
    function attestChunks(Run memory made, address requester, uint256 nonce, uint256 count)
        internal
        returns (InferenceId)
    {
        ModelRegistration memory registration = _model();
        ChunkValues[] memory values = valuesOf(made);
        ChunkProof[] memory proofs = new ChunkProof[](count);
        for (uint16 i; i < count; ++i) {
            proofs[i] = ChunkProof({chunk: i, key: _key(), proof: "", publicValues: values[i].values});
        }
        return registry.attest(Inference(modelId, made.root, requester, nonce), record(), registration.chunks, proofs);
    }

    function idOf(address requester, uint256 nonce) internal view returns (InferenceId) {
        return registry.inferenceIdOf(Inference(modelId, run.root, requester, nonce));
    }

    // ---------------------------------------------------------------------------------------------- What is shown

    function record() internal view returns (ModelRecord memory) {
        ModelRegistration memory registration = _model();
        return ModelRecord({
            keySet: registration.keySet,
            chunks: _digestOf(abi.encode(registration.chunks)),
            inputs: _digestOf(abi.encode(registration.inputs)),
            outputs: _digestOf(abi.encode(registration.outputs)),
            leafLengths: _digestOf(abi.encode(registration.leafLengths))
        });
    }

    function shownInputs() internal view returns (Evidence memory) {
        return Evidence(record(), _model().inputs, valuesOf(run));
    }

    function shownOutputs() internal view returns (Evidence memory) {
        return Evidence(record(), _model().outputs, valuesOf(run));
    }

    function valuesOf(Run memory made) internal pure returns (ChunkValues[] memory values) {
        values = new ChunkValues[](4);
        uint256[] memory last = new uint256[](2);
        (last[0], last[1]) = (made.outputs[0][0], made.outputs[1][0]);
        values[0] = ChunkValues(0, bytes32(0), made.inputs[0]);
        values[1] = ChunkValues(1, bytes32(0), made.inputs[1]);
        values[2] = ChunkValues(2, bytes32(0), last);
        values[3] = ChunkValues(3, bytes32(0), new uint256[](0));
    }

    /// @dev Without the last chunk.
    function partOf(ChunkValues[] memory values) internal pure returns (ChunkValues[] memory part) {
        part = new ChunkValues[](3);
        for (uint256 i; i < 3; ++i) {
            part[i] = values[i];
        }
    }

    /// @dev Shows the digest of a chunk instead of its values.
    function hide(ChunkValues memory values) internal pure {
        (values.digest, values.values) = (keccak256(abi.encodePacked(values.values)), new uint256[](0));
    }

    function assertEqId(InferenceId a, InferenceId b) internal pure {
        assertEq(InferenceId.unwrap(a), InferenceId.unwrap(b));
    }

    // --------------------------------------------------------------------------------------------------- Internals

    /// @dev The registry as it is deployed, from its artefact.
    function _deploy(bytes32[] memory shapes) private returns (IChainferRegistry deployed) {
        bytes memory code = vm.parseJsonBytes(vm.readFile("contracts/artefacts/ChainferRegistry.json"), ".bytecode");
        code = bytes.concat(code, abi.encode(OWNER, GUARDIAN, shapes));
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        assertNotEq(address(deployed), address(0));
    }

    function _registrationWith(address verifier) private view returns (ModelRegistration memory registration) {
        registration.keySet = 1;
        registration.uri = "ipfs://bundle";
        registration.chunks = new ChunkSpec[](4);
        for (uint256 i; i < 4; ++i) {
            registration.chunks[i] = ChunkSpec({
                verifier: verifier,
                codeHash: verifier.codehash,
                keyHash: keccak256(bytes.concat(hex"00", _key())),
                numPublic: [uint32(1), 2, 2, 0][i],
                hidingBudget: 64
            });
        }
        registration.leafLengths = new uint32[](4);
        registration.inputs = new TensorSpec[](2);
        registration.outputs = new TensorSpec[](2);
        registration.inputs[0] = _tensor(registration, 0, 0, 0, 31, Visibility.Committed);
        registration.inputs[1] = _tensor(registration, 1, 1, 0, 20, Visibility.Public);
        registration.outputs[0] = _tensor(registration, 2, 2, 0, 10, Visibility.Public);
        registration.outputs[1] = _tensor(registration, 3, 2, 1, 16, Visibility.Committed);
    }

    function _tensor(
        ModelRegistration memory registration,
        uint32 leaf,
        uint16 chunk,
        uint32 offset,
        uint32 length,
        Visibility visibility
    ) private pure returns (TensorSpec memory) {
        registration.leafLengths[leaf] = length;
        return TensorSpec({
            leaf: leaf, chunk: chunk, offset: offset, length: length, zeroPoint: 0, visibility: visibility, scaleWad: 1
        });
    }

    function _model() private view returns (ModelRegistration memory) {
        return abi.decode(_registration, (ModelRegistration));
    }

    function _key() private pure returns (bytes memory) {
        return bytes.concat(StubSetup.SRS, new bytes(128));
    }

    /// @dev keccak256 of an encoded list without its offset and length.
    function _digestOf(bytes memory encoded) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(add(encoded, 0x60), sub(mload(encoded), 0x40))
        }
    }

    function _word(bytes32 name, bytes32 seed) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(name, seed))) >> 96;
    }
}
