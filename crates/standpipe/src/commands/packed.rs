//! Deployment files that come in a pack.

use std::io;
use std::path::{Path, PathBuf};

use standpipe_pack::{Pack, PackError, Sha256Sum, ensure, is_pack};
use standpipe_system::folder;

use crate::failure::{Exit, Failure};

/// How the name of a pack ends.
pub(super) const ENDING: &str = "pack";

/// What `--file` names: a deployment file, or a pack that has one.
#[derive(Debug, Clone)]
pub(super) struct GivenFile {
    pub(super) path: PathBuf,
    /// What the pack's sum must be.
    pub(super) sha256: Option<Sha256Sum>,
    /// The state folder of the deployment, where that is not the usual one.
    pub(super) state_dir: Option<PathBuf>,
}

impl GivenFile {
    /// The deployment file. A pack is checked and unpacked for it.
    pub(super) fn deployment(&self) -> Result<PathBuf, Failure> {
        if !names_pack(&self.path) {
            return match self.sha256 {
                Some(_) => Err(Failure::new(
                    Exit::Usage,
                    format!("--sha256 is for a pack, and {} is none", self.path.display()),
                )),
                None => Ok(self.path.clone()),
            };
        }
        let failed = |error: PackError| failure(&self.path, &error);
        let mut pack = Pack::open(&self.path, self.sha256.as_ref()).map_err(failed)?;
        let text = pack.deployment_text().map_err(failed)?;
        // Secrets are not in it: they are beside it.
        let path = std::path::absolute(&self.path)
            .map_err(|source| PackError::Io { action: "find", path: self.path.clone(), source })
            .map_err(failed)?;
        let text = standpipe_export::with_secrets_in(&text, path.parent().unwrap_or(Path::new("/")));
        ensure(&mut pack, &self.content(), &text).map_err(failed)
    }

    /// The folder that packs are unpacked in.
    fn content(&self) -> PathBuf {
        match &self.state_dir {
            Some(state) => {
                let mut beside = state.components().as_path().as_os_str().to_owned();
                beside.push(".content");
                beside.into()
            }
            None => folder::data_folder(|name| std::env::var_os(name)).join("content"),
        }
    }
}

/// Whether a file is meant to be a pack.
pub(super) fn names_pack(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING) || is_pack(path)
}

/// Refuses a pack where only a deployment file will do.
pub(super) fn refuse(path: &Path) -> Result<(), Failure> {
    if !is_pack(path) {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("{} is a pack", path.display())).hint(
        "name the deployment file that it was made of, or the one that `standpipe unpack` takes out of it",
    ))
}

/// The name of the deployment in a pack.
pub(super) fn name_in(path: &Path) -> Result<String, Failure> {
    let pack = Pack::open(path, None).map_err(|error| failure(path, &error))?;
    Ok(pack.manifest().name.clone())
}

/// A failure that names the pack.
pub(super) fn failure(pack: &Path, error: &PackError) -> Failure {
    let exit = match error {
        PackError::NoRole { .. } | PackError::InTheWay(_) => Exit::Usage,
        PackError::Untrusted { .. } => Exit::NotPermitted,
        PackError::Busy(_) => Exit::Temporary,
        PackError::Io { source, .. } | PackError::Read(source) => match source.kind() {
            io::ErrorKind::PermissionDenied => Exit::NotPermitted,
            io::ErrorKind::NotFound => Exit::Config,
            _ => Exit::Temporary,
        },
        _ => Exit::Config,
    };
    let hint = error.hint();
    let what = format!("{}: {error}", pack.display());
    let error = match std::error::Error::source(error) {
        Some(source) => Failure::new(
            exit,
            crate::failure::Caused { what: what.into(), source: source.to_string().into() },
        ),
        None => Failure::new(exit, what),
    };
    error.maybe_hint(hint)
}
