// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {RegistryTimelock} from "../src/RegistryTimelock.sol";
import {DeterministicDeployment} from "./DeterministicDeployment.sol";

/// @notice Who governs a registry, from the first block on.
/// @param delay Seconds between proposal and execution.
/// @param proposers Those who propose and cancel. After the delay anyone executes.
/// @param guardian Freezes at once and cancels proposals; zero for nobody.
/// @param codeHashes Verifier shapes that are listed from the start, without delay: there is nothing yet to protect.
struct Governance {
    uint256 delay;
    address[] proposers;
    address guardian;
    bytes32[] codeHashes;
}

/// @title RegistryDeployment
/// @notice The registry as it is meant to be owned: by a timelock that nobody administers but itself. Both addresses follow
/// from salt, code and governance.
library RegistryDeployment {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Nobody could ever propose anything.
    error NoProposers();

    /// @notice Deploys both, as far as they are not there yet.
    function deploy(bytes32 salt, Governance memory governance)
        internal
        returns (RegistryTimelock timelock, IChainferRegistry registry)
    {
        if (governance.proposers.length == 0) revert NoProposers();
        timelock = RegistryTimelock(payable(DeterministicDeployment.deploy(salt, timelockCode(governance))));
        registry = deploy(salt, address(timelock), governance);
    }

    /// @notice Deploys the registry alone, for an owner of any kind.
    function deploy(bytes32 salt, address owner, Governance memory governance)
        internal
        returns (IChainferRegistry registry)
    {
        registry = IChainferRegistry(DeterministicDeployment.deploy(salt, registryCode(owner, governance)));
    }

    /// @notice Creation code of the timelock, arguments included: executable by anyone, without an administrator.
    function timelockCode(Governance memory governance) internal pure returns (bytes memory) {
        return bytes.concat(
            type(RegistryTimelock).creationCode, abi.encode(governance.delay, governance.proposers, governance.guardian)
        );
    }

    /// @notice Creation code of the registry, arguments included.
    /// @dev From its artefact: a source that imports the registry's is compiled with its settings, and so would be the timelock, whose
    /// code and address were others then.
    function registryCode(address owner, Governance memory governance) internal view returns (bytes memory) {
        return bytes.concat(
            VM.getCode("ChainferRegistry.sol:ChainferRegistry"),
            abi.encode(owner, governance.guardian, governance.codeHashes)
        );
    }
}
