// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title RegistryTimelock
/// @notice The timelock that owns a registry: executable by anyone, administered by nobody but itself, and the registry's guardian
/// cancels what is scheduled. Who may stop at once may so keep stopped what they stopped.
/// @dev OpenZeppelin's constructor lets proposers cancel and has no place for another canceller; without an administrator
/// the role can be given here only. A guardian who is replaced in the registry loses it by `revokeRole`, in the same batch.
contract RegistryTimelock is TimelockController {
    /// @param minDelay Seconds between proposal and execution.
    /// @param proposers Those who propose and cancel.
    /// @param guardian Who cancels, and does not propose; zero for nobody.
    constructor(uint256 minDelay, address[] memory proposers, address guardian)
        TimelockController(minDelay, proposers, new address[](1), address(0))
    {
        if (guardian != address(0)) _grantRole(CANCELLER_ROLE, guardian);
    }
}
