//! A number of calls, for a count of what they cost: unlike a load, it always makes as many.

use std::error::Error;
use std::net::SocketAddr;

use standpipe_client::{ConnectOptions, Credentials};
use standpipe_load::{Caller, Expect, Kind, PipeLoad, Workload};
use tokio::task::{JoinSet, LocalSet};

use crate::frames::{self, FrameLoad};
use crate::served::{PASSWORD, PIPE, USER};

/// How many calls, to whom.
#[derive(clap::Args)]
pub(crate) struct Calls {
    /// The server
    server: SocketAddr,
    /// Whether it is the proxy, which takes frames
    #[arg(long)]
    frames: bool,
    /// How many connections
    #[arg(long)]
    connections: usize,
    /// How many calls on each connection
    #[arg(long = "calls")]
    each: usize,
    /// How many bytes each message has
    #[arg(long, default_value_t = 64)]
    size: usize,
}

/// Makes the calls; fails unless each has the right reply.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(calls: &Calls) -> Result<(), Box<dyn Error>> {
    let Calls { server, size, .. } = *calls;
    if calls.frames {
        return make(calls, &FrameLoad { proxy: server, kind: frames::Kind::Transceive, size }).await;
    }
    let load = PipeLoad {
        pipe: format!("//{server}/pipe/{PIPE}").parse()?,
        credentials: Credentials::with_password(USER, PASSWORD),
        // What is counted may be a hundred times slower than it would be by itself.
        connect: ConnectOptions { timeout: std::time::Duration::from_mins(1), ..ConnectOptions::default() },
        from: Vec::new(),
        kind: Kind::Transceive,
        callers: 1,
        size,
        expect: Expect::Same,
    };
    make(calls, &load).await
}

async fn make<W: Workload>(calls: &Calls, workload: &W) -> Result<(), Box<dyn Error>> {
    let count = calls.each;
    let mut callers = Vec::new();
    for number in 0..calls.connections {
        callers.extend(workload.connect(number).await?);
    }
    let made = async {
        let mut calling = JoinSet::new();
        for mut caller in callers {
            calling.spawn_local(async move {
                for _ in 0..count {
                    caller.call().await?;
                }
                Ok::<_, standpipe_load::CallError>(())
            });
        }
        while let Some(ended) = calling.join_next().await {
            ended??;
        }
        Ok(())
    };
    LocalSet::new().run_until(made).await
}
