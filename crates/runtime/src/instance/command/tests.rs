//! Real commands behind a real server, called by a real client.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use standpipe_accounts::AccountFile;
use standpipe_client::{Client, ClientError, ConnectOptions, Credentials};
use standpipe_server::{Offer, Options, PipeOffer, Server};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::instance::{Instance as RoleInstance, InstanceOptions};
use crate::testing::{TestFolder, is_alive, only_role, soon};

/// Serves the only pipe of a deployment with these keys, and logs on to it.
async fn client(place: &TestFolder, keys: &str) -> Client {
    let deployment = place.deployment(&format!(
        "[roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\n{keys}\n\
         [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n"
    ));
    let role = only_role(&deployment);
    let options = InstanceOptions {
        deployment: &deployment,
        role,
        number: 0,
        state_dir: &place.state(),
        drain_timeout: Duration::from_secs(10),
    };
    let instance = RoleInstance::prepare(options).unwrap();
    let accounts = AccountFile::new(place.path().join("accounts.toml"));
    accounts.add("serviceUser", "secret", None).unwrap();
    let (_, ready) = watch::channel(true);
    let offer = Offer {
        pipes: vec![PipeOffer {
            name: "simple".parse().unwrap(),
            security_descriptor: role.pipes[0].descriptor.clone(),
            max_instances: role.pipes[0].max_instances,
            require_encryption: false,
            backend: instance.backends()[0].1.clone(),
        }],
        accounts: Arc::new(AccountFile::open(accounts.path()).unwrap()),
        readiness: ready,
        options: Options::new().unwrap(),
    };
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.local_address().into();
    tokio::spawn(server.serve(offer, CancellationToken::new()));
    let credentials = Credentials::with_password("serviceUser", "secret");
    Client::connect(&address, &credentials, &ConnectOptions::default()).await.unwrap()
}

async fn open(client: &Client) -> standpipe_client::Pipe {
    client.open(&"simple".parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_command_takes_and_gives_messages() {
    let place = TestFolder::new();
    let client = client(&place, "command = [\"cat\"]").await;
    let pipe = open(&client).await;
    for message in [&b"first"[..], b"second", &[7; 10_000]] {
        assert_eq!(soon(pipe.transceive(message, 20_000)).await.unwrap().unwrap(), message);
    }
    pipe.close().await.unwrap();
}

#[tokio::test]
async fn a_command_knows_its_caller_and_its_end_is_the_pipes() {
    let place = TestFolder::new();
    place.script(
        "client.sh",
        "printf '%s|' \"$STANDPIPE_PIPE\" \"$STANDPIPE_CALLER_NAME\" \"$GREETING\" \"${STANDPIPE_CALLER_ADDRESS%:*}\" \
         \"${STANDPIPE_CALLER_SID%%-21-*}\"",
    );
    let keys = "command = [\"sh\", \"client.sh\"]\nmode = \"byte\"\nenvironment = { GREETING = \"hello\" }";
    let client = client(&place, keys).await;
    let pipe = open(&client).await;
    let mut said = Vec::new();
    while let Some(bytes) = soon(pipe.read(1000)).await.unwrap() {
        said.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8(said).unwrap(), "simple|serviceUser|hello|127.0.0.1|S-1-5|");
}

#[tokio::test]
async fn a_command_whose_client_is_gone_ends_with_all_it_started() {
    let mut place = TestFolder::new();
    place.script("stays.sh", "sleep 1000 & echo $! > teller; echo $$ > teller; wait");
    let keys = "command = [\"sh\", \"stays.sh\"]\nstop-timeout = \"50ms\"\nmax-instances = 1";
    let client = client(&place, keys).await;
    let pipe = open(&client).await;
    let (child, command) = (place.told_pid().await, place.told_pid().await);
    let name = "simple".parse().unwrap();
    assert!(matches!(client.open(&name).await, Err(ClientError::PipeBusy { .. })));
    pipe.close().await.unwrap();
    // The instance is free once nothing of the command is left.
    let _next = soon(client.open_when_free(&name, Duration::from_secs(30))).await.unwrap();
    assert!(!is_alive(child) && !is_alive(command));
}

#[tokio::test]
async fn a_command_that_is_not_there_is_no_service() {
    let place = TestFolder::new();
    place.script("gone.sh", "#!/bin/sh\n");
    let file = place.path().join("gone.sh");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let client = client(&place, "command = [\"./gone.sh\"]").await;
    let name = "simple".parse().unwrap();
    assert!(soon(client.wait(&name, Duration::from_secs(30))).await.unwrap());
    std::fs::remove_file(file).unwrap();
    assert!(!soon(client.wait(&name, Duration::from_millis(30))).await.unwrap());
    assert!(matches!(client.open(&name).await, Err(ClientError::PipeBusy { .. })));
}

#[tokio::test]
async fn a_client_that_gives_up_makes_no_room_before_its_command_is_gone() {
    let place = TestFolder::new();
    let spec = ProcessSpec {
        name: "simple (cat)".to_owned(),
        command: vec!["cat".into()],
        folder: place.path().to_path_buf(),
        environment: Vec::new(),
        withheld: Vec::new(),
        user: None,
        limited: false,
        may_gain_rights: false,
        takes_strays: false,
        orphaned: Orphaned::Kill,
        output: Output::Log,
        within: None,
    };
    let (instance, mut gone) = oneshot::channel::<()>();
    let client = ("simple".to_owned(), "serviceUser".to_owned());
    let mut starting = serve::serve_open(spec, Mode::Byte, Duration::from_secs(30), client, instance);
    assert!(poll_fn(|cx| Poll::Ready(starting.as_mut().poll(cx).is_pending())).await);
    drop(starting);
    assert!(gone.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
    // It finds the end of its input and ends by itself.
    assert!(soon(gone).await.is_err());
}
