//! The entry point.

use halo2_proofs::{plonk::VerifyingKey, poly::kzg::commitment::ParamsKZG};
use halo2curves::bn256::{Bn256, G1Affine};

use crate::{
    data::{Data, INSTRUCTION_LEN, schedule_len},
    error::GenerateError,
    graph::Graph,
    layout::{Layout, Sizes, lagrange_rows},
    opening::{Group, OpeningScalars},
    program::Lowering,
    protocol::Protocol,
    quotient::numerator,
    render::Contract,
};

/// The EVM's limit for runtime code (EIP-170).
const CODE_LIMIT: usize = 24_576;
/// What the code around the data takes at most, compiled with the optimizer.
const CODE_OVERHEAD: usize = 2_600;

/// How to generate a contract.
#[derive(Clone, Debug)]
pub struct GeneratorOptions {
    /// The contract's name, a Solidity identifier.
    pub contract_name: String,
}

impl GeneratorOptions {
    /// Options for a contract of this name.
    pub fn new(contract_name: impl Into<String>) -> Self {
        Self {
            contract_name: contract_name.into(),
        }
    }
}

/// A verifier's source and what is known about it before it is compiled.
#[derive(Clone, Debug)]
pub struct GeneratedVerifier {
    /// Solidity source without imports, for solc 0.8.24 and later, legacy pipeline.
    pub solidity: String,
    /// Name of the contract in it.
    pub contract_name: String,
    /// Bytes of a proof.
    pub proof_len: usize,
    /// Public inputs over all instance columns.
    pub num_instances: usize,
    /// Points that the contract multiplies by a scalar, each about 6,500 gas.
    pub scaled_commitments: usize,
    /// Instructions of the arithmetic, each about 95 gas.
    pub instructions: usize,
    /// Gas of a verifying transaction, calldata and base cost included: a few per cent above what is used.
    pub gas_estimate: u64,
    /// Estimated bytes of runtime code: an upper bound with the optimizer on.
    pub code_size_estimate: usize,
}

/// Generates the verifier of `vk`.
///
/// `num_instances` gives the number of public inputs of each instance column: halo2's transcript does not absorb lengths, so
/// the contract fixes them. `params` gives the setup's points; only its first power and its G2 part are read.
///
/// # Errors
/// See [`GenerateError`]; all of them are properties of the circuit or of the options.
pub fn generate(
    vk: &VerifyingKey<G1Affine>,
    params: &ParamsKZG<Bn256>,
    num_instances: &[usize],
    options: &GeneratorOptions,
) -> Result<GeneratedVerifier, GenerateError> {
    if !is_identifier(&options.contract_name) {
        return Err(GenerateError::ContractName(options.contract_name.clone()));
    }
    let protocol = Protocol::new(vk, num_instances)?;
    let mut graph = Graph::default();
    let opening = OpeningScalars::new(&mut graph, &protocol);
    let numerator = numerator(&mut graph, &protocol, vk.cs())?;
    let groups = opening.groups(&mut graph, &protocol, numerator);

    let mut lowering = Lowering::new(&graph);
    let first = lowering.lower(&[opening.denominator, opening.lagrange_factor]);
    let first_results = lowering.temporaries();
    let scalars: Vec<_> = groups
        .iter()
        .flat_map(|group| [Some(group.multiplier), group.scalar])
        .flatten()
        .collect();
    let second = lowering.lower(&scalars);
    let (denominator, lagrange_factor) = (
        lowering.operand(opening.denominator),
        lowering.operand(opening.lagrange_factor),
    );

    let queries = vk
        .cs()
        .instance_queries()
        .iter()
        .map(|(column, at)| (column.index(), at.0));
    let sizes = Sizes {
        num_fixed: vk.fixed_commitments().len(),
        num_sigma: vk.permutation().commitments().len(),
        constants: lowering.constants().len(),
        first_program: INSTRUCTION_LEN * first.len(),
        second_program: INSTRUCTION_LEN * second.len(),
        schedule: schedule_len(&groups),
        temporaries: lowering.temporaries(),
    };
    let layout = Layout::new(&protocol, lagrange_rows(&protocol, queries), sizes)?;
    let code_size_estimate = layout.data_len() + CODE_OVERHEAD;
    if code_size_estimate > CODE_LIMIT {
        return Err(GenerateError::CodeTooLarge {
            bytes: code_size_estimate,
            limit: CODE_LIMIT,
        });
    }
    let data = Data::new(
        vk,
        params,
        &protocol,
        &layout,
        [&first, &second],
        &groups,
        &mut lowering,
    );
    let scaled_commitments = scaled_commitments(&groups);
    let instructions = first.len() + second.len();
    let contract = Contract {
        name: &options.contract_name,
        protocol: &protocol,
        layout: &layout,
        data: &data,
        denominator,
        lagrange_factor,
        first_results,
        scaled_commitments,
    };
    tracing::debug!(
        name = options.contract_name,
        instructions,
        scaled_commitments,
        data = layout.data_len(),
        "generated a verifier"
    );
    Ok(GeneratedVerifier {
        solidity: contract.render(),
        contract_name: options.contract_name.clone(),
        proof_len: protocol.proof_len(),
        num_instances: protocol.total_instances(),
        scaled_commitments,
        instructions,
        gas_estimate: gas_estimate(&protocol, &layout, &groups, instructions),
        code_size_estimate,
    })
}

/// Scalar multiplications: one between neighbours of a group, one for a group's own scalar.
fn scaled_commitments(groups: &[Group]) -> usize {
    groups
        .iter()
        .map(|group| group.points.len() - 1 + usize::from(group.scalar.is_some()))
        .sum()
}

/// Costs were fitted to measured runs; every byte of calldata counts as non-zero.
fn gas_estimate(
    protocol: &Protocol,
    layout: &Layout,
    groups: &[Group],
    instructions: usize,
) -> u64 {
    let calldata = protocol.proof_len() + 32 * protocol.total_instances() + 0x84;
    let memory = layout.end.div_ceil(32);
    let points: usize = groups.iter().map(|group| group.points.len()).sum();
    let gas = 21_000
        + 16 * calldata
        + 3 * memory
        + memory * memory / 512
        + 95 * instructions
        + 6_280 * scaled_commitments(groups)
        + 340 * points
        + 170 * protocol.num_points
        + 60 * (protocol.num_scalars + protocol.total_instances())
        + 260 * layout.num_rows
        + 45_000
        + 2 * 34_000
        + 4_048
        + 6_000;
    gas as u64
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
