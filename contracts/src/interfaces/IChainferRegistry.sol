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
    InferenceState,
    Model,
    ModelRecord,
    ModelRegistration,
    Opening,
    ShownInference,
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

    /// @notice A model was registered. Carries all that its record is the digest of.
    /// @dev The data is as the registrant encoded it, and registration reads neither the URI nor a chunk's verifier and budget: whoever
    /// follows all models must pass over data that cannot be decoded.
    event ModelRegistered(
        ModelId indexed modelId, address indexed registrant, bytes32 indexed manifestId, ModelRegistration registration
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

    /// @notice One chunk of an inference was verified. Carries its public values, of which the registry stores a hash.
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
    /// @notice A model may have at most 256 chunks.
    error TooManyChunks();
    /// @notice A model must have 1 to 64 inputs, and may have 2,048 leaves and take 4,000 words in a report of a contradiction, so
    /// that one fits a transaction.
    /// @param words 10 for each chunk, 7 for each input and 2 for each of its public words, 14 for each output and 4 for each of its
    /// public words.
    error InvalidPublicSize(uint256 inputs, uint256 words);
    /// @notice The tensor (inputs are counted first, then outputs) has no values, a scale or zero point out of range, a chunk that does
    /// not exist, a leaf that does not exist, has another length or is another tensor's, or an offset other than the first word of its
    /// chunk that the tensors before it leave free; or its words run past the chunk's public values; or it is an input and its leaf is
    /// not at its own index: inputs have the first leaves, in order.
    error InvalidTensorSpec(uint256 index);
    /// @notice The model is not registered.
    error ModelNotRegistered(ModelId modelId);
    /// @notice Only the registrant can deprecate a model.
    error NotRegistrant(ModelId modelId, address account);
    /// @notice The model is deprecated already; or the inference was proven after the model was deprecated.
    error ModelIsDeprecated(ModelId modelId);
    /// @notice The root is zero or not below the order of the scalar field.
    error InvalidRoot();
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
    /// @notice Not every chunk of the inference is proven.
    error InferenceNotProven(InferenceId inferenceId);
    /// @notice What was handed in is not the model's record, or not a part of it.
    error RecordMismatch(ModelId modelId);
    /// @notice The model has no such output.
    error OutputOutOfRange(uint256 outputIndex, uint256 outputCount);
    /// @notice The model has no such leaf.
    error LeafOutOfRange(uint256 leaf, uint256 leafCount);
    /// @notice The inferences cannot contradict each other: they are the same or of different models.
    error NotComparable();
    /// @notice The roots differ. Public values must be equal only under one root.
    error DifferentRoots();
    /// @notice The two inferences are not known to have the same input: neither their public words nor recorded openings are equal.
    error DifferentInputs(uint256 inputIndex);
    /// @notice The two results are equal, or not known to differ.
    error NoContradiction();
    /// @notice The values are not those that were proven, or not all of them, or not in the order in which they were proven.
    error PublicValuesMismatch(InferenceId inferenceId);

    // ---------------------------------------------------------------------------------------------------- Models

    /// @notice Registers a model for the sender. Immutable afterwards. Every verifier must be active.
    /// @param registration What the registrant states about the model.
    /// @return modelId Its id, `modelIdOf(registration.manifestId, msg.sender)`.
    function registerModel(ModelRegistration calldata registration) external returns (ModelId modelId);

    /// @notice The id that `registrant` gets for a manifest, whether or not it is registered.
    function modelIdOf(bytes32 manifestId, address registrant) external pure returns (ModelId);

    /// @notice Deprecates a model for good: inferences that are proven in a later block do not count; those proven before still do. By its
    /// registrant.
    /// @dev Commitments and proofs are still accepted, because another inference may contradict an earlier one, and a registrant must not
    /// be able to prevent that.
    function deprecateModel(ModelId modelId) external;

    /// @notice What the registry stores about a model. Reverts `ModelNotRegistered`.
    function model(ModelId modelId) external view returns (Model memory);

    // ------------------------------------------------------------------------------------------------ Inferences

    /// @notice The context of proofs for `requester` and `nonce` on this chain and this registry.
    function contextOf(ModelId modelId, address requester, uint256 nonce) external view returns (Context);

    /// @notice The id of an inference on this chain and this registry, whether or not the registry knows it.
    /// @dev Reverts `InvalidRoot`, `RequesterIsZero`: no inference has such a root or requester.
    function inferenceIdOf(Inference calldata inference) external view returns (InferenceId inferenceId);

    /// @notice Posts the root of an inference. By anyone; doing it again changes nothing. Like `prove`, it reverts if the model is frozen;
    /// if the model is deprecated, it succeeds but the inference will not count.
    /// @param inference Of a registered model.
    /// @return inferenceId The inference's id.
    function commit(Inference calldata inference) external returns (InferenceId inferenceId);

    /// @notice Verifies chunk proofs of a committed inference: any subset, in any order, by anyone, in as many transactions as needed. A
    /// chunk that is already proven is skipped: neither its proof nor its values are looked at.
    /// @dev One proof that fails reverts the whole call. All chunks of a call share one pairing, so a well-formed but invalid proof
    /// reverts with `BatchRejected`, which does not say which proof it is; a malformed one reverts with `ChunkRejected`.
    /// @param record The model's record.
    /// @param chunks Its part with the chunks.
    /// @param proofs The chunk proofs; at least one.
    /// @return inferenceId The inference's id.
    function prove(
        Inference calldata inference,
        ModelRecord calldata record,
        ChunkSpec[] calldata chunks,
        ChunkProof[] calldata proofs
    ) external returns (InferenceId inferenceId);

    /// @notice `commit`, unless that has been done, and `prove`. Writes one new slot if all chunks are proven at once.
    function attest(
        Inference calldata inference,
        ModelRecord calldata record,
        ChunkSpec[] calldata chunks,
        ChunkProof[] calldata proofs
    ) external returns (InferenceId inferenceId);

    // -------------------------------------------------------------------------------------------- Circuit breaker

    /// @notice Freezes a model if two of its proven inferences have equal inputs and an unequal output: inference is a function, so one of
    /// them must be false. By anyone.
    /// @dev Inputs are equal if their public words are (for a committed input, its leaf), or if recorded openings show the same values
    /// behind different salts. An output differs if its public words do or, for a committed output, if recorded openings show different
    /// values. Otherwise it reverts, because honest inferences may have other salts or other inputs. Reverts `NotComparable`,
    /// `InferenceNotProven`, `RecordMismatch`, `PublicValuesMismatch`, `ValuesNotShown`, `DifferentInputs`, `NoContradiction`,
    /// `OutputOutOfRange`, `ModelIsFrozen`.
    /// @param modelId The model of both.
    /// @param first An inference and its public values. Chunks whose values are the same in both need only their digests.
    /// @param second The other inference and its public values.
    /// @param outputIndex The output that differs.
    /// @param record The model's record.
    /// @param inputs Its part with the inputs.
    /// @param outputs Its part with the outputs.
    function reportContradiction(
        ModelId modelId,
        ShownInference calldata first,
        ShownInference calldata second,
        uint256 outputIndex,
        ModelRecord calldata record,
        TensorSpec[] calldata inputs,
        TensorSpec[] calldata outputs
    ) external;

    /// @notice Freezes a model if one of its chunks is proven twice under one root with unequal public values. By anyone.
    /// @dev The root binds every boundary tensor. The inferences need not be completely proven; the values are those of the chunks
    /// proven so far. Reverts `NotComparable`, `DifferentRoots`, `PublicValuesMismatch`, `ValuesNotShown`, `NoContradiction`,
    /// `ModelIsFrozen`.
    function reportRootContradiction(
        Inference calldata first,
        Inference calldata second,
        uint256 chunk,
        ChunkValues[] calldata firstValues,
        ChunkValues[] calldata secondValues
    ) external;

    /// @notice Freezes a model if one of its outputs was proven with one value (or leaf, if it is committed) and opens under the same root
    /// to another. By anyone.
    /// @dev Reverts as `ITensorOpenings.check` does, and `RecordMismatch`, `PublicValuesMismatch`, `ValuesNotShown`, `OutputOutOfRange`,
    /// `NoContradiction`, `ModelIsFrozen`.
    function reportOpeningContradiction(
        Inference calldata inference,
        Opening calldata opening,
        ModelRecord calldata record,
        uint32[] calldata leafLengths,
        uint256 outputIndex,
        TensorSpec[] calldata outputs,
        ChunkValues[] calldata values
    ) external;

    /// @notice The contract that opens committed tensors. The circuit breaker reads its records.
    function openings() external view returns (ITensorOpenings);

    // ------------------------------------------------------------------------------------------------------ Views

    /// @notice Reverts unless the inference is proven and of this model, and the model is neither frozen nor was deprecated before the
    /// inference was proven. A dApp calls this before it acts.
    /// @dev Reverts `ModelNotRegistered`, `ModelIsFrozen`, `InferenceNotProven`, `ModelIsDeprecated`.
    function requireAttested(ModelId modelId, InferenceId inferenceId) external view;

    /// @notice What the registry stores about an inference. For an unknown inference, or one of another model, everything is zero.
    function stateOf(ModelId modelId, InferenceId inferenceId) external view returns (InferenceState memory);
}
