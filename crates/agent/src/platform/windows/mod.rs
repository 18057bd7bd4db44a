//! The agent on the services and pipes of Windows, as Wine offers them.

mod environment;
mod handles;
mod image_path;
mod machine;

use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;

use crate::inside::{Agent, AgentError, READ_AT_ONCE};
use machine::Windows;

/// Serves a host on this process's standard input and output, inside of Wine, up to the end of the input;
/// then stops the services that it has started.
///
/// A thread reads and another one writes: where Wine connects the standard handles to a socket of the system
/// outside, each of their calls is one system call and does not involve Wine's server.
///
/// # Errors
/// When the host breaks the format or speaks another version, and when the channel breaks.
pub fn serve_on_standard_handles() -> Result<(), AgentError> {
    // Without tokio's I/O, which nothing here needs: where a thread would wait for it, on a completion port,
    // each wake-up costs several questions to Wine's server, and a call through the agent has several.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.map_err(AgentError::Threads)?;
    let (input, output) = handles::standard();
    let mut agent = Agent::new(Windows::default(), runtime.handle().clone());
    let outbox = agent.outbox();

    let writer = {
        let (outbox, handle) = (Arc::clone(&outbox), runtime.handle().clone());
        thread::spawn(move || {
            let mut buffer = Vec::new();
            while let Some(bytes) = handle.block_on(outbox.take(buffer)) {
                output.write_all(&bytes)?;
                buffer = bytes;
            }
            Ok(())
        })
    };
    let (finish, finished) = oneshot::channel();
    thread::spawn(move || {
        let mut buffer = vec![0; READ_AT_ONCE];
        let ended = loop {
            match input.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(length) => {
                    if let Err(error) = agent.receive(buffer.get(..length).unwrap_or_default()) {
                        break Err(error);
                    }
                }
                Err(source) => break Err(AgentError::Io { action: "read from", source }),
            }
        };
        let _ = finish.send((agent, ended));
    });
    let ended = runtime.block_on(async {
        let Ok((agent, ended)) = finished.await else { return Ok(()) };
        agent.shut_down().await;
        ended
    });
    let written = writer.join().unwrap_or(Ok(()));
    ended?;
    written.map_err(|source| AgentError::Io { action: "write to", source })
}
