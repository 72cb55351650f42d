// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BoundVerifier} from "../../src/BoundVerifier.sol";
import {IHalo2Accumulator} from "../../src/interfaces/IHalo2Accumulator.sol";
import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";

/// @notice A shared verifier and the contract that holds the key that it is asked with.
struct Deployment {
    address shared;
    address key;
    bytes32 keyCodeHash;
}

/// @notice What a suite asks: a contract, one of its entries, and the key that this one takes; none, if it has one.
struct Target {
    address verifier;
    bytes4 selector;
    bytes key;
    Deployment deployment;
}

/// @notice The entries of a deployment, as targets.
library Targets {
    /// @dev Deploys the key by its creation code.
    function deploy(address verifier, bytes memory keyCreation, bytes32 keyCodeHash)
        internal
        returns (Deployment memory)
    {
        address key;
        assembly ("memory-safe") {
            key := create(0, add(keyCreation, 0x20), mload(keyCreation))
        }
        require(key != address(0), "the key contract was not created");
        return Deployment(verifier, key, keyCodeHash);
    }

    /// @dev The verifier with its key pinned: what other contracts talk to.
    function bound(Deployment memory deployment) internal returns (Target memory) {
        return Target(pin(deployment), IHalo2Verifier.verifyProof.selector, "", deployment);
    }

    /// @dev The same, without the pairing.
    function boundAccumulate(Deployment memory deployment) internal returns (Target memory) {
        return Target(pin(deployment), IHalo2Accumulator.accumulate.selector, "", deployment);
    }

    /// @dev The shared verifier itself, which is told the key by its caller.
    function shared(Deployment memory deployment) internal view returns (Target memory) {
        bytes memory key = keyOf(deployment);
        return Target(deployment.shared, IHalo2SharedVerifier.verifyProof.selector, key, deployment);
    }

    /// @dev The key, which is the code of its contract without the first byte.
    function keyOf(Deployment memory deployment) internal view returns (bytes memory key) {
        address from = deployment.key;
        key = new bytes(from.code.length - 1);
        assembly ("memory-safe") {
            extcodecopy(from, add(key, 0x20), 1, mload(key))
        }
    }

    function pin(Deployment memory deployment) internal returns (address) {
        bytes32 codeHash = deployment.shared.codehash;
        return address(new BoundVerifier(deployment.shared, codeHash, deployment.key, deployment.keyCodeHash));
    }
}
