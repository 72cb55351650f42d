// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

// The three interfaces of ERC-7992 (https://eips.ethereum.org/EIPS/eip-7992). As published, `ModelDeprecated` is both an event
// and an error, which does not compile: the error is `ModelIsDeprecated` here. Interface ids do not depend on it.

/// @title IERCZKMLRegistry
/// @notice Names models by a number and commits to their weights, circuits and keys. ERC-165 id 0xd28519b1.
interface IERCZKMLRegistry {
    /// @param modelHash Hash of weights and architecture.
    /// @param circuitHash Hash of the circuits.
    /// @param vkHash Hash of the verifying keys.
    /// @param proofSystemId First four bytes of the hash of the proof system's name.
    /// @param uri Location of a description.
    struct ModelCommitment {
        bytes32 modelHash;
        bytes32 circuitHash;
        bytes32 vkHash;
        bytes4 proofSystemId;
        string uri;
    }

    /// @notice A model was registered.
    event ModelRegistered(uint256 indexed modelId, address indexed owner, ModelCommitment commitment);
    /// @notice A model's commitment was replaced.
    event ModelUpdated(uint256 indexed modelId, ModelCommitment oldCommitment, ModelCommitment newCommitment);
    /// @notice A model was deprecated.
    event ModelDeprecated(uint256 indexed modelId);

    /// @notice No such model.
    error ModelNotFound(uint256 modelId);
    /// @notice Only the model's owner may do this.
    error NotModelOwner(uint256 modelId, address caller);
    /// @notice The model is deprecated.
    error ModelIsDeprecated(uint256 modelId);

    /// @notice Registers a model for the sender.
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId);

    /// @notice Replaces a model's commitment, where an implementation allows that. By its owner.
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external;

    /// @notice Deprecates a model. By its owner.
    function deprecateModel(uint256 modelId) external;

    /// @notice A model's commitment, whether it is deprecated, and its owner.
    function getModel(uint256 modelId)
        external
        view
        returns (ModelCommitment memory commitment, bool deprecated, address owner);
}

/// @title IERCZKMLVerifier
/// @notice Verifies inferences of registered models. ERC-165 id 0x5df65472.
interface IERCZKMLVerifier {
    /// @notice An inference verified.
    event InferenceVerified(
        uint256 indexed modelId, bytes32 indexed inputCommitment, bytes output, address indexed caller
    );

    /// @notice The proof does not verify.
    error InvalidProof();
    /// @notice The proof is for another model.
    error ModelMismatch();
    /// @notice The proof is about another input.
    error InputCommitmentMismatch();
    /// @notice The proof is about another output.
    error OutputMismatch();
    /// @notice The model's proof system is not known here.
    error UnsupportedProofSystem(bytes4 proofSystemId);
    /// @notice The model is deprecated.
    error VerificationRefused_ModelDeprecated(uint256 modelId);

    /// @notice Reverts unless the proof shows that the model maps the committed input to the output.
    /// @param modelId The model's number.
    /// @param inputCommitment Commitment to the inputs.
    /// @param output The outputs, encoded as the implementation says.
    /// @param proof The proof, encoded as the implementation says.
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external;

    /// @notice The proof system of a model.
    function proofSystemOf(uint256 modelId) external view returns (bytes4);

    /// @notice The registry (`IERCZKMLRegistry`) of the models.
    function registry() external view returns (address registryAddress);
}

/// @title IERCZKMLStorageExtension
/// @notice Keeps verified inferences. ERC-165 id 0x29c6ba89.
interface IERCZKMLStorageExtension {
    /// @notice An inference was stored.
    event InferenceStored(bytes32 indexed inferenceId);

    /// @notice `verifyInference`, and stores the inference.
    /// @return inferenceId keccak256(abi.encodePacked(modelId, inputCommitment, output))
    function verifyAndStoreInference(
        uint256 modelId,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external returns (bytes32 inferenceId);

    /// @notice A stored inference.
    function getInference(bytes32 inferenceId)
        external
        view
        returns (uint256 modelId, bytes32 inputCommitment, bytes memory output);
}
