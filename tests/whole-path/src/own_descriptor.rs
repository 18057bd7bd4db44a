//! Services whose pipe has a security descriptor of its own, as pipes of Windows have it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use standpipe_client::{Client, ClientError};
use standpipe_pipe::backend::{Backend, ConnectFuture, Connector, Slot};
use standpipe_pipe::listener::PipeConnection;
use standpipe_pipe::{Caller, Mode};

use crate::support::{Plan, Site, eventually, name};

/// A service that gives each message back, save the line that names its caller, until its client goes. It
/// keeps everything that it has read.
#[derive(Clone)]
struct Native {
    mode: Mode,
    descriptor: Option<&'static str>,
    read: Arc<Mutex<Vec<Vec<u8>>>>,
    connected: Arc<Mutex<usize>>,
    clients_gone: Arc<Mutex<usize>>,
}

impl Native {
    fn new(descriptor: Option<&'static str>) -> Self {
        Self {
            mode: Mode::Message,
            descriptor,
            read: Arc::default(),
            connected: Arc::default(),
            clients_gone: Arc::default(),
        }
    }

    async fn serve(self, pipe: PipeConnection) {
        match self.mode {
            Mode::Message => {
                let mut knows_caller = false;
                while let Ok(Some(message)) = pipe.read_message().await {
                    self.read.lock().unwrap().push(message.clone());
                    if knows_caller {
                        let _ = pipe.write_message(&message).await;
                    }
                    knows_caller = true;
                }
            }
            Mode::Byte => {
                let mut buffer = [0; 100];
                while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
                    self.read.lock().unwrap().push(buffer[..length].to_vec());
                }
            }
        }
        *self.clients_gone.lock().unwrap() += 1;
    }

    /// A site whose pipe leads here, and has this descriptor in its configuration.
    async fn site(&self, sddl: Option<&'static str>, mode: Option<Mode>) -> Site {
        let backend = Backend::connector(mode, self.clone()).with_greeting();
        Site::with(Plan { sddl, backend: Some(backend), ..Plan::default() }).await
    }

    fn has_read(&self) -> Vec<Vec<u8>> {
        self.read.lock().unwrap().clone()
    }
}

impl Connector for Native {
    fn connect(&self, _caller: Caller, slot: Slot) -> ConnectFuture {
        let service = self.clone();
        *self.connected.lock().unwrap() += 1;
        Box::pin(async move {
            let (mut ours, theirs) = PipeConnection::pair(service.mode);
            if let Some(sddl) = service.descriptor {
                ours = ours.with_descriptor(Arc::new(sddl.parse().unwrap()));
            }
            tokio::spawn(service.serve(theirs));
            Ok(ours.with_guard(slot))
        })
    }

    fn is_available(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { true })
    }

    fn describe(&self) -> String {
        "a native pipe".to_owned()
    }
}

async fn call(client: &Client) -> Vec<u8> {
    let open = client.open(&name()).await.unwrap();
    open.write(b"hello").await.unwrap();
    open.read_message(100).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_caller_whom_the_services_descriptor_denies_reaches_it_with_no_byte() {
    let service = Native::new(Some("D:(D;;GA;;;BG)(A;;GA;;;AU)"));
    let site = service.site(Some("D:(A;;GA;;;AU)"), None).await;
    let denied = site.client_as("guestling", "secret").await.unwrap();
    for _ in 0..3 {
        let refused = denied.open(&name()).await;
        assert!(matches!(refused, Err(ClientError::AccessDenied { .. })), "{refused:?}");
    }
    eventually("the service's end is closed", || *service.clients_gone.lock().unwrap() == 1).await;
    assert_eq!(*service.connected.lock().unwrap(), 1, "further attempts take no instance of the pipe");
    assert_eq!(service.has_read(), [] as [&[u8]; 0], "not even the line that names the caller");
    assert_eq!(site.counters.snapshot().opens_refused, 3);

    let client = site.client().await;
    assert_eq!(call(&client).await, b"hello");
}

#[tokio::test]
async fn the_service_alone_decides_where_the_configuration_says_nothing() {
    let service = Native::new(Some("D:(D;;GA;;;BG)(A;;GA;;;AU)"));
    let site = service.site(None, None).await;
    assert!(site.client_as("guestling", "secret").await.unwrap().open(&name()).await.is_err());
    assert_eq!(call(&site.client().await).await, b"hello");
    let silent = Native::new(None);
    let site = silent.site(None, None).await;
    assert!(site.client().await.open(&name()).await.is_err(), "nobody says who may open it");
}

#[tokio::test]
async fn the_connection_says_what_the_pipe_carries() {
    let service = Native { mode: Mode::Byte, ..Native::new(None) };
    let site = service.site(Some("D:(A;;GA;;;AU)"), None).await;
    let open = site.client().await.open(&name()).await.unwrap();
    open.write(b"bytes").await.unwrap();
    eventually("the service has read", || service.has_read().concat().ends_with(b"bytes")).await;

    let site = service.site(Some("D:(A;;GA;;;AU)"), Some(Mode::Message)).await;
    let refused = site.client().await.open(&name()).await;
    assert!(
        matches!(refused, Err(ClientError::PipeBusy { .. })),
        "a mode that was set must fit: {refused:?}"
    );
}
