//! Reads what a process writes, and waits for its end.
//!
//! One thread for each process, because only a wait for several handles at once knows for sure that a process
//! has ended *and* that everything is read that it wrote until then, while what it started may go on to
//! write.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::oneshot;
use windows_sys::Win32::Foundation::{
    ERROR_IO_PENDING, ERROR_PIPE_BUSY, GENERIC_WRITE, INVALID_HANDLE_VALUE, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::Globalization::{GetOEMCP, MultiByteToWideChar};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, PIPE_ACCESS_INBOUND,
    ReadFile,
};
use windows_sys::Win32::System::Console::GetConsoleOutputCP;
use windows_sys::Win32::System::IO::{GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{CreateNamedPipeW, PIPE_REJECT_REMOTE_CLIENTS};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetExitCodeProcess, INFINITE, WaitForMultipleObjects, WaitForSingleObject,
};

use crate::exit::Exit;
use crate::output::decode::Decoder;
use crate::output::lines::Lines;
use crate::output::log::{self, Source};
use crate::tail::Tail;

/// What the system keeps of what was written and not read yet, which is what an ended process can have left.
const PIPE_BUFFER: u32 = 64 * 1024;

/// A stream that this process reads and another one writes.
pub(super) struct Stream {
    pipe: OwnedHandle,
    /// Set when a read is done.
    event: OwnedHandle,
    /// Where the system notes how a read went. It and the buffer stay where they are while one is under way.
    state: Box<OVERLAPPED>,
    buffer: Box<[u8; 16 * 1024]>,
    is_open: bool,
    decoder: Decoder,
    decoded: Vec<u8>,
    lines: Lines,
    source: Arc<Source>,
    tail: Tail,
}

// SAFETY: the pointers in `state` are the event's handle and notes of the system, which any thread may use.
unsafe impl Send for Stream {}

impl Stream {
    /// A stream, and the end of it that another process writes to.
    pub(super) fn open(name: &'static str, process: &str, tail: &Tail) -> io::Result<(Self, OwnedHandle)> {
        let (pipe, writer) = pipe()?;
        // SAFETY: an event that is reset by hand and not set, without a name.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle was opened just now and nobody else closes it.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        let stream = Self {
            state: Box::new(OVERLAPPED { hEvent: event.as_raw_handle(), ..OVERLAPPED::default() }),
            pipe,
            event,
            buffer: Box::new([0; 16 * 1024]),
            is_open: true,
            decoder: Decoder::default(),
            decoded: Vec::new(),
            lines: Lines::with_fallback(in_code_page),
            source: Source::new(name, process),
            tail: tail.clone(),
        };
        Ok((stream, writer))
    }

    /// Begins to read what comes next.
    fn begin(&mut self) {
        // SAFETY: state and buffer are boxed, and not touched before the event says that the read is done;
        // the thread that owns the stream does not drop it before.
        let done = unsafe {
            ReadFile(
                self.pipe.as_raw_handle(),
                self.buffer.as_mut_ptr(),
                self.buffer.len() as u32,
                ptr::null_mut(),
                &raw mut *self.state,
            )
        };
        if done == 0 && io::Error::last_os_error().raw_os_error() != Some(ERROR_IO_PENDING.cast_signed()) {
            self.close();
        }
    }

    /// Takes what a read has brought, and begins the next one.
    fn take(&mut self) {
        let mut count = 0;
        // SAFETY: the event has said that the read is done.
        let good = unsafe {
            GetOverlappedResult(self.pipe.as_raw_handle(), &raw const *self.state, &raw mut count, 0)
        };
        // An empty read that went well is an empty write of the other end.
        if good == 0 {
            self.close();
            return;
        }
        self.decoder.feed(&self.buffer[..count as usize], &mut self.decoded);
        self.hand_out();
        log::hold_back();
        self.begin();
    }

    fn hand_out(&mut self) {
        let (source, tail) = (&self.source, &self.tail);
        self.lines.feed(&self.decoded, |line| {
            tail.push(line);
            source.log(line);
        });
        self.decoded.clear();
    }

    /// Hands out the beginning of a line after which nothing comes, for now.
    fn finish(&mut self) {
        self.decoder.finish(&mut self.decoded);
        self.hand_out();
        if !self.lines.is_empty() {
            let (source, tail) = (&self.source, &self.tail);
            self.lines.finish(&mut |line: &str| {
                tail.push(line);
                source.log(line);
            });
        }
    }

    fn close(&mut self) {
        self.is_open = false;
        self.finish();
    }

    /// Takes everything that was written until now. Others may write for ever, so this ends after as much as
    /// can have been on its way.
    fn drain(&mut self) {
        let mut rounds = 1 + PIPE_BUFFER as usize;
        while self.is_open && rounds > 0 && is_set(self.event.as_raw_handle()) {
            self.take();
            rounds -= 1;
        }
        self.finish();
    }
}

/// Follows a process that was started: the result is how it ended, as soon as everything is read that it
/// wrote.
///
/// # Errors
/// When there can be no thread.
pub(super) fn follow(
    process: Arc<OwnedHandle>,
    mut streams: Vec<Stream>,
) -> io::Result<oneshot::Receiver<Exit>> {
    let (ended, is_ended) = oneshot::channel();
    std::thread::Builder::new().name("standpipe-process".into()).stack_size(128 * 1024).spawn(move || {
        streams.iter_mut().for_each(Stream::begin);
        let mut ended = Some(ended);
        loop {
            streams.retain(|stream| stream.is_open);
            let mut handles: Vec<RawHandle> =
                streams.iter().map(|stream| stream.event.as_raw_handle()).collect();
            if ended.is_some() {
                handles.push(process.as_raw_handle());
            }
            if handles.is_empty() {
                return;
            }
            // SAFETY: the handles are open, and there are as many as the call is told.
            let woken =
                unsafe { WaitForMultipleObjects(handles.len() as u32, handles.as_ptr(), 0, INFINITE) };
            if let Some(stream) = streams.get_mut(woken.wrapping_sub(WAIT_OBJECT_0) as usize) {
                stream.take();
                continue;
            }
            // The process, or a wait that failed: then nothing more can be known.
            streams.iter_mut().for_each(Stream::drain);
            let Some(ended) = ended.take() else { return };
            let _ = ended.send(exit_of(&process));
        }
    })?;
    Ok(is_ended)
}

fn exit_of(process: &OwnedHandle) -> Exit {
    let mut code = 0;
    // SAFETY: the handle is open.
    let known = unsafe {
        WaitForSingleObject(process.as_raw_handle(), 0) != WAIT_TIMEOUT
            && GetExitCodeProcess(process.as_raw_handle(), &raw mut code) != 0
    };
    if known { Exit::Code(code.cast_signed()) } else { Exit::Unknown }
}

fn is_set(event: RawHandle) -> bool {
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(event, 0) == WAIT_OBJECT_0 }
}

/// A pipe: the end to read from, which waits for nothing, and the end to write to, as programs expect it.
fn pipe() -> io::Result<(OwnedHandle, OwnedHandle)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("\\\\.\\pipe\\standpipe-output-{}-{count}", std::process::id());
        let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
        // SAFETY: the name ends with a NUL.
        let reader = unsafe {
            CreateNamedPipeW(
                name.as_ptr(),
                PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                PIPE_REJECT_REMOTE_CLIENTS,
                1,
                0,
                PIPE_BUFFER,
                0,
                ptr::null(),
            )
        };
        if reader == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle was opened just now and nobody else closes it.
        let reader = unsafe { OwnedHandle::from_raw_handle(reader) };
        // SAFETY: the name ends with a NUL.
        let writer = unsafe {
            CreateFileW(name.as_ptr(), GENERIC_WRITE, 0, ptr::null(), OPEN_EXISTING, 0, ptr::null_mut())
        };
        if writer != INVALID_HANDLE_VALUE {
            // SAFETY: the handle was opened just now and nobody else closes it.
            return Ok((reader, unsafe { OwnedHandle::from_raw_handle(writer) }));
        }
        let error = io::Error::last_os_error();
        // Somebody else was quicker to connect: then it is a pipe of nobody's, and another one is made.
        if error.raw_os_error() != Some(ERROR_PIPE_BUSY.cast_signed()) {
            return Err(error);
        }
    }
}

/// What a line says that is not UTF-8: in the console's code page, in which most programs write.
fn in_code_page(bytes: &[u8]) -> String {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    let mut units = vec![0u16; bytes.len()];
    // SAFETY: both buffers are as long as the call is told; no byte becomes more than one unit.
    let count = unsafe {
        let code_page = match GetConsoleOutputCP() {
            0 => GetOEMCP(),
            console => console,
        };
        MultiByteToWideChar(code_page, 0, bytes.as_ptr(), length, units.as_mut_ptr(), length)
    };
    match usize::try_from(count) {
        Ok(count @ 1..) => String::from_utf16_lossy(&units[..count]),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
