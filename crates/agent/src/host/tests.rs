//! Both ends of a channel, joined within the process: everything but Wine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use standpipe_pipe::Mode;
use standpipe_pipe::connection::{PipeConnection, PipeError};
use standpipe_security::SecurityDescriptor;
use standpipe_service::scm::{Recovery, ScmOptions, WhenPaused};
use standpipe_service::watcher::Refusal;
use standpipe_service::{Alive, BoxFuture, Exit, Manager, NotReady, StartError, StartRefused, State, Status};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::link::{Link, OpenError};
use super::manager::AgentManager;
use super::state::{AgentState, Shared};
use crate::inside::{Agent, Machine, serve};
use crate::wire::{Decoder, Failure, FailureKind, Frame, Hello, Malformed, Reply, Request};

static LARGE: [u8; 100_000] = [0; 100_000];

const SOON: Duration = Duration::from_secs(10);

/// A machine with one service, and a pipe for each way to behave.
#[derive(Debug, Clone)]
struct World {
    status: watch::Sender<Status>,
    asked: Arc<Mutex<Vec<&'static str>>>,
    managed: Arc<Mutex<Vec<ScmOptions>>>,
    /// Whether a start ends as under Wine, where it is refused when the service has ended already.
    refuses: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            status: watch::Sender::new(Status::of(State::Stopped)),
            asked: Arc::default(),
            managed: Arc::default(),
            refuses: false,
        }
    }
}

impl World {
    fn was_asked(&self) -> Vec<&'static str> {
        self.asked.lock().unwrap().clone()
    }
}

impl Manager for World {
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async {
            self.asked.lock().unwrap().push("start");
            match self.status.borrow().state {
                State::Stopped => {}
                State::Paused => {
                    let error = std::io::Error::other("error 1058: the service is disabled");
                    return Err(StartRefused::new(Refusal::ForGood, error).into());
                }
                _ => return Err(StartError::NotStopped),
            }
            if self.refuses {
                self.status.send_replace(Status::of(State::StartPending));
                // Long enough for the host to learn it.
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.status.send_replace(Status::of(State::Stopped));
                let error = std::io::Error::other("error 1053: the service did not answer in time");
                return Err(StartRefused::new(Refusal::ForNow, error).into());
            }
            self.status.send_replace(Status { pid: Some(7), ..Status::of(State::Running) });
            Ok(())
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.asked.lock().unwrap().push("stop");
            self.status.send_replace(Status { exit: Some(Exit::Code(0)), ..Status::of(State::Stopped) });
        })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.asked.lock().unwrap().push("kill") })
    }

    fn query(&self) -> BoxFuture<'_, Status> {
        Box::pin(async { self.status.borrow().clone() })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async { Ok(()) })
    }

    fn changes(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}

impl Machine for World {
    fn manager(&self, _: &str, options: ScmOptions) -> Arc<dyn Manager> {
        self.managed.lock().unwrap().push(options);
        Arc::new(self.clone())
    }

    fn open(&self, pipe: &str, _: Duration) -> BoxFuture<'static, Result<PipeConnection, Failure>> {
        let pipe = pipe.to_owned();
        Box::pin(async move {
            let mode = if pipe == "bytes" { Mode::Byte } else { Mode::Message };
            let (client, service) = PipeConnection::pair(mode);
            match pipe.as_str() {
                // Sends back what it gets, in capitals.
                "echo" => drop(tokio::spawn(async move {
                    while let Ok(Some(mut message)) = service.read_message().await {
                        message.make_ascii_uppercase();
                        if service.write_message(&message).await.is_err() {
                            break;
                        }
                    }
                })),
                "bytes" => drop(tokio::spawn(async move {
                    let mut buffer = [0; 1000];
                    while let Ok(length @ 1..) = service.read(&mut buffer).await {
                        service.write_all(&buffer[..length]).await.unwrap();
                    }
                })),
                // Never reads, and writes without an end.
                "deaf" => {
                    drop(tokio::spawn(async move { while service.write_message(&LARGE).await.is_ok() {} }));
                }
                // Says one thing and goes.
                "farewell" => service.write_message(b"bye").await.unwrap(),
                // Never answers the open.
                "late" => std::future::pending().await,
                _ => {
                    let text = format!("error 2: there is no pipe {pipe}");
                    return Err(Failure { kind: FailureKind::NotFound, code: 2, text });
                }
            }
            let descriptor: SecurityDescriptor = "D:(A;;GA;;;BA)".parse().unwrap();
            Ok(client.with_descriptor(Arc::new(descriptor)))
        })
    }

    fn is_available(&self, pipe: &str) -> BoxFuture<'static, bool> {
        let is_there = pipe == "echo";
        Box::pin(async move { is_there })
    }

    fn set_environment(&self, variables: &[(String, String)]) -> Result<bool, Failure> {
        Ok(!variables.is_empty())
    }
}

/// Both ends of a channel. The agent is the task.
async fn channel(world: &World) -> (Arc<Link>, Arc<Shared>, tokio::task::JoinHandle<()>) {
    let shared = Arc::new(Shared::new());
    let (link, agent) = connect(world, &shared).await;
    (link, shared, agent)
}

async fn connect(world: &World, shared: &Arc<Shared>) -> (Arc<Link>, tokio::task::JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(10_000);
    let world = world.clone();
    let agent = tokio::spawn(async move { serve(theirs, world).await.unwrap() });
    let link = Link::begin(ours, Arc::clone(&shared.statuses)).await.unwrap();
    shared.agent.send_replace(AgentState::Up(Arc::clone(&link)));
    (link, agent)
}

async fn read(pipe: &PipeConnection) -> Result<Option<Vec<u8>>, PipeError> {
    tokio::time::timeout(SOON, pipe.read_message()).await.expect("nothing came")
}

#[tokio::test]
async fn messages_pass_with_their_boundaries_whatever_their_length() {
    let (link, _, _) = channel(&World::default()).await;
    let pipe = link.open("echo", SOON, ()).await.unwrap();
    assert_eq!(pipe.mode(), Mode::Message);
    assert_eq!(pipe.descriptor().unwrap().to_string(), "D:(A;;GA;;;BA)");
    for message in [&b"hello"[..], b"", &vec![b'x'; 65_536], &vec![b'y'; 700_001], b"end"] {
        pipe.write_message(message).await.unwrap();
        assert_eq!(read(&pipe).await.unwrap().unwrap(), message.to_ascii_uppercase());
    }
}

#[tokio::test]
async fn bytes_pass_in_their_order() {
    let (link, _, _) = channel(&World::default()).await;
    let pipe = link.open("bytes", SOON, ()).await.unwrap();
    let sent: Vec<u8> = (0..1_000_000u32).map(|number| number as u8).collect();
    let mut received = vec![0; 0];
    let (_, ()) = tokio::join!(pipe.write_all(&sent), async {
        let mut buffer = vec![0; 70_000];
        while received.len() < sent.len() {
            let length = pipe.read(&mut buffer).await.unwrap();
            received.extend_from_slice(&buffer[..length]);
        }
    });
    assert!(received == sent);
}

#[tokio::test]
async fn an_open_that_does_not_move_holds_up_no_other() {
    let (link, _, _) = channel(&World::default()).await;
    let deaf = link.open("deaf", SOON, ()).await.unwrap();
    // Neither end of it takes anything: both directions fill up.
    let writer = tokio::spawn(async move { while deaf.write_message(&LARGE).await.is_ok() {} });
    let pipe = link.open("echo", SOON, ()).await.unwrap();
    for _ in 0..200 {
        pipe.write_message(&[b'a'; 5_000]).await.unwrap();
        assert_eq!(read(&pipe).await.unwrap().unwrap().len(), 5_000);
    }
    writer.abort();
}

#[tokio::test]
async fn the_end_of_a_service_comes_after_its_last_message() {
    let (link, _, _) = channel(&World::default()).await;
    let pipe = link.open("farewell", SOON, ()).await.unwrap();
    assert_eq!(read(&pipe).await.unwrap().unwrap(), b"bye");
    assert_eq!(read(&pipe).await.unwrap(), None);
}

#[tokio::test]
async fn an_open_keeps_its_share_until_the_services_pipe_is_closed() {
    let (link, _, _) = channel(&World::default()).await;
    let share = Arc::new(());
    let pipe = link.open("echo", SOON, Arc::clone(&share)).await.unwrap();
    assert_eq!(Arc::strong_count(&share), 2);
    drop(pipe);
    let freed = async {
        while Arc::strong_count(&share) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(SOON, freed).await.unwrap();
}

#[tokio::test]
async fn a_pipe_that_is_not_there_says_so_with_its_code() {
    let (link, _, _) = channel(&World::default()).await;
    let OpenError::Failed(failure) = link.open("nosuch", SOON, ()).await.unwrap_err() else { panic!() };
    assert_eq!((failure.kind, failure.code), (FailureKind::NotFound, 2));
    let available = async |pipe: &str| link.request(Request::IsAvailable { pipe: pipe.to_owned() }).await;
    assert_eq!(available("nosuch").await, Ok(Reply::Answer(false)));
    assert_eq!(available("echo").await, Ok(Reply::Answer(true)));
}

#[tokio::test]
async fn an_agent_that_dies_ends_everything_in_an_error() {
    let (link, _, agent) = channel(&World::default()).await;
    let pipe = link.open("echo", SOON, ()).await.unwrap();
    let opening = {
        let link = Arc::clone(&link);
        tokio::spawn(async move { link.open("late", SOON, ()).await })
    };
    pipe.write_message(b"before").await.unwrap();
    assert_eq!(read(&pipe).await.unwrap().unwrap(), b"BEFORE");
    agent.abort();
    // Not an end that looks like the service's.
    assert!(matches!(read(&pipe).await, Err(PipeError::Lost { .. })));
    assert!(matches!(pipe.write_message(b"late").await, Err(PipeError::Lost { .. })));
    let opened = tokio::time::timeout(SOON, opening).await.unwrap().unwrap();
    assert!(matches!(opened, Err(OpenError::Gone(_))));
    link.open("echo", SOON, ()).await.unwrap_err();
    link.request(Request::Query { service: "S".into() }).await.unwrap_err();
}

#[tokio::test]
async fn a_service_is_managed_through_the_channel() {
    let world = World::default();
    let (link, shared, agent) = channel(&world).await;
    let manager = AgentManager::new("S", ScmOptions::default(), shared, Alive);
    let mut changes = manager.changes();
    watch(&link, ScmOptions::default()).await;
    assert_eq!(manager.query().await.state, State::Stopped);
    manager.start().await.unwrap();
    let running = tokio::time::timeout(SOON, changes.wait_for(|status| status.state == State::Running));
    assert_eq!(running.await.unwrap().unwrap().pid, Some(7));
    assert!(matches!(manager.start().await, Err(StartError::NotStopped)));
    manager.stop().await;
    assert_eq!(manager.query().await.exit, Some(Exit::Code(0)));

    world.status.send_replace(Status::of(State::Paused));
    let error = manager.start().await.unwrap_err();
    assert_eq!(error.refusal(), Refusal::ForGood);
    assert!(error.to_string().contains("1058"), "{error}");

    // At the end of its input the agent stops what it has started.
    link.close();
    tokio::time::timeout(SOON, agent).await.unwrap().unwrap();
    assert_eq!(world.was_asked(), ["start", "start", "stop", "start", "stop"]);
}

/// What the host does first about each of its services.
async fn watch(link: &Link, options: ScmOptions) {
    link.request(Request::Watch { service: "S".into(), options }).await.unwrap();
}

#[tokio::test]
async fn a_refused_start_is_answered_after_the_status_that_it_has_left() {
    let world = World { refuses: true, ..World::default() };
    let mut agent = Agent::new(world, Handle::current());
    let outbox = agent.outbox();
    let mut bytes = Vec::new();
    Frame::Hello(Hello::of_this_build(1)).encode(&mut bytes);
    let service = || "S".to_owned();
    let watch = Request::Watch { service: service(), options: ScmOptions::default() };
    Frame::Request { id: 1, request: watch }.encode(&mut bytes);
    agent.receive(&bytes).unwrap();
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    let mut started = false;
    // Not *on its way*, which the host would take for a start by somebody else.
    while !frames.iter().any(|frame| matches!(frame, Frame::Reply { id: 2, .. })) {
        let sent = tokio::time::timeout(SOON, outbox.take(Vec::new())).await.unwrap().unwrap();
        decoder
            .receive(&sent, |frame| {
                frames.push(frame);
                Ok::<_, Malformed>(())
            })
            .unwrap();
        if !std::mem::replace(&mut started, true) {
            bytes.clear();
            Frame::Request { id: 2, request: Request::Start { service: service() } }.encode(&mut bytes);
            agent.receive(&bytes).unwrap();
        }
    }
    let before_reply = frames.iter().take_while(|frame| !matches!(frame, Frame::Reply { id: 2, .. }));
    let states: Vec<State> = before_reply
        .filter_map(|frame| match frame {
            Frame::Changed { status, .. } => Some(status.state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [State::StartPending, State::Stopped]);
}

#[tokio::test]
async fn the_agent_learns_how_a_service_is_managed() {
    let world = World::default();
    let (link, _, _agent) = channel(&world).await;
    let options = ScmOptions { recovery: Recovery::Refuse, when_paused: WhenPaused::Continue };
    watch(&link, options).await;
    link.request(Request::Query { service: "S".into() }).await.unwrap();
    assert_eq!(*world.managed.lock().unwrap(), [options]);
}

#[tokio::test]
async fn the_services_state_is_asked_of_the_next_agent() {
    let world = World::default();
    let (link, shared, agent) = channel(&world).await;
    let manager = AgentManager::new("S", ScmOptions::default(), Arc::clone(&shared), Alive);
    manager.start().await.unwrap();
    shared.agent.send_replace(AgentState::Down("it is started again".into()));
    agent.abort();
    link.over().await;
    assert!(manager.probe().await.is_err());
    let query = tokio::spawn(async move { manager.query().await });
    tokio::task::yield_now().await;
    assert!(!query.is_finished());
    connect(&world, &shared).await;
    assert_eq!(tokio::time::timeout(SOON, query).await.unwrap().unwrap().state, State::Running);
}

#[tokio::test]
async fn something_else_than_an_agent_is_noticed() {
    let (ours, mut theirs) = tokio::io::duplex(1000);
    tokio::io::AsyncWriteExt::write_all(&mut theirs, b"wine: could not load kernel32.dll\n").await.unwrap();
    let reason = Link::begin(ours, Arc::default()).await.unwrap_err();
    assert!(reason.contains("does not keep to its format"), "{reason}");
}
