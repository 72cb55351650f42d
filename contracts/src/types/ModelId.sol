// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice Id of a registered model: the hash of its manifest id and of the account that registered it.
type ModelId is bytes32;

using {equalModelIds as ==, differentModelIds as !=} for ModelId global;
using ModelIdLibrary for ModelId global;

function equalModelIds(ModelId a, ModelId b) pure returns (bool) {
    return ModelId.unwrap(a) == ModelId.unwrap(b);
}

function differentModelIds(ModelId a, ModelId b) pure returns (bool) {
    return ModelId.unwrap(a) != ModelId.unwrap(b);
}

/// @title ModelIdLibrary
library ModelIdLibrary {
    /// @dev Domain separation of model ids.
    bytes32 internal constant DOMAIN = keccak256("chainfer.model.v1");

    /// @notice The id that `registrant` gets for a manifest. It depends on the registrant, so nobody can occupy another's.
    function derive(bytes32 manifestId, address registrant) internal pure returns (ModelId) {
        return ModelId.wrap(keccak256(abi.encode(DOMAIN, manifestId, registrant)));
    }
}
