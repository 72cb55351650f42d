//! `serve`: for whom, and how much. Whoever can hand proofs in has the relayer pay for them, so both have to be said.

use alloy::primitives::{Address, B256};
use anyhow::{Result, bail};
use chainfer_relayer::engine::{EngineConfig, Quota, RegistryCode};
use chainfer_relayer::money::{Caps, Gwei};
use clap::Args;
use std::time::Duration;

/// Proofs that one submitter may hand in in 24 hours where `--model` does not say what for.
const PROOFS_DAILY: u64 = 1_000;

/// What proofs are for.
#[derive(Debug, Args)]
pub(super) struct Scope {
    /// The registry that proofs must be for. Its code must be that of the registry which this program was built with.
    #[arg(long, env = "CHAINFER_REGISTRY")]
    registry: Option<Address>,
    /// Code hash of the registry, if it is another version, which you have reviewed.
    #[arg(long, value_name = "HASH")]
    registry_code_hash: Option<B256>,
    /// Does not look at the registry's code: whoever controls it has the relayer pay up to the caps.
    #[arg(long, conflicts_with = "registry_code_hash")]
    allow_any_registry_code: bool,
    /// A model that proofs may be for; repeat it for several. Without it, any model of the registry, and quotas apply.
    #[arg(long = "model", env = "CHAINFER_RELAYER_MODELS", value_delimiter = ',')]
    models: Vec<B256>,
}

/// Amounts are like 0.5ether, 20gwei, or a number of wei. A daily or a total cap is required.
#[derive(Debug, Args)]
pub(super) struct Money {
    /// Most that one transaction may cost.
    #[arg(long, value_name = "AMOUNT")]
    max_spend_per_tx: Option<Gwei>,
    /// Most that one job may cost, however often it is handed in; by default a quarter of the daily or total cap.
    #[arg(long, value_name = "AMOUNT")]
    max_spend_per_job: Option<Gwei>,
    /// Most that may be spent in any 60 minutes.
    #[arg(long, value_name = "AMOUNT")]
    max_spend_hourly: Option<Gwei>,
    /// Most that may be spent in any 24 hours.
    #[arg(long, value_name = "AMOUNT")]
    max_spend_daily: Option<Gwei>,
    /// Most that may be spent with this state.
    #[arg(long, value_name = "AMOUNT")]
    max_spend_total: Option<Gwei>,
    /// Balance that no new transaction may use.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    min_balance: Gwei,
    /// Proofs that one submitter may hand in in any 24 hours; by default 1000, and with --model any number.
    #[arg(long, value_name = "COUNT")]
    submitter_proofs_daily: Option<u64>,
    /// Cost of one submitter's jobs in any 24 hours after which its further jobs wait; by default half of the daily or total cap, and
    /// with --model any cost.
    #[arg(long, value_name = "AMOUNT")]
    submitter_spend_daily: Option<Gwei>,
}

/// What is kept.
#[derive(Debug, Args)]
pub(super) struct Keeping {
    /// Largest size of the state file in bytes; by default 4 GiB. A quarter of it may be proofs.
    #[arg(long, value_name = "BYTES")]
    pub(super) max_state_bytes: Option<u64>,
    /// How long the proofs and transactions of finished jobs are kept: a number with s, m, h or d.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    keep_payloads: Duration,
}

impl Scope {
    pub(super) fn apply(self, engine: &mut EngineConfig) -> Result<()> {
        let Some(registry) = self.registry else {
            bail!(
                "no registry: give --registry ADDRESS (CHAINFER_REGISTRY). Whoever can hand proofs in would otherwise name a contract of \
                 their own, and the relayer would pay for calling it"
            );
        };
        engine.registry = Some(registry);
        engine.registry_code = Some(match self.registry_code_hash {
            _ if self.allow_any_registry_code => RegistryCode::Any,
            Some(hash) => RegistryCode::Hash(hash),
            None => RegistryCode::Built,
        });
        engine.models = (!self.models.is_empty()).then(|| self.models.into_iter().collect());
        Ok(())
    }
}

impl Money {
    /// After [`Scope::apply`].
    pub(super) fn apply(self, engine: &mut EngineConfig) -> Result<()> {
        let caps = [self.max_spend_daily, self.max_spend_total];
        let Some(least) = caps.into_iter().flatten().min() else {
            bail!(
                "no spend cap: give --max-spend-daily AMOUNT or --max-spend-total AMOUNT, for example --max-spend-daily 0.05ether. \
                 The relayer pays for whatever it is handed, up to that"
            );
        };
        engine.caps = Caps {
            transaction: self.max_spend_per_tx,
            job: Some(self.max_spend_per_job.unwrap_or(Gwei(least.0 / 4))),
            hour: self.max_spend_hourly,
            day: self.max_spend_daily,
            total: self.max_spend_total,
            run: None,
        };
        engine.min_balance = self.min_balance;
        let any_model = engine.models.is_none();
        engine.quota = Quota {
            proofs: self
                .submitter_proofs_daily
                .or(any_model.then_some(PROOFS_DAILY)),
            spend: self
                .submitter_spend_daily
                .or(any_model.then_some(Gwei(least.0 / 2))),
        };
        Ok(())
    }
}

impl Keeping {
    /// Applies to the engine; returns how far a state file may grow.
    pub(super) fn apply(self, engine: &mut EngineConfig, in_file: bool) -> Option<u64> {
        /// Where nothing is said.
        const STATE_BYTES: u64 = 4 << 30;
        engine.keep_payloads = self.keep_payloads;
        let bytes = self.max_state_bytes;
        engine.payload_bytes = bytes.unwrap_or(STATE_BYTES) / 4;
        // A PostgreSQL database cannot be limited from here, which is said where somebody asks for it.
        bytes.or(in_file.then_some(STATE_BYTES))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a duration like 90s, 30m, 12h or 7d");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        money: Money,
        #[command(flatten)]
        keeping: Keeping,
    }

    const REGISTRY: [&str; 2] = ["--registry", "0x1111111111111111111111111111111111111111"];
    const DAILY: [&str; 2] = ["--max-spend-daily", "0.4ether"];

    fn engine(flags: &[&[&str]]) -> Result<EngineConfig> {
        let flags = Flags::try_parse_from(["serve"].into_iter().chain(flags.concat()))?;
        let mut engine = EngineConfig::default();
        flags.scope.apply(&mut engine)?;
        flags.money.apply(&mut engine)?;
        flags.keeping.apply(&mut engine, true);
        Ok(engine)
    }

    #[test]
    fn registry_and_a_cap_are_required() {
        for (flags, missing) in [
            (&[&DAILY[..]][..], "--registry"),
            (&[&REGISTRY], "--max-spend-daily"),
            (
                &[&REGISTRY, &["--max-spend-hourly", "1ether"]],
                "no spend cap",
            ),
        ] {
            let told = engine(flags).unwrap_err().to_string();
            assert!(told.contains(missing), "{told}");
        }
    }

    #[test]
    fn what_is_not_said_is_safe() {
        let safe = engine(&[&REGISTRY, &DAILY]).unwrap();
        assert_eq!(safe.registry_code, Some(RegistryCode::Built));
        assert_eq!(safe.caps.job, Some(Gwei(100_000_000)));
        let quota = Quota {
            proofs: Some(1_000),
            spend: Some(Gwei(200_000_000)),
        };
        assert_eq!(safe.quota, quota);
        assert_eq!(safe.payload_bytes, 1 << 30);
        assert_eq!(safe.keep_payloads, Duration::from_secs(604_800));
    }

    #[test]
    fn quotas_are_for_relayers_that_take_any_model() {
        let model = ["--model", &format!("0x{}", "22".repeat(32))];
        let own = engine(&[&REGISTRY, &DAILY, &model]).unwrap();
        assert_eq!(own.quota, Quota::default());
        let asked = ["--submitter-proofs-daily", "7"];
        let own = engine(&[&REGISTRY, &DAILY, &model, &asked]).unwrap();
        assert_eq!(own.quota.proofs, Some(7));
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "d", "1", "1w", "-1d", "1.5h", "99999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
