//! The compiled registry, restated; a test holds every selector and every tuple to it.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

alloy::sol! {
    #[derive(Debug, PartialEq, Eq)]
    struct ChunkSpec {
        address verifier;
        bytes32 codeHash;
        address key;
        bytes32 keyCodeHash;
        uint32 numPublic;
        uint32 hidingBudget;
    }

    #[derive(Debug, PartialEq, Eq)]
    enum VerifierStatus { Unknown, Active, Frozen, Removed }

    #[derive(Debug, PartialEq, Eq)]
    enum Visibility { Public, Committed }

    #[derive(Debug, PartialEq, Eq)]
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

    #[derive(Debug, PartialEq, Eq)]
    struct ModelRegistration {
        bytes32 manifestId;
        ChunkSpec[] chunks;
        TensorSpec[] inputs;
        TensorSpec[] outputs;
        uint32[] leafLengths;
        string uri;
    }

    #[derive(Debug, PartialEq, Eq)]
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

    #[derive(Debug, PartialEq, Eq)]
    struct ChunkProof { uint16 chunk; bytes proof; uint256[] publicValues; }

    #[derive(Debug, PartialEq, Eq)]
    struct ChunkValues { uint16 chunk; uint256[] values; }

    #[derive(Debug, PartialEq, Eq)]
    enum InferenceStatus { None, Committed, Proven }

    #[derive(Debug, PartialEq, Eq)]
    struct Inference {
        InferenceStatus status;
        bytes32 modelId;
        address requester;
        uint256 root;
        uint256 context;
        uint256 nonce;
        uint256 provenChunks;
        uint64 committedAt;
        uint64 provenAt;
    }

    #[derive(Debug, PartialEq, Eq)]
    interface IChainferRegistry {
        event ModelRegistered(
            bytes32 indexed modelId,
            address indexed registrant,
            bytes32 indexed manifestId,
            uint256 chunkCount,
            uint256 outputCount,
            string uri
        );
        event ModelDeprecated(bytes32 indexed modelId);
        event ContradictionReported(
            bytes32 indexed modelId,
            bytes32 indexed first,
            bytes32 indexed second,
            address reporter
        );
        event InferenceCommitted(
            bytes32 indexed modelId,
            uint256 indexed root,
            address indexed submitter,
            bytes32 inferenceId,
            address requester,
            uint256 nonce,
            uint256 context
        );
        event ChunkProven(
            bytes32 indexed modelId,
            uint256 indexed root,
            address indexed submitter,
            bytes32 inferenceId,
            uint256 chunk,
            uint256[] publicValues
        );
        event InferenceProven(
            bytes32 indexed modelId,
            uint256 indexed root,
            address indexed submitter,
            bytes32 inferenceId,
            address requester
        );

        event VerifierAdded(bytes32 indexed codeHash);
        event VerifierFrozen(bytes32 indexed codeHash, address indexed by);
        event VerifierUnfrozen(bytes32 indexed codeHash);
        event VerifierRemoved(bytes32 indexed codeHash);
        event ModelFrozen(bytes32 indexed modelId, address indexed by);
        event ModelUnfrozen(bytes32 indexed modelId);
        event GuardianChanged(address indexed previous, address indexed current);
        event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);
        event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

        error ManifestIdIsZero();
        error ModelAlreadyRegistered(bytes32 modelId);
        error InvalidChunkCount(uint256 count);
        error VerifierWithoutCode(uint256 chunk, address verifier);
        error VerifierCodeHashMismatch(uint256 chunk, bytes32 expected, bytes32 actual);
        error InvalidKeyContract(uint256 chunk, address key);
        error KeyCodeHashMismatch(uint256 chunk, bytes32 expected, bytes32 actual);
        error SrsMismatch(uint256 chunk);
        error InvalidLeafCount(uint256 count);
        error TooManyTensors(uint256 inputs, uint256 outputs);
        error LeafIsEmpty(uint256 leaf);
        error InvalidInputSpec(uint256 inputIndex);
        error InvalidOutputSpec(uint256 outputIndex);
        error ModelNotRegistered(bytes32 modelId);
        error NotRegistrant(bytes32 modelId, address account);
        error ModelIsDeprecated(bytes32 modelId);
        error InvalidRoot(uint256 root);
        error RequesterIsZero();
        error InferenceNotCommitted(bytes32 inferenceId);
        error NoChunkProofs();
        error ChunkOutOfRange(uint256 chunk, uint256 chunkCount);
        error PublicValueCountMismatch(uint256 chunk, uint256 expected, uint256 actual);
        error PublicValueNotCanonical(uint256 chunk, uint256 index);
        error ChunkRejected(uint256 chunk, bytes reason);
        error VerifierMisbehaved(uint256 chunk);
        error PointNotOnCurve(uint256 chunk);
        error EmptyBatch();
        error BatchRejected();
        error PrecompileFailed(uint256 precompile);
        error PublicValuesConflict(bytes32 inferenceId, uint256 chunk);
        error InferenceNotProven(bytes32 inferenceId);
        error ModelMismatch(bytes32 inferenceId, bytes32 expected, bytes32 actual);
        error ChunkNotProven(bytes32 inferenceId, uint256 chunk);
        error PublicValuesNotStored(bytes32 inferenceId, uint256 chunk);
        error OutputOutOfRange(uint256 outputIndex, uint256 outputCount);
        error OutputIsCommitted(uint256 outputIndex);
        error InputOutOfRange(uint256 inputIndex, uint256 inputCount);
        error LeafOutOfRange(uint256 leaf, uint256 leafCount);
        // Of the circuit breaker.
        error NotComparable(bytes32 first, bytes32 second);
        error DifferentRoots(uint256 first, uint256 second);
        error DifferentInputs(uint256 inputIndex);
        error NoContradiction();
        error PublicValuesMismatch(bytes32 inferenceId, uint256 chunk);
        // Of the governance.
        error NotGuardian(address account);
        error InvalidVerifierCodeHash(bytes32 codeHash);
        error UnexpectedVerifierStatus(bytes32 codeHash, VerifierStatus status);
        error VerifierNotActive(uint256 chunk, bytes32 codeHash, VerifierStatus status);
        error ModelIsFrozen(bytes32 modelId);
        error ModelIsNotFrozen(bytes32 modelId);
        error OwnableInvalidOwner(address owner);
        error OwnableUnauthorizedAccount(address account);
        // Of the library that unpacks outputs.
        error StrayBits(uint256 wordIndex);
        error WordCountMismatch(uint256 expected, uint256 actual);
        // Of the library that stores chunks.
        error CodeDataTooLarge(uint256 size);
        error CodeDataNotCreated();

        constructor(address owner_, address guardian_, bytes32[] codeHashes);

        function registerModel(ModelRegistration calldata registration)
            external returns (bytes32 modelId);
        function modelIdOf(bytes32 manifestId, address registrant)
            external pure returns (bytes32);
        function modelCount() external view returns (uint256);
        function deprecateModel(bytes32 modelId) external;
        function isDeprecated(bytes32 modelId) external view returns (bool);
        function deprecatedAt(bytes32 modelId) external view returns (uint256);
        function model(bytes32 modelId) external view returns (Model memory);
        function chunkSpec(bytes32 modelId, uint256 chunk)
            external view returns (ChunkSpec memory);
        function inputSpec(bytes32 modelId, uint256 inputIndex)
            external view returns (TensorSpec memory);
        function outputSpec(bytes32 modelId, uint256 outputIndex)
            external view returns (TensorSpec memory);
        function leafLength(bytes32 modelId, uint256 leaf) external view returns (uint256);
        function contextOf(bytes32 modelId, address requester, uint256 nonce)
            external view returns (uint256);
        function inferenceIdOf(bytes32 modelId, uint256 root, uint256 context)
            external pure returns (bytes32);
        function commit(bytes32 modelId, uint256 root, address requester, uint256 nonce)
            external returns (bytes32 inferenceId);
        function prove(
            bytes32 modelId,
            uint256 root,
            address requester,
            uint256 nonce,
            ChunkProof[] calldata proofs
        ) external returns (bytes32 inferenceId);
        function attest(
            bytes32 modelId,
            uint256 root,
            address requester,
            uint256 nonce,
            ChunkProof[] calldata proofs
        ) external returns (bytes32 inferenceId);
        function reportContradiction(
            bytes32 first,
            bytes32 second,
            uint256 outputIndex,
            ChunkValues[] calldata firstValues,
            ChunkValues[] calldata secondValues
        ) external;
        function reportRootContradiction(bytes32 first, bytes32 second, uint256 chunk) external;
        function reportOpeningContradiction(
            bytes32 inferenceId,
            uint256 outputIndex,
            ChunkValues[] calldata values
        ) external;
        function openings() external view returns (address);
        function requireAttested(bytes32 modelId, bytes32 inferenceId) external view;
        function wasAttested(bytes32 modelId, bytes32 inferenceId) external view returns (bool);
        function isProven(bytes32 inferenceId) external view returns (bool);
        function inference(bytes32 inferenceId) external view returns (Inference memory);
        function statusOf(bytes32 inferenceId) external view returns (InferenceStatus);
        function publicValues(bytes32 inferenceId, uint256 chunk)
            external view returns (uint256[] memory);
        function publicValuesHash(bytes32 inferenceId, uint256 chunk)
            external view returns (bytes32);
        function output(bytes32 inferenceId, uint256 outputIndex)
            external view returns (uint256[] memory raw);
        function dequantised(bytes32 inferenceId, uint256 outputIndex)
            external view returns (int256[] memory wad);

        function addVerifier(bytes32 codeHash) external;
        function unfreezeVerifier(bytes32 codeHash) external;
        function removeVerifier(bytes32 codeHash) external;
        function freezeVerifier(bytes32 codeHash) external;
        function freezeModel(bytes32 modelId) external;
        function unfreezeModel(bytes32 modelId) external;
        function setGuardian(address guardian_) external;
        function guardian() external view returns (address);
        function verifierStatus(bytes32 codeHash) external view returns (VerifierStatus);
        function isFrozen(bytes32 modelId) external view returns (bool);
        function owner() external view returns (address);
        function pendingOwner() external view returns (address);
        function transferOwnership(address newOwner) external;
        function acceptOwnership() external;
        function renounceOwnership() external;
        function supportsInterface(bytes4 interfaceId) external pure returns (bool);
    }
}

impl VerifierStatus {
    /// In words, after "is".
    pub fn standing(self) -> &'static str {
        match self {
            Self::Active => "listed and active",
            Self::Frozen => "frozen",
            Self::Removed => "removed for good",
            _ => "not on the registry's list",
        }
    }
}
