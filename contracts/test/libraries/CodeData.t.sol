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
        assertTrue(CodeData.isData(at, data.length));
        assertFalse(CodeData.isData(at, data.length + 1));
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

    function test_isData_isFalseForCodeThatRunsAndForNone() public {
        assertFalse(CodeData.isData(address(this), 1));
        assertFalse(CodeData.isData(address(0xE0A), 0));
    }

    function testFuzz_uint32At_readsFourBytes(uint32[] memory values, uint256 index) public {
        vm.assume(values.length != 0);
        index = bound(index, 0, values.length - 1);
        bytes memory data;
        for (uint256 i; i < values.length; ++i) {
            data = abi.encodePacked(data, values[i]);
        }
        assertEq(CodeData.uint32At(CodeData.create(data), 4 * index), values[index]);
    }
}
