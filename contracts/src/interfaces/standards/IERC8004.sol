// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IERC8004ValidationRegistry
/// @notice The Validation Registry of ERC-8004 (https://eips.ethereum.org/EIPS/eip-8004), draft of 2026-01-25: agents ask validators
/// to check their work, validators answer with a number from 0 (failed) to 100 (passed).
/// @dev Agents are the tokens of an ERC-721 identity registry. The draft leaves open what the reference implementation decides: a
/// hash is taken for good by whoever requests it first, and an unknown hash reverts.
interface IERC8004ValidationRegistry {
    /// @notice The owner or an operator of an agent asked a validator.
    event ValidationRequest(
        address indexed validatorAddress, uint256 indexed agentId, string requestURI, bytes32 indexed requestHash
    );
    /// @notice The validator answered.
    event ValidationResponse(
        address indexed validatorAddress,
        uint256 indexed agentId,
        bytes32 indexed requestHash,
        uint8 response,
        string responseURI,
        bytes32 responseHash,
        string tag
    );

    /// @notice Asks a validator. By the agent's owner or operator.
    /// @param requestURI Where the data of the request is.
    /// @param requestHash keccak256 of that data; identifies the request.
    function validationRequest(
        address validatorAddress,
        uint256 agentId,
        string calldata requestURI,
        bytes32 requestHash
    ) external;

    /// @notice Answers a request, or changes the answer. By the validator that was asked.
    /// @param response 0 to 100.
    /// @param responseURI Where the evidence is; may be empty.
    /// @param responseHash A commitment to the evidence; may be zero.
    /// @param tag A category, by which answers are filtered; may be empty.
    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external;

    /// @notice A request and its last answer.
    function getValidationStatus(bytes32 requestHash)
        external
        view
        returns (
            address validatorAddress,
            uint256 agentId,
            uint8 response,
            bytes32 responseHash,
            string memory tag,
            uint256 lastUpdate
        );

    /// @notice How many requests of an agent were answered, and the mean of the answers.
    /// @param validatorAddresses Counts only these validators; empty: all.
    /// @param tag Counts only answers with this tag; empty: all.
    function getSummary(uint256 agentId, address[] calldata validatorAddresses, string calldata tag)
        external
        view
        returns (uint64 count, uint8 averageResponse);

    /// @notice The requests of an agent.
    function getAgentValidations(uint256 agentId) external view returns (bytes32[] memory requestHashes);

    /// @notice The requests to a validator.
    function getValidatorRequests(address validatorAddress) external view returns (bytes32[] memory requestHashes);

    /// @notice The registry that agents are tokens of.
    function getIdentityRegistry() external view returns (address identityRegistry);
}
