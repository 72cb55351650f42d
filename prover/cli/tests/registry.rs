//! The deployment of contracts/DEPLOYMENT.md on a local chain, from the script to the first model, and the check of what
//! stands there. Needs the tools that `npm ci` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};
use support::{
    chainfer, command, fixture,
    node::{Anvil, KEY, OTHER, OTHER_KEY, cast, root, tool},
    run,
};

/// The second account proposes, the third freezes.
const PROPOSER: &str = OTHER;
const PROPOSER_KEY: &str = OTHER_KEY;
const GUARDIAN: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const DELAY: &str = "3600";

/// Where the records of one test go: below `deployments`, the one folder that forge may write to.
struct Records(PathBuf);

impl Records {
    fn new() -> Self {
        // One a test, whether tests are threads or processes: each removes its own when it ends.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}", std::process::id());
        Self(Path::new("deployments").join(name))
    }

    fn path(&self, chain_id: &str) -> PathBuf {
        root().join(&self.0).join(format!("{chain_id}.json"))
    }

    fn read(&self, chain_id: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(chain_id)).unwrap()).unwrap()
    }

    /// The script, as the runbook has it.
    fn deploy(&self, node: &Anvil, variables: &[(&str, &str)]) -> Output {
        self.script("Deploy", node, variables)
    }

    fn script(&self, name: &str, node: &Anvil, variables: &[(&str, &str)]) -> Output {
        let path = format!("contracts/script/{name}.s.sol");
        Command::new(tool("forge"))
            .args(["script", &path, "--broadcast"])
            .args(["--rpc-url", &node.url, "--private-key", KEY])
            .env("CHAINFER_DEPLOYMENTS", &self.0)
            .env("CHAINFER_PROPOSERS", PROPOSER)
            .env("CHAINFER_GUARDIAN", GUARDIAN)
            .env("CHAINFER_DELAY", DELAY)
            .envs(variables.iter().copied())
            .current_dir(root())
            .output()
            .unwrap()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(root().join(&self.0));
    }
}

fn text(output: &Output) -> String {
    let parts = [&output.stdout, &output.stderr];
    parts.map(|part| String::from_utf8_lossy(part)).concat()
}

#[test]
fn registry_runbook_deploys_checks_and_governs() {
    let (chain, records) = ("424242", Records::new());
    let node = Anvil::start(chain);
    let ran = records.deploy(&node, &[]);
    assert!(ran.status.success(), "{}", text(&ran));
    let record = records.read(chain);
    let field = |name: &str| record[name].as_str().unwrap().to_owned();
    let (registry, timelock) = (field("registry"), field("owner"));

    let check = |target: &Path| chainfer(args!["check-registry", target, "-r", node.url, "--json"]);
    let checked = check(&records.path(chain)).expect(0).json();
    assert_eq!(checked["as_built"], true);
    assert_eq!(checked["checks"].as_array().unwrap().len(), 7);
    assert_eq!(checked["governance"]["owner_kind"], "timelock");
    assert_eq!(checked["governance"]["delay"].to_string(), DELAY);
    assert_eq!(checked["governance"]["roles_checked"], true);
    let proposers = checked["governance"]["proposers"].as_array().unwrap();
    assert_eq!(proposers.len(), 1);
    assert!(
        proposers[0]
            .as_str()
            .unwrap()
            .eq_ignore_ascii_case(PROPOSER)
    );
    let weaknesses = checked["governance"]["weaknesses"].as_array().unwrap();
    assert_eq!(weaknesses.len(), 1);
    assert!(weaknesses[0].as_str().unwrap().contains("single proposer"));
    // The address alone shows no origin; what its constructor was given does.
    let by_address = check(Path::new(&registry)).expect(1).json();
    assert_eq!(by_address["as_built"], false);
    assert_eq!(by_address["code_as_built"], true);
    assert_eq!(by_address["governance"]["owner_kind"], "timelock");
    assert_eq!(by_address["governance"]["roles_checked"], false);
    let derived = |guardian: &str, further: &[&str]| {
        let mut args = args!["check-registry", registry, "-r", node.url].to_vec();
        args.extend(args!["--owner", timelock, "--guardian", guardian]);
        args.extend(further.iter().map(Into::into));
        chainfer(args)
    };
    // It lists the catalogue, unless it is told otherwise.
    let said = derived(GUARDIAN, &[]).expect(0).stdout;
    assert!(said.contains("AS BUILT: chain"), "{said}");
    assert!(said.contains("roles are not checked"), "{said}");
    let shown = chainfer(["catalogue", "--json"]).expect(0).json();
    let shapes = shown["verifiers"].as_array().unwrap().iter();
    let shapes: Vec<Value> = shapes.map(|v| v["code_hash"].clone()).collect();
    assert_eq!(record["verifiers"], Value::from(shapes));
    for (guardian, further) in [(PROPOSER, &[][..]), (GUARDIAN, &["--no-verifiers"])] {
        let said = derived(guardian, further).expect(1).stdout;
        assert!(said.contains("NOT AS BUILT"), "{said}");
    }

    // Again: everything is there, and nothing is sent.
    let again = records.deploy(&node, &[]);
    assert!(
        text(&again).contains("No transactions to broadcast"),
        "{}",
        text(&again)
    );
    assert_eq!(records.read(chain), record);

    // Another salt or no verifiers make another registry, whose record does not go over this one's.
    let salt = format!("0x{:064x}", 5);
    for variable in [("CHAINFER_SALT", &*salt), ("CHAINFER_VERIFIERS", "")] {
        let other = records.deploy(&node, &[variable]);
        assert!(!other.status.success());
        let said = text(&other);
        assert!(said.contains("RecordOfAnotherRegistry"), "{said}");
        assert_eq!(records.read(chain), record);
    }
    // Nor does a registry without guardian get anywhere unless it is meant.
    let zero = format!("0x{:040x}", 0);
    let weak = records.deploy(&node, &[("CHAINFER_GUARDIAN", &zero)]);
    assert!(text(&weak).contains("GuardianIsZero"), "{}", text(&weak));

    // The adapters, with any contract for the attestation service.
    let variables = [
        ("CHAINFER_REGISTRY", &*registry),
        ("CHAINFER_EAS", &*timelock),
    ];
    let ran = records.script("DeployAdapters", &node, &variables);
    assert!(ran.status.success(), "{}", text(&ran));
    let path = records.path(chain).with_extension("adapters.json");
    let adapters: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let checked = check(&records.path(chain)).expect(0).json();
    assert_eq!(checked["as_built"], true);
    assert_eq!(checked["checks"].as_array().unwrap().len(), 15);
    for name in ["registry", "erc7992", "eas", "eas_resolver"] {
        let mut changed = adapters.clone();
        changed[name] = PROPOSER.into();
        fs::write(&path, changed.to_string()).unwrap();
        let refused = check(&records.path(chain)).expect(1).json();
        assert_eq!(refused["as_built"], false, "{name}");
    }
    fs::write(&path, adapters.to_string()).unwrap();

    // The model's verifiers are not listed, and only the timelock can list them.
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    chainfer(args!["compile", fixture("ops/mlp.onnx"), "-o", bundle]).expect(0);
    let deploy = || {
        chainfer(args![
            "deploy",
            bundle,
            "--registry",
            registry,
            "--rpc-url",
            node.url,
            "--private-key",
            KEY,
            "--solc",
            root().join("scripts/solc"),
            "--state",
            folder.path().join("state.sqlite"),
            "--allow-insecure-srs",
            "--confirmations",
            "1",
            "--json"
        ])
    };
    let refused = deploy().expect(2).says(&["addVerifier(0x", "timelock"]);
    let at = refused.stderr.find("addVerifier(").unwrap() + "addVerifier(".len();
    let shape = &refused.stderr[at..at + 66];
    let written = chainfer(args![
        "solidity",
        bundle,
        "-o",
        folder.path().join("verifiers"),
        "--solc",
        root().join("scripts/solc"),
        "--json"
    ]);
    assert_eq!(written.expect(0).json()["contracts"][0]["code_hash"], shape);

    let call = cast(&["calldata", "addVerifier(bytes32)", shape]);
    let zero = format!("0x{:064x}", 0);
    let operation: [&str; 5] = [&registry, "0", &call, &zero, &zero];
    let send = |key: &str, signature: &str, further: &[&str]| {
        let mut args = vec!["send", "--rpc-url", &node.url, "--private-key", key];
        args.extend([timelock.as_str(), signature]);
        args.extend(operation);
        args.extend(further);
        cast(&args);
    };
    send(
        PROPOSER_KEY,
        "schedule(address,uint256,bytes,bytes32,bytes32,uint256)",
        &[DELAY],
    );
    cast(&["rpc", "--rpc-url", &node.url, "evm_increaseTime", DELAY]);
    send(KEY, "execute(address,uint256,bytes,bytes32,bytes32)", &[]);
    let deployed = deploy().expect(0).json();
    assert_eq!(
        deployed["registry"].as_str().unwrap().to_lowercase(),
        registry.to_lowercase()
    );
}

#[test]
fn check_registry_says_what_is_not_as_built() {
    let (chain, records) = ("424243", Records::new());
    let node = Anvil::start(chain);
    let ran = records.deploy(&node, &[]);
    assert!(ran.status.success(), "{}", text(&ran));
    let record = records.read(chain);
    let check = |target: &Path| chainfer(args!["check-registry", target, "-r", node.url, "--json"]);
    let failed = |target: &Path| -> Vec<String> {
        let outcome = check(target).expect(1).json();
        assert_eq!(outcome["as_built"], false);
        let checks = outcome["checks"].as_array().unwrap();
        let failed = checks.iter().filter(|c| c["holds"] == false);
        failed
            .map(|c| c["what"].as_str().unwrap().to_owned())
            .collect()
    };

    let openings = record["openings"].as_str().unwrap();
    assert_eq!(failed(Path::new(openings)), ["code of the registry"]);
    assert_eq!(failed(Path::new(PROPOSER)), ["code of the registry"]);

    // The addresses vouch for every part of the record.
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("record.json");
    for (name, value, what) in [
        ("guardian", PROPOSER, "address of the registry"),
        ("openings", PROPOSER, "address of the openings"),
        ("salt", &format!("0x{:064x}", 1), "address of the registry"),
    ] {
        let mut record = record.clone();
        record[name] = value.into();
        fs::write(&changed, record.to_string()).unwrap();
        assert!(failed(&changed).contains(&what.to_owned()), "{name}");
    }
    let mut other = record.clone();
    other["delay"] = 60.into();
    fs::write(&changed, other.to_string()).unwrap();
    assert_eq!(failed(&changed), ["address of the timelock"]);
    other["version"] = 2.into();
    fs::write(&changed, other.to_string()).unwrap();
    check(&changed).expect(2).says(&["version 2"]);

    // One changed byte of code.
    let registry = record["registry"].as_str().unwrap();
    let code = cast(&["code", "--rpc-url", &node.url, registry]);
    let flipped = format!("{}00", &code[..code.len() - 2]);
    assert_ne!(code, flipped);
    cast(&[
        "rpc",
        "--rpc-url",
        &node.url,
        "anvil_setCode",
        registry,
        &flipped,
    ]);
    assert_eq!(failed(&records.path(chain)), ["code of the registry"]);
}

#[test]
fn check_registry_address_is_one_even_where_a_file_has_its_name() {
    let node = Anvil::start("424246");
    let folder = tempfile::tempdir().unwrap();
    for address in [PROPOSER, &PROPOSER[2..]] {
        let args = args!["check-registry", address, "-r", node.url, "--json"];
        for content in ["no record", "{}"] {
            fs::write(folder.path().join(address), content).unwrap();
            let mut command = command(&args);
            let outcome = run(command.current_dir(folder.path())).expect(1).json();
            assert_eq!(outcome["as_built"], false);
            let checked = outcome["registry"].as_str().unwrap();
            assert_eq!(checked.to_lowercase(), PROPOSER.to_lowercase());
        }
        // By a path that is no address, it is the file.
        let path = format!("./{address}");
        let mut command = command(args!["check-registry", path, "-r", node.url]);
        run(command.current_dir(folder.path()))
            .expect(2)
            .says(&["not a record of a registry"]);
    }
}

/// Creation code that writes these words to storage and leaves this code: no constructor of the registry runs.
fn forged_creation(words: &[(String, String)], code: &str) -> String {
    let word = |(slot, value): &(String, String)| format!("7f{value}7f{slot}55");
    let writes: String = words.iter().map(word).collect();
    let (size, at) = (code.len() / 2, writes.len() / 2 + 13);
    format!("0x{writes}61{size:04x}8061{at:04x}6000396000f3{code}")
}

#[test]
fn check_registry_built_code_over_forged_storage_is_found() {
    let (chain, records) = ("424245", Records::new());
    let node = Anvil::start(chain);
    let ran = records.deploy(&node, &[]);
    assert!(ran.status.success(), "{}", text(&ran));
    let record = records.read(chain);
    let field = |name: &str| record[name].as_str().unwrap().to_lowercase();
    let (registry, timelock) = (field("registry"), field("owner"));

    let payer = cast(&["wallet", "address", "--private-key", KEY]);
    let nonce: u64 = cast(&["nonce", "--rpc-url", &node.url, &payer])
        .parse()
        .unwrap();
    let address_at = |nonce: u64| {
        let nonce = nonce.to_string();
        let line = cast(&["compute-address", "--nonce", &nonce, &payer]);
        line.rsplit(' ').next().unwrap().to_lowercase()
    };
    let create = |code: &str| {
        cast(&[
            "send",
            "--rpc-url",
            &node.url,
            "--private-key",
            KEY,
            "--create",
            code,
        ])
    };
    let word = |address: &str| format!("{:0>64}", &address[2..]);

    // Its own openings contract where the registry's code looks for it, the honest code of the registry, and the honest storage but
    // for one listed verifier shape, which no view enumerates and no event ever named.
    let (own, impostor) = (address_at(nonce), address_at(nonce + 1));
    let line = cast(&["compute-address", "--nonce", "1", &impostor]);
    let openings = line.rsplit(' ').next().unwrap().to_lowercase();
    let artefact = root().join("contracts/artefacts/TensorOpenings.json");
    let artefact: Value = serde_json::from_slice(&fs::read(artefact).unwrap()).unwrap();
    let code = artefact["bytecode"].as_str().unwrap();
    create(&format!("{code}{}", word(&impostor)));
    let code = cast(&["code", "--rpc-url", &node.url, &own]);
    let url = &node.url;
    cast(&["rpc", "--rpc-url", url, "anvil_setCode", &openings, &code]);
    let mut words: Vec<(String, String)> = (0..16)
        .map(|slot: u8| {
            let at = slot.to_string();
            let value = cast(&["storage", "--rpc-url", &node.url, &registry, &at]);
            (format!("{slot:064x}"), value[2..].to_lowercase())
        })
        .collect();
    let shape = format!("0x{:064x}", 0xbad);
    let slot = cast(&["index", "bytes32", &shape, "3"]);
    words.push((slot[2..].to_owned(), format!("{:064x}", 1)));
    let code = cast(&["code", "--rpc-url", &node.url, &registry]);
    create(&forged_creation(&words, &code[2..]));
    let stands = cast(&["code", "--rpc-url", &node.url, &impostor]);
    assert_eq!(stands, code);
    let status = |registry: &str| {
        let call = ["verifierStatus(bytes32)(uint8)", &shape];
        cast(&[&["call", "--rpc-url", &node.url, registry], &call[..]].concat())
    };
    assert_eq!(
        (status(&registry), status(&impostor)),
        ("0".into(), "1".into())
    );

    let by_address = chainfer(args!["check-registry", impostor, "-r", node.url, "--json"]);
    let outcome = by_address.expect(1).json();
    assert_eq!(outcome["as_built"], false);
    assert_eq!(outcome["code_as_built"], true);
    assert_eq!(
        outcome["governance"]["owner"]
            .as_str()
            .unwrap()
            .to_lowercase(),
        timelock
    );
    let check = |further: &[&str]| {
        let fixed = ["check-registry", &impostor, "-r", &node.url];
        chainfer([&fixed[..], further].concat()).expect(1).stdout
    };
    let said = check(&[]);
    assert!(said.contains("CODE AS BUILT, ORIGIN NOT SHOWN"), "{said}");
    assert!(said.contains("record of the deployment"), "{said}");
    let said = check(&["--owner", &timelock, "--guardian", GUARDIAN]);
    assert!(said.contains("NOT AS BUILT"), "{said}");

    // Nor does a record help that names it.
    let folder = tempfile::tempdir().unwrap();
    let forged = folder.path().join("record.json");
    let mut record = record.clone();
    record["registry"] = impostor.clone().into();
    record["openings"] = openings.into();
    fs::write(&forged, record.to_string()).unwrap();
    let outcome = chainfer(args!["check-registry", forged, "-r", node.url, "--json"]);
    assert_eq!(outcome.expect(1).json()["as_built"], false);
}

#[test]
fn script_on_a_chain_without_the_proxy_says_so() {
    let (chain, records) = ("424244", Records::new());
    let node = Anvil::start(chain);
    let proxy = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
    cast(&["rpc", "--rpc-url", &node.url, "anvil_setCode", proxy, "0x"]);
    let ran = records.deploy(&node, &[]);
    assert!(!ran.status.success());
    assert!(
        text(&ran).contains("NoDeterministicDeploymentProxy(424244"),
        "{}",
        text(&ran)
    );
    assert!(!records.path(chain).exists());

    // As the runbook puts it there: a transaction whose signer nobody knows, published once its fee is paid.
    let signer = "0x3fab184622dc19b6109349b94811493bf2a45362";
    cast(&[
        "send",
        "--rpc-url",
        &node.url,
        "--private-key",
        KEY,
        signer,
        "--value",
        "0.01ether",
    ]);
    let signed = "0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222";
    cast(&["publish", "--rpc-url", &node.url, signed]);
    let ran = records.deploy(&node, &[]);
    assert!(ran.status.success(), "{}", text(&ran));
}
