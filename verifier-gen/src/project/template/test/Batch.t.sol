// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

{{imports}}import {Deployment, Targets} from "./base/Target.sol";
import {Batches} from "./suite/Batches.sol";

/// @notice All chunks in one batch.
contract BatchTest is Batches {
    function chunks() internal override returns (Deployment[] memory deployments, string[] memory fixtures) {
        (deployments, fixtures) = (new Deployment[]({{count}}), new string[]({{count}}));
{{chunks}}    }
}
