//! Named pipes as the system makes them: these run on Windows and in Wine.

#![expect(unsafe_code, reason = "the threads of a process are counted by hand")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use standpipe_security::{
    AccessMask, Grant, Integrity, SecurityDescriptor, Token, check_pipe_client, well_known,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::backend::{Attempt, Backend, BackendError, Connected, Opening, Slot};
use crate::connection::{PipeConnection, PipeError};
use crate::listener::{ListenError, ListenOptions, PipeListener};
use crate::native::{self, NativePipe};
use crate::{Caller, Mode, PipeName};

const SOON: Duration = Duration::from_secs(20);

/// A name that no other test of this process has, nor one of another process.
fn name() -> PipeName {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("standpipe-test-{}-{number}", std::process::id()).parse().unwrap()
}

async fn listen(name: &PipeName, mode: Mode, options: &ListenOptions) -> PipeListener {
    PipeListener::bind_with(name.as_str(), mode, options).await.unwrap()
}

/// A client's end and its service's.
async fn connected(mode: Mode) -> (PipeConnection, PipeConnection) {
    let name = name();
    let listener = listen(&name, mode, &ListenOptions::default()).await;
    let pipe = NativePipe::new(&name);
    let (client, service) = tokio::join!(pipe.open(), listener.accept());
    (client.unwrap(), service.unwrap())
}

fn message(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
}

#[tokio::test]
async fn messages_of_any_length_keep_their_boundaries_in_both_directions() {
    let (client, service) = connected(Mode::Message).await;
    assert_eq!((client.mode(), service.mode()), (Mode::Message, Mode::Message));
    let lengths = [0, 1, 0, 4095, 4096, 4097, 16, 65_536, 0, 1_048_576, 3];
    for (from, to) in [(&client, &service), (&service, &client)] {
        let write = async {
            for length in lengths {
                from.write_message(&message(length)).await.unwrap();
            }
        };
        let read = async {
            for length in lengths {
                let read = to.read_message().await.unwrap().unwrap();
                assert!(read == message(length), "{} bytes instead of {length}", read.len());
            }
        };
        timeout(SOON, async { tokio::join!(write, read) }).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_dropped_and_the_next_one_read() {
    let (client, service) = connected(Mode::Message).await;
    let service = service.with_max_message(10_000);
    let write = async {
        for length in [20_000, 10_000, 0, 10_001] {
            client.write_message(&message(length)).await.unwrap();
        }
    };
    let read = async {
        let error = service.read_message().await.unwrap_err();
        assert!(matches!(error, PipeError::TooLong { length: 20_000, limit: 10_000 }), "{error}");
        assert!(service.read_message().await.unwrap().unwrap() == message(10_000));
        assert_eq!(service.read_message().await.unwrap().unwrap(), b"");
        assert!(service.read_message().await.is_err());
    };
    timeout(SOON, async { tokio::join!(write, read) }).await.unwrap();
}

#[tokio::test]
async fn what_was_written_can_be_read_after_the_writer_has_gone() {
    for mode in [Mode::Message, Mode::Byte] {
        let (client, service) = connected(mode).await;
        match mode {
            Mode::Message => {
                service.write_message(b"last").await.unwrap();
                service.write_message(b"").await.unwrap();
                service.disconnect();
                assert_eq!(client.read_message().await.unwrap().unwrap(), b"last");
                assert_eq!(client.read_message().await.unwrap().unwrap(), b"");
                assert_eq!(client.read_message().await.unwrap(), None);
                assert_eq!(client.read_message().await.unwrap(), None);
                assert!(matches!(client.write_message(b"x").await, Err(PipeError::Closed)));
            }
            Mode::Byte => {
                service.write_all(b"last").await.unwrap();
                drop(service);
                let mut buffer = [0; 3];
                assert_eq!(client.read(&mut buffer).await.unwrap(), 3);
                assert_eq!(client.read(&mut buffer).await.unwrap(), 1);
                assert_eq!(client.read(&mut buffer).await.unwrap(), 0);
                assert!(matches!(client.write_all(b"x").await, Err(PipeError::Closed)));
            }
        }
    }
}

#[tokio::test]
async fn bytes_arrive_in_order_and_in_any_portion() {
    let (client, service) = connected(Mode::Byte).await;
    let sent = message(300_000);
    let write = async {
        for part in sent.chunks(7001) {
            client.write_all(part).await.unwrap();
        }
        client.write_all(b"").await.unwrap();
        drop(client);
    };
    let read = async {
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match service.read(&mut buffer).await.unwrap() {
                0 => break all,
                length => all.extend_from_slice(&buffer[..length]),
            }
        }
    };
    let ((), received) = timeout(SOON, async { tokio::join!(write, read) }).await.unwrap();
    assert!(received == sent, "{} bytes", received.len());
}

#[tokio::test]
async fn a_reader_that_gives_up_loses_no_message() {
    let (client, service) = connected(Mode::Message).await;
    for _ in 0..3 {
        assert!(timeout(Duration::from_millis(20), service.read_message()).await.is_err());
    }
    client.write_message(b"one").await.unwrap();
    client.write_message(b"two").await.unwrap();
    assert_eq!(service.read_message().await.unwrap().unwrap(), b"one");
    assert_eq!(service.read_message().await.unwrap().unwrap(), b"two");
}

#[tokio::test]
async fn closing_an_end_wakes_its_own_waiters_and_the_other_end() {
    let (client, service) = connected(Mode::Message).await;
    let (client, service) = (Arc::new(client), Arc::new(service));
    let reading = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.read_message().await }
    });
    let writing = tokio::spawn({
        let client = Arc::clone(&client);
        // More than the system keeps, so it waits for the reader.
        async move { client.write_message(&message(900_000)).await }
    });
    let other = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        while service.read_message().await.is_ok_and(|message| message.is_some()) {}
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.close();
    assert_eq!(timeout(SOON, reading).await.unwrap().unwrap().unwrap(), None);
    let _ = timeout(SOON, writing).await.unwrap().unwrap();
    timeout(SOON, other).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_write_that_has_to_wait_is_written_once() {
    let (client, service) = connected(Mode::Message).await;
    let (mut data, mut sent) = (message(500_000), 0);
    let all = client.try_send(&mut data, &mut sent).unwrap();
    let read = async {
        assert!(service.read_message().await.unwrap().unwrap() == message(500_000));
        assert_eq!(service.read_message().await.unwrap().unwrap(), b"next");
    };
    let write = async {
        if !all {
            std::future::poll_fn(|cx| client.poll_send(cx, &data, &mut sent)).await.unwrap();
        }
        client.write_message(b"next").await.unwrap();
    };
    timeout(SOON, async { tokio::join!(read, write) }).await.unwrap();
}

#[tokio::test]
async fn hanging_up_is_noticed() {
    let (client, service) = connected(Mode::Message).await;
    assert!(timeout(Duration::from_millis(150), client.hung_up()).await.is_err());
    drop(service);
    timeout(SOON, client.hung_up()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_of_this_user_is_known_as_one() {
    let (_client, service) = connected(Mode::Message).await;
    assert!(service.is_of_this_user().unwrap());
}

#[tokio::test]
async fn a_pipe_has_the_descriptor_that_its_service_set() {
    let sddl = "D:P(D;;0x1f01ff;;;AN)(A;;0x12019f;;;AU)(A;;0x1f01ff;;;BA)(A;;0x1f01ff;;;SY)";
    let descriptor: SecurityDescriptor = sddl.parse().unwrap();
    let options = ListenOptions { descriptor: Some(descriptor.clone()), ..ListenOptions::default() };
    let name = name();
    let listener = listen(&name, Mode::Byte, &options).await;
    let pipe = NativePipe::new(&name);
    for _ in 0..3 {
        let (client, service) = tokio::join!(pipe.open(), listener.accept());
        let (client, _service) = (client.unwrap(), service.unwrap());
        assert_eq!(client.mode(), Mode::Byte, "the mode is the service's");
        let read = client.descriptor().unwrap();
        assert_eq!(read.dacl(), descriptor.dacl(), "{read}");
    }
}

#[tokio::test]
async fn a_pipe_without_a_set_descriptor_grants_nobody_everything() {
    let (client, _service) = connected(Mode::Message).await;
    // Where the system sets one, it has a DACL. Where it sets none, nothing is taken for permission.
    assert!(client.descriptor().is_none_or(|descriptor| descriptor.dacl().is_some()), "{client:?}");
}

#[tokio::test]
async fn a_name_is_offered_once_and_again_after_its_listener_has_gone() {
    let name = name();
    let listener = listen(&name, Mode::Message, &ListenOptions::default()).await;
    assert_eq!(listener.path(), native::path(&name));
    let again = PipeListener::bind(name.as_str(), Mode::Message).await;
    assert!(matches!(again, Err(ListenError::InUse { .. })), "{again:?}");
    drop(listener);
    let again = async {
        while let Err(error) = PipeListener::bind(name.as_str(), Mode::Message).await {
            assert!(matches!(error, ListenError::InUse { .. }), "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, again).await.unwrap();
    let nowhere = PipeListener::bind_path(&PathBuf::from(r"C:\simple"), Mode::Message).await;
    assert!(matches!(nowhere, Err(ListenError::Io { .. })), "{nowhere:?}");
}

#[tokio::test]
async fn a_client_that_came_and_went_before_it_was_accepted_is_heard() {
    let name = name();
    let listener = listen(&name, Mode::Message, &ListenOptions::default()).await;
    let client = NativePipe::new(&name).open().await.unwrap();
    client.write_message(b"in passing").await.unwrap();
    drop(client);
    let service = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    assert_eq!(service.read_message().await.unwrap().unwrap(), b"in passing");
    assert_eq!(service.read_message().await.unwrap(), None);
}

#[tokio::test]
async fn a_pipe_that_is_busy_or_missing_is_so_after_the_time_is_over() {
    let name = name();
    let pipe = NativePipe::new(&name).with_connect_timeout(Duration::from_millis(300));
    let started = Instant::now();
    assert!(matches!(pipe.open().await, Err(BackendError::NotListening { .. })));
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(!pipe.is_available().await);

    let options = ListenOptions { max_instances: Some(1), ..ListenOptions::default() };
    let listener = listen(&name, Mode::Message, &options).await;
    for _ in 0..3 {
        assert!(pipe.is_available().await, "nobody who asks takes the only instance");
    }
    let (client, service) = tokio::join!(pipe.open(), listener.accept());
    let (_client, _service) = (client.unwrap(), service.unwrap());
    assert!(pipe.is_available().await, "a busy pipe is one");
    let (first, second) = tokio::join!(pipe.open(), pipe.open());
    for refused in [first, second] {
        assert!(matches!(refused, Err(BackendError::Busy { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_pipe_that_is_made_late_or_anew_for_each_client_is_waited_for() {
    let name = name();
    let service = tokio::spawn({
        let name = name.clone();
        async move {
            let options = ListenOptions { max_instances: Some(1), ..ListenOptions::default() };
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let listener = loop {
                    match PipeListener::bind_with(name.as_str(), Mode::Message, &options).await {
                        Ok(listener) => break listener,
                        Err(ListenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                        Err(error) => panic!("{error}"),
                    }
                };
                let client = listener.accept().await.unwrap();
                drop(listener);
                let message = client.read_message().await.unwrap().unwrap();
                client.write_message(&message).await.unwrap();
                assert_eq!(client.read_message().await.unwrap(), None);
            }
        }
    });
    let pipe = NativePipe::new(&name).with_connect_timeout(SOON);
    for number in 0..5_u8 {
        let client = pipe.open().await.unwrap();
        client.write_message(&[number]).await.unwrap();
        assert_eq!(client.read_message().await.unwrap().unwrap(), [number]);
    }
    timeout(SOON, service).await.unwrap().unwrap();
}

#[tokio::test]
async fn clients_of_a_single_instance_are_served_in_the_order_in_which_they_came() {
    const CLIENTS: u8 = 16;
    let name = name();
    let options = ListenOptions { max_instances: Some(1), ..ListenOptions::default() };
    let listener = listen(&name, Mode::Message, &options).await;
    let pipe = NativePipe::new(&name).with_connect_timeout(SOON);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let pipe = pipe.clone();
        clients.spawn(async move {
            let client = pipe.open().await.unwrap();
            client.write_message(&[number]).await.unwrap();
            assert_eq!(client.read_message().await.unwrap().unwrap(), [number]);
        });
        // Each has its place in the queue before the next one comes.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let serve = async {
        let mut order = Vec::new();
        for _ in 0..CLIENTS {
            let client = listener.accept().await.unwrap();
            let message = client.read_message().await.unwrap().unwrap();
            client.write_message(&message).await.unwrap();
            order.extend(message);
            assert_eq!(client.read_message().await.unwrap(), None);
        }
        order
    };
    assert_eq!(timeout(SOON * 2, serve).await.unwrap(), (0..CLIENTS).collect::<Vec<_>>());
    timeout(SOON, clients.join_all()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_has_read_the_end_keeps_no_instance() {
    let name = name();
    let options = ListenOptions { max_instances: Some(1), ..ListenOptions::default() };
    let listener = listen(&name, Mode::Message, &options).await;
    let pipe = NativePipe::new(&name).with_connect_timeout(SOON);
    let mut ended = Vec::new();
    for _ in 0..3 {
        let (client, service) = tokio::join!(pipe.open(), listener.accept());
        let client = client.unwrap();
        service.unwrap().write_message(b"bye").await.unwrap();
        assert_eq!(client.read_message().await.unwrap().unwrap(), b"bye");
        assert_eq!(client.read_message().await.unwrap(), None);
        assert!(matches!(client.write_message(b"x").await, Err(PipeError::Closed)));
        ended.push(client);
    }
}

/// How many threads this process has.
fn threads() -> usize {
    use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
    use windows_sys::Win32::System::Diagnostics::ToolHelp::{
        CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
    };
    // SAFETY: it has no conditions.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0)) };
    let mut entry = THREADENTRY32 { dwSize: size_of::<THREADENTRY32>() as u32, ..THREADENTRY32::default() };
    let mut count = 0;
    // SAFETY: the snapshot is open, and the entry says how long it is.
    let mut more = unsafe { Thread32First(snapshot.as_raw_handle(), &raw mut entry) };
    while more != 0 {
        count += usize::from(entry.th32OwnerProcessID == std::process::id());
        // SAFETY: as above.
        more = unsafe { Thread32Next(snapshot.as_raw_handle(), &raw mut entry) };
    }
    count
}

#[tokio::test]
async fn a_thousand_idle_clients_have_no_thread_of_their_own() {
    const CLIENTS: usize = 1000;
    let name = name();
    let listener = listen(&name, Mode::Message, &ListenOptions::default()).await;
    let pipe = NativePipe::new(&name);
    let (mut reading, mut idle) = (JoinSet::new(), Vec::new());
    let before = threads();
    for _ in 0..CLIENTS {
        let (client, service) = tokio::join!(pipe.open(), listener.accept());
        idle.push(client.unwrap());
        let service = service.unwrap();
        reading.spawn(async move { service.read_message().await.unwrap() });
    }
    tokio::task::yield_now().await;
    // Other tests run beside this one.
    assert!(threads() < before + 100, "{} threads, {before} before", threads());
    for client in &idle {
        client.write_message(b"awake").await.unwrap();
    }
    let heard = timeout(SOON, reading.join_all()).await.unwrap();
    assert!(heard.iter().all(|message| message.as_deref() == Some(b"awake")));
}

fn grant() -> (Grant, Caller) {
    let user = "S-1-5-21-1-2-3-1001".parse().unwrap();
    let token = Arc::new(Token::from_parts(
        user,
        [well_known::AUTHENTICATED_USERS, well_known::EVERYONE],
        Integrity::MEDIUM,
    ));
    let descriptor: SecurityDescriptor = "D:(A;;GA;;;WD)".parse().unwrap();
    let grant = check_pipe_client(&descriptor, &token, AccessMask::GENERIC_READ.into()).result.unwrap();
    (grant, Caller::new("user".into(), token, "127.0.0.1:1".parse().unwrap(), "simple".into()))
}

async fn connect(backend: &Backend) -> Result<Connected, BackendError> {
    let (grant, caller) = grant();
    match backend.connect(grant, Opening { caller, slot: Slot::unlimited() }) {
        Attempt::Done(result) => result,
        Attempt::Later(connecting) => connecting.await,
    }
}

#[tokio::test]
async fn a_backend_takes_mode_and_descriptor_from_the_services_pipe() {
    let name = name();
    let descriptor: SecurityDescriptor = "D:(A;;GA;;;BA)(A;;0x12019f;;;AU)".parse().unwrap();
    let options = ListenOptions { descriptor: Some(descriptor), ..ListenOptions::default() };
    let listener = listen(&name, Mode::Byte, &options).await;
    let backend = Backend::local(&PathBuf::new(), &name, None);
    assert!(backend.mode().is_none() && backend.has_own_descriptor() && backend.is_available().await);
    let (connected, service) = tokio::join!(connect(&backend), listener.accept());
    let connection = connected.unwrap().connection;
    service.unwrap().write_all(b"hello").await.unwrap();
    assert_eq!(connection.read(&mut [0; 9]).await.unwrap(), 5);
    // However the system has it, generic rights count as those that they stand for.
    let descriptor = connection.descriptor().unwrap();
    let (_, caller) = grant();
    let may_write = check_pipe_client(descriptor, caller.token(), AccessMask::GENERIC_WRITE.into());
    assert!(may_write.is_granted(), "{may_write}");

    let backend = Backend::local(&PathBuf::new(), &name, Mode::Message);
    let refused = tokio::join!(connect(&backend), listener.accept()).0;
    assert!(matches!(refused, Err(BackendError::WrongMode { actual: Mode::Byte, .. })), "{refused:?}");
}

#[tokio::test]
async fn an_open_that_is_given_up_leaves_the_queue_to_the_others() {
    let name = name();
    let pipe = NativePipe::new(&name).with_connect_timeout(SOON);
    let first = tokio::spawn({
        let pipe = pipe.clone();
        async move { pipe.open().await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = tokio::spawn(async move { pipe.open().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    first.abort();
    let listener = listen(&name, Mode::Message, &ListenOptions::default()).await;
    timeout(SOON, listener.accept()).await.unwrap().unwrap();
    timeout(SOON, second).await.unwrap().unwrap().unwrap();
}

/// Prints how many calls a second this adapter makes, beside those of the system's own blocking call.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn calls_are_as_many_as_the_systems_own() {
    const CALLS: u32 = 2000;
    let name = name();
    let listener = listen(&name, Mode::Message, &ListenOptions::default()).await;
    tokio::spawn(async move {
        while let Ok(service) = listener.accept().await {
            tokio::spawn(async move {
                while let Ok(Some(message)) = service.read_message().await {
                    service.write_message(&message).await.unwrap();
                }
            });
        }
    });
    let client = NativePipe::new(&name).open().await.unwrap();
    let started = Instant::now();
    for _ in 0..CALLS {
        client.write_message(b"hello").await.unwrap();
        assert_eq!(client.read_message().await.unwrap().unwrap(), b"hello");
    }
    let ours = f64::from(CALLS) / started.elapsed().as_secs_f64();
    let path = native::path(&name);
    let system = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut client = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let started = Instant::now();
        for _ in 0..CALLS {
            client.write_all(b"hello").unwrap();
            client.read_exact(&mut [0; 5]).unwrap();
        }
        f64::from(CALLS) / started.elapsed().as_secs_f64()
    });
    println!("{ours:.0} calls/s here, {:.0} with blocking calls at the client's end", system.await.unwrap());
}

#[tokio::test]
async fn tcp_connections_carry_bytes() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut service, _) = listener.accept().await.unwrap();
    let client = PipeConnection::of_tcp(stream).unwrap();
    client.write_all(b"request").await.unwrap();
    client.finish();
    let mut request = Vec::new();
    service.read_to_end(&mut request).await.unwrap();
    assert_eq!(request, b"request");
    service.write_all(b"reply").await.unwrap();
    drop(service);
    let (mut reply, mut buffer) = (Vec::new(), [0; 2]);
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        reply.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(reply, b"reply");
    timeout(SOON, client.hung_up()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ends_that_go_at_any_moment_do_no_harm_to_others() {
    const CLIENTS: u64 = 200;
    let name = name();
    let listener = listen(&name, Mode::Message, &ListenOptions::default()).await;
    let service = tokio::spawn(async move {
        let mut talks = JoinSet::new();
        for number in 0..CLIENTS {
            let service = listener.accept().await.unwrap();
            talks.spawn(async move {
                let patience = Duration::from_millis(number * 7 % 23);
                let _ = timeout(patience, async {
                    while let Ok(Some(message)) = service.read_message().await {
                        let _ = service.write_message(&message).await;
                    }
                })
                .await;
            });
        }
        talks.join_all().await;
    });
    let pipe = NativePipe::new(&name).with_connect_timeout(SOON);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let pipe = pipe.clone();
        clients.spawn(async move {
            let client = pipe.open().await.unwrap();
            let sent = message((number * 4999 % 200_000) as usize);
            let patience = Duration::from_millis(number * 5 % 19);
            let talk = timeout(patience, async {
                loop {
                    let (written, read) = tokio::join!(client.write_message(&sent), client.read_message());
                    match (written, read) {
                        (Ok(()), Ok(Some(read))) => assert!(read == sent, "another message"),
                        _ => break,
                    }
                }
            });
            let _ = talk.await;
        });
    }
    timeout(SOON * 2, clients.join_all()).await.unwrap();
    timeout(SOON, service).await.unwrap().unwrap();
}
