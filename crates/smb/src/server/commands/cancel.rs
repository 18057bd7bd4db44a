//! CANCEL, [MS-SMB2] 3.3.5.16: it has no reply, and an unknown target is ignored.

use crate::NtStatus;
use crate::crypto::Sender;
use crate::server::state::{Holdings, WaitsFor};
use crate::server::{Event, Output};
use crate::wire::{Flags, Header};

/// Gives up the requests that a CANCEL names. It is not admitted as other requests are: this checks what it
/// must.
pub(crate) fn handle(header: &Header, message: &[u8], encrypted: bool, holdings: &mut Holdings) {
    let Holdings { sessions, opens, pending, outputs, .. } = holdings;
    let Some(session) = sessions.established(header.session_id) else {
        return;
    };
    let signed = header.flags.contains(Flags::SIGNED);
    if !encrypted
        && (signed && session.keys().signing.verify(message, Sender::Client).is_err()
            || !signed && session.requires_signing()
            || session.requires_encryption())
    {
        return outputs.event(Event::BadSignature { missing: !signed });
    }
    let targets = pending.find(|pending| {
        pending.reply.session_id == header.session_id
            && match header.async_id() {
                Some(async_id) => pending.async_id == Some(async_id),
                None => pending.reply.message_id == header.message_id,
            }
    });
    for id in targets {
        let Some(waits_for) = pending.waits_for(id) else {
            continue;
        };
        if !encrypted && waits_for.open().is_some_and(|open| opens.is_encrypted_only(open)) {
            continue;
        }
        match waits_for {
            WaitsFor::Open(open) => opens.end(open, NtStatus::CANCELLED, pending, outputs),
            WaitsFor::Pipe(wait) => {
                outputs.push(Output::CancelWait { wait });
                pending.defer(id, NtStatus::CANCELLED);
            }
            // What was written may have reached the service; only its answer is given up.
            WaitsFor::Read(open) | WaitsFor::Write(open) | WaitsFor::Transceive(open, _) => {
                if let Some(end) = opens.end_of(open) {
                    end.forget(id);
                }
                pending.defer(id, NtStatus::CANCELLED);
            }
        }
    }
}
