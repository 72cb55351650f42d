// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {EASResolver} from "../../src/adapters/EASResolver.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {Attestation, ISchemaResolver} from "../../src/interfaces/standards/ISchemaResolver.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkProof, Inference} from "../../src/types/RegistryTypes.sol";
import {RegistryTest} from "../helpers/RegistryTest.sol";

contract EASResolverTest is RegistryTest {
    address internal constant EAS = address(0xEA5);

    EASResolver internal resolver;
    ModelId internal modelId;

    function setUp() public override {
        super.setUp();
        resolver = new EASResolver(EAS, registry);
        modelId = register(classifierRegistration());
        attest(modelId, ROOT, honestProofs(modelId, ROOT));
        vm.deal(EAS, 1 ether);
    }

    /// @dev The service finds its functions by these.
    function test_selectors_areThoseOfTheService() public pure {
        string memory attestation = "(bytes32,bytes32,uint64,uint64,uint64,bytes32,address,address,bool,bytes)";
        assertEq(ISchemaResolver.attest.selector, _selector("attest(", attestation, ")"));
        assertEq(ISchemaResolver.multiAttest.selector, _selector("multiAttest(", attestation, "[],uint256[])"));
        assertEq(ISchemaResolver.revoke.selector, _selector("revoke(", attestation, ")"));
        assertEq(ISchemaResolver.multiRevoke.selector, _selector("multiRevoke(", attestation, "[],uint256[])"));
        assertEq(ISchemaResolver.isPayable.selector, bytes4(keccak256("isPayable()")));
    }

    function test_attest_passesForAProvenInferenceOfTheRecipient() public {
        assertFalse(resolver.isPayable());
        vm.startPrank(EAS);
        assertTrue(resolver.attest(_attestation()));
        assertTrue(resolver.multiAttest(_two(_attestation()), new uint256[](2)));
    }

    function test_attest_revertsWhenTheInferenceIsNotProven() public {
        Attestation memory attestation = _attestation();
        Inference memory inference = Inference(modelId, ROOT, REQUESTER, NONCE + 1);
        ChunkProof[] memory proofs = only(proofWith(inference, 0, honestValues(modelId, ROOT, 0)));
        attestation.data = abi.encode(modelId, ROOT, NONCE + 1);
        _expectNotProven(attestation, inference);
        registry.commit(inference);
        _expectNotProven(attestation, inference);
        prove(inference, proofs);
        _expectNotProven(attestation, inference);
    }

    function test_attest_revertsWhenTheModelIsAnotherOrFrozen() public {
        Attestation memory attestation = _attestation();
        ModelId other = register(registrationOf("other", uniform(1, 1)));
        attestation.data = abi.encode(other, ROOT, NONCE);
        _expectNotProven(attestation, Inference(other, ROOT, REQUESTER, NONCE));
        ModelId unknown = ModelId.wrap("unknown");
        attestation.data = abi.encode(unknown, ROOT, NONCE);
        _expectRefused(attestation, abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        _expectRefused(_attestation(), abi.encodeWithSelector(IRegistryGovernance.ModelIsFrozen.selector, modelId));
    }

    /// @dev The recipient is the requester: nobody else gets the attestation.
    function test_attest_revertsWhenTheRecipientIsNotTheRequester() public {
        Attestation memory attestation = _attestation();
        attestation.recipient = RELAYER;
        _expectNotProven(attestation, Inference(modelId, ROOT, RELAYER, NONCE));
        attestation.recipient = address(0);
        _expectRefused(attestation, abi.encodeWithSelector(IChainferRegistry.RequesterIsZero.selector));
    }

    function test_attest_revertsWhenTheRootIsAnother() public {
        Attestation memory attestation = _attestation();
        attestation.data = abi.encode(modelId, ROOT + 1, NONCE);
        _expectNotProven(attestation, Inference(modelId, ROOT + 1, REQUESTER, NONCE));
        attestation.data = abi.encode(modelId, ROOT + R, NONCE);
        _expectRefused(attestation, abi.encodeWithSelector(IChainferRegistry.InvalidRoot.selector));
    }

    function test_attest_revertsWhenProvenAfterTheDeprecation() public {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        skip(1);
        Inference memory late = Inference(modelId, ROOT, REQUESTER, NONCE + 1);
        ChunkProof[] memory proofs = new ChunkProof[](3);
        for (uint16 i; i < 3; ++i) {
            proofs[i] = proofWith(late, i, honestValues(modelId, ROOT, i));
        }
        attest(late, proofs);
        Attestation memory attestation = _attestation();
        attestation.data = abi.encode(modelId, ROOT, NONCE + 1);
        _expectRefused(attestation, abi.encodeWithSelector(IChainferRegistry.ModelIsDeprecated.selector, modelId));
    }

    function test_attest_revertsWhenTheDataAreNotThreeWords() public {
        Attestation memory attestation = _attestation();
        attestation.data = bytes.concat(attestation.data, "x");
        _expectRefused(attestation, abi.encodeWithSelector(EASResolver.InvalidData.selector, 97));
        attestation.data = abi.encode(modelId, ROOT);
        _expectRefused(attestation, abi.encodeWithSelector(EASResolver.InvalidData.selector, 64));
        attestation.data = "";
        _expectRefused(attestation, abi.encodeWithSelector(EASResolver.InvalidData.selector, 0));
    }

    function test_revoke_passesOnceTheModelIsFrozen() public {
        Attestation memory attestation = _attestation();
        vm.startPrank(EAS);
        assertFalse(resolver.revoke(attestation));
        assertFalse(resolver.multiRevoke(_two(attestation), new uint256[](2)));
        vm.stopPrank();
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        vm.startPrank(EAS);
        assertTrue(resolver.revoke(attestation));
        assertTrue(resolver.multiRevoke(_two(attestation), new uint256[](2)));
    }

    function test_allEntries_revertWhenTheSenderIsNotTheService() public {
        bytes memory expected = abi.encodeWithSelector(EASResolver.NotAttestationService.selector, address(this));
        Attestation[] memory two = _two(_attestation());
        vm.expectRevert(expected);
        resolver.attest(two[0]);
        vm.expectRevert(expected);
        resolver.revoke(two[0]);
        vm.expectRevert(expected);
        resolver.multiAttest(two, new uint256[](2));
        vm.expectRevert(expected);
        resolver.multiRevoke(two, new uint256[](2));
    }

    function test_allEntries_revertWhenEtherIsSent() public {
        Attestation[] memory two = _two(_attestation());
        vm.startPrank(EAS);
        vm.expectRevert(EASResolver.NotPayable.selector);
        resolver.attest{value: 1}(two[0]);
        vm.expectRevert(EASResolver.NotPayable.selector);
        resolver.revoke{value: 1}(two[0]);
        vm.expectRevert(EASResolver.NotPayable.selector);
        resolver.multiAttest{value: 1}(two, new uint256[](2));
        vm.expectRevert(EASResolver.NotPayable.selector);
        resolver.multiRevoke{value: 1}(two, new uint256[](2));
    }

    function _attestation() private view returns (Attestation memory attestation) {
        attestation.uid = "uid";
        attestation.schema = "schema";
        attestation.time = uint64(block.timestamp);
        attestation.recipient = REQUESTER;
        attestation.attester = RELAYER;
        attestation.data = abi.encode(modelId, ROOT, NONCE);
    }

    function _two(Attestation memory attestation) private pure returns (Attestation[] memory two) {
        two = new Attestation[](2);
        (two[0], two[1]) = (attestation, attestation);
    }

    function _expectNotProven(Attestation memory attestation, Inference memory inference) private {
        InferenceId id = idOf(inference);
        _expectRefused(attestation, abi.encodeWithSelector(IChainferRegistry.InferenceNotProven.selector, id));
    }

    /// @dev Alone, and as the second of two.
    function _expectRefused(Attestation memory attestation, bytes memory expected) private {
        vm.startPrank(EAS);
        vm.expectRevert(expected);
        resolver.attest(attestation);
        Attestation[] memory two = _two(_attestation());
        two[1] = attestation;
        vm.expectRevert(expected);
        resolver.multiAttest(two, new uint256[](2));
        vm.stopPrank();
    }

    function _selector(string memory name, string memory argument, string memory rest) private pure returns (bytes4) {
        return bytes4(keccak256(bytes(string.concat(name, argument, rest))));
    }
}
