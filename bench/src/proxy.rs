//! The limit: the least that anything between TCP and a Unix socket can do.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixStream};

/// Bytes that are passed on at once: as many as Standpipe takes.
const BUFFER: usize = 64 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Passes bytes on until it is killed. Says `listening` on standard output when clients can come.
#[tokio::main]
pub(crate) async fn run(listen: SocketAddr, to: &Path) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening");
    serve(&listener, to).await;
    Ok(())
}

async fn serve(listener: &TcpListener, to: &Path) {
    let to: Arc<Path> = to.into();
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let to = Arc::clone(&to);
        tokio::spawn(async move {
            client.set_nodelay(true)?;
            let mut service = UnixStream::connect(to).await?;
            tokio::io::copy_bidirectional_with_sizes(&mut client, &mut service, BUFFER, BUFFER).await
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpStream, UnixListener};

    use super::*;

    #[tokio::test]
    async fn bytes_pass_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("service");
        let service = UnixListener::bind(&path).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { serve(&listener, &path).await });
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut service, _) = service.accept().await.unwrap();
        client.write_all(b"there").await.unwrap();
        service.write_all(b"back").await.unwrap();
        let (mut there, mut back) = ([0; 5], [0; 4]);
        service.read_exact(&mut there).await.unwrap();
        client.read_exact(&mut back).await.unwrap();
        assert_eq!((&there, &back), (b"there", b"back"));
        drop(client);
        assert_eq!(service.read(&mut there).await.unwrap(), 0);
    }
}
