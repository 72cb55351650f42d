//! `chainfer check-registry`: is what stands at an address what was built?

use crate::{
    args::CheckRegistryArgs,
    chain::{
        self,
        record::{RegistryRecord, TimelockController},
    },
    output::{Page, Progress, Report},
    solidity::artefacts::{OPENINGS, REGISTRY, TIMELOCK},
};
use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use anyhow::Context as _;
use chainfer_relayer::{
    engine::Registry,
    rpc::{At, CallRequest, Rpc, RpcConfig},
};
use serde::Serialize;
use std::path::Path;

/// One comparison.
#[derive(Clone, Debug, Serialize)]
struct Check {
    what: &'static str,
    expected: String,
    found: String,
    holds: bool,
}

/// Who may do what, as the chain says now.
#[derive(Clone, Debug, Serialize)]
struct Governance {
    owner: Address,
    /// `timelock`, `account`, `contract` (of another kind) or `nobody`.
    owner_kind: &'static str,
    /// Seconds that a proposal waits, if the owner is a timelock.
    delay: Option<u64>,
    guardian: Address,
}

#[derive(Clone, Debug, Serialize)]
struct Outcome {
    as_built: bool,
    chain_id: u64,
    registry: Address,
    openings: Option<Address>,
    governance: Option<Governance>,
    checks: Vec<Check>,
}

/// Runs the verb.
pub(crate) fn run(args: &CheckRegistryArgs, progress: Progress) -> anyhow::Result<Report> {
    let (address, record) = match Path::new(&args.registry) {
        path if path.is_file() => {
            let record = RegistryRecord::read(path)?;
            (record.registry, Some(record))
        }
        _ => (chain::address("REGISTRY", &args.registry)?, None),
    };
    let outcome = chain::block_on(async {
        let config = RpcConfig::new(args.rpc_url.clone());
        let chain_id = chain::chain_id(&config).await?;
        progress.say(format_args!("reading {address} on chain {chain_id}"));
        let node = Reader {
            rpc: Rpc::new(config)?,
        };
        check(&node, chain_id, address, record.as_ref()).await
    })?;
    let report = Report::new(&outcome, page(&outcome))?;
    Ok(if outcome.as_built {
        report
    } else {
        report.negative()
    })
}

async fn check(
    node: &Reader,
    chain_id: u64,
    address: Address,
    record: Option<&RegistryRecord>,
) -> anyhow::Result<Outcome> {
    let mut checks = Vec::new();
    if let Some(record) = record {
        checks.push(compare("chain id", record.chain_id, chain_id));
        let derived = record.derived_registry()?;
        checks.push(compare("address of the registry", derived, address));
        if let Some(timelock) = record.timelock()? {
            checks.push(compare("address of the timelock", timelock, record.owner));
        }
    }
    let built = REGISTRY.runtime_code(&[])?;
    checks.push(code(
        "code of the registry",
        &built,
        &node.code(address).await?,
    ));
    let mut outcome = Outcome {
        as_built: false,
        chain_id,
        registry: address,
        openings: None,
        governance: None,
        checks,
    };
    // Another contract is asked nothing: its answers would mean nothing.
    if outcome.checks.iter().all(|c| c.holds) {
        ask(node, &mut outcome, record).await?;
        outcome.as_built = outcome.checks.iter().all(|c| c.holds);
    }
    Ok(outcome)
}

/// What a registry that is the built one says of itself.
async fn ask(
    node: &Reader,
    outcome: &mut Outcome,
    record: Option<&RegistryRecord>,
) -> anyhow::Result<()> {
    let registry = Registry::new(node.rpc.clone(), outcome.registry);
    let openings = registry.openings().await?;
    if let Some(record) = record {
        let check = compare("address of the openings", record.openings, openings);
        outcome.checks.push(check);
    }
    let built = OPENINGS.runtime_code(&[outcome.registry.into_word()])?;
    let found = node.code(openings).await?;
    outcome
        .checks
        .push(code("code of the openings", &built, &found));
    outcome.openings = Some(openings);

    let owner = registry.owner().await?;
    let found = node.code(owner).await?;
    let built = TIMELOCK.runtime_code(&[])?;
    let is_timelock = found == built;
    // A record with proposers is one of a timelock; the owner may be another by now, and is what is reported.
    if let Some(timelock) = record.and_then(|r| r.timelock().transpose()) {
        let found = node.code(timelock?).await?;
        outcome
            .checks
            .push(code("code of the timelock", &built, &found));
    }
    let delay = if is_timelock {
        Some(node.delay(owner).await?)
    } else {
        None
    };
    outcome.governance = Some(Governance {
        owner,
        owner_kind: match (owner.is_zero(), is_timelock, found.is_empty()) {
            (true, ..) => "nobody",
            (_, true, _) => "timelock",
            (.., true) => "account",
            _ => "contract",
        },
        delay,
        guardian: registry.guardian().await?,
    });
    Ok(())
}

fn compare<T: PartialEq + ToString>(what: &'static str, expected: T, found: T) -> Check {
    Check {
        what,
        holds: expected == found,
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

fn code(what: &'static str, built: &Bytes, found: &Bytes) -> Check {
    let describe = |code: &Bytes| match code.len() {
        0 => "no code".to_owned(),
        size => format!("{} ({size} bytes)", keccak256(code)),
    };
    Check {
        what,
        expected: describe(built),
        found: describe(found),
        holds: built == found,
    }
}

/// A node, for reading.
struct Reader {
    rpc: Rpc,
}

impl Reader {
    async fn code(&self, address: Address) -> anyhow::Result<Bytes> {
        Ok(self.rpc.code(address).await?)
    }

    async fn delay(&self, timelock: Address) -> anyhow::Result<u64> {
        let data = TimelockController::getMinDelayCall {}.abi_encode();
        let request = CallRequest::new(Address::ZERO, Some(timelock), data.into());
        let answer = self.rpc.call(&request, At::Latest).await?;
        let delay: U256 = TimelockController::getMinDelayCall::abi_decode_returns(&answer)?;
        u64::try_from(delay).context("the timelock's delay is no time")
    }
}

fn page(outcome: &Outcome) -> Page {
    let verdict = if outcome.as_built {
        "AS BUILT"
    } else {
        "NOT AS BUILT"
    };
    let mut page = Page::new()
        .heading(format!("{verdict}: chain {}", outcome.chain_id))
        .fact("registry", outcome.registry);
    if let Some(openings) = outcome.openings {
        page = page.fact("openings", openings);
    }
    if let Some(governance) = &outcome.governance {
        let kind = match governance.delay {
            Some(delay) => format!("{}, {delay} s", governance.owner_kind),
            None => governance.owner_kind.to_owned(),
        };
        page = page
            .fact("owner", format!("{} ({kind})", governance.owner))
            .fact("guardian", governance.guardian);
    }
    for check in &outcome.checks {
        page = if check.holds {
            page.fact(check.what, format!("ok  {}", check.found))
        } else {
            page.fact(
                check.what,
                format!("NO  expected {}, found {}", check.expected, check.found),
            )
        };
    }
    page
}
