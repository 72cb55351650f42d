//! `chainfer check-registry`: checks that the registry at an address is the one that this program was built with, and that its own
//! constructor deployed it.
//!
//! The code alone does not show that: another constructor can write any storage and then return the same code. The address shows it
//! if it follows from the constructor's code and arguments (CREATE2), which the record of the deployment contains.

use crate::{
    args::{CheckRegistryArgs, ConstructionArgs},
    chain::{
        self,
        record::{AdaptersRecord, Construction, RegistryRecord, RegistryTimelock},
    },
    failure::bad_input,
    output::{Page, Progress, Report},
    solidity::{
        Catalogue,
        artefacts::{EAS_RESOLVER, ERC7992_ADAPTER, OPENINGS, PROVEN_VALUES, REGISTRY, TIMELOCK},
    },
};
use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use anyhow::Context as _;
use chainfer_chain::{
    registry::Registry,
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

/// Who governs the registry at present.
#[derive(Clone, Debug, Serialize)]
struct Governance {
    owner: Address,
    /// `timelock`, `account`, `contract` (any other) or `nobody`.
    owner_kind: &'static str,
    /// Whether the owner is the timelock whose address follows from the record, so that its initial roles are those recorded.
    roles_checked: bool,
    /// Seconds between proposal and execution, if the owner is a timelock.
    delay: Option<u64>,
    guardian: Address,
    /// Accounts that may propose, as the timelock was deployed; known only where its roles are checked.
    proposers: Option<Vec<Address>>,
    /// What makes this governance weak.
    weaknesses: Vec<String>,
}

/// A delay in seconds that gives nobody time to react.
const SHORT_DELAY: u64 = 3600;

/// What a user should know of a governance.
fn weaknesses(
    owner_kind: &str,
    delay: Option<u64>,
    guardian: Address,
    proposers: Option<&[Address]>,
) -> Vec<String> {
    let mut found = Vec::new();
    if owner_kind == "account" {
        found.push("one key owns the registry: it can list any verifier at once".to_owned());
    }
    if guardian.is_zero() && owner_kind != "nobody" {
        found.push("no guardian: nobody can stop what the owner does".to_owned());
    }
    if let Some(delay) = delay.filter(|delay| *delay < SHORT_DELAY) {
        found.push(format!("a delay of {delay} s gives nobody time to react"));
    }
    if let Some([_]) = proposers {
        found.push("a single proposer: one stolen key takes over after the delay".to_owned());
    }
    found
}

#[derive(Clone, Debug, Serialize)]
struct Outcome {
    /// Every check holds, and the origin was checked.
    as_built: bool,
    /// Every check that could be made holds.
    code_as_built: bool,
    /// Whether the address was derived from the constructor's arguments; if not, another constructor may have written the storage.
    origin_checked: bool,
    chain_id: u64,
    registry: Address,
    openings: Option<Address>,
    governance: Option<Governance>,
    checks: Vec<Check>,
}

/// Compares a registry with this program's; the report is negative if they differ.
pub(crate) fn run(args: &CheckRegistryArgs, progress: Progress) -> anyhow::Result<Report> {
    // An address is one even where a file has its name.
    let is_address = args.registry.parse::<Address>().is_ok();
    let (address, origin) = match Path::new(&args.registry) {
        path if !is_address && path.is_file() => {
            if args.construction.owner.is_some() {
                let reason = "--owner is for a registry given by its address; a record contains the constructor's arguments";
                return Err(bad_input(reason));
            }
            let record = RegistryRecord::read(path)?;
            let adapters = AdaptersRecord::beside(path)?;
            let origin = Recorded { record, adapters };
            (origin.record.registry, Origin::Record(Box::new(origin)))
        }
        _ => (
            chain::address("REGISTRY", &args.registry)?,
            construction(&args.construction)?.map_or(Origin::Unknown, Origin::Construction),
        ),
    };
    let outcome = chain::block_on(async {
        let config = RpcConfig::new(args.rpc.rpc_url.clone());
        let chain_id = chain::chain_id(&config).await?;
        progress.say(format_args!("reading {address} on chain {chain_id}"));
        let node = Reader {
            rpc: Rpc::new(config)?,
        };
        check(&node, chain_id, address, &origin).await
    })?;
    let report = Report::new(&outcome, page(&outcome))?;
    Ok(if outcome.as_built {
        report
    } else {
        report.negative()
    })
}

/// What is known about the construction of the registry.
enum Origin {
    Record(Box<Recorded>),
    Construction(Construction),
    Unknown,
}

/// The records of a deployment.
struct Recorded {
    record: RegistryRecord,
    /// The record of the adapters, if they were deployed.
    adapters: Option<AdaptersRecord>,
}

impl Origin {
    fn recorded(&self) -> Option<&Recorded> {
        match self {
            Self::Record(recorded) => Some(recorded),
            _ => None,
        }
    }

    fn record(&self) -> Option<&RegistryRecord> {
        self.recorded().map(|recorded| &recorded.record)
    }

    fn construction(&self) -> Option<Construction> {
        match self {
            Self::Record(recorded) => Some(recorded.record.construction()),
            Self::Construction(construction) => Some(construction.clone()),
            Self::Unknown => None,
        }
    }
}

fn construction(args: &ConstructionArgs) -> anyhow::Result<Option<Construction>> {
    let Some(owner) = &args.owner else {
        return Ok(None);
    };
    let guardian = args.guardian.as_deref();
    let verifiers = match args.verifiers.as_slice() {
        [] if !args.no_verifiers => Catalogue::embedded()?.code_hashes(),
        named => named.to_vec(),
    };
    Ok(Some(Construction {
        owner: chain::address("--owner", owner)?,
        guardian: guardian.map_or(Ok(Address::ZERO), |g| chain::address("--guardian", g))?,
        verifiers,
        salt: args.salt.unwrap_or_default(),
    }))
}

async fn check(
    node: &Reader,
    chain_id: u64,
    address: Address,
    origin: &Origin,
) -> anyhow::Result<Outcome> {
    let mut checks = Vec::new();
    let record = origin.record();
    if let Some(record) = record {
        checks.push(compare("chain id", record.chain_id, chain_id));
    }
    let construction = origin.construction();
    if let Some(construction) = &construction {
        let derived = construction.address()?;
        checks.push(compare("address of the registry", derived, address));
    }
    if let Some(record) = record
        && let Some(timelock) = record.timelock()?
    {
        checks.push(compare("address of the timelock", timelock, record.owner));
    }
    let built = REGISTRY.runtime_code(&[])?;
    checks.push(code(
        "code of the registry",
        &built,
        &node.code(address).await?,
    ));
    let mut outcome = Outcome {
        as_built: false,
        code_as_built: false,
        origin_checked: construction.is_some(),
        chain_id,
        registry: address,
        openings: None,
        governance: None,
        checks,
    };
    // The answers of any other contract would mean nothing.
    if outcome.checks.iter().all(|c| c.holds) {
        ask(node, &mut outcome, record).await?;
        if let Some(adapters) = origin.recorded().and_then(|r| r.adapters.as_ref()) {
            check_adapters(node, &mut outcome, adapters).await?;
        }
        outcome.code_as_built = outcome.checks.iter().all(|c| c.holds);
        outcome.as_built = outcome.code_as_built && outcome.origin_checked;
    }
    Ok(outcome)
}

/// Asks a registry with the expected code about its openings contract and its governance.
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
    // A record with proposers belongs to a timelock. The owner may have changed since: the current one is reported.
    let derived = match record {
        Some(record) => record.timelock()?,
        None => None,
    };
    if let Some(timelock) = derived {
        let found = node.code(timelock).await?;
        outcome
            .checks
            .push(code("code of the timelock", &built, &found));
    }
    let delay = if is_timelock {
        Some(node.delay(owner).await?)
    } else {
        None
    };
    let owner_kind = match (owner.is_zero(), is_timelock, found.is_empty()) {
        (true, ..) => "nobody",
        (_, true, _) => "timelock",
        (.., true) => "account",
        _ => "contract",
    };
    let guardian = registry.guardian().await?;
    let roles_checked = is_timelock && derived == Some(owner);
    let proposers = record
        .filter(|_| roles_checked)
        .map(|r| r.proposers.clone());
    outcome.governance = Some(Governance {
        owner,
        owner_kind,
        roles_checked,
        delay,
        guardian,
        weaknesses: weaknesses(owner_kind, delay, guardian, proposers.as_deref()),
        proposers,
    });
    Ok(())
}

/// Checks that the adapters are of this registry and have the expected code and address, which follows from code and arguments.
async fn check_adapters(
    node: &Reader,
    outcome: &mut Outcome,
    adapters: &AdaptersRecord,
) -> anyhow::Result<()> {
    let registry = outcome.registry;
    outcome.checks.extend([
        compare(
            "chain id of the adapters",
            adapters.chain_id,
            outcome.chain_id,
        ),
        compare("registry of the adapters", adapters.registry, registry),
        compare(
            "address of the store of public values",
            adapters.derived_proven_values()?,
            adapters.proven_values,
        ),
        code(
            "code of the store of public values",
            &PROVEN_VALUES.runtime_code(&[registry.into_word()])?,
            &node.code(adapters.proven_values).await?,
        ),
        compare(
            "address of the ERC-7992 adapter",
            adapters.derived_erc7992()?,
            adapters.erc7992,
        ),
        code(
            "code of the ERC-7992 adapter",
            &ERC7992_ADAPTER.runtime_code(&[registry.into_word()])?,
            &node.code(adapters.erc7992).await?,
        ),
    ]);
    if !adapters.eas.is_zero() || !adapters.eas_resolver.is_zero() {
        let immutables = [registry.into_word(), adapters.eas.into_word()];
        outcome.checks.extend([
            compare(
                "address of the EAS resolver",
                adapters.derived_resolver()?,
                adapters.eas_resolver,
            ),
            code(
                "code of the EAS resolver",
                &EAS_RESOLVER.runtime_code(&immutables)?,
                &node.code(adapters.eas_resolver).await?,
            ),
        ]);
    }
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

/// Reads from a node.
struct Reader {
    rpc: Rpc,
}

impl Reader {
    async fn code(&self, address: Address) -> anyhow::Result<Bytes> {
        Ok(self.rpc.code(address).await?)
    }

    async fn delay(&self, timelock: Address) -> anyhow::Result<u64> {
        let data = RegistryTimelock::getMinDelayCall {}.abi_encode();
        let request = CallRequest::new(Address::ZERO, Some(timelock), data.into());
        let answer = self.rpc.call(&request, At::Latest).await?;
        let delay: U256 = RegistryTimelock::getMinDelayCall::abi_decode_returns(&answer)?;
        u64::try_from(delay).context("the timelock's delay is out of range")
    }
}

fn page(outcome: &Outcome) -> Page {
    let verdict = match (outcome.as_built, outcome.code_as_built) {
        (true, _) => "AS BUILT",
        (_, true) => "CODE AS BUILT, ORIGIN NOT SHOWN",
        _ => "NOT AS BUILT",
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
        // An account has no roles; a contract may allow anybody to act.
        let remark = match (governance.roles_checked, governance.owner_kind) {
            (false, "timelock" | "contract") => "; its roles are not checked",
            _ => "",
        };
        page = page
            .fact("owner", format!("{} ({kind}{remark})", governance.owner))
            .fact("guardian", governance.guardian);
        for proposer in governance.proposers.iter().flatten() {
            page = page.fact(
                "proposer",
                format!("{proposer} (at deployment; later ones are in the timelock's events)"),
            );
        }
        for weakness in &governance.weaknesses {
            page = page.fact("weak", weakness);
        }
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
    if outcome.code_as_built && !outcome.origin_checked {
        page = page.fact(
            "origin",
            "NO  another constructor can deploy the same code with forged storage: pass the record of the deployment, or the \
             constructor's arguments as --owner, --guardian, --verifier and --salt",
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_governance_is_named() {
        let (zero, guardian) = (Address::ZERO, Address::repeat_byte(1));
        let two = [Address::repeat_byte(2), Address::repeat_byte(3)];
        let count = |kind, delay, guardian, proposers: Option<&[Address]>| {
            weaknesses(kind, delay, guardian, proposers).len()
        };
        assert_eq!(count("timelock", Some(3600), guardian, Some(&two)), 0);
        assert_eq!(count("timelock", Some(3599), guardian, Some(&two)), 1);
        assert_eq!(count("timelock", Some(0), zero, Some(&two[..1])), 3);
        assert_eq!(count("account", None, zero, None), 2);
        assert_eq!(count("nobody", None, zero, None), 0);
    }
}
