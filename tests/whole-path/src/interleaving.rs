//! Many opens on one connection, answered in any order.

use std::sync::Arc;

use standpipe_pipe::Mode;
use standpipe_pipe::listener::PipeConnection;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{Site, eventually, name, serve};

const PIPES: usize = 400;
const ROUNDS: usize = 3;

/// A request waits with the connection that it came on until everybody else's has come too.
type Waiting = (Arc<PipeConnection>, Vec<u8>);

#[tokio::test]
async fn replies_in_any_order_go_to_the_pipes_that_asked() {
    let site = Site::new().await;
    let (waiting, mut requests) = mpsc::unbounded_channel::<Waiting>();
    let _service = serve(site.listen(Mode::Message).await, move |connection| {
        let waiting = waiting.clone();
        async move {
            let connection = Arc::new(connection);
            while let Ok(Some(request)) = connection.read_message().await {
                waiting.send((Arc::clone(&connection), request)).unwrap();
            }
        }
    });
    let client = site.client().await;
    let mut callers = JoinSet::new();
    for number in 0..PIPES {
        let client = client.clone();
        callers.spawn(async move {
            let pipe = client.open(&name()).await.unwrap();
            for round in 0..ROUNDS {
                let request = format!("request {number}/{round}").into_bytes();
                // Half in one round trip; half with the read on its way before the write.
                let reply = if number % 2 == 0 {
                    pipe.transceive(&request, 100).await
                } else {
                    let (reply, written) = tokio::join!(pipe.read_message(100), pipe.write(&request));
                    written.unwrap();
                    reply
                };
                assert_eq!(reply.unwrap().unwrap(), format!("reply to {number}/{round}").into_bytes());
            }
        });
    }
    // Each round is answered when all have asked, in an order that has nothing to do with that of the
    // questions.
    for round in 0..ROUNDS {
        let mut asked = Vec::new();
        while asked.len() < PIPES {
            asked.push(requests.recv().await.unwrap());
        }
        asked.sort_by_key(|(_, request)| {
            request
                .iter()
                .fold(round, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)) % 9973)
        });
        for (connection, request) in asked {
            let request = String::from_utf8(request).unwrap();
            let reply = request.replace("request", "reply to");
            connection.write_message(reply.as_bytes()).await.unwrap();
        }
    }
    callers.join_all().await;
    assert_eq!(site.counters.snapshot().log_ons, 1, "all of it on one connection");
    eventually("closed", || site.counters.snapshot().opens_now == 0).await;
}
