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

    /// @notice The registrant deprecated a model: inferences that are proven later do not count.
    event ModelDeprecated(ModelId indexed modelId);

    /// @notice Two results that cannot both be true were shown, and the model was frozen. If an inference contradicts an opening under its
    /// own root, both ids are its id.
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

    /// @notice One chunk of an inference was verified. Carries its public values, whether or not they are stored.
    event ChunkProven(
        ModelId indexed modelId,
        uint256 indexed root,
        address indexed submitter,
        InferenceId inferenceId,
        uint256 chunk,
        uint256[] publicValues
    );

    /// @notice Every chunk of an inference was verified.
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
    /// @notice This registrant has already registered this manifest.
    error ModelAlreadyRegistered(ModelId modelId);
    /// @notice A model must have 1 to 256 chunks.
    error InvalidChunkCount(uint256 count);
    /// @notice A tree must have 1 to 2048 leaves.
    error InvalidLeafCount(uint256 count);
    /// @notice A model may have at most 2048 inputs and 2048 outputs.
    error TooManyTensors(uint256 inputs, uint256 outputs);
    /// @notice The leaf has no values.
    error LeafIsEmpty(uint256 leaf);
    /// @notice The input has one of the faults of `InvalidOutputSpec`, or its leaf is not at its own index: inputs have the first
    /// leaves, in order.
    error InvalidInputSpec(uint256 inputIndex);
    /// @notice The output has no values, more than 8 dimensions, a shape with another number of values, a scale or zero point out of
    /// range, a chunk that does not exist, a leaf that does not exist, has another length or is another tensor's, or an offset other
    /// than the first word of its chunk that the tensors before it leave free; or its words run past the chunk's public values.
    error InvalidOutputSpec(uint256 outputIndex);
    /// @notice The model is not registered.
    error ModelNotRegistered(ModelId modelId);
    /// @notice Only the registrant can deprecate a model.
    error NotRegistrant(ModelId modelId, address account);
    /// @notice The model is deprecated already; or the inference was proven after the model was deprecated.
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
    /// @notice The chunk is already proven with other public values. Under one root a chunk has one result: if both proofs verify,
    /// soundness is broken.
    error PublicValuesConflict(InferenceId inferenceId, uint256 chunk);
    /// @notice Not every chunk of the inference is proven.
    error InferenceNotProven(InferenceId inferenceId);
    /// @notice The inference belongs to another model.
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
    /// @notice The inferences cannot contradict each other: they are the same or of different models, or the model has no inputs.
    error NotComparable(InferenceId first, InferenceId second);
    /// @notice The roots differ. Public values must be equal only under one root.
    error DifferentRoots(uint256 first, uint256 second);
    /// @notice The two inferences are not known to have the same input: neither their public words nor recorded openings are equal.
    error DifferentInputs(uint256 inputIndex);
    /// @notice The two results are equal, or not known to differ.
    error NoContradiction();
    /// @notice The values are not those that were proven.
    error PublicValuesMismatch(InferenceId inferenceId, uint256 chunk);

    // ---------------------------------------------------------------------------------------------------- Models

    /// @notice Registers a model for the sender. Immutable afterwards. Every verifier must be active.
    /// @param registration What the registrant states about the model.
    /// @return modelId Its id, `modelIdOf(registration.manifestId, msg.sender)`.
    function registerModel(ModelRegistration calldata registration) external returns (ModelId modelId);

    /// @notice The id that `registrant` gets for a manifest, whether or not it is registered.
    function modelIdOf(bytes32 manifestId, address registrant) external pure returns (ModelId);

    /// @notice Number of models registered so far.
    function modelCount() external view returns (uint256);

    /// @notice Deprecates a model for good: inferences that are proven in a later block do not count; those proven before still do. By its
    /// registrant.
    /// @dev Commitments and proofs are still accepted, because another inference may contradict an earlier one, and a registrant must not
    /// be able to prevent that.
    function deprecateModel(ModelId modelId) external;

    /// @notice Whether a model is deprecated. Reverts `ModelNotRegistered`.
    function isDeprecated(ModelId modelId) external view returns (bool);

    /// @notice Block time at which a model was deprecated; zero if it is not. Reverts `ModelNotRegistered`.
    function deprecatedAt(ModelId modelId) external view returns (uint256);

    /// @notice The record of a model. Reverts `ModelNotRegistered`.
    function model(ModelId modelId) external view returns (Model memory);

    /// @notice How a chunk of a model is verified. Reverts `ModelNotRegistered`, `ChunkOutOfRange`.
    function chunkSpec(ModelId modelId, uint256 chunk) external view returns (ChunkSpec memory);

    /// @notice Position and meaning of an input of a model. Reverts `ModelNotRegistered`, `InputOutOfRange`.
    function inputSpec(ModelId modelId, uint256 inputIndex) external view returns (TensorSpec memory);

    /// @notice Position and meaning of an output of a model. Reverts `ModelNotRegistered`, `OutputOutOfRange`.
    function outputSpec(ModelId modelId, uint256 outputIndex) external view returns (TensorSpec memory);

    /// @notice Number of values behind a leaf of a model. Reverts `ModelNotRegistered`, `LeafOutOfRange`.
    function leafLength(ModelId modelId, uint256 leaf) external view returns (uint256);

    // ------------------------------------------------------------------------------------------------ Inferences

    /// @notice The context of proofs for `requester` and `nonce` on this chain and this registry.
    function contextOf(ModelId modelId, address requester, uint256 nonce) external view returns (Context);

    /// @notice The id of an inference, whether or not the registry knows it.
    function inferenceIdOf(ModelId modelId, uint256 root, Context context) external pure returns (InferenceId);

    /// @notice Posts the root of an inference. By anyone; doing it again changes nothing. Like `prove`, it reverts if the model is frozen;
    /// if the model is deprecated, it succeeds but the inference will not count.
    /// @param modelId A registered model.
    /// @param root Merkle root over the leaves of the inference: non-zero and below the order of the scalar field.
    /// @param requester The account that the inference is credited to.
    /// @param nonce Chosen by the requester, to distinguish requests that are otherwise equal.
    /// @return inferenceId The inference's id.
    function commit(ModelId modelId, uint256 root, address requester, uint256 nonce)
        external
        returns (InferenceId inferenceId);

    /// @notice Verifies chunk proofs of a committed inference: any subset, in any order, by anyone, in as many transactions as needed. A
    /// chunk that is already proven with these public values is skipped without being verified.
    /// @dev One proof that fails reverts the whole call. All chunks of a call share one pairing, so a well-formed but invalid proof
    /// reverts with `BatchRejected`, which does not say which proof it is; a malformed one reverts with `ChunkRejected`.
    /// @param proofs The chunk proofs; at least one.
    /// @return inferenceId The inference's id.
    function prove(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        returns (InferenceId inferenceId);

    /// @notice `commit`, unless that has been done, and `prove`.
    function attest(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        returns (InferenceId inferenceId);

    // -------------------------------------------------------------------------------------------- Circuit breaker

    /// @notice Freezes a model if two of its proven inferences have equal inputs and an unequal output: inference is a function, so one of
    /// them must be false. By anyone.
    /// @dev Inputs are equal if their public words are (for a committed input, its leaf), or if recorded openings show the same values
    /// behind different salts. An output differs if its public words do or, for a committed output, if recorded openings show different
    /// values. Otherwise it reverts, because honest inferences may have other salts or other inputs. Reverts `NotComparable`,
    /// `InferenceNotProven`, `DifferentInputs`, `NoContradiction`, `OutputOutOfRange`, `ModelIsFrozen`.
    /// @param outputIndex The output that differs.
    /// @param firstValues Public values of the chunks of the first inference that are compared but not stored.
    /// @param secondValues The same for the second inference.
    function reportContradiction(
        InferenceId first,
        InferenceId second,
        uint256 outputIndex,
        ChunkValues[] calldata firstValues,
        ChunkValues[] calldata secondValues
    ) external;

    /// @notice Freezes a model if one of its chunks is proven twice under one root with unequal public values. By anyone.
    /// @dev The root binds every boundary tensor. The inferences need not be completely proven. Reverts `NotComparable`,
    /// `DifferentRoots`, `ChunkNotProven`, `NoContradiction`, `ModelIsFrozen`.
    function reportRootContradiction(InferenceId first, InferenceId second, uint256 chunk) external;

    /// @notice Freezes a model if one of its outputs was proven with one value (or leaf, if it is committed) and opened under the same root
    /// with another. By anyone.
    /// @dev Reverts `InferenceNotProven`, `OutputOutOfRange`, `NoContradiction`, `ModelIsFrozen`.
    /// @param values The public values of the output's chunk, if they are not stored.
    function reportOpeningContradiction(InferenceId inferenceId, uint256 outputIndex, ChunkValues[] calldata values)
        external;

    /// @notice The contract that opens committed tensors. The circuit breaker reads its records.
    function openings() external view returns (ITensorOpenings);

    // ------------------------------------------------------------------------------------------------------ Views

    /// @notice Reverts unless the inference is proven and of this model, and the model is neither frozen nor was deprecated before the
    /// inference was proven. A dApp calls this before it acts.
    /// @dev Reverts `ModelNotRegistered`, `ModelIsFrozen`, `InferenceNotProven`, `ModelMismatch`, `ModelIsDeprecated`.
    function requireAttested(ModelId modelId, InferenceId inferenceId) external view;

    /// @notice Whether the inference was proven for this model before the model was deprecated, even if the model is frozen now. This says
    /// what happened, not whether to rely on it.
    function wasAttested(ModelId modelId, InferenceId inferenceId) external view returns (bool);

    /// @notice Whether every chunk of the inference is proven, whatever the status of its model.
    function isProven(InferenceId inferenceId) external view returns (bool);

    /// @notice The record of an inference. For an unknown inference, the status is None and everything else zero.
    function inference(InferenceId inferenceId) external view returns (Inference memory);

    /// @notice The status of an inference; cheaper than `inference`.
    function statusOf(InferenceId inferenceId) external view returns (InferenceStatus);

    /// @notice The public values of a proven chunk. Do not rely on them before the whole inference is proven.
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
