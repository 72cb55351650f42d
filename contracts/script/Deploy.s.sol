// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, console2} from "forge-std/Script.sol";
import {ChainferRegistry} from "../src/ChainferRegistry.sol";

/// @notice Deploys the registry and prints where it is.
///
///     scripts/foundry forge script contracts/script/Deploy.s.sol --rpc-url http://127.0.0.1:8545 --private-key ... --broadcast
///
/// Without --broadcast nothing is sent. The wallet flags are forge's.
contract Deploy is Script {
    function run() external returns (ChainferRegistry registry) {
        vm.startBroadcast();
        registry = new ChainferRegistry();
        vm.stopBroadcast();

        console2.log("chain id", block.chainid);
        console2.log("registry", address(registry));
        console2.log("code hash");
        console2.logBytes32(address(registry).codehash);
    }
}
