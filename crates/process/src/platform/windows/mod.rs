//! Processes on Windows: job objects, process groups of the console, access tokens.

#![expect(unsafe_code, reason = "the system is asked through its C interface")]

mod capture;
mod console;
mod environment;
mod job;
mod launch;
mod programs;
#[cfg(test)]
mod tests;
mod token;
mod tree;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::io::OwnedHandle;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::oneshot;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BAD_EXE_FORMAT, ERROR_ELEVATION_REQUIRED, ERROR_EXE_MACHINE_TYPE_MISMATCH,
    ERROR_FILE_NOT_FOUND, ERROR_INVALID_EXE_SIGNATURE, ERROR_SXS_CANT_GEN_ACTCTX,
};
use windows_sys::Win32::System::Console::{STD_ERROR_HANDLE, STD_OUTPUT_HANDLE};
use windows_sys::Win32::System::SystemInformation::GetSystemDirectoryW;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};

pub(crate) use self::programs::{is_executable, program_names};
pub(crate) use self::token::user_ids;
pub use self::tree::Tree;
pub(crate) use self::tree::end_abandoned;

use self::capture::Stream;
use self::launch::Start;
use self::tree::Root;
use crate::command_line;
use crate::error::SpawnError;
use crate::exit::Exit;
use crate::machine;
use crate::output::log;
use crate::spec::{Output, ProcessSpec};
use crate::tail::Tail;

/// Ends this process with this exit code, after what was written to standard output. Does not return, unless
/// the system refuses it; then the code is what `main` returns. On other systems it always is.
///
/// Not in the usual way, in which Windows ends all other threads and lets libraries clean up then. When one
/// of those threads was just using the heap, its lock stays locked, and Wine waits for that lock for ever.
pub fn end_process(code: u8) -> ExitCode {
    // Nobody may read it any more.
    let _ = io::stdout().flush();
    // SAFETY: the handle is that of this process, and nothing of it is used afterwards.
    unsafe { TerminateProcess(GetCurrentProcess(), code.into()) };
    ExitCode::from(code)
}

/// A process, its tree and its output.
#[derive(Debug)]
pub(crate) struct Child {
    pid: u32,
    root: Root,
    tree: Tree,
    tail: Tail,
    ended: oneshot::Receiver<Exit>,
    exit: Option<Exit>,
}

impl Child {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Asks the process to end, and with it the others of its process group: there is no finer way.
    pub(crate) fn terminate(&self) {
        if self.exit.is_none() && !self.root.ask() {
            self.tree.terminate();
        }
    }

    pub(crate) async fn wait(&mut self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        let exit = (&mut self.ended).await.unwrap_or(Exit::Unknown);
        self.exit = Some(exit);
        log::logged().await;
        exit
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.tree.kill_now();
        }
    }
}

/// What is known of a process before it is started.
struct Launch {
    program: PathBuf,
    line: Vec<u16>,
}

fn launch_of(spec: &ProcessSpec) -> Result<Launch, SpawnError> {
    let Some((named, arguments)) = spec.command.split_first() else { return Err(SpawnError::EmptyCommand) };
    std::fs::metadata(&spec.folder)
        .and_then(|meta| if meta.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) })
        .map_err(|source| SpawnError::Folder { folder: spec.folder.clone(), source })?;
    let path = environment::value_of("PATH", &spec.environment);
    let found = crate::program::find(named, &spec.folder, path.as_deref())?;
    if let Some(user) = &spec.user {
        user_ids(user)?;
    }
    // The form in which the system sees the name: it drops dots and spaces at the end, which decide here.
    let found = std::path::absolute(&found)
        .map_err(|source| SpawnError::System { program: found.clone(), source })?;
    if machine::is_32_bit(&found).unwrap_or(false) && !runs_32_bit() {
        let source = io::Error::new(io::ErrorKind::Unsupported, machine::NO_PART_32);
        return Err(SpawnError::NotAProgram { program: found, source });
    }
    let arguments: Vec<Vec<u16>> = arguments.iter().map(|word| word.encode_wide().collect()).collect();
    if let Some(position) = arguments.iter().position(|argument| argument.contains(&0)) {
        return Err(SpawnError::Argument { position: position + 1, character: '\0' });
    }
    if !command_line::is_batch_file(&found.to_string_lossy()) {
        let named: Vec<u16> = named.encode_wide().collect();
        return Ok(Launch { line: command_line::of_program(&named, &arguments), program: found });
    }
    let cmd = system_folder()
        .map_err(|source| SpawnError::System { program: found.clone(), source })?
        .join("cmd.exe");
    let (cmd_name, file) = (units(&cmd), units(&found));
    match command_line::of_batch_file(&cmd_name, &file, &arguments) {
        Ok(line) => Ok(Launch { program: cmd, line }),
        Err(character) => {
            let holds = |word: &Vec<u16>| String::from_utf16_lossy(word).contains(character);
            let position = arguments.iter().position(holds).map_or(0, |position| position + 1);
            Err(SpawnError::Argument { position, character })
        }
    }
}

/// Where Windows itself is. The environment could say anything.
fn system_folder() -> io::Result<PathBuf> {
    let mut name = [0u16; 512];
    // SAFETY: the buffer is as long as the call is told.
    let length = unsafe { GetSystemDirectoryW(name.as_mut_ptr(), name.len() as u32) } as usize;
    match name.get(..length) {
        None | Some([]) => Err(io::Error::last_os_error()),
        Some(name) => Ok(OsString::from_wide(name).into()),
    }
}

/// Whether this system has what 32-bit programs need. One that cannot be asked may have it.
fn runs_32_bit() -> bool {
    system_folder()
        .ok()
        .and_then(|folder| Some(folder.parent()?.join(machine::PART_32).exists()))
        .unwrap_or(true)
}

fn units(path: &Path) -> Vec<u16> {
    OsStr::encode_wide(path.as_os_str()).collect()
}

pub(crate) fn check(spec: &ProcessSpec) -> Result<(), SpawnError> {
    launch_of(spec).map(|_| ())
}

pub(crate) async fn spawn(spec: &ProcessSpec) -> Result<Child, SpawnError> {
    start(spec, None, None)
}

pub(crate) async fn spawn_on(
    spec: &ProcessSpec,
    socket: OwnedHandle,
    error: Option<OwnedHandle>,
) -> Result<Child, SpawnError> {
    let copy = socket.try_clone().map_err(|source| SpawnError::System {
        program: spec.command.first().map(PathBuf::from).unwrap_or_default(),
        source,
    })?;
    start(spec, Some([copy, socket]), error)
}

/// `connected` are the standard input and output, if they are not those of every process.
fn start(
    spec: &ProcessSpec,
    connected: Option<[OwnedHandle; 2]>,
    error: Option<OwnedHandle>,
) -> Result<Child, SpawnError> {
    let Launch { program, line } = launch_of(spec)?;
    console::prepare();
    let environment = environment::block(&spec.withheld, &spec.environment)?;
    let tree = spec.within.as_ref().map_or_else(Tree::new, Tree::branch);
    let tail = Tail::default();
    let failed = |source| explain(source, &program);
    let mut captured = Vec::new();
    let mut output = |name, own| match spec.output {
        Output::Inherit => launch::own_stream(own),
        Output::Log => {
            let (stream, writer) = Stream::open(name, &spec.name, &tail)?;
            captured.push(stream);
            Ok(writer)
        }
    };
    let error = match error {
        Some(error) => error,
        None => output("stderr", STD_ERROR_HANDLE).map_err(failed)?,
    };
    let [input, output] = match connected {
        Some(connected) => connected,
        None => [launch::nothing().map_err(failed)?, output("stdout", STD_OUTPUT_HANDLE).map_err(failed)?],
    };
    let token = if spec.limited { Some(token::limited().map_err(failed)?) } else { None };
    let folder = &spec.folder;
    let streams = [input, output, error];
    let suspended =
        Start { program: &program, line, folder, environment, streams, token }.suspended().map_err(failed)?;
    // Before its first instruction, so that nothing that it starts can be outside.
    suspended.process().and_then(|process| tree.add(process)).map_err(failed)?;
    let pid = suspended.pid;
    let process = Arc::new(suspended.resume().map_err(failed)?);
    let root = Root::new(pid, Arc::clone(&process));
    tree.add_root(root.clone());
    if let Some(within) = &spec.within {
        within.add_root(root.clone());
    }
    let ended = capture::follow(process, captured).map_err(|source| {
        tree.kill_now();
        failed(source)
    })?;
    Ok(Child { pid, root, tree, tail, ended, exit: None })
}

/// What an error of the start means.
fn explain(source: io::Error, program: &Path) -> SpawnError {
    let program = program.to_path_buf();
    match source.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_ACCESS_DENIED | ERROR_ELEVATION_REQUIRED) => SpawnError::Denied { program },
        Some(
            ERROR_BAD_EXE_FORMAT
            | ERROR_EXE_MACHINE_TYPE_MISMATCH
            | ERROR_INVALID_EXE_SIGNATURE
            | ERROR_FILE_NOT_FOUND
            | ERROR_SXS_CANT_GEN_ACTCTX,
        ) => SpawnError::NotAProgram { program, source },
        _ => SpawnError::System { program, source },
    }
}
