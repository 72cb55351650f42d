//! This machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds on this machine's clock.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
