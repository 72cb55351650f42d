//! Verbs that speak to a running service, and the backup.

use super::http::token;
use alloy::primitives::B256;
use anyhow::{Context, Result, bail};
use chainfer_chain::wallet::Secret;
use chainfer_formats::proof::PROOF;
use chainfer_formats::secret::SECRET;
use chainfer_formats::{DeploymentFile, FormatError, files};
use chainfer_relayer::Error;
use chainfer_relayer::engine::read_proof;
use chainfer_relayer::service::Remote;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::{Location, Store};
use clap::Args;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Wait between two requests for a job.
const POLL: Duration = Duration::from_millis(500);

/// Where the service is, and the token for submitting.
#[derive(Debug, Args)]
pub(crate) struct Service {
    #[command(flatten)]
    address: Address,
    /// Token of a submitter. Other users of the machine can see it: prefer the variable or --token-file
    #[arg(long, env = "CHAINFER_RELAYER_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// File with the token, which no other user may read
    #[arg(
        long,
        value_name = "FILE",
        env = "CHAINFER_RELAYER_TOKEN_FILE",
        conflicts_with = "token"
    )]
    token_file: Option<PathBuf>,
}

/// Where the service is, and the token for administration.
#[derive(Debug, Args)]
pub(crate) struct Administration {
    #[command(flatten)]
    address: Address,
    /// Admin token. Other users of the machine can see it: prefer the variable or --token-file
    #[arg(long, env = "CHAINFER_RELAYER_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// File with the admin token, which no other user may read
    #[arg(
        long,
        value_name = "FILE",
        env = "CHAINFER_RELAYER_ADMIN_TOKEN_FILE",
        conflicts_with = "token"
    )]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Address {
    /// Address of the service.
    #[arg(
        long,
        default_value = "http://127.0.0.1:8645",
        env = "CHAINFER_RELAYER_URL"
    )]
    url: String,
}

impl Service {
    fn open(self) -> Result<Remote> {
        let token = token(self.token, self.token_file.as_deref())?;
        Ok(Remote::new(&self.address.url, token)?)
    }
}

impl Administration {
    fn open(self) -> Result<Remote> {
        let token = token(self.token, self.token_file.as_deref())?;
        Ok(Remote::new(&self.address.url, token)?)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// PROOF file; `-` reads standard input.
    proof: PathBuf,
    /// The bundle's record of its deployment (`public/deployments/<chain id>.json`), for a proof that was made before the bundle was
    /// deployed and so says nothing of the model's record and keys
    #[arg(long, value_name = "FILE")]
    deployment: Option<PathBuf>,
    /// Seconds to wait until the attestation is confirmed.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    #[command(flatten)]
    service: Service,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only jobs in this state.
    #[arg(long, value_parser = parse_state)]
    state: Option<JobState>,
    /// Largest number of jobs, newest first.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    service: Administration,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// Id of the job.
    id: B256,
    #[command(flatten)]
    service: Service,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Id of the job.
    id: B256,
    #[command(flatten)]
    service: Administration,
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// Reason, shown in the status.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    service: Administration,
}

#[derive(Debug, Args)]
pub(crate) struct Whole {
    #[command(flatten)]
    service: Administration,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// State file, which may be in use.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "chainfer-relayer.sqlite",
        env = "CHAINFER_RELAYER_STATE",
        hide_env_values = true
    )]
    state: Location,
    /// File to write. An existing one is replaced once the new one is complete.
    to: PathBuf,
}

fn parse_state(text: &str) -> Result<JobState, String> {
    JobState::parse(text).ok_or_else(|| {
        let names: Vec<&str> = JobState::ALL.iter().map(|s| s.as_str()).collect();
        format!("not one of {}", names.join(", "))
    })
}

pub(crate) async fn submit(args: Submit) -> Result<Value> {
    let body = read(&args.proof)?;
    require_proof(&args.proof, &body)?;
    let body = match &args.deployment {
        Some(path) => with_model(&body, path)?,
        None => body,
    };
    let remote = args.service.open()?;
    let job = remote.submit(body).await?;
    let Some(seconds) = args.wait else {
        return Ok(job);
    };
    let id: B256 = job["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .context("the relayer answers without a job id")?;
    if job.get("created_at").is_none() && is_done(&job) {
        // Others' job, of which a submitter is shown no more than this.
        return Ok(job);
    }
    let begin = Instant::now();
    loop {
        let job = remote.show(id).await?;
        match job["state"].as_str().and_then(JobState::parse) {
            Some(JobState::Confirmed | JobState::Finalized) => return Ok(job),
            Some(state @ (JobState::Failed | JobState::Cancelled)) => {
                bail!(
                    "job {id} is {state}: {}",
                    job["reason"].as_str().unwrap_or("?")
                );
            }
            _ if begin.elapsed().as_secs() >= seconds => {
                bail!("job {id} is still {} after {seconds} s", job["state"]);
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

fn is_done(job: &Value) -> bool {
    let state = job["state"].as_str().and_then(JobState::parse);
    matches!(state, Some(JobState::Confirmed | JobState::Finalized))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path != Path::new("-") {
        return Ok(files::read_named(path, PROOF.max_bytes)?);
    }
    let mut body = Vec::new();
    let most = PROOF.max_bytes;
    std::io::stdin().take(most + 1).read_to_end(&mut body)?;
    if body.len() as u64 > most {
        bail!("standard input: a proof has at most {most} bytes");
    }
    Ok(body)
}

/// The proof with the record, chunks and keys of its model.
fn with_model(body: &[u8], path: &Path) -> Result<Vec<u8>> {
    let deployment = DeploymentFile::read(path)?;
    let mut proof = read_proof(body)?;
    let binding = proof.binding.context("the proof is bound to no chain")?;
    if (binding.chain_id, binding.registry) != (deployment.chain_id, deployment.registry) {
        bail!(
            "{} is of registry {} on chain {}, the proof is for registry {} on chain {}",
            path.display(),
            deployment.registry,
            deployment.chain_id,
            binding.registry,
            binding.chain_id
        );
    }
    proof.model_id.get_or_insert(deployment.model_id);
    if proof.model_id != Some(deployment.model_id) {
        bail!("{} is of another model than the proof", path.display());
    }
    proof.model = Some(deployment.model);
    proof.check()?;
    Ok(serde_json::to_vec(&proof)?)
}

/// Only a proof leaves the machine, whatever file was named.
fn require_proof(path: &Path, body: &[u8]) -> Result<()> {
    let told = match read_proof(body) {
        Ok(_) => return Ok(()),
        Err(Error::Format(FormatError::Format { got, .. })) if got == SECRET.format => {
            "it is the secret file of a proof, which must not leave this machine; the proof is the file beside it without `.secret`"
                .to_owned()
        }
        Err(e) => e.to_string(),
    };
    bail!("{} is no proof, and was not sent: {told}", path.display())
}

pub(crate) async fn list(args: List) -> Result<Value> {
    let state = args.state.map(JobState::as_str);
    Ok(args.service.open()?.list(state, args.limit).await?)
}

pub(crate) async fn show(args: One) -> Result<Value> {
    Ok(args.service.open()?.show(args.id).await?)
}

pub(crate) async fn cancel(args: Cancel) -> Result<Value> {
    Ok(args.service.open()?.cancel(args.id).await?)
}

pub(crate) async fn status(args: Whole) -> Result<Value> {
    Ok(args.service.open()?.status().await?)
}

pub(crate) async fn pause(args: Pause) -> Result<Value> {
    let remote = args.service.open()?;
    Ok(remote.pause(args.reason.as_deref()).await?)
}

pub(crate) async fn resume(args: Whole) -> Result<Value> {
    Ok(args.service.open()?.resume().await?)
}

pub(crate) fn backup(args: &Backup) -> Result<Value> {
    let Location::File(from) = &args.state else {
        bail!("a PostgreSQL database is backed up with pg_dump, while relayers use it");
    };
    Store::backup(from, &args.to).with_context(|| format!("cannot back {} up", from.display()))?;
    let bytes = std::fs::metadata(&args.to)?.len();
    Ok(serde_json::json!({ "backup": args.to, "bytes": bytes }))
}
