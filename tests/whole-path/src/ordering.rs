//! A client may write on without waiting for the answers.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use standpipe_pipe::Mode;

use crate::support::{Site, TIMEOUT, eventually, name};

/// Messages of very different lengths, so that a short one would find room where a long one did not.
fn message(number: usize) -> Vec<u8> {
    let length = if number.is_multiple_of(3) { 60_000 } else { 4 + number };
    let mut message = vec![number as u8; length];
    message[..4].copy_from_slice(&(number as u32).to_le_bytes());
    message
}

#[tokio::test]
async fn writes_reach_a_slow_service_in_their_order() {
    const COUNT: usize = 60;
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    let connection = listener.accept().await.unwrap();

    // All are sent before the service reads the first: more than its socket holds.
    let messages: Vec<Vec<u8>> = (0..COUNT).map(message).collect();
    let mut writes: Vec<_> = messages.iter().map(|message| Box::pin(pipe.write(message))).collect();
    let mut finished = 0;
    std::future::poll_fn(|cx| {
        for write in &mut writes {
            // The first poll sends.
            if write.as_mut().poll(cx).is_ready() {
                finished += 1;
            }
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(finished, 0, "no write can be answered before it was sent");
    let counters = site.counters.clone();
    eventually("all writes arrived", move || counters.snapshot().requests == COUNT as u64).await;

    for expected in &messages {
        let read = pin!(connection.read_message());
        let arrived = tokio::time::timeout(TIMEOUT, read).await.unwrap().unwrap().unwrap();
        assert!(arrived == *expected, "out of order: {:?} instead of {:?}", &arrived[..4], &expected[..4]);
    }
    for write in writes {
        write.await.unwrap();
    }
}
