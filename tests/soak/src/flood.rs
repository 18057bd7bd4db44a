//! Crowds of strangers that come all at once, while users go on.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::client::World;
use crate::random::Random;

/// The longest time between two floods, and how long the crowd stays.
const PAUSE: Duration = Duration::from_secs(8);
const STAY: Duration = Duration::from_secs(2);

/// The smallest and the largest crowd. A server has more places than the latter for those that say nothing:
/// beyond it a user's log-on has to be tried again, and then the soak could not say what is wrong.
const SMALLEST: u64 = 200;
const LARGEST: u64 = 1500;

/// So many addresses share a flood.
const ADDRESSES: u64 = 40;

/// Floods both servers in turn until the run is over. A crowd has as many heads as there are clients.
pub(crate) async fn come_and_go(world: &World, mut random: Random, clients: u64) {
    let crowd = clients.clamp(SMALLEST, LARGEST);
    let mut servers = [world.pipes, world.watched].into_iter().cycle();
    while world.over.run_until_cancelled(tokio::time::sleep(random.up_to(PAUSE))).await.is_some() {
        let Some(server) = servers.next() else { return };
        let mut people = JoinSet::new();
        for number in 0..crowd {
            let source = Ipv4Addr::new(127, 76, 0, u8::try_from(number % ADDRESSES).unwrap_or_default() + 1);
            let says_something = random.percent(50);
            people.spawn(one(source, server, says_something));
        }
        tokio::time::sleep(STAY).await;
        let mut let_in = 0;
        while let Some(came) = people.try_join_next() {
            let_in += u64::from(came.is_ok_and(|stream| stream.is_some()));
        }
        people.shutdown().await;
        world.findings.add("strangers in floods", let_in);
        world.findings.count("floods");
    }
}

/// One head of the crowd: it connects, says nothing or the beginning of a message, and waits.
async fn one(source: Ipv4Addr, server: SocketAddr, says_something: bool) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((source, 0).into()).ok()?;
    let mut stream = socket.connect(server).await.ok()?;
    if says_something {
        stream.write_all(&[0, 0, 1, 0, 0xFE, b'S', b'M', b'B']).await.ok()?;
    }
    Some(stream)
}
