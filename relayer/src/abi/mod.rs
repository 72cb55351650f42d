//! The registry's interface, as `contracts/src/interfaces/IChainferRegistry.sol` defines it.
//!
//! User-defined value types of the Solidity source appear as what they wrap: selectors are the same.

pub mod ids;
mod reverts;

pub use registry::{
    ChunkProof, ChunkSpec, Inference, InferenceStatus, Model, ModelRegistration, OutputSpec,
    Visibility,
};
pub use registry::{IChainferRegistry, IHalo2Verifier};
pub use reverts::{Revert, decode_revert};

#[allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]
mod registry {
    alloy::sol! {
        #[derive(Debug, PartialEq, Eq)]
        struct ChunkSpec {
            address verifier;
            bytes32 codeHash;
            address key;
            bytes32 keyCodeHash;
            uint32 numPublic;
        }

        #[derive(Debug, PartialEq, Eq)]
        enum Visibility { Public, Committed }

        #[derive(Debug, PartialEq, Eq)]
        struct OutputSpec {
            string name;
            uint16 chunk;
            uint32 offset;
            uint32 length;
            uint32 zeroPoint;
            int256 scaleWad;
            Visibility visibility;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct ModelRegistration {
            bytes32 manifestId;
            ChunkSpec[] chunks;
            OutputSpec[] outputs;
            string uri;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct Model {
            bytes32 manifestId;
            address registrant;
            uint64 registeredAt;
            uint16 chunkCount;
            uint16 outputCount;
            string uri;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct ChunkProof { uint16 chunk; bytes proof; uint256[] publicValues; }

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
                bytes32 indexed inferenceId,
                address indexed submitter,
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

            error ManifestIdIsZero();
            error ModelAlreadyRegistered(bytes32 modelId);
            error InvalidChunkCount(uint256 count);
            error VerifierWithoutCode(uint256 chunk, address verifier);
            error VerifierCodeHashMismatch(uint256 chunk, bytes32 expected, bytes32 actual);
            error InvalidKeyContract(uint256 chunk, address key);
            error KeyCodeHashMismatch(uint256 chunk, bytes32 expected, bytes32 actual);
            error SrsMismatch(uint256 chunk);
            error InvalidOutputSpec(uint256 outputIndex);
            error ModelNotRegistered(bytes32 modelId);
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
            // Of the library that unpacks outputs.
            error StrayBits(uint256 wordIndex);
            error WordCountMismatch(uint256 expected, uint256 actual);
            // Of the library that stores chunks.
            error CodeDataTooLarge(uint256 size);
            error CodeDataNotCreated();

            function registerModel(ModelRegistration calldata registration)
                external returns (bytes32 modelId);
            function modelIdOf(bytes32 manifestId, address registrant)
                external pure returns (bytes32);
            function model(bytes32 modelId) external view returns (Model memory);
            function chunkSpec(bytes32 modelId, uint256 chunk)
                external view returns (ChunkSpec memory);
            function outputSpec(bytes32 modelId, uint256 outputIndex)
                external view returns (OutputSpec memory);
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
            function requireAttested(bytes32 modelId, bytes32 inferenceId) external view;
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
        }

        /// Errors of the generated verifiers; they arrive inside `ChunkRejected`.
        #[derive(Debug, PartialEq, Eq)]
        interface IHalo2Verifier {
            error InvalidProofLength(uint256 expected, uint256 got);
            error InvalidInstanceCount(uint256 expected, uint256 got);
            error NonCanonicalCalldata();
            error InstanceOutOfRange(uint256 index);
            error ScalarOutOfRange(uint256 word);
            error InvalidPoint(uint256 word);
            error DegenerateChallenge();
            error PrecompileFailed(uint256 precompile);
            error ProofRejected();
            error UnexpectedMemoryLayout();
            error InvalidKey(address key);

            function verifyProof(address key, bytes calldata proof, uint256[] calldata instances)
                external view returns (bool);
        }
    }
}
