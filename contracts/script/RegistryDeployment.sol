// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {ChainferRegistry} from "../src/ChainferRegistry.sol";

/// @title RegistryDeployment
/// @notice The registry as it is meant to be owned: by a timelock that nobody administers but itself, from the first block on.
library RegistryDeployment {
    /// @notice Nobody could ever propose anything.
    error NoProposers();

    /// @notice Deploys both.
    /// @param delay Seconds between proposal and execution.
    /// @param proposers Those who propose and cancel. After the delay anyone executes.
    /// @param guardian Freezes at once.
    /// @param codeHashes Verifier shapes that are listed from the start, without delay: there is nothing yet to protect.
    function deploy(uint256 delay, address[] memory proposers, address guardian, bytes32[] memory codeHashes)
        internal
        returns (TimelockController timelock, ChainferRegistry registry)
    {
        if (proposers.length == 0) revert NoProposers();
        address[] memory executors = new address[](1);
        timelock = new TimelockController(delay, proposers, executors, address(0));
        registry = new ChainferRegistry(address(timelock), guardian, codeHashes);
    }
}
