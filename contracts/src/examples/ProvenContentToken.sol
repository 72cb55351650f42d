// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IERC7007} from "../interfaces/standards/IERC7007.sol";
import {ProvenTensors} from "../libraries/ProvenTensors.sol";
import {ShownValues} from "../libraries/ShownValues.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkValues, ModelRecord, TensorSpec} from "../types/RegistryTypes.sol";

/// @title ProvenContentToken
/// @notice Example of ERC-7007: one token per prompt, with the content that a certain model generates for it.
/// @dev `prompt` and `aigcData` are `abi.encode(uint256[][])`, the public words of the model's inputs and outputs; `proof` is
/// `abi.encode(Claim)`, which names an inference that the registry has proven and shows its public values. Only the account that the
/// inference is credited to mints, to itself: the proof binds prompt and content but not the URI, so nobody else may choose that.
///
/// A proof shows the prompt to everybody, and everybody who has seen a prompt of public inputs can prove it too, for themselves.
/// So a prompt is reserved before it is shown: `reserve` takes a hash that hides it, and `mint` takes reservations of at least
/// `RESERVATION_AGE`. Whoever first sees the prompt in somebody else's proof or `mint` has to reserve and wait, and comes too late if
/// that `mint` is in a block within `RESERVATION_AGE`. So: reserve, wait, and only then attest and mint. This does not protect a
/// prompt that others know, or guess and reserve themselves before: among those the first to mint has it. If an input of the model is
/// committed (which is the default of `compile`), its word in the prompt is a salted commitment, which nobody else can prove anything
/// about; then reserving costs a transaction and adds nothing. But one and the same input has another word in every proof: its prover
/// can mint any number of tokens for it. One token per input needs a model whose inputs are all public.
contract ProvenContentToken is ERC721, IERC7007 {
    /// @notice The contents of a proof.
    /// @param root The inference's root.
    /// @param requester The account that the inference is credited to.
    /// @param nonce The requester's nonce.
    /// @param shown The inference's public values: those of all chunks, in the order in which they were proven.
    struct Claim {
        uint256 root;
        address requester;
        uint256 nonce;
        ChunkValues[] shown;
    }

    /// @notice `verify` returned false.
    error ContentNotProven();
    /// @notice The token belongs to another prompt.
    error PromptMismatch(uint256 expected, uint256 actual);
    /// @notice The inference is credited to another account than the sender.
    error NotRequester(address expected, address actual);
    /// @notice The sender has not reserved the prompt with this salt.
    error NotReserved(bytes32 reservation);
    /// @notice The reservation is younger than `RESERVATION_AGE`.
    error ReservationTooYoung(uint256 usableFrom);
    /// @notice The inference is credited to another account than the recipient.
    error WrongRecipient(address expected, address actual);

    /// @notice A prompt was reserved.
    event Reserved(bytes32 indexed reservation);

    /// @notice Seconds that a reservation has to be old when its prompt is minted: longer than it takes to bring a proof and a
    /// transaction on chain.
    uint256 public constant RESERVATION_AGE = 1 hours;

    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable REGISTRY;
    /// @notice The model that generates the content.
    ModelId public immutable MODEL_ID;

    TensorSpec[] private _inputs;
    TensorSpec[] private _outputs;
    mapping(uint256 => string) private _uris;
    mapping(bytes32 reservation => uint256) private _reservedAt;

    /// @param registry The registry.
    /// @param modelId A model that is registered there.
    /// @param record The model's record.
    /// @param inputs Its inputs.
    /// @param outputs Its outputs.
    constructor(
        string memory name_,
        string memory symbol_,
        IChainferRegistry registry,
        ModelId modelId,
        ModelRecord memory record,
        TensorSpec[] memory inputs,
        TensorSpec[] memory outputs
    ) ERC721(name_, symbol_) {
        // Reverts unless the model is registered, and these are its inputs and outputs.
        ProvenTensors.pinInputs(registry, modelId, record, inputs);
        ProvenTensors.pinOutputs(registry, modelId, record, outputs);
        REGISTRY = registry;
        MODEL_ID = modelId;
        for (uint256 i; i < inputs.length; ++i) {
            _inputs.push(inputs[i]);
        }
        for (uint256 i; i < outputs.length; ++i) {
            _outputs.push(outputs[i]);
        }
    }

    /// @notice Reserves a prompt without showing it. By anyone; a reservation that exists keeps its time.
    /// @param reservation `reservationOf(minter, tokenId, salt)`.
    function reserve(bytes32 reservation) external {
        if (_reservedAt[reservation] != 0) return;
        _reservedAt[reservation] = block.timestamp;
        emit Reserved(reservation);
    }

    /// @notice Mints the token of a prompt and adds its content. By the account that the inference is credited to, which has reserved
    /// the prompt.
    /// @param to The account that the inference is credited to.
    /// @param prompt The inputs.
    /// @param aigcData The outputs.
    /// @param uri Location of the token's metadata, chosen by the minter.
    /// @param proof `abi.encode(Claim)`.
    /// @param salt The salt of the reservation.
    /// @return tokenId The hash of the prompt.
    function mint(
        address to,
        bytes calldata prompt,
        bytes calldata aigcData,
        string calldata uri,
        bytes calldata proof,
        bytes32 salt
    ) external returns (uint256 tokenId) {
        tokenId = uint256(keccak256(prompt));
        _checkReservation(reservationOf(msg.sender, tokenId, salt));
        _add(tokenId, prompt, aigcData, proof);
        address requester = _claimOf(proof).requester;
        if (msg.sender != requester) revert NotRequester(requester, msg.sender);
        if (to != requester) revert WrongRecipient(requester, to);
        _uris[tokenId] = uri;
        // Not `_safeMint`: the recipient sent this transaction, so it need not be called. Reverts if the token exists.
        _mint(to, tokenId);
    }

    /// @inheritdoc IERC7007
    /// @dev A model is a function, so the content is what `mint` has added already, perhaps proved with other salts. By anyone.
    function addAigcData(uint256 tokenId, bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        external
        override
    {
        _requireOwned(tokenId);
        uint256 expected = uint256(keccak256(prompt));
        if (tokenId != expected) revert PromptMismatch(expected, tokenId);
        _add(tokenId, prompt, aigcData, proof);
    }

    /// @notice What `reserve` takes for a prompt. The salt hides a prompt that could be guessed, so it must be random.
    /// @param minter The account that will mint; nobody else can use the reservation.
    /// @param tokenId The hash of the prompt.
    function reservationOf(address minter, uint256 tokenId, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), minter, tokenId, salt));
    }

    /// @inheritdoc IERC7007
    /// @dev Reverts, as `abi.decode` does, if `proof` has the length of a claim but is none, and `ValuesNotShown` if the values of an input or
    /// output are not shown.
    function verify(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        public
        view
        override
        returns (bool)
    {
        if (!_isEncodingOfClaim(proof)) return false;
        Claim calldata claim = _claimOf(proof);
        InferenceId id = ProvenTensors.idOf(REGISTRY, MODEL_ID, claim.root, claim.requester, claim.nonce);
        if (!ProvenTensors.isAttested(REGISTRY, MODEL_ID, id)) return false;
        if (ShownValues.hashOf(claim.shown) != REGISTRY.stateOf(MODEL_ID, id).valuesHash) return false;
        if (keccak256(abi.encode(ProvenTensors.wordsOf(_inputs, claim.shown))) != keccak256(prompt)) return false;
        return keccak256(abi.encode(ProvenTensors.wordsOf(_outputs, claim.shown))) == keccak256(aigcData);
    }

    /// @inheritdoc ERC721
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        return _uris[tokenId];
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC7007).interfaceId || super.supportsInterface(interfaceId);
    }

    function _checkReservation(bytes32 reservation) private view {
        uint256 reservedAt = _reservedAt[reservation];
        if (reservedAt == 0) revert NotReserved(reservation);
        uint256 usableFrom = reservedAt + RESERVATION_AGE;
        if (block.timestamp < usableFrom) revert ReservationTooYoung(usableFrom);
    }

    function _add(uint256 tokenId, bytes calldata prompt, bytes calldata aigcData, bytes calldata proof) private {
        if (!verify(prompt, aigcData, proof)) revert ContentNotProven();
        emit AigcData(tokenId, prompt, aigcData, proof);
    }

    /// @dev The claim in a proof. Its fields are checked when they are read.
    function _claimOf(bytes calldata proof) private pure returns (Claim calldata claim) {
        assembly ("memory-safe") {
            // Behind the offset.
            claim := add(proof.offset, 0x20)
        }
    }

    /// @dev Whether the proof is its claim's encoding and nothing else: the event's proof has to be one that `verify` takes.
    function _isEncodingOfClaim(bytes calldata proof) private pure returns (bool) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := calldataload(proof.offset)
        }
        // The offset, the claim's head and the number of chunks.
        if (proof.length < 0xc0 || offset != 0x20) return false;
        return keccak256(abi.encode(_claimOf(proof))) == keccak256(proof);
    }
}
