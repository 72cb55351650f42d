// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {CodeData} from "../../src/libraries/CodeData.sol";

contract CodeDataTest is Test {
    function create(bytes memory data) external returns (address) {
        return CodeData.create(data);
    }

    function testFuzz_create_theCodeIsStopAndTheData(bytes memory data) public {
        address at = CodeData.create(data);
        assertEq(at.code, abi.encodePacked(hex"00", data));
    }

    function test_create_theLargest() public {
        assertEq(CodeData.create(new bytes(24_575)).code.length, 24_576);
    }

    function test_create_revertsWhenTheDataAreTooLarge() public {
        vm.expectRevert(abi.encodeWithSelector(CodeData.CodeDataTooLarge.selector, 24_576));
        this.create(new bytes(24_576));
    }

    function test_create_revertsWhenGasRunsOut() public {
        // Enough to report it, not enough for the code: 200 gas a byte.
        vm.expectRevert(CodeData.CodeDataNotCreated.selector);
        this.create{gas: 4_000_000}(new bytes(24_575));
    }

    function testFuzz_create_whatItMakes_doesNothing(bytes memory data, bytes memory call) public {
        address at = CodeData.create(data);
        (bool success, bytes memory answer) = at.call(call);
        assertTrue(success);
        assertEq(answer.length, 0);
    }
}
