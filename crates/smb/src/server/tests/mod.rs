//! Whole connections, from bytes to bytes: what a client sends and what it gets.

mod bounds;
mod budgets;
mod compound;
mod create;
mod encryption;
mod harness;
mod hostile;
mod information;
mod listing;
mod log_on;
mod negotiate;
mod own_descriptor;
mod previous_session;
mod requests;
mod session_life;
mod transfer;
