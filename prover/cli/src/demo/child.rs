//! Programs that the demo starts, and stops however it ends itself.

use crate::failure::bad_input;
use anyhow::{Context as _, bail};
use chainfer_formats::files::{self, Access};
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// The stream that a program logs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talks {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    name: &'static str,
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program, copies its output to `log`, and returns the lines up to the first that `ready` accepts.
///
/// # Errors
/// The program cannot be started, ends, or is not ready in time; the message contains its last lines.
pub(super) fn start(
    name: &'static str,
    mut command: Command,
    talks: Talks,
    log: &Path,
    ready: impl Fn(&str) -> bool,
    limit: Duration,
) -> anyhow::Result<(Running, Vec<String>)> {
    let (stdout, stderr) = match talks {
        Talks::Stdout => (Stdio::piped(), Stdio::null()),
        Talks::Stderr => (Stdio::null(), Stdio::piped()),
    };
    let program = command.get_program().to_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|e| {
            bad_input(format!(
                "cannot start {name} as {}: {e}",
                Path::new(&program).display()
            ))
        })?;
    let mut running = Running { child, name };
    let stream: Box<dyn Read + Send> = match talks {
        Talks::Stdout => Box::new(running.child.stdout.take().context("no stdout")?),
        Talks::Stderr => Box::new(running.child.stderr.take().context("no stderr")?),
    };
    let mut log = files::create(log, Access::Private)?;
    let (sender, lines) = mpsc::channel();
    // Reads until the end, because a full pipe would block the program.
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + limit;
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let is_ready = ready(&line);
                seen.push(line);
                if is_ready {
                    return Ok((running, seen));
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!("{name} ended before it was ready: {}", last(&seen));
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "{name} was not ready within {} s: {}",
                    limit.as_secs(),
                    last(&seen)
                );
            }
        }
    }
}

fn last(lines: &[String]) -> String {
    let said: Vec<&str> = lines
        .iter()
        .map(|l| l.trim())
        .filter(|l| !l.is_empty())
        .collect();
    match said.split_at(said.len().saturating_sub(5)).1 {
        [] => "it printed nothing".to_owned(),
        tail => tail.join(" | "),
    }
}

impl Running {
    /// Fails if the program has ended by itself.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self
            .child
            .try_wait()
            .with_context(|| format!("cannot get the status of {}", self.name))?
        {
            Some(status) => bail!("{} ended unexpectedly: {status}", self.name),
            None => Ok(()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn start_returns_the_lines_up_to_the_ready_one_and_drop_kills() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let ready = |line: &str| line == "ready";
        let script = sh("echo one; echo ready; exec sleep 60");
        let (mut running, lines) = start(
            "sh",
            script,
            Talks::Stdout,
            &log,
            ready,
            Duration::from_secs(10),
        )
        .unwrap();
        assert_eq!(lines, ["one", "ready"]);
        running.check().unwrap();
        let start = Instant::now();
        drop(running);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn start_program_that_ends_is_reported_with_its_output() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = sh("echo port in use >&2; exit 3");
        let error = start(
            "sh",
            script,
            Talks::Stderr,
            &log,
            |_| false,
            Duration::from_secs(10),
        );
        assert!(error.unwrap_err().to_string().contains("port in use"));
    }
}
