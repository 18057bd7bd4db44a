//! Wine on Linux, from outside of it.

mod host;
mod output;
mod prefix;
mod wine;

#[cfg(test)]
mod tests;

pub use host::Host;
pub use wine::find_wine;
