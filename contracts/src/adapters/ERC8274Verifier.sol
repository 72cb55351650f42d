// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IProofVerifier} from "../interfaces/standards/IERC8274.sol";
import {ShownTensors} from "../libraries/ShownTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkValues, Inference, Model, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";

/// @title ERC8274Verifier
/// @notice The registry as a proof system of ERC-8274. `metadata` is `abi.encode(modelId)`; `proof` is `abi.encode(Proof)`: which
/// inference it is, and what shows its inputs and outputs. The chunk proofs themselves go to the registry, before.
/// @dev True: the registry attests the inference, and these are the hashes of its inputs and outputs. False: it does not, or they
/// are not. That is no proof of the contrary, and anybody can bring it about, so nothing that cannot be undone should follow from
/// it. It reverts if there is no such model, if the evidence is malformed or not what was proven, or if gas runs out: none
/// of these is a verdict.
contract ERC8274Verifier is IProofVerifier, IERC165 {
    /// @notice The bytes are not `abi.encode(Proof)`.
    error MalformedProof();

    /// @notice The contents of a proof.
    /// @param root The root of the inference.
    /// @param requester The account that it is credited to.
    /// @param nonce The requester's nonce.
    /// @param record The model's record.
    /// @param inputs Its part with the inputs.
    /// @param outputs Its part with the outputs.
    /// @param values The public values of the inference; of chunks without inputs and outputs, the digests are enough.
    struct Proof {
        uint256 root;
        address requester;
        uint256 nonce;
        ModelRecord record;
        TensorSpec[] inputs;
        TensorSpec[] outputs;
        ChunkValues[] values;
    }

    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable CHAINFER;

    string private constant PROOF_SYSTEM = "zk/chainfer";
    /// @dev Domain separation of input hashes.
    bytes32 private constant INPUT_DOMAIN = keccak256("chainfer.erc8274.input.v1");

    constructor(IChainferRegistry chainfer) {
        CHAINFER = chainfer;
    }

    /// @inheritdoc IProofVerifier
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        override
        returns (bool)
    {
        ModelId modelId = abi.decode(metadata, (ModelId));
        Proof calldata evidence = _evidenceIn(proof);
        InferenceId id = CHAINFER.inferenceIdOf(Inference(modelId, evidence.root, evidence.requester, evidence.nonce));
        Model memory model = CHAINFER.model(modelId);
        if (model.frozen || !ShownTensors.hasCounted(model, CHAINFER.stateOf(modelId, id))) return false;

        ShownTensors.check(CHAINFER, modelId, id, evidence.record, evidence.values);
        return _inputHashIn(modelId, evidence) == inputHash && _outputHashIn(modelId, evidence) == outputHash;
    }

    /// @notice The commitment to the inputs of a request. It holds requester and nonce: whoever fixes it for a task fixes which request
    /// is meant, so the inference of one task is none of another.
    /// @param inputs The words of each input: packed values of a public one, the leaf of a committed one.
    function inputHashOf(ModelId modelId, address requester, uint256 nonce, uint256[][] memory inputs)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(INPUT_DOMAIN, modelId, requester, nonce, inputs));
    }

    /// @notice The commitment to outputs.
    /// @param outputs The words of each output, as for the inputs.
    function outputHashOf(uint256[][] memory outputs) public pure returns (bytes32) {
        return keccak256(abi.encode(outputs));
    }

    /// @inheritdoc IProofVerifier
    function proofSystem() external pure override returns (string memory) {
        return PROOF_SYSTEM;
    }

    /// @inheritdoc IProofVerifier
    function proofProfile() external view override returns (bytes32) {
        return keccak256(abi.encodePacked(PROOF_SYSTEM, keccak256(abi.encode(block.chainid, CHAINFER))));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure override returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IProofVerifier).interfaceId;
    }

    function _inputHashIn(ModelId modelId, Proof calldata evidence) private pure returns (bytes32) {
        uint256[][] memory words =
            ShownTensors.wordsOf(modelId, evidence.inputs, evidence.record.inputs, evidence.values);
        return inputHashOf(modelId, evidence.requester, evidence.nonce, words);
    }

    function _outputHashIn(ModelId modelId, Proof calldata evidence) private pure returns (bytes32) {
        return outputHashOf(ShownTensors.wordsOf(modelId, evidence.outputs, evidence.record.outputs, evidence.values));
    }

    /// @dev The evidence where it is, in calldata. It must be all of the proof, in the one encoding that it has: whoever keeps the
    /// proof, or its hash, keeps what was verified.
    function _evidenceIn(bytes calldata proof) private pure returns (Proof calldata evidence) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := calldataload(proof.offset)
            evidence := add(proof.offset, 0x20)
        }
        // Offset, and the head of the struct: three words, the record's five, three offsets.
        if (proof.length < 0x180 || offset != 0x20) revert MalformedProof();
        if (keccak256(abi.encode(evidence)) != keccak256(proof)) revert MalformedProof();
    }
}
