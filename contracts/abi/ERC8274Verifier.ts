// Written by scripts/artefacts from contracts/src/adapters/ERC8274Verifier.sol; not to be edited.
export const erc8274VerifierAbi = [
  {"inputs": [{"internalType": "contract IChainferRegistry", "name": "chainfer", "type": "address"}], "stateMutability": "nonpayable", "type": "constructor"},
  {"inputs": [], "name": "MalformedProof", "type": "error"},
  {"inputs": [{"internalType": "InferenceId", "name": "inferenceId", "type": "bytes32"}], "name": "PublicValuesMismatch", "type": "error"},
  {"inputs": [{"internalType": "ModelId", "name": "modelId", "type": "bytes32"}], "name": "RecordMismatch", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "chunk", "type": "uint256"}], "name": "ValuesAndDigest", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "chunk", "type": "uint256"}], "name": "ValuesNotShown", "type": "error"},
  {"inputs": [], "name": "CHAINFER", "outputs": [{"internalType": "contract IChainferRegistry", "name": "", "type": "address"}], "stateMutability": "view", "type": "function"},
  {"inputs": [{"internalType": "ModelId", "name": "modelId", "type": "bytes32"}, {"internalType": "address", "name": "requester", "type": "address"}, {"internalType": "uint256", "name": "nonce", "type": "uint256"}, {"internalType": "uint256[][]", "name": "inputs", "type": "uint256[][]"}], "name": "inputHashOf", "outputs": [{"internalType": "bytes32", "name": "", "type": "bytes32"}], "stateMutability": "pure", "type": "function"},
  {"inputs": [{"internalType": "uint256[][]", "name": "outputs", "type": "uint256[][]"}], "name": "outputHashOf", "outputs": [{"internalType": "bytes32", "name": "", "type": "bytes32"}], "stateMutability": "pure", "type": "function"},
  {"inputs": [], "name": "proofProfile", "outputs": [{"internalType": "bytes32", "name": "", "type": "bytes32"}], "stateMutability": "view", "type": "function"},
  {"inputs": [], "name": "proofSystem", "outputs": [{"internalType": "string", "name": "", "type": "string"}], "stateMutability": "pure", "type": "function"},
  {"inputs": [{"internalType": "bytes4", "name": "interfaceId", "type": "bytes4"}], "name": "supportsInterface", "outputs": [{"internalType": "bool", "name": "", "type": "bool"}], "stateMutability": "pure", "type": "function"},
  {"inputs": [{"internalType": "bytes32", "name": "inputHash", "type": "bytes32"}, {"internalType": "bytes32", "name": "outputHash", "type": "bytes32"}, {"internalType": "bytes", "name": "metadata", "type": "bytes"}, {"internalType": "bytes", "name": "proof", "type": "bytes"}], "name": "verify", "outputs": [{"internalType": "bool", "name": "", "type": "bool"}], "stateMutability": "view", "type": "function"},
] as const;
