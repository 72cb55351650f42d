//! What every verb says of a bundle's trusted setup.

use crate::{
    failure::bad_input,
    output::{Page, Progress},
};
use anyhow::Context as _;
use chainfer_engine::{
    bundle::SrsChoice,
    srs::{
        SrsStore,
        import::{ImportOptions, KeptSize, SetupFile},
    },
};
use chainfer_formats::{KnownSetups, SetupPolicy, SetupStatus, SrsSpec, hex};
use std::path::Path;

/// Adds a setup to a page: its status, and its digest if that says more.
pub(crate) fn setup_facts(page: Page, status: &SetupStatus, spec: &SrsSpec) -> Page {
    let page = page.fact("trusted setup", status);
    match status {
        SetupStatus::Development => page,
        SetupStatus::Known { .. } | SetupStatus::Unknown => page.fact("setup digest", spec.digest),
    }
}

/// Says on stderr what a setup is; a warning unless it is known.
pub(crate) fn say(status: &SetupStatus, progress: Progress) {
    let line = format!("setup: {}", status.word());
    match status {
        SetupStatus::Known { name } => progress.say(format_args!("{line} ({name})")),
        SetupStatus::Development => progress.warn(format_args!(
            "{line}: its secret is public, so anybody can forge proofs"
        )),
        SetupStatus::Unknown => progress.warn(format_args!(
            "{line}: it is on no list of ceremonies; whoever made it may be able to forge proofs"
        )),
    }
}

/// Refuses a setup that does not do for a chain, and says what it is otherwise.
///
/// # Errors
/// Bad input; the message says what to do.
pub(crate) fn require_for_chain(
    policy: &SetupPolicy,
    spec: &SrsSpec,
    chain_id: u64,
    progress: Progress,
) -> anyhow::Result<SetupStatus> {
    policy
        .require_for_chain(spec, chain_id)
        .map_err(bad_input)?;
    let status = policy.status(spec);
    say(&status, progress);
    Ok(status)
}

/// Resolves `--srs`: `development`, a digest or a name of a setup in the cache, or a file. A file is checked here, and its
/// sizes are imported when they are needed.
///
/// # Errors
/// There is no such setup, or the file is refused.
pub(crate) fn choose(
    text: &str,
    store: &SrsStore,
    known: &KnownSetups,
    progress: Progress,
) -> anyhow::Result<SrsChoice> {
    if text == "development" {
        return Ok(SrsChoice::Development);
    }
    if let Ok(digest) = hex::parse_word_any_case(text) {
        return Ok(SrsChoice::Digest(digest));
    }
    let path = Path::new(text);
    if path.is_file() {
        let options = ImportOptions {
            size: KeptSize::Exactly(1),
            hash: None,
            needed_only: true,
        };
        let file = SetupFile::open(path, &options, &|_| ())
            .with_context(|| format!("cannot use the setup {text}"))?;
        progress.say(format_args!("{text}: {}", file.format().describe()));
        store.import_when_needed(file.spec().digest, path);
        return Ok(SrsChoice::Digest(file.spec().digest));
    }
    let (cached, _) = store.list()?;
    let named = |spec: &SrsSpec| known.status(spec).name() == Some(text);
    if let Some(found) = cached.iter().find(|c| named(&c.spec)) {
        return Ok(SrsChoice::Digest(found.spec.digest));
    }
    let listed = known.iter().any(|setup| setup.name == text);
    Err(bad_input(if listed {
        format!(
            "--srs: {text:?} is known, but not in the cache; add it with `chainfer srs import FILE`"
        )
    } else {
        format!(
            "--srs: {text:?} is neither `development`, nor a digest, nor the name of a known setup, nor a file; `chainfer srs \
             list` shows what is in the cache"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{ExitCode, exit_code};
    use chainfer_formats::limits::DEVELOPMENT_CHAIN_ID;

    #[test]
    fn require_for_chain_unknown_setup_needs_a_list_or_a_flag() {
        let spec = SrsSpec::new(vec![1; 64].into(), vec![2; 128].into());
        let progress = Progress::new(true);
        let mut policy = SetupPolicy::default();
        let check = |policy: &SetupPolicy, chain| require_for_chain(policy, &spec, chain, progress);
        assert!(check(&policy, DEVELOPMENT_CHAIN_ID).is_ok());
        let refused = check(&policy, 11_155_111).unwrap_err();
        assert_eq!(exit_code(&refused), ExitCode::BadInput);
        for part in ["unknown", "--known-srs", "--allow-unknown-srs"] {
            assert!(refused.to_string().contains(part), "{refused}");
        }
        policy.allow_unknown = true;
        assert_eq!(check(&policy, 1).unwrap(), SetupStatus::Unknown);
    }

    #[test]
    fn choose_text_that_names_nothing_is_bad_input() {
        let dir = tempfile::tempdir().unwrap();
        let store = SrsStore::new(dir.path()).unwrap();
        let known = KnownSetups::built_in();
        let progress = Progress::new(true);
        let listed = known.iter().next().unwrap().name.clone();
        for (text, expected) in [
            ("nonsense", "neither"),
            (listed.as_str(), "not in the cache"),
        ] {
            let error = choose(text, &store, &known, progress).unwrap_err();
            assert_eq!(exit_code(&error), ExitCode::BadInput);
            assert!(error.to_string().contains(expected), "{error}");
        }
        let digest = format!("0x{}", "AB".repeat(32));
        assert!(matches!(
            choose(&digest, &store, &known, progress),
            Ok(SrsChoice::Digest(_))
        ));
    }
}
