// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title DeterministicDeployment
/// @notice Contracts at addresses that follow from their code and arguments alone, whoever deploys them, on any chain: by
/// CREATE2 through the deterministic-deployment proxy (https://github.com/Arachnid/deterministic-deployment-proxy).
library DeterministicDeployment {
    /// @dev The proxy: calldata is salt ‖ creation code, the answer is the 20 bytes of the address.
    address internal constant PROXY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    /// @dev Its code hash, the same on every chain.
    bytes32 internal constant PROXY_CODE_HASH = 0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989;

    /// @notice The proxy is not on this chain. Send 0.01 ether to 0x3fab184622dc19b6109349b94811493bf2a45362 and publish the
    /// signed transaction from the proxy's repository; contracts/DEPLOYMENT.md has both commands.
    error NoDeterministicDeploymentProxy(uint256 chainId, address expectedAt);
    /// @notice The creation code reverted, or the transaction had too little gas for it.
    error NotDeployed(address expectedAt);

    /// @notice Where `creationCode` (arguments included) is deployed.
    function addressOf(bytes32 salt, bytes memory creationCode) internal pure returns (address) {
        return
            address(uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), PROXY, salt, keccak256(creationCode))))));
    }

    /// @notice Deploys it, unless it is there already.
    function deploy(bytes32 salt, bytes memory creationCode) internal returns (address deployed) {
        deployed = addressOf(salt, creationCode);
        if (deployed.code.length != 0) return deployed;
        if (PROXY.codehash != PROXY_CODE_HASH) revert NoDeterministicDeploymentProxy(block.chainid, PROXY);
        (bool success, bytes memory answer) = PROXY.call(bytes.concat(salt, creationCode));
        if (!success || keccak256(answer) != keccak256(abi.encodePacked(deployed))) revert NotDeployed(deployed);
    }
}
