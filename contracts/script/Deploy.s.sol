// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, console2} from "forge-std/Script.sol";
import {ChainferRegistry} from "../src/ChainferRegistry.sol";
import {RegistryDeployment} from "./RegistryDeployment.sol";

/// @notice Deploys the registry and prints where it is.
///
///     CHAINFER_PROPOSERS=0x... CHAINFER_GUARDIAN=0x... scripts/foundry forge script contracts/script/Deploy.s.sol \
///         --rpc-url http://127.0.0.1:8545 --private-key ... --broadcast
///
/// Without --broadcast nothing is sent. The wallet flags are forge's. The environment says who governs:
///
/// CHAINFER_PROPOSERS  addresses, comma-separated, that propose to the timelock
/// CHAINFER_DELAY      seconds that a proposal waits; two days if not given
/// CHAINFER_GUARDIAN   who freezes at once; nobody if not given
/// CHAINFER_VERIFIERS  code hashes of verifier shapes, comma-separated, that are listed from the start
///
/// Without proposers, and on a development chain (31337) only, the sender owns the registry.
contract Deploy is Script {
    uint256 private constant DEVELOPMENT_CHAIN = 31_337;

    function run() external returns (ChainferRegistry registry) {
        address[] memory proposers = vm.envOr("CHAINFER_PROPOSERS", ",", new address[](0));
        address guardian = vm.envOr("CHAINFER_GUARDIAN", address(0));
        uint256 delay = vm.envOr("CHAINFER_DELAY", uint256(2 days));
        bytes32[] memory codeHashes = vm.envOr("CHAINFER_VERIFIERS", ",", new bytes32[](0));

        vm.startBroadcast();
        if (proposers.length == 0 && block.chainid == DEVELOPMENT_CHAIN) {
            (, address sender,) = vm.readCallers();
            registry = new ChainferRegistry(sender, guardian, codeHashes);
        } else {
            (, registry) = RegistryDeployment.deploy(delay, proposers, guardian, codeHashes);
        }
        vm.stopBroadcast();

        console2.log("chain id", block.chainid);
        console2.log("registry", address(registry));
        console2.log("code hash");
        console2.logBytes32(address(registry).codehash);
        console2.log("owner", registry.owner());
        console2.log("guardian", registry.guardian());
        console2.log("openings", address(registry.openings()));
    }
}
