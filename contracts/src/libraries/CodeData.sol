// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title CodeData
/// @notice Data stored as the code of a contract: reading it costs one account access instead of one storage slot per word.
/// @dev The code begins with STOP (0x00), so a call ends at once and the contract can neither change nor destroy itself.
library CodeData {
    /// @dev Largest code (EIP-170) without the STOP.
    uint256 private constant MAX_SIZE = 24_575;

    /// @notice The data is too large for one contract.
    error CodeDataTooLarge(uint256 size);
    /// @notice The contract could not be created, for lack of gas.
    error CodeDataNotCreated();

    /// @notice Creates a contract whose code is STOP and `data`.
    function create(bytes memory data) internal returns (address at) {
        if (data.length > MAX_SIZE) revert CodeDataTooLarge(data.length);
        // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN, then the code.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes memory creation = abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a5f395ff3", hex"00", data);
        assembly ("memory-safe") {
            at := create(0, add(creation, 0x20), mload(creation))
        }
        if (at == address(0)) revert CodeDataNotCreated();
    }
}
