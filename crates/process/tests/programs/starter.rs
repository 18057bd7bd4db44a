//! A process that starts another one and waits to be killed: `starter FOLDER SCRIPT` runs the script in the
//! folder, which is also the value of the variable `OF_WHOM`. For tests of what becomes of the other process.

use std::ffi::OsString;
use std::process::ExitCode;

use standpipe_process::{ProcessSpec, spawn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [folder, script] = arguments.as_slice() else { return ExitCode::from(64) };
    let mut spec = ProcessSpec::new("started", ["sh".as_ref(), "-c".as_ref(), script.as_os_str()], folder);
    spec.environment = vec![("OF_WHOM".into(), folder.clone())];
    let Ok(_process) = spawn(&spec).await else { return ExitCode::FAILURE };
    std::future::pending().await
}
