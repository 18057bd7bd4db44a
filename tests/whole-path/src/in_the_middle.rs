//! Somebody between client and server, over real connections: what users are told, and that the service sees
//! nothing. Every attack that there is a test for is in `crates/smb/tests/in_the_middle`.

use std::error::Error;
use std::time::Duration;

use standpipe_client::{CallOptions, ClientError, ServerAddress};
use standpipe_pipe::Mode;
use standpipe_smb::client::ConnectionError;
use standpipe_smb::wire::NegotiateRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Site, connect, name};

/// Takes one client to the server, and changes what the client says and what it is told.
async fn between(site: &Site, to_server: fn(&mut Vec<u8>), to_client: fn(&mut Vec<u8>)) -> ServerAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = site.address;
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(server).await.unwrap();
        let ((from_client, into_client), (from_server, into_server)) =
            (client.into_split(), server.into_split());
        tokio::join!(carry(from_client, into_server, to_server), carry(from_server, into_client, to_client));
    });
    address.into()
}

/// Frame by frame, until there are no more.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, change: fn(&mut Vec<u8>)) {
    while let Ok(length) = from.read_u32().await {
        let mut message = vec![0; length as usize];
        if from.read_exact(&mut message).await.is_err() {
            return;
        }
        change(&mut message);
        let length = u32::try_from(message.len()).unwrap();
        if to.write_all(&[&length.to_be_bytes(), &message[..]].concat()).await.is_err() {
            return;
        }
    }
}

fn nothing(_: &mut Vec<u8>) {}

/// The whole error, as it is printed.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn a_dialect_that_is_talked_down_is_told() {
    let site = Site::new().await;
    let service = site.listen(Mode::Message).await;
    let talk_down = |message: &mut Vec<u8>| {
        if message.starts_with(b"\xFESMB") && message[12] == 0 {
            let mut offer = NegotiateRequest::decode(message).unwrap();
            offer.dialects = vec![standpipe_smb::wire::DialectRevision::SMB_2_0_2];
            offer.contexts = None;
            message.truncate(64);
            offer.encode(message, 0, &[0; 32]);
        }
    };
    let address = between(&site, talk_down, nothing).await;
    let error = connect(&address, "serviceUser", "secret").await.unwrap_err();
    assert!(
        matches!(error, ClientError::Handshake { source: ConnectionError::Downgrade(_), .. }),
        "{error:?}"
    );
    assert!(told(&error).contains("the negotiation was tampered with"), "{}", told(&error));
    assert!(tokio::time::timeout(Duration::from_millis(20), service.accept()).await.is_err());
    assert_eq!(site.counters.snapshot().opens, 0);
}

#[tokio::test]
async fn an_answer_that_was_changed_is_told() {
    let site = Site::new().await;
    let service = site.listen(Mode::Message).await;
    let change = |message: &mut Vec<u8>| {
        if message[12] == 0 {
            message[66] = 1; // that signing is not required
        }
    };
    let address = between(&site, nothing, change).await;
    let error = connect(&address, "serviceUser", "secret").await.unwrap_err();
    assert!(told(&error).contains("a reply's signature is wrong"), "{}", told(&error));
    assert!(tokio::time::timeout(Duration::from_millis(20), service.accept()).await.is_err());
}

#[tokio::test]
async fn a_request_without_its_signature_reaches_nobody() {
    let site = Site::new().await;
    let service = site.listen(Mode::Message).await;
    let strip = |message: &mut Vec<u8>| {
        if message[12] == 5 {
            message[16] &= !8;
            message[48..64].fill(0);
        }
    };
    let address = between(&site, strip, nothing).await;
    let client = connect(&address, "serviceUser", "secret").await.unwrap();
    let error = client.call(&name(), b"request", &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::AccessDenied { .. }), "{error:?}");
    assert!(!error.may_have_arrived());
    assert!(tokio::time::timeout(Duration::from_millis(20), service.accept()).await.is_err());
}

#[tokio::test]
async fn a_reply_that_was_changed_is_no_reply() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let change = |message: &mut Vec<u8>| {
        if message.ends_with(b"tseuqer") {
            *message.last_mut().unwrap() ^= 1;
        }
    };
    let address = between(&site, nothing, change).await;
    let client = connect(&address, "serviceUser", "secret").await.unwrap();
    let error = client.call(&name(), b"request", &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Disconnected { may_have_arrived: true, .. }), "{error:?}");
}
