//! A command behind the end of a native pipe.

use std::time::Duration;

use standpipe_pipe::Mode;
use standpipe_process::{Orphaned, ProcessSpec};
use tokio::sync::oneshot;

use super::serve::serve_open;
use crate::testing::{TestFolder, soon};

#[tokio::test]
async fn a_command_talks_through_its_pipe_and_its_end_is_the_pipes() {
    let place = TestFolder::new();
    place.script("answer.cmd", "@echo off\r\nset /p word=\r\necho got %word%\r\n");
    let mut spec = ProcessSpec::new("answer", ["./answer.cmd"], place.path());
    spec.orphaned = Orphaned::Kill;
    let (slot, gone) = oneshot::channel::<()>();
    let client = ("simple".to_owned(), "serviceUser".to_owned());
    let connection = soon(serve_open(spec, Mode::Byte, Duration::from_secs(30), client, slot)).await.unwrap();
    soon(connection.write_all(b"hello\r\n")).await.unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 100]);
    loop {
        match soon(connection.read(&mut buffer)).await.unwrap() {
            0 => break,
            count => said.extend_from_slice(&buffer[..count]),
        }
    }
    assert_eq!(String::from_utf8(said).unwrap(), "got hello\r\n");
    assert!(soon(gone).await.is_err());
}

#[tokio::test]
async fn a_command_whose_client_is_gone_ends() {
    let place = TestFolder::new();
    place.script("stay.cmd", "@echo off\r\n:again\r\ngoto again\r\n");
    let spec = ProcessSpec::new("stay", ["./stay.cmd"], place.path());
    let (slot, gone) = oneshot::channel::<()>();
    let client = ("simple".to_owned(), "serviceUser".to_owned());
    let connection =
        soon(serve_open(spec, Mode::Message, Duration::from_millis(50), client, slot)).await.unwrap();
    drop(connection);
    assert!(soon(gone).await.is_err());
}
