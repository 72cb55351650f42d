//! `chainfer prove`: proves one inference.

use super::shared::{ScoresBefore, outputs_page, quantised_inputs, say_saturation, scores_before};
use crate::{
    allocator::give_back_at_once,
    args::{BackendArg, BindingArgs, ProveArgs, ProverArg, SaturationArgs},
    chain::deployed,
    failure::bad_input,
    output::{Align, Page, Progress, Report, Table, bytes, seconds},
};
use alloy::primitives::U256;
use anyhow::Context as _;
use chainfer_compute::{backend::Cpu, lanes::Arithmetic};
use chainfer_engine::{
    accelerator::Accelerator,
    bundle::{Bundle, MANIFEST_FILE, PUBLIC_DIR},
    inference::{ChunkMetrics, ContextSource, ProveMetrics, ProveOptions, prove_inference},
    prove::{Prover, StepCost},
    resources::{peak_rss_bytes, process_cpu_seconds},
    srs::SrsStore,
};
use chainfer_formats::{
    Address, B256, Binding, ChainModel, Manifest, OutputValues, ProofFile, Scalar, SecretFile,
    files, hex,
};
use chainfer_model::{
    executor::{Saturation, execute_counting},
    quantise::SaturationPolicy,
};
use serde::Serialize;
use std::{
    env, fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

/// What to prove, and how.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) bundle: PathBuf,
    pub(crate) input: PathBuf,
    pub(crate) output: PathBuf,
    /// Whether files that are there are replaced.
    pub(crate) force: bool,
    pub(crate) context: ContextSource,
    /// What the registry is handed of the model, where it is known.
    pub(crate) model: Option<ChainModel>,
    pub(crate) options: ProveOptions,
    pub(crate) choice: Choice,
    /// Whether to report steps.
    pub(crate) stats: bool,
}

impl Request {
    fn resolve(args: ProveArgs) -> anyhow::Result<Self> {
        let (context, model) = context(&args.bundle, &args.binding)?;
        let choice = Choice::resolve(&args)?;
        Ok(Self {
            context,
            model,
            options: ProveOptions {
                jobs: args.jobs.map(NonZeroUsize::get),
                max_memory: args.max_memory,
                saturation: saturation(args.saturation),
                setups: args.setup.policy()?,
                prover: Prover::default(),
            },
            choice,
            stats: args.stats,
            bundle: args.bundle,
            input: args.input,
            output: args.output,
            force: args.force,
        })
    }
}

/// Who makes the proofs, as the arguments say.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    /// One that needs nothing but this process.
    Ready(Prover),
    /// A device of ICICLE.
    Icicle(String),
    /// A plug-in and its device.
    Plugin(PathBuf, String),
}

impl Default for Choice {
    fn default() -> Self {
        Choice::Ready(Prover::default())
    }
}

impl Choice {
    fn resolve(args: &ProveArgs) -> anyhow::Result<Self> {
        let device = |usual: &str| args.device.clone().unwrap_or_else(|| usual.to_owned());
        let processor = |arithmetic| Choice::Ready(Prover::Cpu(Cpu::with(arithmetic)));
        Ok(match (args.prover, args.backend) {
            (ProverArg::Stock, _) => Choice::Ready(Prover::Stock),
            (_, BackendArg::Cpu) => Choice::Ready(Prover::Cpu(Cpu::detect())),
            (_, BackendArg::CpuAvx2) => processor(Arithmetic::avx2().map_err(|e| {
                bad_input(format!(
                    "--backend cpu-avx2: {e}; --backend cpu takes what it has"
                ))
            })?),
            (_, BackendArg::CpuPortable) => processor(Arithmetic::Portable),
            (_, BackendArg::Icicle) => Choice::Icicle(device("CUDA:0")),
            (_, BackendArg::Plugin) => {
                Choice::Plugin(args.plugin.clone().unwrap_or_default(), device(""))
            }
        })
    }

    /// Opens the device, for the circuits of a bundle.
    fn open(&self, bundle: &Bundle) -> anyhow::Result<Prover> {
        let chunks = &bundle.public().manifest().chunks;
        let k = chunks.iter().map(|chunk| chunk.shape.k).max().unwrap_or(0);
        let accelerator = match self {
            Choice::Ready(prover) => return Ok(prover.clone()),
            Choice::Icicle(device) => Accelerator::icicle(device, k),
            Choice::Plugin(library, device) => Accelerator::plugin(library, device),
        };
        let accelerator = accelerator.map_err(|e| {
            bad_input(format!(
                "--backend: {e}; --backend cpu proves without an accelerator"
            ))
        })?;
        Ok(Prover::Accelerator(Arc::new(accelerator)))
    }
}

/// Runs this command again in a child process that uses the accelerator, for a library can stop its process, and ends as that ends. Returns where
/// this process is to prove: there is no accelerator to use, this is the child, or the accelerator stopped it.
fn in_child(args: &mut ProveArgs, progress: Progress) -> anyhow::Result<()> {
    let accelerated = matches!(args.backend, BackendArg::Icicle | BackendArg::Plugin);
    if !accelerated || args.in_process || args.prover == ProverArg::Stock {
        return Ok(());
    }
    let ended = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg("--in-process")
        .status()?;
    if let Some(code) = ended.code() {
        std::process::exit(code);
    }
    progress.warn(format_args!(
        "the accelerator stopped its process ({ended}); proving on the processor"
    ));
    args.backend = BackendArg::Cpu;
    Ok(())
}

/// What happens to values outside the calibrated ranges.
pub(crate) fn saturation(args: SaturationArgs) -> SaturationPolicy {
    if args.refuse {
        SaturationPolicy::Refuse
    } else {
        SaturationPolicy::Saturate
    }
}

/// The context that the flags bind a proof to, and what its registry is handed of the model, where the bundle is deployed there.
/// Registry and model id default to those of the bundle's deployment.
fn context(
    bundle: &Path,
    args: &BindingArgs,
) -> anyhow::Result<(ContextSource, Option<ChainModel>)> {
    let parse = |flag: &str, text: &str| {
        hex::parse_word_any_case(text).map_err(|e| bad_input(format!("{flag}: {e}")))
    };
    let (Some(chain_id), Some(requester), Some(nonce)) =
        (args.chain_id, &args.requester, &args.nonce)
    else {
        let word = args
            .context
            .as_deref()
            .map(|text| parse("--context", text))
            .transpose()?;
        return Ok((ContextSource::Explicit(word.unwrap_or_default()), None));
    };
    let deployment = || {
        let public = bundle.join(PUBLIC_DIR);
        files::require_folder(&public)?;
        let manifest = Manifest::read(&public.join(MANIFEST_FILE))?;
        deployed::read(&public, chain_id, &manifest)
            .map_err(|e| bad_input(format!("{e:#}; or pass --registry and --model-id")))
    };
    let registry = args
        .registry
        .as_deref()
        .map(|text| address("--registry", text))
        .transpose()?;
    let model_id = args
        .model_id
        .as_deref()
        .map(|text| parse("--model-id", text))
        .transpose()?;
    let (registry, model_id) = match (registry, model_id) {
        (Some(registry), Some(model_id)) => (registry, model_id),
        (registry, model_id) => {
            let known = deployment()?;
            let there = known.registry;
            if let Some(asked) = registry.filter(|asked| *asked != there) {
                return Err(bad_input(format!(
                    "--registry is {asked:#x}, but the bundle is deployed with {there:#x} on chain {chain_id}; pass --model-id \
                     to use another registry"
                )));
            }
            (there, model_id.unwrap_or(known.model_id))
        }
    };
    let requester = address("--requester", requester)?;
    if requester == Address::ZERO {
        return Err(bad_input(
            "--requester is the zero address, which every registry refuses".to_owned(),
        ));
    }
    let binding = Binding {
        chain_id,
        registry,
        requester,
        nonce: number("--nonce", nonce)?,
    };
    // Without a deployment there the proof is made all the same; whoever relays it brings the rest.
    let known = deployment().ok();
    let known = known.filter(|known| (known.registry, known.model_id) == (registry, model_id));
    let source = ContextSource::Binding { binding, model_id };
    Ok((source, known.map(|known| known.model)))
}

fn address(flag: &str, text: &str) -> anyhow::Result<Address> {
    crate::chain::address(flag, text)
}

/// A `uint256`, decimal or `0x` hex.
fn number(flag: &str, text: &str) -> anyhow::Result<B256> {
    let refuse = || {
        bad_input(format!(
            "{flag}: expected a number below 2^256, decimal or 0x hex, got {text:?}"
        ))
    };
    let value = match text.strip_prefix("0x") {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            U256::from_str_radix(digits, 16)
        }
        Some(_) => return Err(refuse()),
        None if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(refuse());
        }
        None => U256::from_str_radix(text, 10),
    };
    Ok(value.map_err(|_| refuse())?.into())
}

/// A proof, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) proof: PathBuf,
    pub(crate) secret: PathBuf,
    #[serde(with = "hex::word")]
    pub(crate) manifest_id: B256,
    #[serde(with = "hex::optional_word")]
    pub(crate) model_id: Option<B256>,
    pub(crate) root: Scalar,
    pub(crate) context: Scalar,
    pub(crate) binding: Option<Binding>,
    pub(crate) outputs: Vec<OutputValues>,
    /// The outputs that are scores before a function that was left out.
    pub(crate) scores_before: ScoresBefore,
    /// Tensors whose values saturated.
    pub(crate) saturation: Vec<Saturation>,
    /// Of the whole process, start-up and reading of keys included.
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: Option<f64>,
    pub(crate) peak_rss_bytes: Option<u64>,
    pub(crate) proof_bytes: usize,
    pub(crate) chunks: Vec<ChunkMetrics>,
}

/// Proves as the arguments say, and reports outputs and figures.
pub(crate) fn run(mut args: ProveArgs, progress: Progress) -> anyhow::Result<Report> {
    in_child(&mut args, progress)?;
    if args.max_memory.is_some() {
        give_back_at_once();
    }
    let outcome = prove(&Request::resolve(args)?, progress)?;
    Report::new(&outcome, page(&outcome))
}

/// Proves an inference and writes the proof and its secret.
///
/// # Errors
/// The bundle or the input cannot be used, proving fails, or the files exist or cannot be written.
pub(crate) fn prove(request: &Request, progress: Progress) -> anyhow::Result<Outcome> {
    let secret = SecretFile::path_beside(&request.output);
    check_folder(&request.output)?;
    for path in [&request.output, &secret] {
        check_absent(path, request.force)?;
    }
    let bundle = Bundle::open(&request.bundle)
        .with_context(|| format!("cannot use the bundle {}", request.bundle.display()))?;
    let policy = request.options.saturation;
    let (inputs, mut saturation) =
        quantised_inputs(&bundle, &request.bundle, &request.input, policy)?;
    if let (SaturationPolicy::Saturate, Some(clamps)) = (policy, bundle.clamps()) {
        saturation.extend(execute_counting(&bundle.model().graph, clamps, &inputs)?.1);
    }
    say_saturation(&saturation, progress);
    let chunks = bundle.public().num_chunks();
    progress.say(format_args!(
        "proving {chunks} chunk{}",
        if chunks == 1 { "" } else { "s" }
    ));
    let store = SrsStore::user()?;
    let options = ProveOptions {
        prover: request.choice.open(&bundle)?,
        ..request.options.clone()
    };
    let mut made = prove_inference(&bundle, &store, &inputs, request.context, &options)?;
    made.proof.model = request.model.clone();
    made.proof.check()?;
    // The secret first: a proof without its secret could never be opened.
    if request.force {
        made.secret.write(&secret)?;
        made.proof.write(&request.output)?;
    } else {
        made.secret.write_new(&secret)?;
        if let Err(error) = made.proof.write_new(&request.output) {
            let _ = fs::remove_file(&secret);
            return Err(error.into());
        }
    }
    progress.say(format_args!(
        "proved and verified; wrote {}",
        request.output.display()
    ));
    let outcome = outcome(request, secret, made.proof, made.metrics, progress);
    Ok(Outcome {
        saturation,
        scores_before: scores_before(&bundle.public().manifest().outputs),
        ..outcome
    })
}

fn outcome(
    request: &Request,
    secret: PathBuf,
    proof: ProofFile,
    metrics: ProveMetrics,
    progress: Progress,
) -> Outcome {
    let reported = |mut chunk: ChunkMetrics| {
        if !request.stats {
            chunk.steps.clear();
        }
        chunk
    };
    Outcome {
        proof: request.output.clone(),
        secret,
        manifest_id: proof.manifest_id,
        model_id: proof.model_id,
        root: proof.root,
        context: proof.context,
        binding: proof.binding,
        outputs: proof.outputs,
        scores_before: ScoresBefore::default(),
        saturation: Vec::new(),
        wall_s: progress.elapsed_s(),
        cpu_s: process_cpu_seconds(),
        peak_rss_bytes: peak_rss_bytes(),
        proof_bytes: metrics.proof_bytes,
        chunks: metrics.chunks.into_iter().map(reported).collect(),
    }
}

/// Checks before proving, which takes long, that the proof can be written.
fn check_folder(output: &Path) -> anyhow::Result<()> {
    let folder = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(bad_input(format!(
            "-o: there is no folder {}",
            folder.display()
        )));
    }
    if output.is_dir() {
        return Err(bad_input(format!("-o: {} is a folder", output.display())));
    }
    Ok(())
}

/// Refuses what a proof would replace: the openings of the proof that is there would be lost. With `force`, another thing than a
/// file alone: a link, a device.
fn check_absent(path: &Path, force: bool) -> anyhow::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let reason = match (found.is_file(), force) {
        (true, true) => return Ok(()),
        (true, false) => {
            "exists; choose another name, or pass --force to replace it with its openings"
        }
        (false, _) => "is not a regular file; choose another name",
    };
    Err(bad_input(format!("-o: {} {reason}", path.display())))
}

fn page(outcome: &Outcome) -> Page {
    let mut page = Page::new()
        .heading(format!("Proof {}", outcome.proof.display()))
        .fact(
            "openings",
            format!("{} (keep it secret)", outcome.secret.display()),
        )
        .fact("root", outcome.root)
        .fact("context", outcome.context);
    if let Some(binding) = &outcome.binding {
        page = binding_facts(page, binding);
    }
    page = outputs_page(page, &outcome.outputs, &outcome.scores_before)
        .heading("Cost")
        .table(costs(outcome));
    if outcome.chunks.iter().any(|chunk| !chunk.steps.is_empty()) {
        page = page
            .heading("Steps of all chunks")
            .table(steps(&outcome.chunks));
    }
    page
}

/// The steps of all chunks together, in the order of the first.
fn steps(chunks: &[ChunkMetrics]) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("round", Left),
        ("step", Left),
        ("calls", Right),
        ("columns", Right),
        ("elements", Right),
        ("moved", Right),
        ("time", Right),
    ];
    let mut sums: Vec<StepCost> = Vec::new();
    for step in chunks.iter().flat_map(|chunk| &chunk.steps) {
        let same = |sum: &&mut StepCost| (sum.round, sum.step) == (step.round, step.step);
        match sums.iter_mut().find(same) {
            Some(sum) => {
                sum.calls += step.calls;
                sum.columns += step.columns;
                sum.elements += step.elements;
                sum.bytes_moved += step.bytes_moved;
                sum.wall_s += step.wall_s;
            }
            None => sums.push(step.clone()),
        }
    }
    let mut table = Table::new(&columns);
    for sum in sums {
        table.row([
            sum.round.to_owned(),
            sum.step.to_owned(),
            sum.calls.to_string(),
            sum.columns.to_string(),
            sum.elements.to_string(),
            bytes(sum.bytes_moved),
            format!("{:.1} ms", sum.wall_s * 1e3),
        ]);
    }
    table
}

/// Adds the facts of a binding to a page.
pub(crate) fn binding_facts(page: Page, binding: &Binding) -> Page {
    page.fact("chain", binding.chain_id)
        .fact("registry", format!("{:#x}", binding.registry))
        .fact("requester", format!("{:#x}", binding.requester))
        .fact("nonce", binding.nonce)
}

fn costs(outcome: &Outcome) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("chunk", Left),
        ("time", Right),
        ("CPU", Right),
        ("peak memory", Right),
        ("proof", Right),
    ];
    let mut table = Table::new(&columns);
    let mut row = |name: String, wall: f64, cpu: Option<f64>, rss: Option<u64>, size: usize| {
        table.row([
            name,
            seconds(wall),
            cpu.map_or_else(|| "?".to_owned(), seconds),
            rss.map_or_else(|| "?".to_owned(), bytes),
            bytes(size as u64),
        ]);
    };
    for chunk in &outcome.chunks {
        let cost = &chunk.cost;
        row(
            chunk.index.to_string(),
            cost.wall_s,
            cost.cpu_s,
            cost.peak_rss_bytes,
            chunk.proof_bytes,
        );
    }
    let all = outcome;
    row(
        "total".to_owned(),
        all.wall_s,
        all.cpu_s,
        all.peak_rss_bytes,
        all.proof_bytes,
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_takes_decimal_and_hex_and_nothing_else() {
        assert_eq!(
            number("--nonce", "255").unwrap(),
            B256::from(U256::from(255))
        );
        assert_eq!(
            number("--nonce", "0xff").unwrap(),
            B256::from(U256::from(255))
        );
        let too_large = format!("0x1{}", "0".repeat(64));
        for bad in [
            "", "0x", "-1", "1.5", "ff", "1_0", "0x1_0", "+1", " 1", &too_large,
        ] {
            assert!(number("--nonce", bad).is_err(), "{bad}");
        }
    }
}
