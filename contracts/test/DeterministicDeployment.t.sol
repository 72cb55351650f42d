// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {DeterministicDeployment} from "../script/DeterministicDeployment.sol";
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
}
