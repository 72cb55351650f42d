//! snark-verifier's generated contract, the yardstick.

use std::rc::Rc;

use halo2_proofs::{
    plonk::VerifyingKey,
    poly::{commitment::ParamsProver, kzg::commitment::ParamsKZG},
};
use halo2curves::bn256::{Bn256, Fq, Fr, G1Affine};
use snark_verifier::{
    loader::evm::EvmLoader,
    pcs::kzg::{Bdfg21, KzgAs},
    system::halo2::{Config, compile, transcript::evm::EvmTranscript},
    verifier::{SnarkVerifier, plonk::PlonkVerifier},
};

type TheirVerifier = PlonkVerifier<KzgAs<Bn256, Bdfg21>>;

/// snark-verifier's contract for the same key. It pins solc 0.8.19; nothing in it needs that.
pub(crate) fn snark_verifier_source(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    num_instances: Vec<usize>,
) -> String {
    let protocol = compile(
        params,
        vk,
        Config::kzg().with_num_instance(num_instances.clone()),
    );
    let deciding_key = (params.get_g()[0], params.g2(), params.s_g2()).into();
    let loader = EvmLoader::new::<Fq, Fr>();
    let protocol = protocol.loaded(&loader);
    let mut transcript = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
    let instances = transcript.load_instances(num_instances);
    let proof =
        TheirVerifier::read_proof(&deciding_key, &protocol, &instances, &mut transcript).unwrap();
    TheirVerifier::verify(&deciding_key, &protocol, &instances, &proof).unwrap();
    loader
        .solidity_code()
        .replace("pragma solidity 0.8.19;", "pragma solidity ^0.8.19;")
}
