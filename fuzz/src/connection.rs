//! The server's connection.

use std::time::Duration;

use standpipe_smb::Dialect;
use standpipe_smb::crypto::{Cipher, SigningAlgorithm};
use standpipe_smb::server::{Input, Limits, PipeMode};

use crate::bytes::Bytes;
use crate::memory::Meter;
use crate::peer::{self, Client, Terms};
use crate::shell::Server;
use crate::world;

const PIPE_TRANSCEIVE: u32 = 0x0011_C017;
const PIPE_WAIT: u32 = 0x0011_0018;

/// More steps than this find nothing new, and only take time.
const MAX_STEPS: usize = 500;

/// One connection: with or without a log-on first, then bytes, messages and events as the input says.
///
/// Nothing reaches a pipe that was not opened, nothing is asked of the shell once the connection is to be
/// closed, and no step makes the server send or hold without bound.
///
/// # Panics
/// When that does not hold.
pub fn connection(data: &[u8]) {
    play(data, |_| ());
}

/// Plays the input through, and shows every message that the server sends after the log-on.
fn play(data: &[u8], mut seen: impl FnMut(&[u8])) {
    let mut input = Bytes::new(data);
    let start = input.u8();
    let mode = if start & 1 == 0 { PipeMode::Message } else { PipeMode::Byte };
    let meter = Meter::start();
    let mut server = Server::new(world::config(), vec![mode.into()]);
    let mut client = Client::default();
    let dialect = match start >> 1 & 3 {
        0 => None,
        1 => Some(Dialect::Smb202),
        2 => Some(Dialect::Smb302),
        _ => Some(Dialect::Smb311),
    };
    if let Some(dialect) = dialect {
        let cipher = (start & 8 != 0 && dialect >= Dialect::Smb300).then_some(Cipher::Aes128Ccm);
        let terms = Terms { dialect, cipher, signing: SigningAlgorithm::AesCmac };
        let logged_on = client.log_on(terms, |frame| server.exchange(frame));
        logged_on.expect("an honest client can log on");
    }
    for _ in 0..MAX_STEPS {
        if input.is_empty() || server.closed {
            break;
        }
        let answer = step(&mut input, &mut client, &mut server);
        client.receive(&answer).iter().for_each(|message| seen(message));
        drop(answer);
        assert!(meter.peak() <= world::most_memory(&Limits::default()) + 64 * data.len(), "{meter:?}");
    }
}

/// One thing that a client or a backend does; what the server sends thereupon.
fn step(input: &mut Bytes<'_>, client: &mut Client, server: &mut Server) -> Vec<u8> {
    let file = |client: &Client, which: u8| {
        let count = client.files.len().max(1);
        client.files.get(usize::from(which) % count).copied().unwrap_or([0xFF; 16])
    };
    let sent = match input.u8() % 18 {
        0 => input.block().to_vec(),
        1 => peer::frame(input.block()),
        2 | 3 => {
            let command = u16::from(input.u8());
            client.message(command, input.block())
        }
        4 => {
            // A message whose header was changed before it was signed or encrypted.
            let command = u16::from(input.u8());
            let (place, value) = (usize::from(input.u8()) % 64, input.u32().to_le_bytes());
            let mut message = client.unsigned(command, input.block());
            for (byte, value) in message[place..].iter_mut().zip(value) {
                *byte = value;
            }
            client.finish(message)
        }
        5 => client.message(peer::CREATE, &peer::create_body()),
        6 => {
            let file = file(client, input.u8());
            client.message(peer::READ, &peer::read_body(file, u32::from(input.u16())))
        }
        7 => {
            let file = file(client, input.u8());
            client.message(peer::WRITE, &peer::write_body(file, input.block()))
        }
        8 => {
            let file = file(client, input.u8());
            let output = u32::from(input.u16());
            client.message(peer::IOCTL, &peer::ioctl_body(PIPE_TRANSCEIVE, file, output, input.block()))
        }
        9 => {
            let code = if input.u8() == 0 { PIPE_WAIT } else { input.u32() };
            client.message(peer::IOCTL, &peer::ioctl_body(code, [0xFF; 16], 4096, input.block()))
        }
        10 => {
            let file = file(client, input.u8());
            client.message(peer::CLOSE, &peer::close_body(file))
        }
        11 => {
            server.pass(Duration::from_millis(u64::from(input.u16())));
            Vec::new()
        }
        12 => {
            if input.u8() == 0xFF {
                server.feed(Input::Drain);
            }
            Vec::new()
        }
        16 => client.message(peer::CREATE, &peer::root_body()),
        17 => {
            let file = file(client, input.u8());
            let (class, flags, length) = (input.u8(), input.u8(), u32::from(input.u16()));
            client.message(peer::QUERY_DIRECTORY, &peer::list_body(file, class, flags, length, input.block()))
        }
        15 => {
            // A request that some other client made, about an open of this one's.
            let (command, file) = (u16::from(input.u8()), file(client, input.u8()));
            let mut body = input.block().to_vec();
            if let Some(place) = file_place(command)
                && let Some(id) = body.get_mut(place..place + 16)
                && id != [0xFF; 16]
            {
                id.copy_from_slice(&file);
            }
            client.message(command, &body)
        }
        _ => {
            server.backend_event(input);
            Vec::new()
        }
    };
    if sent.is_empty() { server.flush() } else { server.exchange(&sent) }
}

/// Where the body of a request about an open has its FileId.
fn file_place(command: u16) -> Option<usize> {
    match command {
        peer::CLOSE | 7 | peer::IOCTL | peer::QUERY_DIRECTORY => Some(8), // 7 is FLUSH
        peer::READ | peer::WRITE | 17 => Some(16),                        // 17 is SET_INFO
        16 => Some(24),                                                   // QUERY_INFO
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_reached() {
        // A log-on in 3.1.1, the root opened, and every name asked for as FileBothDirectoryInformation.
        let mut data = vec![6, 16, 17, 0, 3, 1];
        data.extend_from_slice(&4096_u16.to_le_bytes());
        let mut listed = false;
        play(&data, |message| {
            listed |= message[12..14] == peer::QUERY_DIRECTORY.to_le_bytes() && message[8..12] == [0; 4];
        });
        assert!(listed);
    }

    /// Else the fuzzer would only ever knock at the door.
    #[test]
    fn the_seeds_reach_the_pipe() {
        for dialect in ["2.0.2", "3.0.2", "3.0.2-encrypted", "3.1.1"] {
            let seed = format!("{}/seeds/connection/write-read-{dialect}", env!("CARGO_MANIFEST_DIR"));
            let mut last_read = Vec::new();
            play(&std::fs::read(seed).unwrap(), |message| {
                if message[12..14] == peer::READ.to_le_bytes() {
                    last_read = message.to_vec();
                }
            });
            assert!(last_read.ends_with(b"olleH"), "{dialect}: {last_read:02x?}");
        }
    }
}
