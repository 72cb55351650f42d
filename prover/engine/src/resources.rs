//! What a piece of work cost. Where the system does not tell, a figure is absent.

use crate::error::{EngineError, Result};
use rayon::ThreadPool;
use serde::Serialize;
use std::{fs, time::Instant};

/// Cost of one stage or chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Elapsed seconds.
    pub wall_s: f64,
    /// CPU-seconds, user and system, of the threads that worked on it.
    pub cpu_s: Option<f64>,
    /// Peak resident memory of the whole process by its end, in bytes.
    pub peak_rss_bytes: Option<u64>,
}

/// CPU-seconds of all threads of this process so far.
pub fn process_cpu_seconds() -> Option<f64> {
    clock(Clock::Process)
}

/// Largest resident memory of this process so far, in bytes (Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes of memory that this process may still take: what the machine has left, and what the control group at the root of its
/// view, as in a container, has.
pub fn available_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    if system.total_memory() == 0 {
        return None;
    }
    // A page cache that can be given up counts as used by the group, so what processes hold is subtracted in its place.
    let of_group = system
        .cgroup_limits()
        .map(|group| group.total_memory.saturating_sub(group.rss));
    let of_machine = Some(system.available_memory()).filter(|bytes| *bytes > 0);
    of_machine.into_iter().chain(of_group).min()
}

enum Clock {
    Process,
    Thread,
}

#[cfg(unix)]
fn clock(which: Clock) -> Option<f64> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(match which {
        Clock::Process => ClockId::ProcessCPUTime,
        Clock::Thread => ClockId::ThreadCPUTime,
    });
    Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(unix))]
fn clock(_which: Clock) -> Option<f64> {
    None
}

/// Refuses processors that the assembly field arithmetic would stop on with an illegal instruction (x86-64 older than
/// Broadwell and Zen).
///
/// # Errors
/// [`EngineError::UnsupportedCpu`].
pub fn check_cpu() -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        for (missing, present) in [
            ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
            ("ADX", std::arch::is_x86_feature_detected!("adx")),
        ] {
            if !present {
                return Err(EngineError::UnsupportedCpu { missing });
            }
        }
    }
    Ok(())
}

/// Measures work of this process.
#[derive(Debug)]
pub struct Stopwatch {
    started: Instant,
    cpu: Option<f64>,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            cpu: process_cpu_seconds(),
        }
    }

    /// The cost of everything that the process did since.
    pub fn cost(&self) -> Cost {
        Cost {
            wall_s: self.started.elapsed().as_secs_f64(),
            cpu_s: self
                .cpu
                .zip(process_cpu_seconds())
                .map(|(from, to)| to - from),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}

/// Runs `work` on a fresh pool and measures what the pool's threads spent on it.
pub(crate) fn measured<T: Send>(pool: &ThreadPool, work: impl FnOnce() -> T + Send) -> (T, Cost) {
    let started = Instant::now();
    let result = pool.install(work);
    let threads: Vec<Option<f64>> = pool.broadcast(|_| clock(Clock::Thread));
    let cost = Cost {
        wall_s: started.elapsed().as_secs_f64(),
        cpu_s: threads.into_iter().sum(),
        peak_rss_bytes: peak_rss_bytes(),
    };
    (result, cost)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn process_figures_exist_on_linux() {
        assert!(process_cpu_seconds().unwrap() > 0.0);
        assert!(peak_rss_bytes().unwrap() > 100_000);
    }

    #[test]
    fn measured_busy_work_is_counted() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let ((), cost) = measured(&pool, || {
            let start = Instant::now();
            let mut x = 1u64;
            while start.elapsed().as_millis() < 50 {
                x = std::hint::black_box(x.wrapping_mul(3));
            }
        });
        assert!(cost.wall_s >= 0.05);
        assert!(cost.cpu_s.unwrap() > 0.005);
    }
}
