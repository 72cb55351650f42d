//! How much a differential run does, and from which seed.

/// A number from the environment.
pub(crate) fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// `CHAINFER_SEED`, 1 unless set.
pub(crate) fn seed() -> u64 {
    variable("CHAINFER_SEED").unwrap_or(1)
}

/// Mutations that a soak makes: `CHAINFER_SOAK`, or this many if `CHAINFER_LONG` is set; none in a normal run.
pub(crate) fn soak(long: usize) -> Option<usize> {
    let soak = variable("CHAINFER_SOAK").map(|count| count as usize);
    soak.or(std::env::var_os("CHAINFER_LONG").map(|_| long))
}
