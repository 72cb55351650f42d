// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IERC7007
/// @notice Tokens of AI-generated content (https://eips.ethereum.org/EIPS/eip-7007, final), named by their prompts. ERC-165 id
/// 0x702c55a6. The standard's interface inherits ERC-165 and ERC-721, which an implementation takes from elsewhere.
interface IERC7007 {
    /// @notice Content was added to a token.
    event AigcData(uint256 indexed tokenId, bytes indexed prompt, bytes indexed aigcData, bytes proof);

    /// @notice Adds the content that a model generated for a prompt to the prompt's token. Reverts unless `verify` returns true.
    function addAigcData(uint256 tokenId, bytes calldata prompt, bytes calldata aigcData, bytes calldata proof) external;

    /// @notice Whether the model generates this content for the prompt.
    function verify(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        external
        view
        returns (bool success);
}
