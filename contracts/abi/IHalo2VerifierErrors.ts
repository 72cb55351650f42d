// Written by scripts/artefacts from contracts/src/interfaces/IHalo2VerifierErrors.sol; not to be edited.
export const iHalo2VerifierErrorsAbi = [
  {"inputs": [], "name": "DegenerateChallenge", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "index", "type": "uint256"}], "name": "InstanceOutOfRange", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "expected", "type": "uint256"}, {"internalType": "uint256", "name": "got", "type": "uint256"}], "name": "InvalidInstanceCount", "type": "error"},
  {"inputs": [{"internalType": "bytes32", "name": "shape", "type": "bytes32"}], "name": "InvalidKey", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "expected", "type": "uint256"}, {"internalType": "uint256", "name": "got", "type": "uint256"}], "name": "InvalidKeyLength", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "word", "type": "uint256"}], "name": "InvalidPoint", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "expected", "type": "uint256"}, {"internalType": "uint256", "name": "got", "type": "uint256"}], "name": "InvalidProofLength", "type": "error"},
  {"inputs": [], "name": "NonCanonicalCalldata", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "precompile", "type": "uint256"}], "name": "PrecompileFailed", "type": "error"},
  {"inputs": [], "name": "ProofRejected", "type": "error"},
  {"inputs": [{"internalType": "uint256", "name": "word", "type": "uint256"}], "name": "ScalarOutOfRange", "type": "error"},
  {"inputs": [], "name": "UnexpectedMemoryLayout", "type": "error"},
] as const;
