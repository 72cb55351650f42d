// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, console2} from "forge-std/Script.sol";
import {ERC8004Validator} from "../src/adapters/ERC8004Validator.sol";
import {ERC8183Evaluator} from "../src/adapters/ERC8183Evaluator.sol";
import {ERC8274Verifier} from "../src/adapters/ERC8274Verifier.sol";
import {DeterministicDeployment} from "./DeterministicDeployment.sol";

/// @notice Deploys adapters of a registry to standards for agents, at addresses that follow from their arguments. They govern nothing
/// and hold nothing. Only what is asked for is deployed: code is dear, and the standards are drafts.
///
///     CHAINFER_REGISTRY=0x... CHAINFER_VALIDATION_REGISTRY=0x... CHAINFER_ERC8183=true \
///         scripts/foundry forge script contracts/script/DeployAgentAdapters.s.sol --rpc-url ... --private-key ... --broadcast
///
/// CHAINFER_REGISTRY             the registry
/// CHAINFER_VALIDATION_REGISTRY  a validation registry of ERC-8004: deploys its validator
/// CHAINFER_ERC8183              true: deploys the evaluator of ERC-8183
/// CHAINFER_ERC8274              true: deploys the proof verifier of ERC-8274
contract DeployAgentAdapters is Script {
    /// @notice There is no contract at the address.
    error NoCode(address account);
    /// @notice Nothing was asked for.
    error NothingToDeploy();

    function run() external returns (address validator, address evaluator, address verifier) {
        return deploy(
            vm.envAddress("CHAINFER_REGISTRY"),
            vm.envOr("CHAINFER_VALIDATION_REGISTRY", address(0)),
            vm.envOr("CHAINFER_ERC8183", false),
            vm.envOr("CHAINFER_ERC8274", false)
        );
    }

    /// @notice Deploys what is asked for and missing. What is not asked for is zero.
    /// @param validation A validation registry of ERC-8004; zero: no validator.
    function deploy(address registry, address validation, bool withEvaluator, bool withVerifier)
        public
        returns (address validator, address evaluator, address verifier)
    {
        if (registry.code.length == 0) revert NoCode(registry);
        if (validation != address(0) && validation.code.length == 0) revert NoCode(validation);
        if (validation == address(0) && !withEvaluator && !withVerifier) revert NothingToDeploy();
        vm.startBroadcast();
        if (validation != address(0)) {
            validator =
                _deploy("ERC-8004 validator", type(ERC8004Validator).creationCode, abi.encode(validation, registry));
        }
        if (withEvaluator) {
            evaluator = _deploy("ERC-8183 evaluator", type(ERC8183Evaluator).creationCode, abi.encode(registry));
        }
        if (withVerifier) {
            verifier = _deploy("ERC-8274 proof verifier", type(ERC8274Verifier).creationCode, abi.encode(registry));
        }
        vm.stopBroadcast();
    }

    function _deploy(string memory name, bytes memory code, bytes memory arguments) private returns (address deployed) {
        deployed = DeterministicDeployment.deploy(0, bytes.concat(code, arguments));
        console2.log(name, deployed);
    }
}
