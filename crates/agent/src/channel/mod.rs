//! What both ends of the channel do with it: they send in batches, and each open is a stream of its own.

mod bridge;
mod outbox;
mod stream;

pub(crate) use bridge::{for_client, for_service};
pub(crate) use outbox::Outbox;
pub(crate) use stream::{Finish, Stream, Streams};
