//! Who comes to the server without an account: says nothing, talks nonsense, breaks off, guesses passwords.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use standpipe_client::{Client as Smb, ClientError, ConnectOptions, Credentials};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::act::PATIENCE;
use crate::client::World;
use crate::random::Random;
use crate::wire::Wire;

/// The longest a stranger stays.
const STAY: Duration = Duration::from_secs(3);

/// Comes again and again until the run is over.
pub(crate) async fn live(world: Arc<World>, number: u64) {
    let mut random = Random::of(!world.seed, number);
    let source = Ipv4Addr::new(127, 78, 0, u8::try_from(number % 250).unwrap_or_default() + 1);
    while !world.over.is_cancelled() {
        tokio::time::sleep(random.up_to(world.pause)).await;
        let server = if random.percent(50) { world.pipes } else { world.watched };
        let nonsense = match random.below(6) {
            0 => Vec::new(),
            // A frame longer than what strangers may send.
            1 => vec![0x00, 0xFF, 0xFF, 0xFF],
            // Half of one.
            2 => [&[0, 0, 0x10, 0][..], &bytes(&mut random, 100)].concat(),
            // A whole one with a header and nothing that makes sense behind it.
            3 => framed(&[&b"\xFESMB\x40\0"[..], &bytes(&mut random, 300)].concat()),
            4 => framed(&[&b"\xFFSMB\x72"[..], &bytes(&mut random, 60)].concat()),
            _ => {
                guess(&world, source, server).await;
                continue;
            }
        };
        let stay = random.up_to(STAY);
        if talk(source, server, &nonsense, stay).await.is_err() {
            // The server closed it: it may.
            world.findings.count("strangers shown out");
        }
        world.findings.count("strangers");
    }
}

async fn talk(source: Ipv4Addr, server: SocketAddr, said: &[u8], stay: Duration) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let mut stream: TcpStream = socket.connect(server).await?;
    stream.write_all(said).await?;
    tokio::time::sleep(stay).await;
    stream.write_all(&[0]).await
}

/// A wrong password, in a name of its own: who guesses is made to wait.
async fn guess(world: &World, source: Ipv4Addr, server: SocketAddr) {
    let Ok(wire) = Wire::lay(source, server).await else { return };
    let credentials = Credentials::with_password("intruder", "a guess");
    let options = ConnectOptions { timeout: PATIENCE, ..ConnectOptions::default() };
    match Smb::connect(&wire.place().into(), &credentials, &options).await {
        Err(ClientError::LogOnFailed { .. }) => world.findings.count("guesses refused"),
        Err(error) => world.findings.wrong(format!("a wrong password was answered by: {error}: {error:?}")),
        Ok(_) => world.findings.wrong("a wrong password was taken".to_owned()),
    }
}

fn bytes(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.next() as u8).collect()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(message.len()).unwrap_or_default().to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}
