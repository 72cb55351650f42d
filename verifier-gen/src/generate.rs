//! The entry point.

use halo2_proofs::{plonk::VerifyingKey, poly::kzg::commitment::ParamsKZG};
use halo2curves::bn256::{Bn256, G1Affine};
use sha3::{Digest, Keccak256};

use crate::{
    abi,
    arithmetic::{Arithmetic, ValueId},
    calldata::Entry,
    data::{INSTRUCTION_LEN, programs},
    error::GenerateError,
    estimate::{code_size, gas},
    fold::{Folding, Steps, fold},
    graph::{Graph, NodeId},
    inline::{Inline, Renderer},
    key::{Key, KeyContract, Section},
    lagrange::{Denominators, Fractions, InstanceLoop},
    layout::{Layout, Programs, Sizes},
    opening::{Group, KnownPoints, OpeningScalars, Point},
    options::{CodeStyle, GeneratorOptions, Mode},
    program::Lowering,
    protocol::{Commitment, Protocol},
    quotient::numerator,
    render::Contract,
    slots::Slots,
};

/// The EVM's limit for runtime code (EIP-170).
pub(crate) const CODE_LIMIT: usize = 24_576;
/// Bytes of a proof from which an embedded verifier is compact.
const COMPACT_FROM: usize = 2_200;
/// Inputs that are kept on the stack while a part of the arithmetic runs, if they are read often enough.
const MAX_VARIABLES: usize = 5;
const VARIABLE_FROM: usize = 5;

/// A verifier's source and what is known about it before it is compiled.
#[derive(Clone, Debug)]
pub struct GeneratedVerifier {
    /// Solidity source without imports, for solc 0.8.24 and later.
    pub solidity: String,
    /// Name of the contract in it.
    pub contract_name: String,
    /// Where the contract finds the verifying key.
    pub mode: Mode,
    /// The contract's interface as standard ABI JSON.
    pub abi: String,
    /// Identifies the constraint system, its numbers of rows and public inputs, and the version of this generator: equal for any
    /// two keys that one shared verifier serves. Keccak-256 of the shared source under the name `Halo2Verifier`, with zero in place
    /// of this id.
    pub shape_id: [u8; 32],
    /// The contract to deploy with the key, for a shared verifier.
    pub key: Option<KeyContract>,
    /// Bytes of a proof.
    pub proof_len: usize,
    /// Public inputs over all instance columns.
    pub num_instances: usize,
    /// Points that the contract multiplies by a scalar, each about 6,400 gas.
    pub scaled_commitments: usize,
    /// Multiplications and additions of the field arithmetic.
    pub instructions: usize,
    /// Whether the arithmetic is interpreted.
    pub interpreted: bool,
    /// Gas of a transaction that calls `verifyProof`, calldata and base cost included: at most 12 % above what is used.
    pub gas_estimate: u64,
    /// Estimated bytes of runtime code: an upper bound with the optimizer on.
    pub code_size_estimate: usize,
}

impl GeneratedVerifier {
    /// Calldata of an entry point; `key` is the key contract's address.
    ///
    /// # Errors
    /// A shared verifier needs a key, an embedded one takes none.
    pub fn encode_calldata(
        &self,
        entry: Entry,
        key: Option<[u8; 20]>,
        proof: &[u8],
        instances: &[halo2curves::bn256::Fr],
    ) -> Result<Vec<u8>, GenerateError> {
        match (self.mode, key) {
            (Mode::Embedded, None) => Ok(entry.encode(proof, instances)),
            (Mode::Shared, Some(key)) => Ok(entry.encode_shared(key, proof, instances)),
            (mode, _) => Err(GenerateError::KeyAddress { mode }),
        }
    }
}

/// Generates the verifier of `vk`, or of all keys with its constraint system.
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
    if let Some(name) = &options.contract_name
        && !is_identifier(name)
    {
        return Err(GenerateError::ContractName(name.clone()));
    }
    let protocol = Protocol::new(vk, num_instances)?;
    let key = Key::new(vk, params);
    let mut shape = Shape::new(vk, &protocol, &key, Mode::Shared)?;
    let shared = shape.verifier(options.code)?;
    let source = shared.render(&shape, "Halo2Verifier", &[0; 32]);
    let shape_id: [u8; 32] = Keccak256::digest(&source).into();
    let default_name = match options.mode {
        Mode::Embedded => "Halo2Verifier".to_owned(),
        Mode::Shared => format!("Halo2Verifier{}", hex::encode(&shape_id[..4])),
    };
    let contract_name = options.contract_name.clone().unwrap_or(default_name);
    let verifier = match options.mode {
        Mode::Shared => shared,
        Mode::Embedded => {
            shape = Shape::new(vk, &protocol, &key, Mode::Embedded)?;
            shape.verifier(options.code)?
        }
    };
    if verifier.code_size > CODE_LIMIT {
        return Err(GenerateError::CodeTooLarge {
            bytes: verifier.code_size,
            limit: CODE_LIMIT,
        });
    }
    tracing::debug!(
        name = contract_name,
        mode = ?options.mode,
        interpreted = matches!(verifier.style, Style::Interpreted { .. }),
        multiplications = verifier.folding.multiplications,
        code = verifier.code_size,
        "generated a verifier"
    );
    Ok(GeneratedVerifier {
        solidity: verifier.render(&shape, &contract_name, &shape_id),
        contract_name,
        mode: options.mode,
        abi: abi::json(options.mode, !verifier.data.is_empty()),
        shape_id,
        key: match options.mode {
            Mode::Shared => Some(KeyContract::new(&key, &shape_id)?),
            Mode::Embedded => None,
        },
        proof_len: protocol.proof_len(),
        num_instances: protocol.total_instances(),
        scaled_commitments: verifier.folding.multiplications,
        instructions: verifier.instructions,
        interpreted: matches!(verifier.style, Style::Interpreted { .. }),
        gas_estimate: verifier.gas,
        code_size_estimate: verifier.code_size,
    })
}

/// How the arithmetic appears in the contract.
#[derive(Clone, Debug)]
pub(crate) enum Style {
    Inline {
        before: Inline,
        /// Expression that reads the denominators' product.
        denominator: String,
        /// The constraints, then the openings.
        after: Box<[Inline; 2]>,
    },
    Interpreted {
        /// Address of the denominators' product.
        denominator: usize,
        /// Temporaries that the first program writes.
        first_results: usize,
    },
}

/// What is to be computed, before a code style is chosen.
struct Shape<'a> {
    protocol: &'a Protocol,
    key: &'a Key,
    mode: Mode,
    graph: Graph,
    denominator: NodeId,
    numerator: NodeId,
    groups: Vec<Group>,
    loops: Vec<InstanceLoop>,
    loops_over_rows: bool,
    key_points: Vec<Commitment>,
    unused_points: Vec<usize>,
}

impl<'a> Shape<'a> {
    fn new(
        vk: &VerifyingKey<G1Affine>,
        protocol: &'a Protocol,
        key: &'a Key,
        mode: Mode,
    ) -> Result<Self, GenerateError> {
        let known = match mode {
            Mode::Embedded => key.known_points(),
            Mode::Shared => KnownPoints::default(),
        };
        let queries: Vec<(usize, i32)> = vk
            .cs()
            .instance_queries()
            .iter()
            .map(|(column, at)| (column.index(), at.0))
            .collect();
        let mut graph = Graph::default();
        let mut denominators = Denominators::default();
        let opening = OpeningScalars::new(&mut graph, &mut denominators, protocol);
        let fractions = Fractions::new(
            &mut graph,
            &mut denominators,
            protocol,
            &queries,
            is_compact(protocol, mode),
        );
        let denominator = denominators.product(&mut graph);
        let lagrange = fractions.values(&mut graph, &denominators, opening.lagrange_factor);
        let numerator = numerator(&mut graph, protocol, vk.cs(), &lagrange)?;
        let groups = opening.groups(&mut graph, &denominators, protocol, &known, numerator);
        let folded: Vec<Point> = groups
            .iter()
            .flat_map(|group| {
                std::iter::once(group.first).chain(group.steps.iter().map(|(_, point)| *point))
            })
            .collect();
        let is_folded = |commitment: Commitment| folded.contains(&Point::Commitment(commitment));
        let key_points = key
            .commitments()
            .filter(|commitment| mode == Mode::Shared || is_folded(*commitment))
            .collect();
        let unused_points = (0..protocol.num_points)
            .filter(|i| !is_folded(Commitment::Proof(*i)))
            .collect();
        Ok(Self {
            protocol,
            key,
            mode,
            graph,
            denominator,
            numerator,
            groups,
            loops: fractions.loops,
            loops_over_rows: fractions.loops_over_rows,
            key_points,
            unused_points,
        })
    }

    fn scalars(&self) -> Vec<NodeId> {
        let mut scalars = Vec::new();
        for group in &self.groups {
            scalars.extend(group.steps.iter().map(|(multiplier, _)| *multiplier));
            scalars.extend(group.scalar);
        }
        scalars.sort_unstable();
        scalars.dedup();
        scalars
    }

    fn verifier(&self, style: CodeStyle) -> Result<Verifier, GenerateError> {
        match style {
            CodeStyle::Inline => self.inline(),
            CodeStyle::Interpreted => self.interpreted(),
            CodeStyle::Auto => {
                let inline = self.inline();
                match inline {
                    Ok(verifier) if verifier.code_size <= CODE_LIMIT => Ok(verifier),
                    _ => self.interpreted(),
                }
            }
        }
    }

    fn sizes(&self, programs: Option<Programs>) -> Sizes {
        Sizes {
            mode: self.mode,
            key_points: self.key_points.clone(),
            programs,
            loops: self.loops.len(),
        }
    }

    fn steps(&self) -> Steps {
        if is_compact(self.protocol, self.mode) {
            Steps::Lists
        } else {
            Steps::Pairs
        }
    }

    fn inline(&self) -> Result<Verifier, GenerateError> {
        let layout = Layout::new(self.protocol, self.sizes(None));
        let scalars = self.scalars();
        let mut nodes = vec![self.denominator, self.numerator];
        nodes.extend(&scalars);
        let (arithmetic, values) = Arithmetic::new(&self.graph, &nodes);
        let (denominator, numerator) = (&values[..1], &values[1..2]);
        let mut renderer = Renderer::new(
            &arithmetic,
            &layout,
            &values,
            is_compact(self.protocol, self.mode),
        );
        let mut part = |roots: &[ValueId], known: &[ValueId]| {
            let mut variables = arithmetic.hot_inputs(roots, known, VARIABLE_FROM);
            variables.truncate(MAX_VARIABLES);
            renderer.render(roots, &variables)
        };
        let mut parts = [
            part(denominator, &[]),
            part(numerator, denominator),
            part(&values[2..], &values[..2]),
        ];
        let kept: Vec<String> = values
            .iter()
            .map(|value| renderer.root(*value).text)
            .collect();
        let statements = parts.iter().flat_map(|part| part.statements.iter());
        let slots = Slots::new(statements.map(String::as_str), &kept);
        for part in &mut parts {
            part.resolve(&slots, |word| layout.slot(word));
        }
        let [before, constraints, openings] = parts;
        let kept: Vec<String> = kept
            .iter()
            .map(|text| slots.resolve(text, |word| layout.slot(word)))
            .collect();
        let expression = |node: NodeId| {
            let position = nodes.iter().position(|known| *known == node).unwrap_or(0);
            kept[position].clone()
        };
        let folding = fold(&self.groups, &layout, self.steps(), expression);
        let style = Style::Inline {
            before,
            denominator: kept[0].clone(),
            after: Box::new([constraints, openings]),
        };
        let instructions = arithmetic.operations(&values);
        self.finish(
            layout,
            style,
            folding,
            Vec::new(),
            instructions,
            slots.count(),
        )
    }

    fn interpreted(&self) -> Result<Verifier, GenerateError> {
        let mut lowering = Lowering::new(&self.graph);
        let first = lowering.lower(&[self.denominator]);
        let first_results = lowering.temporaries();
        let second = lowering.lower(&self.scalars());
        let sizes = self.sizes(Some(Programs {
            constants: lowering.constants().len(),
            first: INSTRUCTION_LEN * first.len(),
            second: INSTRUCTION_LEN * second.len(),
        }));
        let layout = Layout::new(self.protocol, sizes);
        layout.check(lowering.temporaries())?;
        let operands: Vec<(NodeId, usize)> = self
            .scalars()
            .into_iter()
            .map(|node| (node, layout.operand(lowering.operand(node))))
            .collect();
        let expression = |node: NodeId| {
            let at = operands
                .iter()
                .find(|(known, _)| *known == node)
                .map_or(0, |(_, at)| *at);
            format!("mload({at:#06x})")
        };
        let folding = fold(&self.groups, &layout, self.steps(), expression);
        let style = Style::Interpreted {
            denominator: layout.operand(lowering.operand(self.denominator)),
            first_results,
        };
        let data = programs(&layout, [&first, &second], &lowering);
        let instructions = first.len() + second.len();
        let temporaries = lowering.temporaries();
        self.finish(layout, style, folding, data, instructions, temporaries)
    }

    fn finish(
        &self,
        layout: Layout,
        style: Style,
        folding: Folding,
        mut data: Vec<Section>,
        instructions: usize,
        temporaries: usize,
    ) -> Result<Verifier, GenerateError> {
        layout.check(temporaries)?;
        if self.mode == Mode::Embedded {
            data.extend(self.key.sections(&self.key_points));
        }
        let data_len = data.iter().map(|section| section.bytes.len()).sum();
        let gas = gas(
            self.protocol,
            &layout,
            &style,
            &folding,
            &self.loops,
            instructions,
            temporaries,
        );
        Ok(Verifier {
            code_size: code_size(
                self.protocol,
                &layout,
                &style,
                &folding,
                &self.loops,
                data_len,
            ),
            gas,
            layout,
            style,
            folding,
            data,
            instructions,
        })
    }
}

/// Whether short code comes before gas: the key takes room in an embedded verifier.
pub(crate) fn is_compact(protocol: &Protocol, mode: Mode) -> bool {
    mode == Mode::Embedded && protocol.proof_len() >= COMPACT_FROM
}

/// A verifier of one code style.
struct Verifier {
    layout: Layout,
    style: Style,
    folding: Folding,
    data: Vec<Section>,
    instructions: usize,
    gas: u64,
    code_size: usize,
}

impl Verifier {
    fn render(&self, shape: &Shape<'_>, name: &str, shape_id: &[u8; 32]) -> String {
        let unused_points: Vec<usize> = shape
            .unused_points
            .iter()
            .map(|i| self.layout.proof_position(*i))
            .collect();
        Contract {
            name,
            mode: shape.mode,
            protocol: shape.protocol,
            layout: &self.layout,
            style: &self.style,
            loops: &shape.loops,
            loops_over_rows: shape.loops_over_rows,
            folding: &self.folding,
            unused_points: &unused_points,
            data: &self.data,
            shape_id,
        }
        .render()
    }
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, params};

    #[test]
    fn shared_source_does_not_depend_on_the_key() {
        let params = params();
        let [one, other] = [[1, 2, 3], [4, 5, 6]].map(|weights| {
            let vk = key(&params, &weights);
            let embedded = generate(&vk, &params, &[3], &GeneratorOptions::new("V")).unwrap();
            let shared = generate(&vk, &params, &[3], &GeneratorOptions::shared()).unwrap();
            assert_eq!(embedded.shape_id, shared.shape_id);
            (embedded, shared)
        });
        assert_eq!(one.1.solidity, other.1.solidity);
        assert_eq!(one.1.contract_name, other.1.contract_name);
        assert_eq!(
            one.1.contract_name,
            format!("Halo2Verifier{}", hex::encode(&one.1.shape_id[..4]))
        );
        assert_ne!(one.0.solidity, other.0.solidity);
        let keys = [&one.1, &other.1].map(|verifier| verifier.key.clone().unwrap());
        assert_ne!(keys[0].code_hash, keys[1].code_hash);
        let longer = key(&params, &[1, 2, 3]);
        let longer = generate(&longer, &params, &[4], &GeneratorOptions::shared()).unwrap();
        assert_ne!(longer.shape_id, one.1.shape_id);
        // halo2's key is the same for any number of public inputs; a key contract is not.
        let longer = longer.key.unwrap();
        assert!(
            longer
                .runtime
                .starts_with(&keys[0].runtime[..keys[0].runtime.len() - 32])
        );
        assert_ne!(longer.code_hash, keys[0].code_hash);
    }

    #[test]
    fn embedded_key_leaves_out_zero_and_folds_equal_columns_once() {
        let params = params();
        let vk = key(&params, &[1, 2, 3]);
        let embedded = generate(&vk, &params, &[3], &GeneratorOptions::new("V")).unwrap();
        let shared = generate(&vk, &params, &[3], &GeneratorOptions::shared()).unwrap();
        assert_eq!(embedded.scaled_commitments + 2, shared.scaled_commitments);
    }

    #[test]
    fn code_style_is_the_one_that_was_asked_for() {
        let params = params();
        let vk = key(&params, &[1]);
        for (code, interpreted) in [
            (CodeStyle::Auto, false),
            (CodeStyle::Inline, false),
            (CodeStyle::Interpreted, true),
        ] {
            let options = GeneratorOptions::shared().with_code(code);
            let verifier = generate(&vk, &params, &[3], &options).unwrap();
            assert_eq!(verifier.interpreted, interpreted);
            assert_eq!(verifier.solidity.contains("function run("), interpreted);
        }
    }

    #[test]
    fn calldata_needs_a_key_in_shared_mode_alone() {
        let params = params();
        let vk = key(&params, &[1]);
        let embedded = generate(&vk, &params, &[0], &GeneratorOptions::new("V")).unwrap();
        let shared = generate(&vk, &params, &[0], &GeneratorOptions::shared()).unwrap();
        let call = |verifier: &GeneratedVerifier, key| {
            verifier.encode_calldata(Entry::Verify, key, &[], &[])
        };
        assert!(call(&embedded, None).is_ok());
        assert!(call(&shared, Some([1; 20])).is_ok());
        assert_eq!(
            call(&embedded, Some([1; 20])),
            Err(GenerateError::KeyAddress {
                mode: Mode::Embedded
            })
        );
        assert_eq!(
            call(&shared, None),
            Err(GenerateError::KeyAddress { mode: Mode::Shared })
        );
    }
}
