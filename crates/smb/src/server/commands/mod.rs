//! The commands, one file for each or for a family, and what happens when a client sends them.
//!
//! # Adding a command
//!
//! These files change, and the compiler or a failing test names the next one:
//!
//! 1. `wire/COMMAND.rs`: its request and its response, with tests of both;
//! 2. `wire/mod.rs`: the module;
//! 3. `wire/header.rs`: its number in the table of commands, if it is not there;
//! 4. `server/commands/COMMAND.rs`: what it does, as a function of the parts of the state that it may touch;
//! 5. `server/commands/mod.rs`: the module, here;
//! 6. `server/dispatch.rs`: the row of the table that hands it those parts;
//! 7. `server/tests/COMMAND.rs`: what a client gets, from bytes to bytes;
//! 8. `client/request.rs`: the request, if the client is to send it;
//! 9. `docs/pipe-commands.md`: the row that names its tests.
//!
//! A command that has to wait gives [`Done::Waits`](super::request::Done::Waits) with a kind of its own of
//! [`WaitsFor`](super::state::WaitsFor), and `connection/backend.rs` answers it. A control code of IOCTL has
//! a row in [`ioctl`] instead of the dispatch table.

pub(super) mod cancel;
pub(super) mod close;
pub(super) mod create;
pub(super) mod echo;
pub(super) mod flush;
pub(super) mod folder;
pub(super) mod ioctl;
pub(super) mod logoff;
mod name_pattern;
pub(super) mod negotiate;
pub(super) mod pipe_peek;
pub(super) mod pipe_transceive;
pub(super) mod pipe_wait;
pub(super) mod query_directory;
pub(super) mod query_info;
pub(super) mod read;
pub(super) mod session_setup;
pub(super) mod set_info;
pub(super) mod tree_connect;
pub(super) mod validate_negotiate;
pub(super) mod write;
