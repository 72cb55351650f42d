#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod challenge;
mod encoding;
mod read;
mod sponge;
mod write;

pub use challenge::ChallengeEvm;
pub use encoding::{POINT_LEN, SCALAR_LEN};
pub use read::EvmTranscriptRead;
pub use write::EvmTranscriptWrite;
