// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Context} from "./Context.sol";
import {ModelId} from "./ModelId.sol";

/// @notice How one chunk of a model is verified.
/// @param verifier The generated verifier; see `IHalo2SharedVerifier`. Chunks of one constraint-system shape share it.
/// @param codeHash Its code hash: the bundle's verifier source, compiled.
/// @param key The contract that holds the chunk's verifying key; see `KeyContract`.
/// @param keyCodeHash Its code hash, which the manifest id covers. Both hashes are checked at registration and before
/// every call.
/// @param numPublic Number of public values: the length of the instance column without root and context.
/// @param hidingBudget Rows of blinders B in every weight column: up to B - 1 proofs do not reveal the weights. 0: they are not
/// hidden. For information only; the prover counts its proofs.
struct ChunkSpec {
    address verifier;
    bytes32 codeHash;
    address key;
    bytes32 keyCodeHash;
    uint32 numPublic;
    uint32 hidingBudget;
}

/// @notice Status of a verifier shape. Removed is final.
enum VerifierStatus {
    Unknown,
    Active,
    Frozen,
    Removed
}

/// @notice Whether a tensor's values, or only the commitment to them, are public.
enum Visibility {
    Public,
    Committed
}

/// @notice Where a model input or output is among leaves and public values, and what its integers mean.
/// @dev The real value of `u` is `scale * (u - zeroPoint)`. A public tensor takes `ceil(length / 15)` words, a committed
/// one takes a single word, its leaf. The public values of a chunk are exactly the words of the inputs that it exposes, then of the
/// outputs, each in the model's order.
/// @param name Name of the tensor in the model.
/// @param shape Its dimensions, at most 8; their product is `length`.
/// @param leaf Position of its leaf in the tree: an input's is its index, and no two tensors share one.
/// @param chunk The chunk that exposes it: the first that reads an input, the one that computes an output.
/// @param offset Its first word among that chunk's public values: the number of words that the chunk's tensors before it take.
/// @param length Number of values.
/// @param zeroPoint The integer that stands for zero.
/// @param visibility Public: the values are in the instance column, packed. Committed: their leaf is.
/// @param scaleWad The scale times 1e18, rounded; positive.
struct TensorSpec {
    string name;
    uint32[] shape;
    uint32 leaf;
    uint16 chunk;
    uint32 offset;
    uint32 length;
    uint32 zeroPoint;
    Visibility visibility;
    int256 scaleWad;
}

/// @notice Everything that a registrant states about a model. Immutable once registered.
/// @param manifestId Hash of the bundle's manifest. The registry does not see the manifest itself: whoever relies on a model should
/// recompute the hash from the published bundle and compare the rest of this record with it.
/// @param chunks Verifier and key of each chunk, in order; 1 to 256 of them, all under one trusted setup.
/// @param inputs All inputs of the model, in order; the circuit breaker compares all of them.
/// @param outputs The model's outputs, in order.
/// @param leafLengths Number of values behind each leaf of the tree, in order; 1 to 2048 of them.
/// @param uri Location of the public part of the bundle.
struct ModelRegistration {
    bytes32 manifestId;
    ChunkSpec[] chunks;
    TensorSpec[] inputs;
    TensorSpec[] outputs;
    uint32[] leafLengths;
    string uri;
}

/// @notice The registry's record of a model; see `ModelRegistration` for the fields.
/// @param treeHeight Number of levels above the leaves, which are padded to a power of two.
struct Model {
    bytes32 manifestId;
    address registrant;
    uint64 registeredAt;
    uint16 chunkCount;
    uint16 inputCount;
    uint16 outputCount;
    uint32 leafCount;
    uint8 treeHeight;
    string uri;
}

/// @notice The proof of one chunk.
/// @param chunk Its index in the model.
/// @param proof The transcript bytes for the chunk's verifier.
/// @param publicValues The instance column after root and context.
struct ChunkProof {
    uint16 chunk;
    bytes proof;
    uint256[] publicValues;
}

/// @notice Public values of a chunk that has too many for them to be stored, as in `ChunkProven`.
/// @param chunk Its index in the model.
/// @param values The instance column after root and context.
struct ChunkValues {
    uint16 chunk;
    uint256[] values;
}

/// @notice Status of an inference. A failed verification reverts, so there is no failed state.
enum InferenceStatus {
    None,
    Committed,
    Proven
}

/// @notice The registry's record of an inference.
/// @param status None: unknown. Committed: the root is posted. Proven: every chunk verified.
/// @param modelId The model.
/// @param requester The account that the proofs were made for and that the inference is credited to, whoever sent the transactions.
/// @param root Merkle root over the leaves of all boundary tensors.
/// @param context Binds chain, registry, model, requester and nonce. Zero until a first chunk is proven.
/// @param nonce The requester's nonce. Zero until a first chunk is proven; `InferenceCommitted` carries it before that.
/// @param provenChunks Bit i is set once chunk i is proven.
/// @param committedAt Block time of the commitment.
/// @param provenAt Block time at which the last chunk was proven; zero before.
struct Inference {
    InferenceStatus status;
    ModelId modelId;
    address requester;
    uint256 root;
    Context context;
    uint256 nonce;
    uint256 provenChunks;
    uint64 committedAt;
    uint64 provenAt;
}
