// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Deploy} from "../script/Deploy.s.sol";
import {ChainferRegistry} from "../src/ChainferRegistry.sol";

contract DeployTest is Test {
    function test_run_deploysAnEmptyRegistry() public {
        ChainferRegistry registry = new Deploy().run();
        assertEq(address(registry).code, type(ChainferRegistry).runtimeCode);
        assertEq(registry.modelCount(), 0);
    }
}
