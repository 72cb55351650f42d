// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice An attestation of the Ethereum Attestation Service (https://attest.org), as resolvers get it.
struct Attestation {
    bytes32 uid;
    bytes32 schema;
    uint64 time;
    uint64 expirationTime;
    uint64 revocationTime;
    bytes32 refUID;
    address recipient;
    address attester;
    bool revocable;
    bytes data;
}

/// @title ISchemaResolver
/// @notice A resolver decides for the Ethereum Attestation Service which attestations and revocations of a schema pass.
interface ISchemaResolver {
    /// @notice Whether the resolver takes ether.
    function isPayable() external pure returns (bool);

    /// @notice Whether a new attestation passes.
    function attest(Attestation calldata attestation) external payable returns (bool);

    /// @notice Whether all of several new attestations pass.
    /// @param values Ether that was sent with each.
    function multiAttest(Attestation[] calldata attestations, uint256[] calldata values) external payable returns (bool);

    /// @notice Whether an attestation may be revoked.
    function revoke(Attestation calldata attestation) external payable returns (bool);

    /// @notice Whether all of several attestations may be revoked.
    /// @param values Ether that was sent with each.
    function multiRevoke(Attestation[] calldata attestations, uint256[] calldata values) external payable returns (bool);
}
