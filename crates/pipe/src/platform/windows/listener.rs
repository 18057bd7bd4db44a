//! The service's end of a named pipe: an instance of it for each client, and one that waits for the next.

#![expect(unsafe_code, reason = "the calls for named pipes take raw handles and addresses")]

use std::io;
use std::mem;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use standpipe_system::wide_name;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_NO_DATA, ERROR_OPERATION_ABORTED, ERROR_PIPE_BUSY, ERROR_PIPE_CONNECTED,
    ERROR_SUCCESS, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, PIPE_READMODE_MESSAGE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_MESSAGE,
    PIPE_UNLIMITED_INSTANCES, PIPE_WAIT,
};

use super::Socket;
use super::end::PipeEnd;
use super::operation::{Handle, Operation, code_of, os_error};
use crate::Mode;
use crate::listener::{ListenError, ListenOptions};

/// What the system keeps of what was written until it is read, in bytes.
const QUOTA: u32 = 64 * 1024;

/// How often to look whether one of the pipe's instances is free again.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// How often the first instance may be refused while the last one before it is still being closed.
const CLOSING_TRIES: u32 = 40;

/// A pipe that is offered.
#[derive(Debug)]
pub(crate) struct Listener {
    instances: Instances,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<Waiting>,
    /// The instances that clients have. As long as there is one, the pipe's name is this listener's.
    in_use: Vec<Weak<Handle>>,
}

/// How instances of the pipe are made.
#[derive(Debug)]
struct Instances {
    path: Vec<u16>,
    mode: Mode,
    /// The binary form of the security descriptor, in words for its alignment.
    descriptor: Option<Vec<u32>>,
    max: u32,
}

/// An instance that waits for a client.
#[derive(Debug)]
struct Waiting {
    handle: Arc<Handle>,
    operation: Arc<Operation>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.operation.outcome().is_none() {
            self.handle.cancel();
        }
    }
}

impl Waiting {
    fn new(handle: Arc<Handle>) -> Self {
        Self { operation: Operation::connect(&handle), handle }
    }
}

impl Instances {
    /// Makes an instance; the first one of this name only if nobody else offers the pipe.
    fn make(&self, first: bool) -> io::Result<Arc<Handle>> {
        let first = if first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
        let mode = match self.mode {
            Mode::Message => PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE,
            Mode::Byte => 0,
        };
        let attributes = self.descriptor.as_ref().map(|descriptor| SECURITY_ATTRIBUTES {
            nLength: mem::size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: descriptor.as_ptr().cast_mut().cast(),
            bInheritHandle: 0,
        });
        // SAFETY: the path ends with a NUL; the descriptor is a whole one, aligned, and only read.
        let raw = unsafe {
            CreateNamedPipeW(
                self.path.as_ptr(),
                PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
                mode | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                self.max,
                QUOTA,
                QUOTA,
                0,
                attributes.as_ref().map_or(ptr::null(), ptr::from_ref),
            )
        };
        if raw == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it is new, and nobody else closes it.
        Ok(Arc::new(Handle::new(unsafe { OwnedHandle::from_raw_handle(raw) })?))
    }
}

impl Listener {
    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn bind(path: &Path, mode: Mode, options: &ListenOptions) -> Result<Self, ListenError> {
        let failed = |source: io::Error| match code_of(&source) {
            ERROR_ACCESS_DENIED | ERROR_PIPE_BUSY => ListenError::InUse { path: path.to_owned() },
            _ => ListenError::Io { path: path.to_owned(), action: "offer", source },
        };
        let descriptor = options.descriptor.as_ref().map(|descriptor| {
            let bytes = descriptor.to_bytes().map_err(io::Error::other)?;
            let word = |part: &[u8]| {
                let mut word = [0; 4];
                word.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                u32::from_ne_bytes(word)
            };
            Ok::<_, io::Error>(bytes.chunks(4).map(word).collect())
        });
        let max = options.max_instances.filter(|max| *max < PIPE_UNLIMITED_INSTANCES);
        let instances = Instances {
            path: wide_name(path).map_err(failed)?,
            mode,
            descriptor: descriptor.transpose().map_err(failed)?,
            max: max.map_or(PIPE_UNLIMITED_INSTANCES, |max| max.max(1)),
        };
        // Wine takes no notice of the flag for the first instance, so this looks by itself too.
        if super::is_listening(path) {
            return Err(ListenError::InUse { path: path.to_owned() });
        }
        let first = Waiting::new(instances.make(true).map_err(failed)?);
        let state = State { waiting: Some(first), in_use: Vec::new() };
        Ok(Self { instances, path: path.to_owned(), state: Mutex::new(state) })
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        let mut refusals = 0;
        loop {
            let operation = match self.wait_for_next() {
                Ok(Some(operation)) => operation,
                Ok(None) => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                    continue;
                }
                Err(error) if code_of(&error) == ERROR_ACCESS_DENIED && refusals < CLOSING_TRIES => {
                    refusals += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let outcome = std::future::poll_fn(|cx| operation.poll(cx)).await;
            // Another task may have taken this client.
            let Some(handle) = self.take(&operation) else {
                continue;
            };
            match outcome.error {
                // A client that has written and gone again is one too: what it wrote can be read.
                ERROR_SUCCESS | ERROR_PIPE_CONNECTED | ERROR_NO_DATA => {
                    return Ok(Socket::pipe(PipeEnd::new(handle, self.instances.mode)));
                }
                ERROR_OPERATION_ABORTED => {}
                error => return Err(os_error(error)),
            }
        }
    }

    /// The wait for the next client; `None` while all instances are in use.
    fn wait_for_next(&self) -> io::Result<Option<Arc<Operation>>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_none() {
            state.waiting = self.next(&mut state)?;
        }
        Ok(state.waiting.as_ref().map(|waiting| Arc::clone(&waiting.operation)))
    }

    /// Takes the instance whose client has come. The next one waits already when this one is handed out, so
    /// clients find the pipe at any time, unless as many instances as it may have are in use.
    fn take(&self, operation: &Arc<Operation>) -> Option<Arc<Handle>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = state.waiting.take_if(|waiting| Arc::ptr_eq(&waiting.operation, operation))?;
        state.in_use.push(Arc::downgrade(&taken.handle));
        state.waiting = self.next(&mut state).unwrap_or_else(|error| {
            tracing::warn!(pipe = %self.path.display(), %error, "no room for another instance of a pipe now");
            None
        });
        Some(Arc::clone(&taken.handle))
    }

    /// Makes the next instance; `None` while all are in use. Once the last one has gone, the name is free for
    /// everybody, and an instance of somebody else's pipe must not be made.
    fn next(&self, state: &mut State) -> io::Result<Option<Waiting>> {
        state.in_use.retain(|handle| handle.strong_count() > 0);
        match self.instances.make(state.in_use.is_empty()) {
            Ok(handle) => Ok(Some(Waiting::new(handle))),
            Err(error) if code_of(&error) == ERROR_PIPE_BUSY => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.instances.mode
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
