// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Context} from "./Context.sol";
import {ModelId} from "./ModelId.sol";

/// @notice Id of one inference: the hash of its model, the root over its boundary tensors, and the context that it was proved for.
type InferenceId is bytes32;

using {equalInferenceIds as ==} for InferenceId global;
using InferenceIdLibrary for InferenceId global;

function equalInferenceIds(InferenceId a, InferenceId b) pure returns (bool) {
    return InferenceId.unwrap(a) == InferenceId.unwrap(b);
}

/// @title InferenceIdLibrary
library InferenceIdLibrary {
    /// @notice Derives the id: `keccak256(abi.encode(modelId, root, context))`.
    function derive(ModelId modelId, uint256 root, Context context) internal pure returns (InferenceId) {
        return InferenceId.wrap(keccak256(abi.encode(modelId, root, context)));
    }
}
