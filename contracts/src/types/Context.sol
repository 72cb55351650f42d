// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ModelId} from "./ModelId.sol";

/// @notice Public field element that binds a set of proofs to its use: chain, registry, model, requester and nonce.
/// @dev Always below 2^248, hence a canonical element of the scalar field.
type Context is uint256;

using ContextLibrary for Context global;

/// @title ContextLibrary
library ContextLibrary {
    /// @dev Domain separation of contexts.
    bytes32 internal constant DOMAIN = keccak256("chainfer.context.v1");

    /// @notice The context of proofs made for `requester` and `nonce` on one chain and one registry.
    function derive(uint256 chainId, address registry, ModelId modelId, address requester, uint256 nonce)
        internal
        pure
        returns (Context)
    {
        bytes32 digest = keccak256(abi.encode(DOMAIN, chainId, registry, modelId, requester, nonce));
        return Context.wrap(uint256(digest) >> 8);
    }

    /// @notice The value as it is in the instance column.
    function toUint(Context self) internal pure returns (uint256) {
        return Context.unwrap(self);
    }
}
