// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {DeployAdapters} from "../script/DeployAdapters.s.sol";
import {EASResolver} from "../src/adapters/EASResolver.sol";
import {ERC7992Adapter} from "../src/adapters/ERC7992Adapter.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {ProvenValues} from "../src/ProvenValues.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";

contract DeployAdaptersTest is Test {
    function test_adapters_areOfTheRegistry() public {
        DeterministicProxy.install();
        IChainferRegistry registry = IChainferRegistry(
            vm.deployCode(
                "ChainferRegistry.sol:ChainferRegistry", abi.encode(address(this), address(0), new bytes32[](0))
            )
        );
        DeployAdapters.Adapters memory adapters = new DeployAdapters().deploy(address(registry), address(this));
        assertEq(address(ProvenValues(adapters.provenValues).REGISTRY()), address(registry));
        assertEq(address(ERC7992Adapter(adapters.erc7992).CHAINFER()), address(registry));
        assertEq(address(EASResolver(payable(adapters.easResolver)).REGISTRY()), address(registry));
        assertEq(EASResolver(payable(adapters.easResolver)).EAS(), address(this));
        DeployAdapters.Adapters memory again = new DeployAdapters().deploy(address(registry), address(0));
        assertEq(again.provenValues, adapters.provenValues);
        assertEq(again.erc7992, adapters.erc7992);
        assertEq(again.easResolver, address(0));
    }

    function test_adapters_recordWhatTheAddressesAreMadeOf() public {
        string memory json = _record(new DeployAdapters());
        assertEq(vm.parseJsonString(json, ".format"), "chainfer.adapters");
        assertEq(vm.parseJsonUint(json, ".version"), 1);
        assertEq(vm.parseJsonUint(json, ".chain_id"), block.chainid);
        assertEq(vm.parseJsonAddress(json, ".registry"), address(1));
        assertEq(vm.parseJsonAddress(json, ".eas"), address(2));
        assertEq(vm.parseJsonAddress(json, ".proven_values"), address(3));
        assertEq(vm.parseJsonAddress(json, ".erc7992"), address(4));
        assertEq(vm.parseJsonAddress(json, ".eas_resolver"), address(5));
    }

    function test_adapters_revertsWhenTheRecordIsOfAnotherRegistry() public {
        DeployAdapters script = new DeployAdapters();
        string memory path = "deployments/test-forge-adapters/1.adapters.json";
        vm.createDir("deployments/test-forge-adapters", true);
        script.checkRecord(path, address(1));
        vm.writeFile(path, _record(script));
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

    function _record(DeployAdapters script) private returns (string memory) {
        return script.record(address(1), address(2), DeployAdapters.Adapters(address(3), address(4), address(5)));
    }
}
