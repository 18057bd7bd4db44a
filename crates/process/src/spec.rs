//! What to run, and how.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::platform::Tree;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// A name for log lines, such as the service's or the task's.
    pub name: String,
    /// The program and its arguments. A program without a `/` is looked for in PATH; one with, and not
    /// absolute, is taken relative to `folder`. On Windows a batch file is run by `cmd.exe`, and an extension
    /// of `PATHEXT` may be left out.
    pub command: Vec<OsString>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Variables set on top of those of this process.
    pub environment: Vec<(OsString, OsString)>,
    /// Variables of this process that it does not get, unless `environment` sets them.
    pub withheld: Vec<OsString>,
    /// The user to run it as; `None` for the one that this process has. Another user's `HOME`, `USER`,
    /// `LOGNAME` and `SHELL` are its own, and it gets none of the `XDG_` variables, which lead to folders of
    /// this process's. On Windows it can only be this process's own: another one needs a password.
    pub user: Option<String>,
    /// Whether it gets less than this process may do: on Windows no rights of an administrator and no
    /// privileges. Elsewhere `user` is the way.
    pub limited: bool,
    /// Whether it has this process's ambient capabilities, and may get more rights from a program that gives
    /// them, such as `sudo`: `no_new_privs` of Linux is not set. Without a meaning on Windows.
    pub may_gain_rights: bool,
    /// What happens to it when this process is gone without having stopped it.
    pub orphaned: Orphaned,
    /// Where its output goes.
    pub output: Output,
    /// The tree it also belongs to, beside its own: what is left of it can be ended with that tree.
    pub within: Option<Tree>,
    /// Whether its tree takes in the strays among this process's descendants; see [`Tree::taking_strays`].
    pub takes_strays: bool,
}

impl ProcessSpec {
    /// A command that runs in `folder` as this process's own user with this process's environment, that is
    /// killed when this process is gone, and whose output is logged.
    pub fn new<Word: Into<OsString>>(
        name: impl Into<String>,
        command: impl IntoIterator<Item = Word>,
        folder: impl Into<PathBuf>,
    ) -> Self {
        Self {
            name: name.into(),
            command: command.into_iter().map(Into::into).collect(),
            folder: folder.into(),
            environment: Vec::new(),
            withheld: Vec::new(),
            user: None,
            limited: false,
            may_gain_rights: false,
            orphaned: Orphaned::Kill,
            output: Output::Log,
            within: None,
            takes_strays: false,
        }
    }
}

/// Which processes a polite stop is addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Only the process itself: it stops what it started.
    Process,
    /// Every process of the tree.
    Tree,
}

/// What happens to a process when the one that started it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphaned {
    /// It is killed.
    Kill,
    /// It is asked to stop, because it has children of its own to stop. On Windows, where nothing can be
    /// asked by a process that is gone, it is killed with them.
    Terminate,
    /// Nothing: it notices by itself, such as at the end of its input, and ends in its own way.
    Notices,
}

/// Where the output of a process goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Each line becomes a log event, under the name of the process; the last lines are kept. The process is
    /// never held up: when lines come faster than they can be logged, some are counted and dropped.
    Log,
    /// It shares the output of this process.
    Inherit,
}
