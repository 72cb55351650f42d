// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {DeterministicDeployment} from "../../script/DeterministicDeployment.sol";

/// @notice TEST ONLY: the deterministic-deployment proxy, as public chains have it.
library DeterministicProxy {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function install() internal {
        VM.etch(
            DeterministicDeployment.PROXY,
            hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
        );
    }
}
