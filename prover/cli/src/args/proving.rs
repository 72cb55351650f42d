//! Arguments of the verbs that do not use a chain.

use super::{KnownSrsArgs, SetupArgs, SolcArgs};
use crate::failure::bad_input;
use chainfer_engine::fit::{DEFAULT_TARGET, FitTarget};
use chainfer_model::frontend::LoadOptions;
use clap::{Args, ValueEnum};
use std::{num::NonZeroUsize, path::PathBuf, str::FromStr};

/// `auto` or a value, usually a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AutoOr<T> {
    /// Chosen by the program.
    Auto,
    /// Chosen by the user.
    Exactly(T),
}

impl<T: FromStr> FromStr for AutoOr<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(Self::Exactly)
            .map_err(|_| format!("expected auto or a number, got {text:?}"))
    }
}

/// `--optimize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectiveArg {
    /// Fast to prove: wide circuits with few rows
    Time,
    /// Cheap to verify on chain: narrow circuits with many rows
    Gas,
    /// Prove with little memory
    Memory,
}

/// `--input-visibility`, `--output-visibility`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VisibilityArg {
    /// The values are public
    Public,
    /// Only a commitment to the values is public
    Committed,
}

/// `chainfer compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// Model file: .onnx, .tflite, or zkml's .msgpack
    pub(crate) model: PathBuf,
    /// Bundle folder to create
    #[arg(short, long, value_name = "BUNDLE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ModelArgs,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// File with the 32-byte seed of the blinders, binary or hex; by default random
    #[arg(long, value_name = "FILE")]
    pub(crate) hiding_seed: Option<PathBuf>,
    /// Trusted setup: `development` (insecure), the digest or the name of a setup in the cache, or a setup file
    #[arg(
        long,
        value_name = "DIGEST|NAME|FILE",
        default_value = "development",
        help_heading = "Trusted setup"
    )]
    pub(crate) srs: String,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
}

/// How a model is quantised and cut.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct PlanArgs {
    /// Sample inputs from which the ranges of values are measured; by default random inputs are used
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Number of chunks to cut the model into, each proved by its own circuit; auto: as few as cost the least within the memory
    #[arg(long, value_name = "N|auto", default_value = "auto")]
    pub(crate) chunks: AutoOr<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Steps that values are quantised to; auto: 4064, or 16256 where the outputs' error is above 2 % with fewer
    #[arg(long, value_name = "auto|R", default_value = "auto")]
    pub(crate) range: AutoOr<u32>,
    /// What to optimise the circuits for; memory also cuts the model into more chunks
    #[arg(long, value_enum, default_value = "time")]
    pub(crate) optimize: ObjectiveArg,
    /// Whether the values of the model's inputs are public
    #[arg(long, value_enum, default_value = "committed")]
    pub(crate) input_visibility: VisibilityArg,
    /// Whether the values of the model's outputs are public
    #[arg(long, value_enum, default_value = "public")]
    pub(crate) output_visibility: VisibilityArg,
    /// Number B of blinding rows in each weight column: up to B - 1 proofs under one key do not reveal the weights. 0: the
    /// weights are not hidden
    #[arg(long, value_name = "auto|B|0", default_value = "auto")]
    pub(crate) hide_weights: AutoOr<u32>,
}

impl Default for PlanArgs {
    fn default() -> Self {
        Self {
            calibration: None,
            chunks: AutoOr::Auto,
            size: SizeArgs::default(),
            range: AutoOr::Auto,
            optimize: ObjectiveArg::Time,
            input_visibility: VisibilityArg::Committed,
            output_visibility: VisibilityArg::Public,
            hide_weights: AutoOr::Auto,
        }
    }
}

/// How large chunks may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub(crate) struct SizeArgs {
    /// Memory that proving one chunk should take at most: there are more chunks, and layers are cut inside, to stay below it; where that is not enough, chunks may be proved in slower ways
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "4GiB")]
    pub(crate) target_memory: u64,
    /// As --target-memory, but a model that cannot be cut that small is refused
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, conflicts_with = "target_memory")]
    pub(crate) max_memory: Option<u64>,
    /// Largest circuit: no chunk has more than 2^K rows
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(5..=20))]
    pub(crate) max_k: Option<u32>,
}

impl Default for SizeArgs {
    fn default() -> Self {
        Self {
            target_memory: DEFAULT_TARGET,
            max_memory: None,
            max_k: None,
        }
    }
}

impl SizeArgs {
    /// What chunks have to stay within.
    pub(crate) fn target(&self) -> FitTarget {
        let default = FitTarget::default();
        FitTarget {
            memory: self.max_memory.unwrap_or(self.target_memory),
            max_k: self.max_k.unwrap_or(default.max_k),
            is_limit: self.max_memory.is_some() || self.max_k.is_some(),
        }
    }
}

/// `chainfer audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Model file that the bundle is said to be compiled from
    #[arg(required_unless_present = "structure", conflicts_with = "structure")]
    pub(crate) model: Option<PathBuf>,
    /// Without a model: compare everything but the values of weights and biases with the structure that the bundle states
    #[arg(long)]
    pub(crate) structure: bool,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
    #[command(flatten)]
    pub(crate) again: AgainArgs,
}

/// How a model was compiled that is compiled again. What is not given is as the bundle says.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "How the model was compiled (by default as the bundle says)")]
pub(crate) struct AgainArgs {
    /// The samples that the model was calibrated with, if it was
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(crate) calibration: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ModelArgs,
    /// Number of chunks
    #[arg(long, value_name = "N|auto", requires = "model")]
    pub(crate) chunks: Option<AutoOr<NonZeroUsize>>,
    /// What the circuits were optimised for
    #[arg(long, value_enum, requires = "model")]
    pub(crate) optimize: Option<ObjectiveArg>,
    /// Whether the values of the model's inputs are public
    #[arg(long, value_enum, requires = "model")]
    pub(crate) input_visibility: Option<VisibilityArg>,
    /// Whether the values of the model's outputs are public
    #[arg(long, value_enum, requires = "model")]
    pub(crate) output_visibility: Option<VisibilityArg>,
    /// Number of blinding rows in each weight column
    #[arg(long, value_name = "auto|B|0", requires = "model")]
    pub(crate) hide_weights: Option<AutoOr<u32>>,
    /// The seed that was given to compile, or the bundle's private/hiding.seed: with it hidden weight columns are compared, too. By default
    /// the bundle's own, if its private part is there
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(crate) hiding_seed: Option<PathBuf>,
}

impl AgainArgs {
    /// Whether anything is given.
    pub(crate) fn is_given(&self) -> bool {
        self.calibration.is_some()
            || self.reading.is_given()
            || self.chunks.is_some()
            || self.optimize.is_some()
            || self.input_visibility.is_some()
            || self.output_visibility.is_some()
            || self.hide_weights.is_some()
            || self.hiding_seed.is_some()
    }
}

/// `chainfer prove`.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// Bundle folder
    pub(crate) bundle: PathBuf,
    /// Input file: .json, .npy, .npz, or zkml's .msgpack
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Proof file to write; the openings of its commitments are written to PROOF.secret
    #[arg(short, long, value_name = "PROOF")]
    pub(crate) output: PathBuf,
    /// Replace PROOF and PROOF.secret; without its secret, the proof that was there can never be opened again
    #[arg(long)]
    pub(crate) force: bool,
    /// Number of chunks to prove in parallel; by default the number of cores
    #[arg(long, value_name = "J")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Hardware that computes the proof
    #[arg(long, value_enum, default_value = "cpu")]
    pub(crate) backend: BackendArg,
    /// Device of the back end: CUDA:0 or CPU for ICICLE, whatever a plug-in takes
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Shared library of the back end `plugin`
    #[arg(long, value_name = "FILE", required_if_eq("backend", "plugin"))]
    pub(crate) plugin: Option<PathBuf>,
    /// Use the accelerator in this process; by default a child process does, so that one that a library stops can be replaced
    #[arg(long, hide = true)]
    pub(crate) in_process: bool,
    /// Prover: chainfer's own, or halo2's for comparison
    #[arg(long, value_enum, default_value = "chainfer")]
    pub(crate) prover: ProverArg,
    /// Report what the time went into, round by round of the proofs
    #[arg(long)]
    pub(crate) stats: bool,
    /// Memory limit, by default what the machine has left: fewer chunks are proved in parallel to stay below it, then in slower ways; if a limit is given that no way keeps, the proof is refused
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) max_memory: Option<u64>,
    #[command(flatten)]
    pub(crate) saturation: SaturationArgs,
    #[command(flatten)]
    pub(crate) setup: SetupArgs,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
}

/// What a proof is bound to: a request on a chain, or an explicit context.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Binding (to a request on a chain, to an explicit context, or to nothing)"
)]
pub(crate) struct BindingArgs {
    /// Id of the chain that the proof is for
    #[arg(long, requires_all = ["requester", "nonce"])]
    pub(crate) chain_id: Option<u64>,
    /// Registry contract on that chain; by default the one that the bundle is deployed with
    #[arg(long, value_name = "ADDRESS", requires = "chain_id")]
    pub(crate) registry: Option<String>,
    /// Account that the inference is credited to
    #[arg(long, value_name = "ADDRESS", requires = "chain_id")]
    pub(crate) requester: Option<String>,
    /// Number that the requester gives this request, decimal or 0x hex
    #[arg(long, value_name = "NUMBER", requires = "chain_id")]
    pub(crate) nonce: Option<String>,
    /// On-chain model id; by default the id from the bundle's deployment on that chain
    #[arg(long, value_name = "HEX", requires = "chain_id")]
    pub(crate) model_id: Option<String>,
    /// Context to bind the proof to, without a chain
    #[arg(long, value_name = "HEX", conflicts_with = "chain_id")]
    pub(crate) context: Option<String>,
}

/// `--backend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendArg {
    /// The processors of this machine, with the fastest instructions that they have
    Cpu,
    /// The processors, with AVX2 and FMA and nothing newer
    CpuAvx2,
    /// The processors, without vector instructions
    CpuPortable,
    /// A device of ICICLE: --device CUDA:0 or CPU
    Icicle,
    /// A library with the interface of chainfer_compute.h: --plugin FILE
    Plugin,
}

/// `--prover`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProverArg {
    /// chainfer's own
    Chainfer,
    /// halo2's, slower; on any back end it takes the processors as halo2 does
    Stock,
}

/// `chainfer verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Proof file
    pub(crate) proof: PathBuf,
    /// Account that registered the model: refuse a proof that names another model id than this bundle has then
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) registrant: Option<String>,
    /// Refuse a proof under a setup that is not on the list of known ceremonies
    #[arg(long, help_heading = "Trusted setup")]
    pub(crate) require_known_setup: bool,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
}

/// `chainfer run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Bundle folder
    pub(crate) bundle: PathBuf,
    /// Input file: .json, .npy, .npz, or zkml's .msgpack
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) saturation: SaturationArgs,
}

/// `chainfer evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Bundle folder
    pub(crate) bundle: PathBuf,
    /// Data set: .json with "samples", or .npy or .npz whose first axis counts the samples
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: PathBuf,
    /// Class of each sample: .json with a list, or .npy
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Model file that the bundle was compiled from, to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
}

/// What happens to values outside the calibrated range of their layer.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SaturationArgs {
    /// Refuse an input that takes a layer outside its calibrated range; by default such values saturate
    #[arg(long = "refuse-saturation")]
    pub(crate) refuse: bool,
}

/// `chainfer open`.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// PROOF.secret, the file that `prove` writes next to the proof; with --verify an opening, as `open --json` prints it
    #[arg(value_name = "SECRET|OPENING")]
    pub(crate) file: PathBuf,
    /// Name of the tensor: a model input or output, or a tensor that crosses a cut
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "verify",
        conflicts_with = "verify"
    )]
    pub(crate) tensor: Option<String>,
    /// Check an opening that somebody shows, instead of making one
    #[arg(long, requires = "bundle")]
    pub(crate) verify: bool,
    /// Bundle that the opening is checked against; its public part is enough
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Proof of the inference that the opening is said to be of: it is verified, and its root is compared
    #[arg(long, value_name = "PROOF", requires = "bundle")]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
}

/// How a model file is read.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ModelArgs {
    /// Length of a dimension of the inputs that the model file leaves open, or of another (ONNX) as INPUT.AXIS; repeat for more. A first axis
    /// (the batch) is 1 by default
    #[arg(long = "dim", value_name = "NAME=LENGTH", value_parser = parse_dim)]
    dims: Vec<(String, usize)>,
    /// Leave out a Softmax, LogSoftmax or Sigmoid at the end of the model: the scores before it, which have the same order, are the output, and
    /// the manifest says so
    #[arg(long, alias = "raw-scores")]
    drop_final_softmax: bool,
}

impl ModelArgs {
    /// Whether anything is given.
    pub(crate) fn is_given(&self) -> bool {
        self.drop_final_softmax || !self.dims.is_empty()
    }

    /// The options of the reader.
    ///
    /// # Errors
    /// A dimension is given twice.
    pub(crate) fn load_options(&self) -> anyhow::Result<LoadOptions> {
        let mut options = LoadOptions {
            drop_final_softmax: self.drop_final_softmax,
            ..LoadOptions::default()
        };
        for (name, length) in &self.dims {
            if options.dims.insert(name.clone(), *length).is_some() {
                return Err(bad_input(format!("--dim {name} is given twice")));
            }
        }
        Ok(options)
    }
}

fn parse_dim(text: &str) -> Result<(String, usize), String> {
    // A name may hold the sign itself: it is an expression of the exporter.
    let (name, length) = text
        .rsplit_once('=')
        .ok_or("expected NAME=LENGTH, for example height=224")?;
    match length.parse() {
        Ok(length) if length > 0 => Ok((name.to_owned(), length)),
        _ => Err(format!(
            "{length:?} is no length; expected a number from 1 on"
        )),
    }
}

/// `chainfer inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Bundle folder or model file
    #[arg(value_name = "BUNDLE|MODEL")]
    pub(crate) target: PathBuf,
    /// Draw the layers, cut into chunks, with every chunk's circuit, time, memory and gas by estimate
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ModelArgs,
    #[command(flatten)]
    pub(crate) known: KnownSrsArgs,
    #[command(
        flatten,
        next_help_heading = "How a model is cut for --svg, as compile takes it"
    )]
    pub(crate) plan: PlanArgs,
}

/// `chainfer solidity`.
#[derive(Debug, Args)]
pub(crate) struct SolidityArgs {
    /// Bundle folder; its public part is enough
    pub(crate) bundle: PathBuf,
    /// Inference proof for the project's tests; without a proof no tests are written
    #[arg(long, value_name = "PROOF")]
    pub(crate) proof: Option<PathBuf>,
    /// Folder to create for the forge project
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) solc: SolcArgs,
}

/// A number of bytes, with an optional unit k, M, G or T (powers of 1024; `kiB` and so on are accepted).
fn parse_bytes(text: &str) -> Result<u64, String> {
    let refuse = || format!("expected bytes such as 268435456, 256M or 4GiB, got {text:?}");
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit {
        "" | "B" => 0,
        "k" | "K" | "kiB" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(refuse()),
    };
    let number: u64 = digits.parse().map_err(|_| refuse())?;
    number.checked_mul(1 << shift).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    #[test]
    fn bytes_take_binary_units() {
        assert_eq!(parse_bytes("12"), Ok(12));
        assert_eq!(parse_bytes("3k"), Ok(3072));
        assert_eq!(parse_bytes("2GiB"), Ok(2 << 30));
        for bad in ["", "M", "1.5G", "-1", "1X", "99999999999999T"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_command_line() {
        let command = PlanArgs::augment_args(clap::Command::new("x"));
        let matches = command.try_get_matches_from(["x"]).unwrap();
        let parsed = PlanArgs::from_arg_matches(&matches).unwrap();
        assert_eq!(parsed, PlanArgs::default());
    }

    #[test]
    fn auto_or_takes_either_and_names_what_it_got() {
        assert_eq!("auto".parse::<AutoOr<u32>>(), Ok(AutoOr::Auto));
        assert_eq!("7".parse::<AutoOr<u32>>(), Ok(AutoOr::Exactly(7)));
        assert!("x".parse::<AutoOr<u32>>().unwrap_err().contains("\"x\""));
    }
}
