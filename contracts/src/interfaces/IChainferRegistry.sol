// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Context} from "../types/Context.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {
    ChunkProof,
    ChunkSpec,
    ChunkValues,
    Inference,
    InferenceStatus,
    Model,
    ModelRegistration,
    TensorSpec
} from "../types/RegistryTypes.sol";
import {IPinnedVerifierErrors} from "./IPinnedVerifierErrors.sol";
import {IRegistryGovernance} from "./IRegistryGovernance.sol";
import {ITensorOpenings} from "./ITensorOpenings.sol";

/// @title IChainferRegistry
/// @notice Records which inferences of which models have been proven. A model is cut into chunks, each with its own
/// verifying key; an inference is proven once every chunk has verified against one root and one context.
interface IChainferRegistry is IRegistryGovernance, IPinnedVerifierErrors {
    // ---------------------------------------------------------------------------------------------------- Events

    /// @notice A model was registered.
    event ModelRegistered(
        ModelId indexed modelId,
        address indexed registrant,
        bytes32 indexed manifestId,
        uint256 chunkCount,
        uint256 outputCount,
        string uri
    );

    /// @notice The registrant stands by a model no more: inferences that are proven later do not count.
    event ModelDeprecated(ModelId indexed modelId);

    /// @notice Two results that cannot both be true were shown, and the model was frozen. For a contradiction of an inference
    /// with an opening under its own root, both ids are its id.
    event ContradictionReported(
        ModelId indexed modelId, InferenceId indexed first, InferenceId indexed second, address reporter
    );

    /// @notice The root of an inference was posted.
    event InferenceCommitted(
        ModelId indexed modelId,
        uint256 indexed root,
        address indexed submitter,
        InferenceId inferenceId,
        address requester,
        uint256 nonce,
        Context context
    );

    /// @notice One chunk of an inference verified. Carries its public values, stored or not.
    event ChunkProven(
        ModelId indexed modelId,
        uint256 indexed root,
        address indexed submitter,
        InferenceId inferenceId,
        uint256 chunk,
        uint256[] publicValues
    );

    /// @notice Every chunk of an inference has verified.
    event InferenceProven(
        ModelId indexed modelId,
        uint256 indexed root,
        address indexed submitter,
        InferenceId inferenceId,
        address requester
    );

    // ---------------------------------------------------------------------------------------------------- Errors

    /// @notice The manifest id is zero.
    error ManifestIdIsZero();
    /// @notice This registrant has registered this manifest before.
    error ModelAlreadyRegistered(ModelId modelId);
    /// @notice A model has 1 to 256 chunks.
    error InvalidChunkCount(uint256 count);
    /// @notice A tree has 1 to 2048 leaves.
    error InvalidLeafCount(uint256 count);
    /// @notice A model has at most 2048 inputs and 2048 outputs.
    error TooManyTensors(uint256 inputs, uint256 outputs);
    /// @notice There are no values behind the leaf.
    error LeafIsEmpty(uint256 leaf);
    /// @notice The input has one of the faults of `InvalidOutputSpec`, or its leaf is not at its own index: inputs have the first
    /// leaves, in order.
    error InvalidInputSpec(uint256 inputIndex);
    /// @notice The output has no values, more than 8 dimensions, a shape with another number of values, a scale or zero point out of
    /// range, a chunk that does not exist, a leaf that does not exist, has another length or is another tensor's, or an offset other
    /// than the first word of its chunk that the tensors before it leave free; or its words run past the chunk's public values.
    error InvalidOutputSpec(uint256 outputIndex);
    /// @notice No such model.
    error ModelNotRegistered(ModelId modelId);
    /// @notice Only the registrant deprecates.
    error NotRegistrant(ModelId modelId, address account);
    /// @notice The model is deprecated; the inference, where there is one, was proven later.
    error ModelIsDeprecated(ModelId modelId);
    /// @notice The root is zero or not below the order of the scalar field.
    error InvalidRoot(uint256 root);
    /// @notice The requester is the zero address.
    error RequesterIsZero();
    /// @notice The root was not posted for this model, requester and nonce.
    error InferenceNotCommitted(InferenceId inferenceId);
    /// @notice The list of chunk proofs is empty.
    error NoChunkProofs();
    /// @notice The model has no such chunk.
    error ChunkOutOfRange(uint256 chunk, uint256 chunkCount);
    /// @notice A proof has another number of public values than the chunk's circuit; or, at registration, a chunk has more public
    /// values (`actual`) than its inputs and outputs take up (`expected`).
    error PublicValueCountMismatch(uint256 chunk, uint256 expected, uint256 actual);
    /// @notice A public value is not below the order of the scalar field.
    error PublicValueNotCanonical(uint256 chunk, uint256 index);
    /// @notice The chunk is already proven, with other public values. Under one root a chunk has one result: if both
    /// proofs verify, soundness is broken.
    error PublicValuesConflict(InferenceId inferenceId, uint256 chunk);
    /// @notice Not every chunk of the inference is proven.
    error InferenceNotProven(InferenceId inferenceId);
    /// @notice The inference is of another model.
    error ModelMismatch(InferenceId inferenceId, ModelId expected, ModelId actual);
    /// @notice The chunk is not proven.
    error ChunkNotProven(InferenceId inferenceId, uint256 chunk);
    /// @notice The chunk has more public values than are stored; read them from `ChunkProven` and check their hash.
    error PublicValuesNotStored(InferenceId inferenceId, uint256 chunk);
    /// @notice The model has no such output.
    error OutputOutOfRange(uint256 outputIndex, uint256 outputCount);
    /// @notice The output is committed: its values are not on chain.
    error OutputIsCommitted(uint256 outputIndex);
    /// @notice The model has no such input.
    error InputOutOfRange(uint256 inputIndex, uint256 inputCount);
    /// @notice The model has no such leaf.
    error LeafOutOfRange(uint256 leaf, uint256 leafCount);
    /// @notice An inference cannot contradict itself, nor another model's, nor can there be a contradiction without inputs.
    error NotComparable(InferenceId first, InferenceId second);
    /// @notice The roots differ; only under one root must all public values be equal.
    error DifferentRoots(uint256 first, uint256 second);
    /// @notice The two inferences are not known to be about the same input: neither their public words nor recorded openings
    /// are equal.
    error DifferentInputs(uint256 inputIndex);
    /// @notice What is compared is equal, or not known to differ.
    error NoContradiction();
    /// @notice The values are not those that were proven.
    error PublicValuesMismatch(InferenceId inferenceId, uint256 chunk);

    // ---------------------------------------------------------------------------------------------------- Models

    /// @notice Registers a model for the sender. Immutable afterwards. Every verifier must be active.
    /// @param registration What the registrant states about the model.
    /// @return modelId Its name, `modelIdOf(registration.manifestId, msg.sender)`.
    function registerModel(ModelRegistration calldata registration) external returns (ModelId modelId);

    /// @notice The id that `registrant` gets for a manifest, registered or not.
    function modelIdOf(bytes32 manifestId, address registrant) external pure returns (ModelId);

    /// @notice Number of models registered so far.
    function modelCount() external view returns (uint256);

    /// @notice Ends a model, for good: what is proven in a later block does not count. By its registrant. What is attested stays
    /// so.
    /// @dev Commitments and proofs are still taken: what the model said before is contradicted by proving another inference, and
    /// a registrant must not be able to prevent that.
    function deprecateModel(ModelId modelId) external;

    /// @notice Whether a model is deprecated. Reverts `ModelNotRegistered`.
    function isDeprecated(ModelId modelId) external view returns (bool);

    /// @notice Block time at which a model was deprecated; zero if it is not. Reverts `ModelNotRegistered`.
    function deprecatedAt(ModelId modelId) external view returns (uint256);

    /// @notice The record of a model. Reverts `ModelNotRegistered`.
    function model(ModelId modelId) external view returns (Model memory);

    /// @notice How a chunk of a model is verified. Reverts `ModelNotRegistered`, `ChunkOutOfRange`.
    function chunkSpec(ModelId modelId, uint256 chunk) external view returns (ChunkSpec memory);

    /// @notice Where an input of a model stands and what it means. Reverts `ModelNotRegistered`, `InputOutOfRange`.
    function inputSpec(ModelId modelId, uint256 inputIndex) external view returns (TensorSpec memory);

    /// @notice Where an output of a model stands and what it means. Reverts `ModelNotRegistered`, `OutputOutOfRange`.
    function outputSpec(ModelId modelId, uint256 outputIndex) external view returns (TensorSpec memory);

    /// @notice Number of values behind a leaf of a model. Reverts `ModelNotRegistered`, `LeafOutOfRange`.
    function leafLength(ModelId modelId, uint256 leaf) external view returns (uint256);

    // ------------------------------------------------------------------------------------------------ Inferences

    /// @notice The context that proofs for `requester` and `nonce` must carry, on this chain and this registry.
    function contextOf(ModelId modelId, address requester, uint256 nonce) external view returns (Context);

    /// @notice The name of an inference, known to the registry or not.
    function inferenceIdOf(ModelId modelId, uint256 root, Context context) external pure returns (InferenceId);

    /// @notice Posts the root of an inference. By anyone; a second time changes nothing. Like `prove`, not for a model that is
    /// frozen; for a deprecated one it is taken, and does not count.
    /// @param modelId A registered model.
    /// @param root Merkle root over the leaves of the inference: non-zero and below the order of the scalar field.
    /// @param requester The account that the inference is credited to.
    /// @param nonce The requester's choice; tells apart requests that are otherwise equal.
    /// @return inferenceId The inference's name.
    function commit(ModelId modelId, uint256 root, address requester, uint256 nonce)
        external
        returns (InferenceId inferenceId);

    /// @notice Verifies chunk proofs of a committed inference: any subset, in any order, by anyone, over as many
    /// transactions as it takes. A chunk that is already proven with these public values is skipped, unverified.
    /// @dev All or nothing: one proof that fails reverts the whole call. All chunks of a call share one pairing, so a
    /// well-formed proof that is wrong gives `BatchRejected`, which does not say whose it is; one that is malformed gives
    /// `ChunkRejected`.
    /// @param proofs The chunk proofs; at least one.
    /// @return inferenceId The inference's name.
    function prove(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        returns (InferenceId inferenceId);

    /// @notice `commit`, if that has not been done, and `prove`.
    function attest(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        returns (InferenceId inferenceId);

    // -------------------------------------------------------------------------------------------- Circuit breaker

    /// @notice Freezes a model of which two proven inferences have equal inputs and an unequal output: inference is a
    /// function, so one of them is false. By anyone.
    /// @dev Inputs are equal if their public words are (the leaf, of a committed one), or if recorded openings show the same
    /// values behind different salts. An output differs if its public words do, or, of a committed one, if recorded openings
    /// show other values. Anything less reverts: other salts and other inputs are honest. Reverts `NotComparable`,
    /// `InferenceNotProven`, `DifferentInputs`, `NoContradiction`, `OutputOutOfRange`, `ModelIsFrozen`.
    /// @param outputIndex The output that differs.
    /// @param firstValues Public values of those chunks of the first inference that have more than are stored and are compared.
    /// @param secondValues The same of the second.
    function reportContradiction(
        InferenceId first,
        InferenceId second,
        uint256 outputIndex,
        ChunkValues[] calldata firstValues,
        ChunkValues[] calldata secondValues
    ) external;

    /// @notice Freezes a model of which one chunk is proven twice, under one root, with unequal public values. By anyone.
    /// @dev The root binds every boundary tensor. The inferences need not be proven as a whole. Reverts `NotComparable`,
    /// `DifferentRoots`, `ChunkNotProven`, `NoContradiction`, `ModelIsFrozen`.
    function reportRootContradiction(InferenceId first, InferenceId second, uint256 chunk) external;

    /// @notice Freezes a model of which an output was proven with one value (of a committed one: leaf) and opened under the same
    /// root with another. By anyone.
    /// @dev Reverts `InferenceNotProven`, `OutputOutOfRange`, `NoContradiction`, `ModelIsFrozen`.
    /// @param values The public values of the output's chunk, if it has more than are stored.
    function reportOpeningContradiction(InferenceId inferenceId, uint256 outputIndex, ChunkValues[] calldata values)
        external;

    /// @notice The contract that opens committed tensors, and whose records the circuit breaker reads.
    function openings() external view returns (ITensorOpenings);

    // ------------------------------------------------------------------------------------------------------ Views

    /// @notice Reverts unless the inference is proven and is of this model, and the model is not frozen nor was deprecated before
    /// that. What a dApp calls before it acts.
    /// @dev Reverts `ModelNotRegistered`, `ModelIsFrozen`, `InferenceNotProven`, `ModelMismatch`, `ModelIsDeprecated`.
    function requireAttested(ModelId modelId, InferenceId inferenceId) external view;

    /// @notice Whether the inference is proven and of this model, and counted when it was; frozen or not: history, not advice.
    function wasAttested(ModelId modelId, InferenceId inferenceId) external view returns (bool);

    /// @notice Whether every chunk of the inference is proven, whatever became of its model.
    function isProven(InferenceId inferenceId) external view returns (bool);

    /// @notice What the registry knows of an inference. An unknown one has status None and zeros.
    function inference(InferenceId inferenceId) external view returns (Inference memory);

    /// @notice Only the status; cheaper than `inference`.
    function statusOf(InferenceId inferenceId) external view returns (InferenceStatus);

    /// @notice The public values of a proven chunk. They mean nothing before the whole inference is proven.
    /// @dev Reverts `ChunkNotProven`, `PublicValuesNotStored`.
    function publicValues(InferenceId inferenceId, uint256 chunk) external view returns (uint256[] memory);

    /// @notice keccak256 over the public values of a proven chunk, 32 bytes each. Reverts `ChunkNotProven`.
    function publicValuesHash(InferenceId inferenceId, uint256 chunk) external view returns (bytes32);

    /// @notice The integers of a public output of a proven inference, before dequantisation.
    /// @dev Reverts `InferenceNotProven`, `OutputOutOfRange`, `OutputIsCommitted`, `PublicValuesNotStored`.
    function output(InferenceId inferenceId, uint256 outputIndex) external view returns (uint256[] memory raw);

    /// @notice The real values of a public output of a proven inference, times 1e18. Reverts as `output` does.
    function dequantised(InferenceId inferenceId, uint256 outputIndex) external view returns (int256[] memory wad);
}
