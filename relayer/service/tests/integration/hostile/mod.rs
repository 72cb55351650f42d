//! What strangers try. The README's table lists these tests.

mod money;
mod payloads;
mod quotas;
mod registry;
