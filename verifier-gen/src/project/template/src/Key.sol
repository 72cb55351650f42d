// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice The verifying key of chunk {{chunk}}, as the code of a contract.
library {{name}} {
    /// @dev Deploys STOP and the key: a contract that can be read and not run.
    bytes internal constant CREATION_CODE = hex"{{creation}}";

    /// @dev Hash of the deployed code, which is the key's hash. Whoever trusts the key pins it.
    bytes32 internal constant CODE_HASH = {{code_hash}};
}
