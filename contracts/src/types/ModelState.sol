// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Model} from "./RegistryTypes.sol";

/// @notice The first slot of a model, read at once: registrant, registration time, deprecation time, frozen; from the lowest bit on.
type ModelState is uint256;

using ModelStateLibrary for ModelState global;

/// @title ModelStateLibrary
/// @notice Fields of the first slot of a `Model`.
library ModelStateLibrary {
    /// @notice Reads the slot. Each field of a struct in storage is a read of its own.
    function load(Model storage model) internal view returns (ModelState state) {
        assembly ("memory-safe") {
            state := sload(model.slot)
        }
    }

    /// @notice Who registered the model.
    function registrant(ModelState state) internal pure returns (address) {
        return address(uint160(ModelState.unwrap(state)));
    }

    /// @notice Block time at which the model was registered; zero if it is not.
    function registeredAt(ModelState state) internal pure returns (uint40) {
        return uint40(ModelState.unwrap(state) >> 160);
    }

    /// @notice Block time at which it was deprecated; zero if it is not.
    function deprecatedAt(ModelState state) internal pure returns (uint40) {
        return uint40(ModelState.unwrap(state) >> 200);
    }

    /// @notice Whether it is frozen.
    function isFrozen(ModelState state) internal pure returns (bool) {
        return ModelState.unwrap(state) >> 240 != 0;
    }
}
