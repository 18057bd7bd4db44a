//! Calls a pipe through the crate `smb2`, which knows nothing of Standpipe. It offers every dialect, and
//! takes the newest that a server has.
//!
//! Arguments: address, port, pipe, user, `read` or `transceive`, and the texts to call with, each on an open
//! of its own; the password is in PASSWD. Prints the dialect and how each call ended: the reply, or the
//! number of the status that came instead.

use std::process::ExitCode;
use std::time::Duration;

use smb2::client::{Connection, Session, Tree};
use smb2::msg::close::CloseRequest;
use smb2::msg::create::{CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess};
use smb2::msg::ioctl::{IoctlRequest, IoctlResponse};
use smb2::msg::read::{ReadRequest, ReadResponse, SMB2_CHANNEL_NONE};
use smb2::msg::write::WriteRequest;
use smb2::pack::{Pack, ReadCursor, Unpack};
use smb2::types::flags::FileAccessMask;
use smb2::types::{Command, FileId, OplockLevel};
use smb2::{Error, Result};

const FSCTL_PIPE_TRANSCEIVE: u32 = 0x0011_C017;
const IS_FSCTL: u32 = 1;
const LONGEST: u32 = 65_536;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Protocol { status, .. }) => {
            println!("{:#010x}", status.0);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, port, pipe, user, how, texts @ ..] = arguments.as_slice() else {
        return Err(Error::Auth { message: "see the source for the arguments".to_owned() });
    };
    let password = std::env::var("PASSWD").unwrap_or_default();
    let mut connection = Connection::connect(&format!("{address}:{port}"), PATIENCE).await?;
    connection.negotiate().await?;
    if let Some(agreed) = connection.params() {
        println!("{}", agreed.dialect);
    }
    Session::setup(&mut connection, user, &password, "").await?;
    let tree = Tree::connect(&mut connection, "IPC$").await?;
    let caller = Caller { connection: &connection, tree: &tree };
    for text in texts {
        let message = [text.as_bytes(), b"\0"].concat();
        let open = caller.open(pipe).await?;
        let reply = match how.as_str() {
            "transceive" => caller.transceive(open, message).await?,
            _ => caller.write_and_read(open, message).await?,
        };
        println!("{}", String::from_utf8_lossy(&reply));
        caller.send(Command::Close, &CloseRequest { flags: 0, file_id: open }).await?;
    }
    tree.disconnect(&mut connection).await
}

struct Caller<'a> {
    connection: &'a Connection,
    tree: &'a Tree,
}

impl Caller<'_> {
    async fn send(&self, command: Command, body: &dyn Pack) -> Result<Vec<u8>> {
        let frame = self.connection.execute(command, body, Some(self.tree.tree_id)).await?;
        let status = frame.header.status;
        if status.is_success() { Ok(frame.body) } else { Err(Error::Protocol { status, command }) }
    }

    async fn open(&self, pipe: &str) -> Result<FileId> {
        let request = CreateRequest {
            requested_oplock_level: OplockLevel::None,
            impersonation_level: ImpersonationLevel::Impersonation,
            desired_access: FileAccessMask::new(
                FileAccessMask::FILE_READ_DATA | FileAccessMask::FILE_WRITE_DATA,
            ),
            file_attributes: 0,
            share_access: ShareAccess(ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_WRITE),
            create_disposition: CreateDisposition::FileOpen,
            create_options: 0,
            name: pipe.to_owned(),
            create_contexts: Vec::new(),
        };
        let body = self.send(Command::Create, &request).await?;
        Ok(CreateResponse::unpack(&mut ReadCursor::new(&body))?.file_id)
    }

    async fn transceive(&self, file_id: FileId, message: Vec<u8>) -> Result<Vec<u8>> {
        let request = IoctlRequest {
            ctl_code: FSCTL_PIPE_TRANSCEIVE,
            file_id,
            max_input_response: 0,
            max_output_response: LONGEST,
            flags: IS_FSCTL,
            input_data: message,
        };
        let body = self.send(Command::Ioctl, &request).await?;
        Ok(IoctlResponse::unpack(&mut ReadCursor::new(&body))?.output_data)
    }

    async fn write_and_read(&self, file_id: FileId, data: Vec<u8>) -> Result<Vec<u8>> {
        let request = WriteRequest {
            data_offset: 0x70,
            offset: 0,
            file_id,
            channel: 0,
            remaining_bytes: 0,
            write_channel_info_offset: 0,
            write_channel_info_length: 0,
            flags: 0,
            data,
        };
        self.send(Command::Write, &request).await?;
        let request = ReadRequest {
            padding: 0x50,
            flags: 0,
            length: LONGEST,
            offset: 0,
            file_id,
            minimum_count: 0,
            channel: SMB2_CHANNEL_NONE,
            remaining_bytes: 0,
            read_channel_info: Vec::new(),
        };
        let body = self.send(Command::Read, &request).await?;
        Ok(ReadResponse::unpack(&mut ReadCursor::new(&body))?.data)
    }
}
