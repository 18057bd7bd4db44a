//! The web page and the HTTP bridge: what browsers and HTTP clients call pipes with.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /` | the page: a text box and *Process* |
//! | `POST /` | the page again, with the reply or with what went wrong |
//! | `POST /pipes/{call}` | the bridge: text or JSON in, text or JSON out |
//! | `GET /livez`, `GET /readyz` | whether this process lives; whether an instance is ready for every call |
//!
//! What a call does is behind [`PipeCalls`], so that all of this is tested without a network; a
//! [`Balancer`](standpipe_pipe::balancer::Balancer) is one. The page needs no script;
//! it sends none, and the browser is told to run none.

mod api;
mod app;
mod balanced;
mod calls;
mod guard;
mod page;
mod serve;
mod text;

pub use app::{Site, app};
pub use calls::{CallError, CallErrorKind, CallFuture, PipeCalls, Readiness, Reply};
pub use serve::serve;
