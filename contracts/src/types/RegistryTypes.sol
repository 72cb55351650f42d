// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {InferenceId} from "./InferenceId.sol";
import {ModelId} from "./ModelId.sol";

/// @notice How one chunk of a model is verified.
/// @param verifier A shared verifier; see `IHalo2SharedVerifier`. Chunks of one constraint-system shape share it.
/// @param codeHash Its code hash, which is what the registry lists and compares before every call.
/// @param keyHash Hash of the chunk's verifying key, which the manifest id covers; see `KeyData`.
/// @param numPublic Number of public values: the length of the instance column without root and context. The key states it too.
/// @param hidingBudget Rows of blinders B in every weight column: up to B - 1 proofs do not reveal the weights. 0: they are not
/// hidden. For information only; the prover counts its proofs.
struct ChunkSpec {
    address verifier;
    bytes32 codeHash;
    bytes32 keyHash;
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

/// @notice Where a model input or output is among leaves and public values, and what its integers mean. Its name and its shape are
/// in the manifest.
/// @dev The real value of `u` is `scale * (u - zeroPoint)`. A public tensor takes `ceil(length / 15)` words, a committed
/// one takes a single word, its leaf. The public values of a chunk are exactly the words of the inputs that it exposes, then of the
/// outputs, each in the model's order.
/// @param leaf Position of its leaf in the tree: an input's is its index, and no two tensors share one.
/// @param chunk The chunk that exposes it: the first that reads an input, the one that computes an output.
/// @param offset Its first word among that chunk's public values: the number of words that the chunk's tensors before it take.
/// @param length Number of values.
/// @param zeroPoint The integer that stands for zero.
/// @param visibility Public: the values are in the instance column, packed. Committed: their leaf is.
/// @param scaleWad The scale times 1e18, rounded; positive. The features of a committed input may have factors beside it, which the
/// manifest states.
struct TensorSpec {
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
/// @param keySet Algebraic digest of the keys, which the manifest id covers. The registry stores it for proofs about whole models.
/// @param chunks Verifier and key of each chunk, in order; 1 to 256 of them, all under one trusted setup.
/// @param inputs All inputs of the model, 1 to 64 of them, in order; the circuit breaker compares all of them.
/// @param outputs The model's outputs, in order.
/// @param leafLengths Number of values behind each leaf of the tree, in order; 1 to 2048 of them.
/// @param uri Location of the public part of the bundle. Not part of the record: only the event has it.
struct ModelRegistration {
    bytes32 manifestId;
    uint256 keySet;
    ChunkSpec[] chunks;
    TensorSpec[] inputs;
    TensorSpec[] outputs;
    uint32[] leafLengths;
    string uri;
}

/// @notice A model's record: digests of its parts. The registry stores its hash, `keccak256(abi.encode(record))`; calls that need
/// the record hand it in, with the part that they need. A part's digest is keccak256 over the words of its elements, in order: their
/// ABI encoding without offset and length.
/// @param keySet As registered.
/// @param chunks Digest of the chunks, five words each.
/// @param inputs Digest of the inputs, seven words each.
/// @param outputs Digest of the outputs, seven words each.
/// @param leafLengths Digest of the lengths of the leaves, a word each.
struct ModelRecord {
    uint256 keySet;
    bytes32 chunks;
    bytes32 inputs;
    bytes32 outputs;
    bytes32 leafLengths;
}

/// @notice What the registry stores about a model.
/// @param registrant Who registered it.
/// @param registeredAt Block time of the registration; zero for an unknown model.
/// @param deprecatedAt Block time of its deprecation; zero if it is not deprecated.
/// @param frozen Whether it is frozen.
/// @param recordHash Hash of its record.
struct Model {
    address registrant;
    uint40 registeredAt;
    uint40 deprecatedAt;
    bool frozen;
    bytes32 recordHash;
}

/// @notice What identifies an inference. Its id is the hash of model, root and context; see `InferenceId`.
/// @param modelId The model.
/// @param root Merkle root over the leaves of all boundary tensors: non-zero and below the order of the scalar field.
/// @param requester The account that the proofs were made for and that the inference is credited to, whoever sends the transactions.
/// @param nonce Chosen by the requester, to distinguish requests that are otherwise equal.
struct Inference {
    ModelId modelId;
    uint256 root;
    address requester;
    uint256 nonce;
}

/// @notice The proof of one chunk.
/// @param chunk Its index in the model.
/// @param key The chunk's verifying key; or the 20 bytes of the address of a contract that has it as its code, after a STOP.
/// @param proof The transcript bytes for the chunk's verifier.
/// @param publicValues The instance column after root and context.
struct ChunkProof {
    uint16 chunk;
    bytes key;
    bytes proof;
    uint256[] publicValues;
}

/// @notice Public values of a proven chunk, or their digest. A list of all proven chunks, in the order in which they were proven
/// (that of the `ChunkProven` events), shows what was proven: its chained hash is in the inference's slot.
/// @param chunk Its index in the model.
/// @param digest Zero; or, instead of the values, keccak256 over them, 32 bytes each.
/// @param values The instance column after root and context; empty if the digest stands for it.
struct ChunkValues {
    uint16 chunk;
    bytes32 digest;
    uint256[] values;
}

/// @notice Status of an inference. A failed verification reverts, so there is no failed state.
enum InferenceStatus {
    None,
    Committed,
    Proven
}

/// @notice What the registry stores about an inference.
/// @param status None: unknown. Committed: the root is posted. Proven: every chunk verified.
/// @param time Block time at which it became so.
/// @param valuesHash Chained hash of the public values of the chunks proven so far; see `ShownValues`.
/// @param provenChunks While some but not all chunks are proven, bit i is set once chunk i is; otherwise zero.
struct InferenceState {
    InferenceStatus status;
    uint40 time;
    uint208 valuesHash;
    uint256 provenChunks;
}

/// @notice An inference with the public values of its proven chunks.
/// @param id The inference.
/// @param values Its values; see `ChunkValues`.
struct ShownInference {
    InferenceId id;
    ChunkValues[] values;
}

/// @notice What opens a committed tensor.
/// @param leaf The leaf's position in the tree; `TensorSpec.leaf` of an input or output.
/// @param salt Its blinding factor; zero for a public tensor.
/// @param words The values, packed 15 per word, little end first.
/// @param siblings The other child at each level, from the leaf up.
struct Opening {
    uint256 leaf;
    uint256 salt;
    uint256[] words;
    uint256[] siblings;
}
