// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {DeployAdapters} from "../script/DeployAdapters.s.sol";
import {DeterministicDeployment} from "../script/DeterministicDeployment.sol";
import {EASResolver} from "../src/adapters/EASResolver.sol";
import {ERC7992Adapter} from "../src/adapters/ERC7992Adapter.sol";
import {ChainferRegistry} from "../src/ChainferRegistry.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";

contract DeterministicDeploymentTest is Test {
    // PUSH1 1, PUSH0, MSTORE8, PUSH1 1, PUSH0, RETURN: one byte of code.
    bytes internal constant ONE_BYTE = hex"60015f5360015ff3";
    bytes internal constant REVERTS = hex"5f5ffd";

    function deploy(bytes32 salt, bytes memory code) external returns (address) {
        return DeterministicDeployment.deploy(salt, code);
    }

    function test_install_isTheProxyOfPublicChains() public {
        DeterministicProxy.install();
        assertEq(DeterministicDeployment.PROXY.codehash, DeterministicDeployment.PROXY_CODE_HASH);
    }

    function testFuzz_deploy_isWhereAddressOfSays_whoeverDeploys(bytes32 salt, address sender) public {
        DeterministicProxy.install();
        vm.prank(sender);
        address deployed = this.deploy(salt, ONE_BYTE);
        assertEq(deployed, DeterministicDeployment.addressOf(salt, ONE_BYTE));
        assertEq(deployed, vm.computeCreate2Address(salt, keccak256(ONE_BYTE), DeterministicDeployment.PROXY));
        assertEq(deployed.code, hex"01");
    }

    function test_deploy_again_changesNothing() public {
        DeterministicProxy.install();
        address deployed = this.deploy(0, ONE_BYTE);
        vm.etch(DeterministicDeployment.PROXY, "");
        assertEq(this.deploy(0, ONE_BYTE), deployed);
    }

    function test_deploy_revertsWithoutTheProxy() public {
        bytes memory error_ = abi.encodeWithSelector(
            DeterministicDeployment.NoDeterministicDeploymentProxy.selector,
            block.chainid,
            DeterministicDeployment.PROXY
        );
        vm.etch(DeterministicDeployment.PROXY, "");
        vm.expectRevert(error_);
        this.deploy(0, ONE_BYTE);
        vm.etch(DeterministicDeployment.PROXY, hex"00");
        vm.expectRevert(error_);
        this.deploy(0, ONE_BYTE);
    }

    function test_deploy_revertsWhenTheCreationCodeDoes() public {
        DeterministicProxy.install();
        vm.expectRevert(
            abi.encodeWithSelector(
                DeterministicDeployment.NotDeployed.selector, DeterministicDeployment.addressOf(0, REVERTS)
            )
        );
        this.deploy(0, REVERTS);
    }

    function test_adapters_areOfTheRegistry() public {
        DeterministicProxy.install();
        ChainferRegistry registry = new ChainferRegistry(address(this), address(0), new bytes32[](0));
        (address adapter, address resolver) = new DeployAdapters().deploy(address(registry), address(this));
        assertEq(address(ERC7992Adapter(adapter).CHAINFER()), address(registry));
        assertEq(address(EASResolver(payable(resolver)).REGISTRY()), address(registry));
        assertEq(EASResolver(payable(resolver)).EAS(), address(this));
        (address again, address none) = new DeployAdapters().deploy(address(registry), address(0));
        assertEq(again, adapter);
        assertEq(none, address(0));
    }

    function test_adapters_recordWhatTheAddressesAreMadeOf() public {
        string memory json = new DeployAdapters().record(address(1), address(2), address(3), address(4));
        assertEq(vm.parseJsonString(json, ".format"), "chainfer.adapters");
        assertEq(vm.parseJsonUint(json, ".version"), 1);
        assertEq(vm.parseJsonUint(json, ".chain_id"), block.chainid);
        assertEq(vm.parseJsonAddress(json, ".registry"), address(1));
        assertEq(vm.parseJsonAddress(json, ".erc7992"), address(2));
        assertEq(vm.parseJsonAddress(json, ".eas"), address(3));
        assertEq(vm.parseJsonAddress(json, ".eas_resolver"), address(4));
    }

    function test_adapters_revertsWhenTheRecordIsOfAnotherRegistry() public {
        DeployAdapters script = new DeployAdapters();
        string memory path = "deployments/test-forge-adapters/1.adapters.json";
        vm.createDir("deployments/test-forge-adapters", true);
        script.checkRecord(path, address(1));
        vm.writeFile(path, script.record(address(1), address(2), address(3), address(4)));
        script.checkRecord(path, address(1));
        bytes4 selector = DeployAdapters.RecordOfAnotherRegistry.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, path, address(1), address(2)));
        script.checkRecord(path, address(2));
        vm.removeDir("deployments/test-forge-adapters", true);
    }

    function test_adapters_revertsWithoutContracts() public {
        DeployAdapters script = new DeployAdapters();
        vm.expectRevert(abi.encodeWithSelector(DeployAdapters.NoCode.selector, address(1234)));
        script.deploy(address(1234), address(0));
        vm.expectRevert(abi.encodeWithSelector(DeployAdapters.NoCode.selector, address(1234)));
        script.deploy(address(this), address(1234));
    }
}
