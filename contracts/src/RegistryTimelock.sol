// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title RegistryTimelock
/// @notice The timelock that owns a registry. Anyone can execute, only the timelock itself administers it, and the registry's guardian
/// can cancel what is scheduled: otherwise a proposal could undo a freeze against the guardian's will.
/// @dev OpenZeppelin's constructor lets proposers cancel and takes no other canceller; without an administrator the role can only be
/// granted here. A batch that replaces the guardian in the registry should also revoke the old one's role by `revokeRole`.
contract RegistryTimelock is TimelockController {
    /// @param minDelay Seconds between proposal and execution.
    /// @param proposers Accounts that can propose and cancel.
    /// @param guardian Account that can cancel but not propose; zero for none.
    constructor(uint256 minDelay, address[] memory proposers, address guardian)
        TimelockController(minDelay, proposers, new address[](1), address(0))
    {
        if (guardian != address(0)) _grantRole(CANCELLER_ROLE, guardian);
    }
}
