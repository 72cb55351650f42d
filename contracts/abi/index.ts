// Written by scripts/artefacts; not to be edited.
export { chainferRegistryAbi } from "./ChainferRegistry.js";
export { registryTimelockAbi } from "./RegistryTimelock.js";
export { tensorOpeningsAbi } from "./TensorOpenings.js";
export { batchVerifierAbi } from "./BatchVerifier.js";
export { boundVerifierAbi } from "./BoundVerifier.js";
export { iHalo2VerifierErrorsAbi } from "./IHalo2VerifierErrors.js";
export { provenValuesAbi } from "./ProvenValues.js";
export { erc7992AdapterAbi } from "./ERC7992Adapter.js";
export { easResolverAbi } from "./EASResolver.js";
export { erc8004ValidatorAbi } from "./ERC8004Validator.js";
export { erc8183EvaluatorAbi } from "./ERC8183Evaluator.js";
export { erc8274VerifierAbi } from "./ERC8274Verifier.js";
export { classificationPayoutAbi } from "./ClassificationPayout.js";
export { modelAllowListAbi } from "./ModelAllowList.js";
export { provenContentTokenAbi } from "./ProvenContentToken.js";
