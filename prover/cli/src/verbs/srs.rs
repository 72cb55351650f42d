//! `chainfer srs`: manages trusted setups.

use super::setup::{say, setup_facts};
use crate::{
    args::{KnownSrsArgs, SrsArgs, SrsCommand, SrsFileArgs, SrsImportArgs},
    output::{Align, Page, Progress, Report, Table, bytes, seconds},
};
use chainfer_engine::{
    resources::{peak_rss_bytes, process_cpu_seconds},
    srs::{
        SrsStore,
        import::{FileHashes, ImportOptions, KeptSize, SetupFile},
    },
};
use serde_json::json;

/// Runs the subcommand of `chainfer srs`.
pub(crate) fn run(args: &SrsArgs, progress: Progress) -> anyhow::Result<Report> {
    match &args.command {
        SrsCommand::Dev { k } => dev(*k, progress),
        SrsCommand::Import(args) => import(args, progress),
        SrsCommand::Check(args) => check(args, progress),
        SrsCommand::List { known } => list(known),
    }
}

fn dev(k: u32, progress: Progress) -> anyhow::Result<Report> {
    let store = SrsStore::user()?;
    progress.say(format_args!("development SRS with 2^{k} powers"));
    let srs = store.development(k)?;
    let (wall_s, folder) = (progress.elapsed_s(), store.dir());
    let json = json!({
        "k": srs.k(), "insecure": srs.spec().insecure, "digest": srs.digest(), "cache": folder, "wall_s": wall_s,
    });
    let page = Page::new()
        .heading("INSECURE development SRS: anybody can forge proofs under it")
        .fact("digest", srs.digest())
        .fact("powers", format!("2^{k}"))
        .fact("cache", folder.display())
        .fact("time", seconds(wall_s));
    Report::new(&json, page)
}

fn open(args: &SrsFileArgs, size: KeptSize, progress: Progress) -> anyhow::Result<SetupFile> {
    let options = ImportOptions {
        size,
        hash: args.hash.clone(),
        needed_only: args.needed_only,
    };
    let name = args.file.display();
    let step = |what: &str| progress.say(format_args!("{name}: {what}"));
    Ok(SetupFile::open(&args.file, &options, &step)?)
}

fn import(args: &SrsImportArgs, progress: Progress) -> anyhow::Result<Report> {
    let known = args.file.known.load()?;
    let store = SrsStore::user()?;
    let size = match args.k.iter().max() {
        Some(largest) => KeptSize::Exactly(*largest),
        None => KeptSize::AtMost(args.max_k.unwrap_or(KeptSize::DEFAULT)),
    };
    let mut file = open(&args.file, size, progress)?;
    let sizes = if args.k.is_empty() {
        vec![file.k()]
    } else {
        args.k.clone()
    };
    let step = |what: &str| progress.say(what);
    let imported = store.import(&mut file, &sizes, &step)?;
    let status = known.status(&imported.spec);
    say(&status, progress);
    let (wall_s, cpu_s, rss) = (
        progress.elapsed_s(),
        process_cpu_seconds(),
        peak_rss_bytes(),
    );
    let json = json!({
        "file": args.file.file,
        "format": imported.format,
        "file_k": imported.source.file_k,
        "hashes": imported.source.hashes,
        "srs": imported.spec,
        "status": status,
        "sizes": imported.sizes,
        "cache": store.dir(),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_rss_bytes": rss,
    });
    let mut table = Table::new(&[
        ("powers", Align::Right),
        ("Lagrange basis", Align::Left),
        ("cache file", Align::Left),
    ]);
    for size in &imported.sizes {
        table.row([
            format!("2^{}", size.k),
            if size.lagrange_in_file {
                "from the file"
            } else {
                "computed"
            }
            .to_owned(),
            size.path.display().to_string(),
        ]);
    }
    let page = file_page(&file, "Imported");
    let page = setup_facts(page, &status, &imported.spec)
        .fact("time", seconds(wall_s))
        .fact("CPU", cpu_s.map_or_else(|| "?".to_owned(), seconds))
        .fact("peak memory", rss.map_or_else(|| "?".to_owned(), bytes))
        .heading("In the cache")
        .table(table)
        .text(format!(
            "  next: chainfer compile MODEL --srs {} -o BUNDLE",
            imported.spec.digest
        ));
    Report::new(&json, page)
}

fn check(args: &SrsFileArgs, progress: Progress) -> anyhow::Result<Report> {
    let known = args.known.load()?;
    let mut file = open(args, KeptSize::default(), progress)?;
    let k = file.k();
    progress.say(format_args!("Lagrange basis for 2^{k}, if the file has it"));
    let basis = file.has_lagrange()?;
    let status = known.status(file.spec());
    say(&status, progress);
    let json = json!({
        "file": args.file,
        "format": file.format(),
        "file_k": file.file_k(),
        "hashes": file.hashes(),
        "srs": file.spec(),
        "status": status,
        "lagrange_in_file": basis,
        "wall_s": progress.elapsed_s(),
        "cpu_s": process_cpu_seconds(),
        "peak_rss_bytes": peak_rss_bytes(),
    });
    let page = setup_facts(file_page(&file, "Checked"), &status, file.spec())
        .fact(
            "Lagrange basis",
            if basis {
                "in the file"
            } else {
                "not in the file"
            },
        )
        .text("  nothing was stored; `chainfer srs import` stores it");
    Report::new(&json, page)
}

fn file_page(file: &SetupFile, verb: &str) -> Page {
    let page = Page::new()
        .heading(format!("{verb} {}", file.path().display()))
        .fact("format", file.format().describe())
        .fact("powers in the file", format!("2^{}", file.file_k()));
    match file.hashes() {
        Some(FileHashes { blake2b, sha256 }) => {
            page.fact("BLAKE2b", blake2b).fact("SHA-256", sha256)
        }
        None => page.fact("hashes", "not computed: the file was not read whole"),
    }
}

fn list(known: &KnownSrsArgs) -> anyhow::Result<Report> {
    let known = known.load()?;
    let store = SrsStore::user()?;
    let (cached, damaged) = store.list()?;
    let mut table = Table::new(&[
        ("digest", Align::Left),
        ("powers", Align::Right),
        ("size", Align::Right),
        ("status", Align::Left),
        ("from", Align::Left),
        ("BLAKE2b of the file", Align::Left),
    ]);
    let mut setups = Vec::new();
    for entry in &cached {
        let status = known.status(&entry.spec);
        let source = entry.source.as_ref();
        let hash = source.and_then(|s| s.hashes.as_ref()).map(|h| &h.blake2b);
        table.row([
            entry.spec.digest.to_string(),
            format!("2^{}", entry.k),
            bytes(entry.bytes),
            match status.name() {
                Some(name) => format!("known: {name}"),
                None => status.word().to_owned(),
            },
            source.map_or_else(|| "-".to_owned(), |s| s.file.clone()),
            hash.map_or_else(
                || "-".to_owned(),
                |h| format!("{}…", h.chars().take(16).collect::<String>()),
            ),
        ]);
        setups.push(json!({
            "digest": entry.spec.digest,
            "k": entry.k,
            "bytes": entry.bytes,
            "status": status,
            "source": source,
            "path": entry.path,
        }));
    }
    let json = json!({ "cache": store.dir(), "setups": setups, "damaged": damaged, "known": known.iter().collect::<Vec<_>>() });
    let mut page = Page::new().heading(format!("Setups in {}", store.dir().display()));
    page = if cached.is_empty() {
        page.text("  none: `chainfer srs import FILE` adds one, `chainfer srs dev` makes the insecure one")
    } else {
        page.table(table)
    };
    for path in &damaged {
        page = page.text(format!("  damaged: {}", path.display()));
    }
    page = page.heading("Known ceremonies");
    for setup in known.iter() {
        page = page.fact(&setup.name, setup.sources.join("; "));
    }
    Report::new(&json, page)
}
