// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ProvenContentToken} from "../../src/examples/ProvenContentToken.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IERC7007} from "../../src/interfaces/standards/IERC7007.sol";
import {ShownValues} from "../../src/libraries/ShownValues.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkValues, ModelRecord, TensorSpec} from "../../src/types/RegistryTypes.sol";
import {TraceTest} from "../helpers/TraceTest.sol";

contract ProvenContentTokenTest is TraceTest {
    ProvenContentToken internal token;
    ModelId internal modelId;
    bytes internal prompt;
    bytes internal content;
    bytes internal proof;
    bytes32 internal constant SALT = "salt";

    function setUp() public override {
        super.setUp();
        modelId = register(traceRegistration("trace"));
        token = _deploy();
        (prompt, content) = _encode(publicOf(_trace()));
        proof = _prove(modelId, _trace(), REQUESTER, NONCE);
        _reserve(REQUESTER, prompt);
        skip(token.RESERVATION_AGE());
    }

    function test_supportsInterface_theIdOfTheStandard() public view {
        assertEq(type(IERC7007).interfaceId, bytes4(0x702c55a6));
        assertTrue(token.supportsInterface(0x702c55a6));
        assertTrue(token.supportsInterface(type(IERC721).interfaceId));
        assertFalse(token.supportsInterface(0xffffffff));
    }

    function test_constructor_revertsWhenTheModelIsNotRegistered() public {
        ModelId unknown = ModelId.wrap("unknown");
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts();
        vm.expectRevert(abi.encodeWithSelector(IChainferRegistry.ModelNotRegistered.selector, unknown));
        new ProvenContentToken("Proven", "PRVN", registry, unknown, record, inputs, outputs);
    }

    /// @dev What is a prompt and what its content must not be chosen by whoever deploys.
    function test_constructor_revertsWhenRecordOrPartsAreOthers() public {
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts();
        bytes memory expected = abi.encodeWithSelector(IChainferRegistry.RecordMismatch.selector, modelId);
        vm.expectRevert(expected);
        new ProvenContentToken("Proven", "PRVN", registry, modelId, record, outputs, inputs);
        (inputs[0], inputs[1]) = (inputs[1], inputs[0]);
        vm.expectRevert(expected);
        new ProvenContentToken("Proven", "PRVN", registry, modelId, record, inputs, outputs);
        (inputs[0], inputs[1]) = (inputs[1], inputs[0]);
        outputs[1].offset = 0;
        vm.expectRevert(expected);
        new ProvenContentToken("Proven", "PRVN", registry, modelId, record, inputs, outputs);
        outputs[1].offset = 1;
        record.leafLengths = 0;
        vm.expectRevert(expected);
        new ProvenContentToken("Proven", "PRVN", registry, modelId, record, inputs, outputs);
    }

    function test_mint_byTheRequester_goesToTheRequester() public {
        uint256 expected = uint256(keccak256(prompt));
        vm.expectEmit(address(token));
        emit IERC7007.AigcData(expected, prompt, content, proof);
        vm.prank(REQUESTER);
        assertEq(token.mint(REQUESTER, prompt, content, "ipfs://content", proof, SALT), expected);
        assertEq(token.ownerOf(expected), REQUESTER);
        assertEq(token.tokenURI(expected), "ipfs://content");
    }

    /// @dev Nothing binds the URI but the sender.
    function test_mint_revertsWhenTheSenderIsNotTheRequester() public {
        _reserve(RELAYER, prompt);
        skip(token.RESERVATION_AGE());
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.NotRequester.selector, REQUESTER, RELAYER));
        vm.prank(RELAYER);
        token.mint(REQUESTER, prompt, content, "ipfs://another", proof, SALT);
    }

    function test_mint_revertsWhenThePromptIsMinted() public {
        _mint();
        bytes memory again = _prove(modelId, _trace(), REQUESTER, NONCE + 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, content, "", again, SALT);
    }

    /// @dev As with public inputs: whoever sees the requester's proof makes their own, and pays more for their transactions. (Of the
    /// committed input the thief here knows the salt.)
    function test_mint_revertsForWhoeverReservesAfterSeeingThePrompt() public {
        address thief = address(0x7417F);
        bytes memory copy = _prove(modelId, _trace(), thief, NONCE);
        uint256 tokenId = uint256(keccak256(prompt));
        bytes32 reservation = token.reservationOf(thief, tokenId, SALT);
        vm.startPrank(thief);
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.NotReserved.selector, reservation));
        token.mint(thief, prompt, content, "", copy, SALT);
        token.reserve(reservation);
        uint256 usableFrom = block.timestamp + token.RESERVATION_AGE();
        skip(token.RESERVATION_AGE() - 1);
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.ReservationTooYoung.selector, usableFrom));
        token.mint(thief, prompt, content, "", copy, SALT);
        vm.stopPrank();
        assertEq(token.ownerOf(_mint()), REQUESTER);
    }

    /// @dev What `RESERVATION_AGE` is for: the requester who takes longer between showing the prompt and minting is overtaken.
    function test_mint_ofAPromptShownForLongerThanTheAge_isWhoeverMintsFirst() public {
        address thief = address(0x7417F);
        bytes memory copy = _prove(modelId, _trace(), thief, NONCE);
        _reserve(thief, prompt);
        skip(token.RESERVATION_AGE());
        vm.prank(thief);
        token.mint(thief, prompt, content, "", copy, SALT);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, content, "", proof, SALT);
    }

    function test_reserve_again_keepsTheTimeAndTheMinter() public {
        bytes32 reservation = token.reservationOf(REQUESTER, uint256(keccak256(prompt)), "another");
        vm.expectEmit(address(token));
        emit ProvenContentToken.Reserved(reservation);
        vm.prank(RELAYER);
        token.reserve(reservation);
        skip(token.RESERVATION_AGE());
        vm.prank(RELAYER);
        token.reserve(reservation);
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, content, "", proof, "another");
    }

    function test_reservationOf_differsByMinterPromptSaltTokenAndChain() public {
        bytes32 one = token.reservationOf(REQUESTER, 1, SALT);
        assertNotEq(one, token.reservationOf(RELAYER, 1, SALT));
        assertNotEq(one, token.reservationOf(REQUESTER, 2, SALT));
        assertNotEq(one, token.reservationOf(REQUESTER, 1, "other"));
        ProvenContentToken other = _deploy();
        assertNotEq(one, other.reservationOf(REQUESTER, 1, SALT));
        vm.chainId(block.chainid + 1);
        assertNotEq(one, token.reservationOf(REQUESTER, 1, SALT));
    }

    function test_addAigcData_showsTheContentAgain() public {
        uint256 tokenId = _mint();
        vm.expectEmit(address(token));
        emit IERC7007.AigcData(tokenId, prompt, content, proof);
        token.addAigcData(tokenId, prompt, content, proof);
    }

    function test_addAigcData_revertsWhenThereIsNoSuchToken() public {
        uint256 tokenId = uint256(keccak256(prompt));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId));
        token.addAigcData(tokenId, prompt, content, proof);
    }

    function test_addAigcData_revertsWhenTheTokenIsAnotherPrompts() public {
        Trace memory trace = traceOf("other image", "hint", "salt");
        bytes memory other = _prove(modelId, trace, REQUESTER, NONCE);
        (bytes memory otherPrompt, bytes memory otherContent) = _encode(publicOf(trace));
        uint256 tokenId = _mint();
        vm.expectRevert(
            abi.encodeWithSelector(ProvenContentToken.PromptMismatch.selector, uint256(keccak256(otherPrompt)), tokenId)
        );
        token.addAigcData(tokenId, otherPrompt, otherContent, other);
    }

    function test_addAigcData_revertsWhenTheContentIsNotProven() public {
        uint256 tokenId = _mint();
        vm.expectRevert(ProvenContentToken.ContentNotProven.selector);
        token.addAigcData(tokenId, prompt, prompt, proof);
    }

    function test_mint_revertsWhenTheRecipientIsNotTheRequester() public {
        vm.expectRevert(abi.encodeWithSelector(ProvenContentToken.WrongRecipient.selector, REQUESTER, RELAYER));
        vm.prank(REQUESTER);
        token.mint(RELAYER, prompt, content, "", proof, SALT);
    }

    function test_mint_revertsWhenTheContentIsNotProven() public {
        vm.expectRevert(ProvenContentToken.ContentNotProven.selector);
        vm.prank(REQUESTER);
        token.mint(REQUESTER, prompt, prompt, "", proof, SALT);
    }

    function test_verify_saysYesToThePromptsOwnContentOnly() public {
        assertTrue(token.verify(prompt, content, proof));
        assertFalse(token.verify(content, content, proof));
        assertFalse(token.verify(prompt, prompt, proof));
        assertFalse(token.verify(prompt, content, ""));
        assertFalse(token.verify(prompt, content, bytes.concat(proof, "x")));
        assertFalse(token.verify(prompt, content, bytes.concat(proof, bytes32(0))));
        assertFalse(token.verify(prompt, content, abi.encode("unknown")));
        assertFalse(token.verify(prompt, content, bytes.concat(bytes32(uint256(0x40)), proof)));

        ModelId other = register(traceRegistration("other"));
        bytes memory elsewhere = _prove(other, _trace(), REQUESTER, NONCE + 1);
        assertFalse(token.verify(prompt, content, elsewhere));
    }

    /// @dev Requester, nonce and root are those of a proven inference, and the values are its own.
    function test_verify_saysNoToAnotherClaim() public view {
        ProvenContentToken.Claim memory claim = _claim(_trace(), REQUESTER, NONCE);
        assertTrue(token.verify(prompt, content, abi.encode(claim)));
        claim.requester = RELAYER;
        assertFalse(token.verify(prompt, content, abi.encode(claim)));
        claim.requester = address(0);
        assertFalse(token.verify(prompt, content, abi.encode(claim)));
        claim = _claim(_trace(), REQUESTER, NONCE + 1);
        assertFalse(token.verify(prompt, content, abi.encode(claim)));
        claim = _claim(_trace(), REQUESTER, NONCE);
        claim.root = 0;
        assertFalse(token.verify(prompt, content, abi.encode(claim)));
    }

    function test_verify_saysNoToValuesThatWereNotProven() public view {
        // Prompt and content fit the values that are shown, but these were not proven.
        (bytes memory otherPrompt, bytes memory otherContent) = _encode(publicOf(traceOf("other", "hint", "salt")));
        ProvenContentToken.Claim memory claim = _claim(_trace(), REQUESTER, NONCE);
        claim.shown = shownTrace(traceOf("other", "hint", "salt"));
        assertFalse(token.verify(otherPrompt, otherContent, abi.encode(claim)));
        claim.shown = shownTrace(_trace());
        (claim.shown[0], claim.shown[1]) = (claim.shown[1], claim.shown[0]);
        assertFalse(token.verify(prompt, content, abi.encode(claim)));
        claim.shown = new ChunkValues[](0);
        assertFalse(token.verify(prompt, content, abi.encode(claim)));
    }

    function test_verify_saysNoBeforeEveryChunkIsProven() public {
        bytes memory early = abi.encode(_claim(_trace(), REQUESTER, NONCE + 2));
        assertFalse(token.verify(prompt, content, early));
        registry.commit(traceInference(modelId, _trace(), NONCE + 2));
        assertFalse(token.verify(prompt, content, early));
        attestTrace(modelId, _trace(), NONCE + 2);
        assertTrue(token.verify(prompt, content, early));
    }

    function test_verify_saysNoWhenProvenAfterTheDeprecation() public {
        vm.prank(REGISTRANT);
        registry.deprecateModel(modelId);
        skip(1);
        bytes memory late = _prove(modelId, _trace(), REQUESTER, NONCE + 1);
        assertFalse(token.verify(prompt, content, late));
        assertTrue(token.verify(prompt, content, proof));
    }

    function test_verify_revertsWhenValuesAreLeftOut() public {
        ProvenContentToken.Claim memory claim = _claim(_trace(), REQUESTER, NONCE);
        claim.shown[1] = digested(claim.shown[1]);
        vm.expectRevert(abi.encodeWithSelector(ShownValues.ValuesNotShown.selector, 1));
        token.verify(prompt, content, abi.encode(claim));
    }

    /// @dev No change of a bit makes it another proof of the same.
    function testFuzz_verify_isNeverTrueForAnotherProof(uint256 at, uint8 bit) public view {
        bytes memory other = proof;
        at = bound(at, 0, other.length - 1);
        other[at] ^= bytes1(uint8(1 << (bit % 8)));
        try token.verify(prompt, content, other) returns (bool success) {
            assertFalse(success);
        } catch {}
    }

    function test_verify_saysNoOnceTheModelIsFrozen() public {
        vm.prank(GUARDIAN);
        registry.freezeModel(modelId);
        assertFalse(token.verify(prompt, content, proof));
    }

    function test_tokenURI_revertsWhenThereIsNoSuchToken() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        token.tokenURI(1);
    }

    function _mint() private returns (uint256) {
        vm.prank(REQUESTER);
        return token.mint(REQUESTER, prompt, content, "", proof, SALT);
    }

    function _reserve(address minter, bytes memory words) private {
        token.reserve(token.reservationOf(minter, uint256(keccak256(words)), SALT));
    }

    function _deploy() private returns (ProvenContentToken) {
        (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs) = _parts();
        return new ProvenContentToken("Proven", "PRVN", registry, modelId, record, inputs, outputs);
    }

    function _parts()
        private
        view
        returns (ModelRecord memory record, TensorSpec[] memory inputs, TensorSpec[] memory outputs)
    {
        return (recordOf(modelId), inputsOf(modelId), outputsOf(modelId));
    }

    function _trace() private pure returns (Trace memory) {
        return traceOf("image", "hint", "salt");
    }

    function _claim(Trace memory trace, address requester, uint256 nonce)
        private
        pure
        returns (ProvenContentToken.Claim memory)
    {
        return ProvenContentToken.Claim(trace.root, requester, nonce, shownTrace(trace));
    }

    /// @dev Proves the inference in the registry, and gives the token's proof of it.
    function _prove(ModelId model, Trace memory trace, address requester, uint256 nonce)
        private
        returns (bytes memory)
    {
        attestTraceFor(model, trace, requester, nonce);
        return abi.encode(_claim(trace, requester, nonce));
    }

    function _encode(uint256[][] memory values) private pure returns (bytes memory, bytes memory) {
        (uint256[][] memory inputs, uint256[][] memory outputs) = (new uint256[][](2), new uint256[][](2));
        (inputs[0], inputs[1]) = (values[0], values[1]);
        (outputs[0], outputs[1]) = (new uint256[](1), new uint256[](1));
        (outputs[0][0], outputs[1][0]) = (values[2][0], values[2][1]);
        return (abi.encode(inputs), abi.encode(outputs));
    }

    /// @dev Values behind the call's own data: the proof would be no claim, and nobody could check the event.
    function test_mint_revertsForAClaimThatPointsOutsideOfTheProof() public {
        ProvenContentToken.Claim memory claim = abi.decode(proof, (ProvenContentToken.Claim));
        bytes memory shown = abi.encode(claim.shown);
        bytes memory hollow = bytes.concat(
            abi.encode(uint256(0x20), claim.root, claim.requester, claim.nonce, uint256(0)),
            new bytes(proof.length - 0xa0)
        );
        bytes memory minting = abi.encodeCall(token.mint, (REQUESTER, prompt, content, "uri", hollow, SALT));
        // Where the claim begins in the call: behind the fifth argument's length and the claim's offset.
        uint256 claimAt;
        assembly ("memory-safe") {
            claimAt := add(mload(add(add(minting, 0x20), 0x84)), 0x44)
            mstore(add(add(minting, 0x20), add(claimAt, 0x60)), sub(mload(minting), claimAt))
        }
        bytes memory list = new bytes(shown.length - 0x20);
        for (uint256 i; i < list.length; ++i) {
            list[i] = shown[i + 0x20];
        }
        vm.prank(REQUESTER);
        (bool success, bytes memory answer) = address(token).call(bytes.concat(minting, list));
        assertFalse(success);
        assertEq(bytes4(answer), ProvenContentToken.ContentNotProven.selector);
    }
}
