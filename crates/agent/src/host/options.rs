//! What is known of a prefix before anything runs in it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The variable that says where the program for Windows is.
const AGENT: &str = "STANDPIPE_AGENT";

/// Its name, beside the program for Linux.
const AGENT_NAME: &str = "standpipe.exe";

/// A prefix, and what runs in it.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The absolute path of the prefix. It is made if it is not there.
    pub prefix: PathBuf,
    /// The program of Wine; otherwise it is looked for.
    pub program: Option<OsString>,
    /// The program of this project for Windows; otherwise `STANDPIPE_AGENT` says where it is, or it is beside
    /// this program.
    pub agent: Option<PathBuf>,
    /// The folder that programs run in, and that relative paths start at.
    pub folder: PathBuf,
    /// The user that Wine runs as, and who owns the prefix; otherwise this process's own.
    pub user: Option<String>,
    /// How long it may take to make the prefix, and again for the agent to answer.
    pub startup_timeout: Duration,
    /// What services find in their environment. Never on a command line nor in a log.
    pub environment: Vec<(String, String)>,
    /// Variables of Wine's own processes, which services do not see as theirs.
    pub environment_of_wine: Vec<(OsString, OsString)>,
    /// The service that everything in the event log is of, if there is only one.
    pub only_service: Option<String>,
}

impl HostOptions {
    /// The program of this project for Windows.
    pub(crate) fn agent_program(&self) -> PathBuf {
        if let Some(named) = &self.agent {
            return self.folder.join(named);
        }
        if let Some(named) = std::env::var_os(AGENT).filter(|named| !named.is_empty()) {
            return self.folder.join(named);
        }
        let own = std::env::current_exe().ok();
        let own = own.as_deref().map(|own| own.canonicalize().unwrap_or_else(|_| own.to_path_buf()));
        own.unwrap_or_default().with_file_name(AGENT_NAME)
    }
}
