# Sourced by demo, test and bench. Everything printed here goes to stderr: stdout belongs to results.
# shellcheck shell=bash disable=SC2034 # several variables are read by the scripts that source this one

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CALLER_DIR=$PWD
cd "$ROOT" || exit 1

case ${CARGO_TARGET_DIR:-} in
    "") TARGET_DIR=$ROOT/target ;;
    /*) TARGET_DIR=$CARGO_TARGET_DIR ;;
    *) TARGET_DIR=$CALLER_DIR/$CARGO_TARGET_DIR ;;
esac
export CARGO_TARGET_DIR=$TARGET_DIR
BIN_DIR=$TARGET_DIR/release

# Pinned so that a fresh machine gets the version that the tests were written with.
NEXTEST_VERSION=0.9.143
# Rows of the relayer's fault matrix that are not about SQLite's file, as nextest selects them.
FAULTS_ON_POSTGRES='test(/^faults::/) - test(/^faults::storage::|::killed_in_a_migration$/)'
# What also runs on a node with Amsterdam's rules: deploying, relaying, attesting, and the money rows of both matrices.
UNDER_AMSTERDAM='(package(chainfer-relayer) & binary(integration) & (test(/^(faults|hostile)::money::/) | test(/^deploy::deploy_(twice|interrupted|registers|for_another)/) | test(/^relay::(attest_good|someone_else|submit_same|wrong_proof)/))) | (package(chainfer) & binary(chain) & test(/^(deploy_and_attest_on|five_real_chunks)/))'
# Everything that is off by default.
ALL_FEATURES=chainfer-relayer/postgres,chainfer-relayer/aws,chainfer-relayer/gcp,chainfer-relayer/ledger
NODE_MINIMUM=18
PYTHON_MINIMUM=3.10

# --- progress --------------------------------------------------------------------------------------------------------

STAGE_NAMES=()
STAGE_SECONDS=()
STAGE_RESULTS=()
STAGE_START=0
HINT=

# say TEXT...
say() {
    printf '%s\n' "$*" >&2
}

# elapsed SECONDS: as 7s, 3m05s or 1h02m
elapsed() {
    local s=$1
    if ((s < 60)); then
        printf '%ds' "$s"
    elif ((s < 3600)); then
        printf '%dm%02ds' $((s / 60)) $((s % 60))
    else
        printf '%dh%02dm' $((s / 3600)) $((s % 3600 / 60))
    fi
}

# stage NAME [HINT]: closes the stage before and opens one; HINT is printed if it fails
stage() {
    end_stage ok
    STAGE_NAMES+=("$1")
    STAGE_START=$SECONDS
    HINT=${2:-}
    say ""
    say "== [$(elapsed "$SECONDS")] $1"
}

# end_stage RESULT: records the open stage, if any
end_stage() {
    if ((${#STAGE_NAMES[@]} > ${#STAGE_RESULTS[@]})); then
        STAGE_RESULTS+=("$1")
        STAGE_SECONDS+=($((SECONDS - STAGE_START)))
    fi
}

# stage_table: every stage so far with its time
stage_table() {
    local i
    say ""
    for i in "${!STAGE_RESULTS[@]}"; do
        printf '  %-28s %8s  %s\n' "${STAGE_NAMES[i]}" "$(elapsed "${STAGE_SECONDS[i]}")" "${STAGE_RESULTS[i]}" >&2
    done
    printf '  %-28s %8s\n' "in all" "$(elapsed "$SECONDS")" >&2
}

# For `trap on_exit EXIT`: names the stage that failed and what to do about it
on_exit() {
    local code=$?
    trap - EXIT
    if ((code != 0 && ${#STAGE_NAMES[@]} > ${#STAGE_RESULTS[@]})); then
        end_stage FAILED
        say ""
        say "FAILED at stage \"${STAGE_NAMES[${#STAGE_NAMES[@]} - 1]}\" after $(elapsed "$SECONDS") (exit code $code)."
        [[ -z $HINT ]] || say "$HINT"
    fi
    exit "$code"
}

# die TEXT...
die() {
    say "$*"
    exit 1
}

# --- prerequisites ---------------------------------------------------------------------------------------------------

# at_least VERSION MINIMUM
at_least() {
    [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

# need COMMAND HOW_TO_GET_IT
need() {
    command -v "$1" >/dev/null 2>&1 || die "missing: $1. $2"
}

# need_version NAME FOUND MINIMUM HOW_TO_GET_IT
need_version() {
    at_least "$2" "$3" || die "too old: $1 $2, at least $3 is needed. $4"
    say "   $1 $2"
}

# The tools that must be there already, with their versions
check_tools() {
    local rust="Install Rust with rustup: https://rustup.rs (or \`rustup update stable\`)."
    local node="Install Node.js $NODE_MINIMUM or newer: https://nodejs.org/en/download (npm comes with it)."
    local python="Install Python $PYTHON_MINIMUM or newer: https://www.python.org/downloads/."
    local rust_minimum
    rust_minimum=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

    need cargo "$rust"
    need rustc "$rust"
    need_version rustc "$(rustc --version | awk '{print $2}')" "$rust_minimum" "$rust"
    need cc "A C compiler links Rust programs: \`apt install build-essential\`, \`dnf install gcc\` or \`xcode-select --install\`."
    need node "$node"
    need_version node "$(node --version | tr -d v)" "$NODE_MINIMUM" "$node"
    need npm "$node"
    need_version npm "$(npm --version 2>/dev/null)" 7 "$node"
    need python3 "$python"
    need_version python3 "$(python3 -c 'import platform; print(platform.python_version())')" "$PYTHON_MINIMUM" "$python"
}

NETWORK="This step needs the network once. Behind a proxy set HTTPS_PROXY; a mirror goes in ~/.npmrc and
~/.cargo/config.toml."
NPM_HINT="npm could not install the Solidity tool chain. $NETWORK"
BUILD_HINT="The Rust build failed; the first error above says why. $NETWORK"

# --- set-up ----------------------------------------------------------------------------------------------------------

# forge, anvil, cast and solc; skipped while node_modules is as new as the lock file
ensure_npm() {
    local installed=node_modules/.package-lock.json
    if [[ -f $installed && ! package-lock.json -nt $installed ]]; then
        say "   node_modules is up to date"
        return
    fi
    npm ci --no-audit --no-fund >&2
}

# The binaries chainfer and chainfer-relayer, and no more than they need. scripts/test has built them with all their
# features when it runs the demo, and says so by CHAINFER_BUILT.
ensure_release_build() {
    if [[ -n ${CHAINFER_BUILT:-} ]]; then
        say "   already built"
        return
    fi
    cargo build --release --locked -p chainfer -p chainfer-relayer --bins >&2
}

ensure_nextest() {
    if cargo nextest --version >/dev/null 2>&1; then
        say "   $(cargo nextest --version | head -n 1)"
        return
    fi
    say "   cargo-nextest is not there: compiling version $NEXTEST_VERSION (some minutes, once)"
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$TARGET_DIR/tools" \
        cargo install cargo-nextest --version "$NEXTEST_VERSION" --locked --debug >&2
}

# foundry_bin NAME: path of the native program. The one in .bin is a Node.js shim, which leaves its child behind when
# it is killed.
foundry_bin() {
    local candidate
    for candidate in "$ROOT/node_modules/@foundry-rs/$1"-*/bin/"$1"; do
        if [[ -x $candidate ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "missing: $1 in node_modules. Delete node_modules and run \`npm ci\` (with optional dependencies on)."
}

# postgres_bin: folder of the newest PostgreSQL server's programs
postgres_bin() {
    local candidate
    for candidate in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/local/opt/postgresql*/bin /opt/homebrew/opt/postgresql*/bin \
        "$(pg_config --bindir 2>/dev/null)" | sort -rV); do
        if [[ -x $candidate/initdb && -x $candidate/postgres ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

# A PostgreSQL server for tests; installed where apt-get may do so
ensure_postgres() {
    local hint="Install PostgreSQL's server, for example \`apt install postgresql\` or \`brew install postgresql\`."
    postgres_bin >/dev/null && return
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || die "missing: PostgreSQL. $hint"
    say "   PostgreSQL is not there: installing it"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >&2 ||
        die "PostgreSQL could not be installed. $hint"
    postgres_bin >/dev/null || die "missing: PostgreSQL, after its installation. $hint"
}
