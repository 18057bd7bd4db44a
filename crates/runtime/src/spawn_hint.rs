//! What to do about a process that could not be started, in the words of the deployment file.

use standpipe_process::SpawnError;

/// What to do about it, where there is something to do.
pub(crate) const fn spawn_hint(error: &SpawnError) -> Option<&'static str> {
    match error {
        SpawnError::Missing { searched: true, .. } => {
            Some("give the path of the program, relative to the deployment file")
        }
        SpawnError::Denied { .. } if cfg!(windows) => Some(
            "it may need an administrator: run standpipe elevated, and a startup task with `elevated = true`",
        ),
        SpawnError::NotAProgram { .. } if cfg!(windows) => {
            Some("a script needs its program before it, such as `powershell -File`")
        }
        SpawnError::NeedsPassword { .. } => Some(
            "leave out `user`, or install the service so that the service control manager knows its account",
        ),
        SpawnError::Argument { position: 1.., .. } => {
            Some("hand it over in a variable of `environment`, or run a program in place of the batch file")
        }
        SpawnError::Denied { .. } => Some("make it executable: chmod +x"),
        SpawnError::NotAProgram { .. } => {
            Some("a script needs the program of its first line, such as `#!/bin/sh`")
        }
        SpawnError::TooLong { .. } => Some("hand over what is long in a file, and name the file"),
        SpawnError::NotRoot { .. } => Some("run standpipe as root, or leave out `user`"),
        _ => None,
    }
}
