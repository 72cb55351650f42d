// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, console2} from "forge-std/Script.sol";
import {EASResolver} from "../src/adapters/EASResolver.sol";
import {ERC7992Adapter} from "../src/adapters/ERC7992Adapter.sol";
import {DeterministicDeployment} from "./DeterministicDeployment.sol";

/// @notice Deploys the adapters of a registry, at addresses that follow from it. They govern nothing and hold nothing.
///
///     CHAINFER_REGISTRY=0x... CHAINFER_EAS=0x... scripts/foundry forge script contracts/script/DeployAdapters.s.sol \
///         --rpc-url ... --private-key ... --broadcast
///
/// CHAINFER_REGISTRY  the registry
/// CHAINFER_EAS       the Ethereum Attestation Service of the chain; without it there is no resolver
contract DeployAdapters is Script {
    /// @notice There is no contract at the address.
    error NoCode(address account);

    function run() external returns (address adapter, address resolver) {
        return deploy(vm.envAddress("CHAINFER_REGISTRY"), vm.envOr("CHAINFER_EAS", address(0)));
    }

    /// @notice Deploys what is missing; the resolver only for a service.
    function deploy(address registry, address eas) public returns (address adapter, address resolver) {
        if (registry.code.length == 0) revert NoCode(registry);
        if (eas != address(0) && eas.code.length == 0) revert NoCode(eas);
        vm.startBroadcast();
        adapter =
            DeterministicDeployment.deploy(0, bytes.concat(type(ERC7992Adapter).creationCode, abi.encode(registry)));
        if (eas != address(0)) {
            resolver = DeterministicDeployment.deploy(
                0, bytes.concat(type(EASResolver).creationCode, abi.encode(eas, registry))
            );
        }
        vm.stopBroadcast();
        console2.log("ERC-7992 adapter", adapter);
        console2.log("EAS resolver", resolver);
    }
}
