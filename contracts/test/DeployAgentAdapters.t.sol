// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {DeployAgentAdapters} from "../script/DeployAgentAdapters.s.sol";
import {ERC8004Validator} from "../src/adapters/ERC8004Validator.sol";
import {ERC8183Evaluator} from "../src/adapters/ERC8183Evaluator.sol";
import {ERC8274Verifier} from "../src/adapters/ERC8274Verifier.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";

contract DeployAgentAdaptersTest is Test {
    DeployAgentAdapters internal script;
    address internal registry = address(this);
    address internal validation;

    function setUp() public {
        DeterministicProxy.install();
        script = new DeployAgentAdapters();
        validation = address(script);
    }

    function test_deploy_all_areOfTheRegistry() public {
        (address validator, address evaluator, address verifier) = script.deploy(registry, validation, true, true);
        assertEq(address(ERC8004Validator(validator).CHAINFER()), registry);
        assertEq(address(ERC8004Validator(validator).VALIDATION()), validation);
        assertEq(address(ERC8183Evaluator(evaluator).CHAINFER()), registry);
        assertEq(address(ERC8274Verifier(verifier).CHAINFER()), registry);
    }

    function test_deploy_again_changesNothing() public {
        (address validator, address evaluator,) = script.deploy(registry, validation, true, false);
        (address again, address none, address verifier) = script.deploy(registry, validation, false, true);
        assertEq(again, validator);
        assertEq(none, address(0));
        (, address evaluatorAgain, address verifierAgain) = script.deploy(registry, address(0), true, true);
        assertEq(evaluatorAgain, evaluator);
        assertEq(verifierAgain, verifier);
    }

    function test_deploy_revertsWhenThereIsNoContract() public {
        vm.expectRevert(abi.encodeWithSelector(DeployAgentAdapters.NoCode.selector, address(1234)));
        script.deploy(address(1234), validation, true, true);
        vm.expectRevert(abi.encodeWithSelector(DeployAgentAdapters.NoCode.selector, address(1234)));
        script.deploy(registry, address(1234), true, true);
    }

    function test_deploy_revertsWhenNothingIsAskedFor() public {
        vm.expectRevert(DeployAgentAdapters.NothingToDeploy.selector);
        script.deploy(registry, address(0), false, false);
    }

    function test_artefacts_areTheCodeOfTheSources() public view {
        _assertKept("ERC8004Validator", type(ERC8004Validator).creationCode);
        _assertKept("ERC8183Evaluator", type(ERC8183Evaluator).creationCode);
        _assertKept("ERC8274Verifier", type(ERC8274Verifier).creationCode);
    }

    function _assertKept(string memory name, bytes memory creationCode) private view {
        string memory json = vm.readFile(string.concat("contracts/artefacts/", name, ".json"));
        assertEq(
            keccak256(vm.parseJsonBytes(json, ".bytecode")),
            keccak256(creationCode),
            string.concat(name, " is stale: run scripts/artefacts and commit the result")
        );
    }
}
