// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, console2} from "forge-std/Script.sol";
import {DeterministicDeployment} from "./DeterministicDeployment.sol";
import {VerifierCatalogue} from "./VerifierCatalogue.sol";

/// @notice Deploys the verifiers of the canonical shapes, once a chain: then models that fit them are registered without deploying a
/// contract. They govern nothing and hold nothing, and their addresses follow from their code. Those that are there are left alone.
///
///     scripts/foundry forge script contracts/script/DeployVerifiers.s.sol --rpc-url ... --private-key ... --broadcast
contract DeployVerifiers is Script {
    /// @notice The code is not at the address that the catalogue says, so the catalogue was changed by hand.
    error NotOfTheCatalogue(address expected, address deployed);

    function run() external returns (address[] memory verifiers) {
        verifiers = VerifierCatalogue.addresses();
        bytes[] memory codes = VerifierCatalogue.creationCodes();
        vm.startBroadcast();
        for (uint256 i; i < codes.length; ++i) {
            address deployed = DeterministicDeployment.deploy(0, codes[i]);
            if (deployed != verifiers[i]) revert NotOfTheCatalogue(verifiers[i], deployed);
            console2.log("verifier", deployed);
        }
        vm.stopBroadcast();
    }
}
