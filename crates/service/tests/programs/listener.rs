//! A process that tells which requests to stop it notices: `listener FILE` writes `listening` to the file,
//! and then a line for each signal. For the tests of `Shutdown`.

use std::fs::File;
use std::io::{self, Write};

use standpipe_service::Shutdown;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let Some(path) = std::env::args_os().nth(1) else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut teller = File::options().write(true).open(path)?;
    let mut signals = Shutdown::listen()?;
    writeln!(teller, "listening")?;
    loop {
        writeln!(teller, "{}", signals.requested().await)?;
    }
}
