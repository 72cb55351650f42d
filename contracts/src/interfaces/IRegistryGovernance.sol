// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ModelId} from "../types/ModelId.sol";
import {VerifierStatus} from "../types/RegistryTypes.sol";

/// @title IRegistryGovernance
/// @notice What the registry's owner and guardian may do, which is all that anyone may do beyond registering, committing and
/// proving. The owner, meant to be a timelock, adds; the guardian stops at once. Neither can change a model, an inference or
/// a verdict, and verifiers once removed stay out for good.
/// @dev Verifiers are listed by code hash: a shared verifier has no state and no constructor arguments, so one shape has one
/// hash wherever it is deployed, and a faulty one cannot come back at another address. Keys are not listed: they are data.
/// Ownership changes in two steps (OpenZeppelin's `Ownable2Step`).
interface IRegistryGovernance {
    // ---------------------------------------------------------------------------------------------------- Events

    /// @notice A verifier shape may be used from now on.
    event VerifierAdded(bytes32 indexed codeHash);
    /// @notice A verifier shape verifies nothing until it is unfrozen.
    event VerifierFrozen(bytes32 indexed codeHash, address indexed by);
    /// @notice A frozen verifier shape may be used again.
    event VerifierUnfrozen(bytes32 indexed codeHash);
    /// @notice A verifier shape is out for good.
    event VerifierRemoved(bytes32 indexed codeHash);
    /// @notice A model proves nothing and passes no `requireAttested` until it is unfrozen.
    event ModelFrozen(ModelId indexed modelId, address indexed by);
    /// @notice A frozen model counts again.
    event ModelUnfrozen(ModelId indexed modelId);
    /// @notice Another account is the guardian.
    event GuardianChanged(address indexed previous, address indexed current);

    // ---------------------------------------------------------------------------------------------------- Errors

    /// @notice The sender is neither the guardian nor the owner.
    error NotGuardian(address account);
    /// @notice No verifier has this code hash: it is zero or that of an account without code.
    error InvalidVerifierCodeHash(bytes32 codeHash);
    /// @notice The verifier's status does not allow this change. A removed verifier allows none.
    error UnexpectedVerifierStatus(bytes32 codeHash, VerifierStatus status);
    /// @notice The chunk's verifier is not on the list, frozen or removed.
    error VerifierNotActive(uint256 chunk, bytes32 codeHash, VerifierStatus status);
    /// @notice The model is frozen.
    error ModelIsFrozen(ModelId modelId);
    /// @notice The model is not frozen.
    error ModelIsNotFrozen(ModelId modelId);

    // ---------------------------------------------------------------------------------------------------- Owner

    /// @notice Lists a verifier shape. By the owner; only one that was never listed.
    function addVerifier(bytes32 codeHash) external;

    /// @notice Lets a frozen verifier shape be used again. By the owner.
    function unfreezeVerifier(bytes32 codeHash) external;

    /// @notice Takes an active or frozen verifier shape out for good. By the owner.
    function removeVerifier(bytes32 codeHash) external;

    /// @notice Lets a frozen model count again. By the owner. One that was frozen by a contradiction can be frozen with the same
    /// contradiction again, by anyone.
    function unfreezeModel(ModelId modelId) external;

    /// @notice Makes another account the guardian; zero for none. By the owner.
    function setGuardian(address guardian_) external;

    // ------------------------------------------------------------------------------------------------- Guardian

    /// @notice Freezes an active verifier shape. By the guardian or the owner.
    /// @dev Inferences that it verified before stay proven: whoever doubts them freezes their models too.
    function freezeVerifier(bytes32 codeHash) external;

    /// @notice Freezes a model. By the guardian or the owner.
    function freezeModel(ModelId modelId) external;

    // ----------------------------------------------------------------------------------------------------- Views

    /// @notice The account that may freeze at once.
    function guardian() external view returns (address);

    /// @notice Where a verifier shape stands.
    function verifierStatus(bytes32 codeHash) external view returns (VerifierStatus);

    /// @notice Whether a model is frozen. Reverts `ModelNotRegistered`.
    function isFrozen(ModelId modelId) external view returns (bool);
}
