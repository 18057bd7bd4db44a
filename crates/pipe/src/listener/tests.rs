use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use proptest::prelude::*;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

async fn pair(folder: &Path, mode: Mode) -> (PipeConnection, PipeConnection) {
    let listener = PipeListener::bind_in(folder, "simple", mode).await.unwrap();
    let client = PipeConnection::connect(listener.path(), mode).await.unwrap();
    (listener.accept().await.unwrap(), client)
}

#[tokio::test]
async fn messages_keep_their_boundaries() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    for message in [&b"one"[..], b"two", b"\0"] {
        client.write_message(message).await.unwrap();
    }
    for message in [&b"one"[..], b"two", b"\0"] {
        assert_eq!(service.read_message().await.unwrap().unwrap(), message);
    }
}

#[tokio::test]
async fn an_empty_message_is_not_the_end() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    client.write_message(b"").await.unwrap();
    client.write_message(b"x").await.unwrap();
    client.write_message(b"").await.unwrap();
    drop(client);
    assert_eq!(service.read_message().await.unwrap(), Some(vec![]));
    assert_eq!(service.read_message().await.unwrap(), Some(b"x".to_vec()));
    assert_eq!(service.read_message().await.unwrap(), Some(vec![]));
    assert_eq!(service.read_message().await.unwrap(), None);
    assert_eq!(service.read_message().await.unwrap(), None);
}

#[tokio::test]
async fn bytes_that_the_service_does_not_read_are_no_error_of_the_client() {
    use std::io::{Read, Write};
    let folder = folder();
    let listener = PipeListener::bind_in(folder.path(), "simple", Mode::Byte).await.unwrap();
    // A program of the world, to which a reset is an error.
    let mut client = std::os::unix::net::UnixStream::connect(listener.path()).unwrap();
    let service = listener.accept().await.unwrap();
    client.write_all(&vec![1; 50_000]).unwrap();
    service.write_all(b"reply").await.unwrap();
    service.disconnect();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"reply");
}

#[tokio::test]
async fn bytes_of_the_service_stay_readable_after_it_disconnects() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    // The service does not read the second request, which makes the kernel report a reset.
    client.write_message(b"request").await.unwrap();
    client.write_message(b"unread").await.unwrap();
    service.read_message().await.unwrap();
    service.write_message(b"reply").await.unwrap();
    service.write_message(b"").await.unwrap();
    service.disconnect();
    assert_eq!(client.read_message().await.unwrap(), Some(b"reply".to_vec()));
    assert_eq!(client.read_message().await.unwrap(), Some(vec![]));
    assert_eq!(client.read_message().await.unwrap(), None);
}

#[tokio::test]
async fn bytes_of_a_killed_service_stay_readable() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    client.write_message(b"unread").await.unwrap();
    service.write_message(b"reply").await.unwrap();
    drop(service);
    assert_eq!(client.read_message().await.unwrap(), Some(b"reply".to_vec()));
    assert_eq!(client.read_message().await.unwrap(), None);
    assert!(matches!(client.write_message(b"late").await, Err(PipeError::Closed)));
}

#[tokio::test]
async fn a_message_longer_than_the_limit_is_refused_and_the_next_one_read() {
    let folder = folder();
    let listener =
        PipeListener::bind_in(folder.path(), "p", Mode::Message).await.unwrap().with_max_message(8);
    let client = PipeConnection::connect(listener.path(), Mode::Message).await.unwrap();
    let service = listener.accept().await.unwrap();
    client.write_message(&[7; 9]).await.unwrap();
    client.write_message(&[8; 8]).await.unwrap();
    assert!(matches!(service.read_message().await, Err(PipeError::TooLong { length: 9, limit: 8 })));
    assert_eq!(service.read_message().await.unwrap(), Some(vec![8; 8]));
}

#[tokio::test]
async fn a_message_the_kernel_cannot_carry_names_the_limit() {
    let folder = folder();
    let (_service, client) = pair(folder.path(), Mode::Message).await;
    let message = vec![1; 64 * 1024 * 1024];
    match client.write_message(&message).await {
        Err(error @ PipeError::TooLong { length, limit }) => {
            assert_eq!(length, message.len());
            assert!(limit >= 64 * 1024 && limit < message.len(), "{limit}");
            assert!(error.hint().is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_of_64_kib_always_fits() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    let message: Vec<u8> = (0..64 * 1024_u32).map(|i| i as u8).collect();
    client.write_message(&message).await.unwrap();
    assert_eq!(service.read_message().await.unwrap().unwrap(), message);
}

#[tokio::test]
async fn writing_waits_until_the_other_end_reads() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    let writer = tokio::spawn(async move {
        for number in 0..200_u32 {
            let mut message = vec![0; 60_000];
            message[..4].copy_from_slice(&number.to_le_bytes());
            client.write_message(&message).await.unwrap();
        }
    });
    for number in 0..200_u32 {
        let message = service.read_message().await.unwrap().unwrap();
        assert_eq!(message.len(), 60_000);
        assert_eq!(message[..4], number.to_le_bytes());
    }
    writer.await.unwrap();
    assert_eq!(service.read_message().await.unwrap(), None);
}

#[tokio::test]
async fn bytes_flow_without_boundaries() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Byte).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.write_all(b"").await.unwrap();
        client.disconnect();
    });
    let (mut received, mut buffer) = (Vec::new(), vec![0; 10_000]);
    loop {
        match service.read(&mut buffer).await.unwrap() {
            0 => break,
            length => received.extend_from_slice(&buffer[..length]),
        }
    }
    writer.await.unwrap();
    assert!(received == expected);
}

#[tokio::test]
async fn each_mode_refuses_the_calls_of_the_other() {
    let folder = folder();
    let (service, _client) = pair(folder.path(), Mode::Byte).await;
    assert!(matches!(service.read_message().await, Err(PipeError::WrongMode { .. })));
    let error = PipeConnection::connect(&folder.path().join("simple"), Mode::Message).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "the listener took its file with it: {error}");
}

#[tokio::test]
async fn finish_ends_one_direction_only() {
    let folder = folder();
    let (service, client) = pair(folder.path(), Mode::Message).await;
    client.write_message(b"request").await.unwrap();
    client.finish();
    assert_eq!(service.read_message().await.unwrap(), Some(b"request".to_vec()));
    assert_eq!(service.read_message().await.unwrap(), None);
    service.write_message(b"reply").await.unwrap();
    assert_eq!(client.read_message().await.unwrap(), Some(b"reply".to_vec()));
}

#[tokio::test]
async fn only_the_owner_can_reach_the_socket() {
    let folder = folder();
    let pipes = folder.path().join("pipes");
    let listener = PipeListener::bind_in(&pipes, "simple", Mode::Message).await.unwrap();
    assert_eq!(fs::metadata(listener.path()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&pipes).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn the_socket_goes_with_its_listener() {
    let folder = folder();
    let listener = PipeListener::bind_in(folder.path(), "simple", Mode::Message).await.unwrap();
    let path = listener.path().to_owned();
    assert!(platform::is_listening(&path));
    drop(listener);
    assert!(!path.exists());
    assert!(!platform::is_listening(&path));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing else is left behind");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let folder = folder();
    let path = folder.path().join("simple");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists() && !platform::is_listening(&path));
    let listener = PipeListener::bind_path(&path, Mode::Message).await.unwrap();
    for mode in [Mode::Message, Mode::Byte] {
        let error = PipeListener::bind_path(&path, mode).await.unwrap_err();
        assert!(matches!(&error, ListenError::InUse { path: named } if *named == path), "{error:?}");
    }
    let client = PipeConnection::connect(&path, Mode::Message).await.unwrap();
    listener.accept().await.unwrap();
    drop(client);
}

#[tokio::test]
async fn asking_whether_somebody_listens_is_not_noticed() {
    let folder = folder();
    let listener = PipeListener::bind_in(folder.path(), "simple", Mode::Message).await.unwrap();
    assert!(platform::is_listening(listener.path()));
    let client = PipeConnection::connect(listener.path(), Mode::Message).await.unwrap();
    client.write_message(b"the first").await.unwrap();
    let service = listener.accept().await.unwrap();
    assert_eq!(service.read_message().await.unwrap(), Some(b"the first".to_vec()));
}

#[tokio::test]
async fn a_file_that_is_no_socket_stays() {
    let folder = folder();
    let path = folder.path().join("simple");
    fs::write(&path, "precious").unwrap();
    assert!(matches!(PipeListener::bind_path(&path, Mode::Byte).await, Err(ListenError::NotASocket { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_listener_leaves_a_file_that_took_its_place() {
    let folder = folder();
    let listener = PipeListener::bind_in(folder.path(), "simple", Mode::Message).await.unwrap();
    let path = listener.path().to_owned();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "other").unwrap();
    drop(listener);
    assert!(path.exists());
}

#[tokio::test]
async fn two_that_start_at_once_do_not_remove_each_other() {
    let folder = folder();
    let path = folder.path().join("simple");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let (one, other) = tokio::join!(
            PipeListener::bind_path(&path, Mode::Message),
            PipeListener::bind_path(&path, Mode::Message)
        );
        assert_ne!(one.is_ok(), other.is_ok());
        assert!(platform::is_listening(&path));
    }
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_says_so() {
    let folder = folder();
    let error = PipeListener::bind_in(folder.path(), &"x".repeat(120), Mode::Message).await.unwrap_err();
    assert!(matches!(error, ListenError::PathTooLong { limit: 107, .. }), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn names_that_leave_the_folder_are_refused() {
    let folder = folder();
    for name in ["../simple", "..", "a/b", "", "a\0"] {
        let error = PipeListener::bind_in(folder.path(), name, Mode::Message).await.unwrap_err();
        assert!(matches!(error, ListenError::Name(_)), "{name:?}: {error}");
    }
}

#[tokio::test]
async fn a_folder_others_can_write_to_is_refused() {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = PipeListener::bind_in(folder.path(), "simple", Mode::Message).await.unwrap_err();
    assert!(matches!(error, ListenError::Directory { .. }), "{error}");
}

#[test]
fn the_variable_names_the_folder() {
    let named = directory(|name| (name == DIRECTORY_VARIABLE).then(|| "/state/pipes".into()));
    assert_eq!(named, PathBuf::from("/state/pipes"));
    let default = directory(|name| (name == DIRECTORY_VARIABLE).then(OsString::new));
    assert!(default.ends_with("pipes") && default.is_absolute());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_messages_arrive_as_they_were_written(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..20)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let received = runtime.block_on(async {
            let folder = folder();
            let (service, client) = pair(folder.path(), Mode::Message).await;
            let write = async move {
                for message in &messages {
                    client.write_message(message).await.unwrap();
                }
                client.disconnect();
                messages
            };
            let read = async {
                let mut received = Vec::new();
                while let Some(message) = service.read_message().await.unwrap() {
                    received.push(message);
                }
                received
            };
            tokio::join!(write, read)
        });
        prop_assert_eq!(received.0, received.1);
    }
}
