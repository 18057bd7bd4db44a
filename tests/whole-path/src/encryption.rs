//! What somebody between client and server gets to see.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use standpipe_client::balancer::{self, Balancer, Target};
use standpipe_client::{CallOptions, Client, ClientError, ConnectOptions, Credentials, Encryption};
use standpipe_smb::client::ConnectionError;
use standpipe_smb::{NtStatus, server};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Plan, Site, TIMEOUT, name};

const REQUEST: &[u8] = b"the text that nobody else may read";

/// Everything that went through one connection.
type Seen = Arc<Mutex<Vec<u8>>>;

/// Somebody between a client and the server at this address who passes everything on and keeps a copy.
async fn eavesdrop(server: SocketAddr) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::join!(pass_on(from_client, to_server, &kept), pass_on(from_server, to_client, &kept));
    });
    (address, seen)
}

async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, seen: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        seen.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

fn contains(seen: &Seen, needle: &[u8]) -> bool {
    seen.lock().unwrap().windows(needle.len()).any(|window| window == needle)
}

async fn site(encryption: server::Encryption) -> Site {
    let mut plan = Plan::default();
    plan.options.encryption = encryption;
    Site::with(plan).await
}

async fn connect(address: SocketAddr, encryption: Encryption) -> Result<Client, ClientError> {
    let credentials = Credentials::with_password("serviceUser", "secret");
    let options = ConnectOptions { timeout: TIMEOUT, encryption, ..ConnectOptions::default() };
    Client::connect(&address.into(), &credentials, &options).await
}

#[tokio::test]
async fn a_call_can_be_read_on_the_way_only_when_it_is_not_encrypted() {
    use server::Encryption as Server;
    for (server, client, encrypted) in [
        (Server::Off, Encryption::WhenAsked, false),
        (Server::Offered, Encryption::Off, false),
        (Server::Offered, Encryption::WhenAsked, false),
        (Server::Offered, Encryption::Required, true),
        (Server::Required, Encryption::WhenAsked, true),
        (Server::Required, Encryption::Required, true),
    ] {
        let site = site(server).await;
        let _service = site.reverse().await;
        let (address, seen) = eavesdrop(site.address).await;
        let client = connect(address, client).await.unwrap();
        assert_eq!(client.ready().encryption.is_some(), encrypted);
        let reply = client.call(&name(), REQUEST, &CallOptions::default()).await.unwrap();
        let turned: Vec<u8> = REQUEST.iter().rev().copied().collect();
        assert_eq!(reply, turned);
        assert_eq!([contains(&seen, REQUEST), contains(&seen, &turned)], [!encrypted; 2]);
    }
}

#[tokio::test]
async fn long_requests_and_replies_arrive_whole_when_encrypted() {
    let site = site(server::Encryption::Required).await;
    let _service = site.reverse().await;
    let client = connect(site.address, Encryption::WhenAsked).await.unwrap();
    for length in [0, 65_536, 150_000] {
        let request: Vec<u8> = (0..length).map(|i: u32| (i / 3) as u8).collect();
        let reply = client.call(&name(), &request, &CallOptions::default()).await.unwrap();
        assert!(reply.iter().eq(request.iter().rev()), "{length} bytes");
    }
}

#[tokio::test]
async fn a_client_that_does_not_encrypt_learns_why_it_is_refused() {
    let site_without = site(server::Encryption::Off).await;
    let error = connect(site_without.address, Encryption::Required).await.unwrap_err();
    assert!(matches!(error, ClientError::Handshake { source: ConnectionError::Policy(_), .. }), "{error:?}");

    let site_with = site(server::Encryption::Required).await;
    let error = connect(site_with.address, Encryption::Off).await.unwrap_err();
    let status = NtStatus::ACCESS_DENIED;
    assert!(matches!(error, ClientError::LogOnFailed { status: found, .. } if found == status), "{error:?}");
    assert!(error.hint().unwrap().contains("encrypt"), "{error}");
}

#[tokio::test]
async fn a_balancer_encrypts_where_it_is_told_to() {
    let site = site(server::Encryption::Offered).await;
    let _service = site.reverse().await;
    let (address, seen) = eavesdrop(site.address).await;
    let target = Target { instance: "ServiceWatcher/0".to_owned(), server: address.into() };
    let options = balancer::Options { encryption: Encryption::Required, ..balancer::Options::default() };
    let credentials = Credentials::with_password("serviceUser", "secret");
    let balancer = Balancer::new(vec![target], name(), &credentials, options);
    let answer = balancer.call(REQUEST).await.unwrap();
    assert!(answer.reply.iter().eq(REQUEST.iter().rev()));
    assert!(!contains(&seen, REQUEST));
}

#[tokio::test]
async fn a_pipe_for_encrypted_requests_says_what_to_do() {
    let site = Site::with(Plan { require_encryption: true, ..Plan::default() }).await;
    let _service = site.reverse().await;
    let plain = connect(site.address, Encryption::WhenAsked).await.unwrap();
    let error = plain.call(&name(), REQUEST, &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::AccessDenied { encrypted: false, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("let the client encrypt"), "{:?}", error.hint());
    assert_eq!(site.counters.snapshot().requests, 0);

    let (address, seen) = eavesdrop(site.address).await;
    let encrypted = connect(address, Encryption::Required).await.unwrap();
    let reply = encrypted.call(&name(), REQUEST, &CallOptions::default()).await.unwrap();
    assert!(reply.iter().eq(REQUEST.iter().rev()) && !contains(&seen, REQUEST));

    // Who encrypts and is refused all the same is sent to the list.
    let site =
        Site::with(Plan { require_encryption: true, sddl: Some("D:(A;;GA;;;BG)"), ..Plan::default() }).await;
    let encrypted = connect(site.address, Encryption::Required).await.unwrap();
    let error = encrypted.call(&name(), REQUEST, &CallOptions::default()).await.unwrap_err();
    assert!(!error.hint().unwrap().contains("let the client encrypt"), "{:?}", error.hint());
}
