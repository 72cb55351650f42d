//! The HTTP service: takes proofs, relays them, and reports on them.
//!
//! `openapi.json` describes the routes, and is served as `/openapi.json`. Tokens (`Authorization: Bearer`) have the role
//! of submitters or of administrators. Errors are `{"error": {"code", "message"}}`.
//!
//! A request passes `listener` (connections, heads, answers in time), `gate` (web pages, tokens, rates, bodies, places)
//! and `routes`.

mod config;
mod connections;
mod error;
mod gate;
mod limits;
mod listener;
mod metrics;
mod rate;
mod ready;
mod remote;
mod routes;
mod server;
mod shared;
mod shares;
mod stream;
mod tokens;
mod view;

pub use config::ServiceConfig;
pub use limits::{Limits, Rate};
pub use remote::{Remote, RemoteError};
pub use routes::routes;
pub use server::{Service, run};
pub use tokens::{Role, Tokens, read_token};
pub use view::{JobView, StatusView, TransitionView};
