//! The HTTP service: takes proofs, relays them, and reports on them.
//!
//! `openapi.json` describes the routes, and is served as `/openapi.json`. With a token set all but
//! `/health`, `/ready` and `/openapi.json` want `Authorization: Bearer`. Errors are
//! `{"error": {"code", "message"}}`.

mod config;
mod error;
mod limits;
mod metrics;
mod remote;
mod routes;
mod server;
mod shared;
mod view;

pub use config::ServiceConfig;
pub use remote::{Remote, RemoteError};
pub use routes::routes;
pub use server::{Service, run};
pub use view::{JobView, StatusView, TransitionView};
