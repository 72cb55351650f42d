// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";

/// @title VerifierCatalogue
/// @notice The verifiers of the canonical shapes, as `scripts/catalogue` writes them to verifier-gen/catalogue/catalogue.json.
library VerifierCatalogue {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    string private constant PATH = "verifier-gen/catalogue/catalogue.json";

    /// @notice Code hashes, under which registries list them.
    function codeHashes() internal view returns (bytes32[] memory) {
        return abi.decode(_field("code_hash"), (bytes32[]));
    }

    /// @notice Where they are once somebody has deployed them.
    function addresses() internal view returns (address[] memory) {
        return abi.decode(_field("address"), (address[]));
    }

    /// @notice Creation codes, in the same order.
    function creationCodes() internal view returns (bytes[] memory) {
        return abi.decode(_field("creation_code"), (bytes[]));
    }

    function _field(string memory name) private view returns (bytes memory) {
        return VM.parseJson(VM.readFile(PATH), string.concat(".verifiers[*].", name));
    }
}
