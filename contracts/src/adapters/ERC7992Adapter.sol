// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IHalo2VerifierErrors} from "../interfaces/IHalo2VerifierErrors.sol";
import {IPinnedVerifierErrors} from "../interfaces/IPinnedVerifierErrors.sol";
import {IERCZKMLRegistry, IERCZKMLStorageExtension, IERCZKMLVerifier} from "../interfaces/standards/IERC7992.sol";
import {ProvenTensors} from "../libraries/ProvenTensors.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkProof, ChunkSpec, ChunkValues, Inference, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";
import {ERC7992Models} from "./ERC7992Models.sol";

/// @title ERC7992Adapter
/// @notice Gives the registry the three interfaces of ERC-7992.
/// @dev `output` is `abi.encode(uint256[][])`, the public words of each output: 15 packed values per word for a public one (see
/// `PackedValues`), the leaf for a committed one. `proof` is `abi.encode(Claim)`. An inference that the registry has proven
/// needs no chunk proofs; otherwise they are handed to `attest`, so the proof is verified by the registry either way. All
/// models are of one proof system: a commitment that names another is refused when it is announced (`UnsupportedProofSystem`).
contract ERC7992Adapter is ERC7992Models, IERCZKMLVerifier, IERCZKMLStorageExtension, IERC165 {
    /// @notice Nothing is stored under this id.
    error InferenceNotFound(bytes32 inferenceId);
    /// @notice The proof is not `abi.encode(Claim)`.
    error MalformedClaim();

    /// @notice The contents of a proof.
    /// @param modelId The model that was run.
    /// @param root Merkle root over the leaves of the inference.
    /// @param requester The account that the inference is credited to.
    /// @param nonce The requester's nonce.
    /// @param record The model's record.
    /// @param chunks Its part with the chunks; only needed if there are proofs.
    /// @param inputs Its part with the inputs.
    /// @param outputs Its part with the outputs.
    /// @param proofs Chunk proofs that the registry has not seen, if any.
    /// @param shown The inference's public values: those of all chunks, in the order in which they were, or are now, proven.
    struct Claim {
        uint256 modelId;
        uint256 root;
        address requester;
        uint256 nonce;
        ModelRecord record;
        ChunkSpec[] chunks;
        TensorSpec[] inputs;
        TensorSpec[] outputs;
        ChunkProof[] proofs;
        ChunkValues[] shown;
    }

    struct StoredInference {
        uint256 modelId;
        bytes32 inputCommitment;
        bytes output;
    }

    /// @dev Domain separation of input commitments.
    bytes32 private constant INPUT_DOMAIN = keccak256("chainfer.erc7992.input.v1");

    /// @dev Size of a claim's head: four numbers, a record of five words and five offsets.
    uint256 private constant CLAIM_HEAD = 0x1c0;

    mapping(bytes32 => StoredInference) private _stored;

    constructor(IChainferRegistry chainfer) ERC7992Models(chainfer) {}

    /// @inheritdoc IERCZKMLVerifier
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        override
    {
        _verify(modelId, inputCommitment, output, proof);
    }

    /// @inheritdoc IERCZKMLStorageExtension
    /// @dev Doing it again changes nothing: the commitment contains requester and nonce.
    function verifyAndStoreInference(
        uint256 modelId,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external override returns (bytes32 inferenceId) {
        _verify(modelId, inputCommitment, output, proof);
        inferenceId = keccak256(abi.encodePacked(modelId, inputCommitment, output));
        StoredInference storage stored = _stored[inferenceId];
        if (stored.modelId != 0) return inferenceId;
        stored.modelId = modelId;
        stored.inputCommitment = inputCommitment;
        stored.output = output;
        emit InferenceStored(inferenceId);
    }

    /// @inheritdoc IERCZKMLStorageExtension
    function getInference(bytes32 inferenceId)
        external
        view
        override
        returns (uint256 modelId, bytes32 inputCommitment, bytes memory output)
    {
        StoredInference storage stored = _stored[inferenceId];
        if (stored.modelId == 0) revert InferenceNotFound(inferenceId);
        return (stored.modelId, stored.inputCommitment, stored.output);
    }

    /// @notice The commitment to the inputs of a request: their public words, bound to model, requester and nonce.
    function inputCommitmentOf(uint256 modelId, address requester, uint256 nonce, uint256[][] memory inputs)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(INPUT_DOMAIN, modelId, requester, nonce, inputs));
    }

    /// @inheritdoc IERCZKMLVerifier
    function proofSystemOf(uint256 modelId) external view override returns (bytes4) {
        _modelOf(modelId);
        return PROOF_SYSTEM_ID;
    }

    /// @inheritdoc IERCZKMLVerifier
    function registry() external view override returns (address) {
        return address(this);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure override returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERCZKMLRegistry).interfaceId
            || interfaceId == type(IERCZKMLVerifier).interfaceId
            || interfaceId == type(IERCZKMLStorageExtension).interfaceId;
    }

    function _verify(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof) private {
        if (_isDeprecated(modelId)) revert VerificationRefused_ModelDeprecated(modelId);
        Claim calldata claim = _claimOf(proof);
        if (claim.modelId != modelId) revert ModelMismatch();

        ModelId id = _toId(modelId);
        ProvenTensors.requireInputs(CHAINFER, id, claim.record, claim.inputs);
        ProvenTensors.requireOutputs(CHAINFER, id, claim.record, claim.outputs);
        ProvenTensors.requireAttestedValues(CHAINFER, id, _attest(id, claim), claim.shown);
        uint256[][] memory inputs = ProvenTensors.wordsOf(claim.inputs, claim.shown);
        if (inputCommitmentOf(modelId, claim.requester, claim.nonce, inputs) != inputCommitment) {
            revert InputCommitmentMismatch();
        }
        uint256[][] memory outputs = ProvenTensors.wordsOf(claim.outputs, claim.shown);
        if (keccak256(abi.encode(outputs)) != keccak256(output)) revert OutputMismatch();
        emit InferenceVerified(modelId, inputCommitment, output, msg.sender);
    }

    /// @dev The claim in a proof, which must be its encoding and nothing else.
    function _claimOf(bytes calldata proof) private pure returns (Claim calldata claim) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := calldataload(proof.offset)
            claim := add(proof.offset, 0x20)
        }
        if (proof.length < 0x20 + CLAIM_HEAD || offset != 0x20) revert MalformedClaim();
        if (keccak256(abi.encode(claim)) != keccak256(proof)) revert MalformedClaim();
    }

    /// @dev Has the registry verify the chunks that are not proven yet. An invalid proof reverts with `InvalidProof`; all other errors of
    /// the registry, for example that the model is frozen, are passed on.
    ///
    /// `InvalidProof` is a verdict, so it is given only where a verifier said what is wrong with the proof: with too little gas a
    /// valid proof ends as `ChunkRejected` too, without a reason or with that of a precompiled contract.
    function _attest(ModelId id, Claim calldata claim) private returns (InferenceId) {
        if (claim.proofs.length == 0) {
            return ProvenTensors.idOf(CHAINFER, id, claim.root, claim.requester, claim.nonce);
        }
        Inference memory inference = Inference(id, claim.root, claim.requester, claim.nonce);
        try CHAINFER.attest(inference, claim.record, claim.chunks, claim.proofs) returns (InferenceId inferenceId) {
            return inferenceId;
        } catch (bytes memory reason) {
            // forge-lint: disable-next-line(unsafe-typecast)
            bytes4 selector = bytes4(reason);
            if (
                selector == IPinnedVerifierErrors.BatchRejected.selector
                    || (selector == IPinnedVerifierErrors.ChunkRejected.selector && _saysWhy(reason))
            ) revert InvalidProof();
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    /// @dev Whether a `ChunkRejected(chunk, reason)` has a verifier's reason that is about the proof.
    function _saysWhy(bytes memory rejected) private pure returns (bool) {
        // The selector, the chunk, the offset of the reason, its length, the reason.
        if (rejected.length < 0x68) return false;
        uint256 length;
        bytes4 why;
        assembly ("memory-safe") {
            length := mload(add(rejected, 0x64))
            why := mload(add(rejected, 0x84))
        }
        return length >= 4 && why != IHalo2VerifierErrors.PrecompileFailed.selector;
    }
}
