//! A service that answers each message with itself: `answering-service NAME` makes the pipe of that name. For
//! the tests of probes.

use std::io;

use standpipe_pipe::Mode;
use standpipe_pipe::listener::PipeListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let Some(name) = std::env::args().nth(1) else { return Err(io::ErrorKind::InvalidInput.into()) };
    let listener = PipeListener::bind(&name, Mode::Message).await.map_err(io::Error::other)?;
    loop {
        let pipe = listener.accept().await?;
        tokio::spawn(async move {
            while let Ok(Some(message)) = pipe.read_message().await {
                if pipe.write_message(&message).await.is_err() {
                    return;
                }
            }
        });
    }
}
