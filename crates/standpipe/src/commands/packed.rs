//! Deployment files that come in a pack.

use std::io;
use std::path::{Path, PathBuf};

use standpipe_pack::{Pack, PackError, Sha256Sum, Unpacked, ensure, is_pack};
use standpipe_system::error::with_causes;
use standpipe_system::folder;
use tracing::{info, warn};

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

/// A deployment file. The pack that it came in stays unpacked for as long as this lives.
#[derive(Debug)]
pub(super) struct DeploymentFile {
    path: PathBuf,
    unpacked: Option<Unpacked>,
}

impl DeploymentFile {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what other packs of the deployment were unpacked to, where nobody runs from it.
    pub(super) fn remove_others(&self) {
        for removed in self.unpacked.as_ref().map(Unpacked::remove_others).unwrap_or_default() {
            match removed {
                Ok(folder) => {
                    info!("removed `{}`: nobody runs from that pack any more", folder.display());
                }
                Err(error) => warn!("an old pack stays unpacked: {}", with_causes(&error)),
            }
        }
    }
}

impl GivenFile {
    /// The deployment file. A pack is checked and unpacked for it.
    pub(super) fn deployment(&self) -> Result<DeploymentFile, Failure> {
        if !names_pack(&self.path) {
            return match self.sha256 {
                Some(_) => Err(Failure::new(
                    Exit::Usage,
                    format!("--sha256 is for a pack, and {} is none", self.path.display()),
                )),
                None => Ok(DeploymentFile { path: self.path.clone(), unpacked: None }),
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
        let unpacked = ensure(&mut pack, &self.content(), &text).map_err(failed)?;
        Ok(DeploymentFile { path: unpacked.file().to_path_buf(), unpacked: Some(unpacked) })
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
    let pack = path.display();
    let deployment = Pack::open(path, None).map(|pack| pack.manifest().deployment.clone());
    let deployment = deployment.as_deref().unwrap_or("standpipe.toml");
    // The folder that `standpipe unpack` makes where none is named.
    let folder = path.file_stem().filter(|_| path.extension().is_some()).map(Path::new);
    let file = folder.unwrap_or(Path::new("content")).join(deployment);
    Err(Failure::new(Exit::Usage, format!("{pack} is a pack, and has to be unpacked first")).hint(format!(
        "`standpipe unpack {pack}`; then name the deployment file, `--file {}`",
        file.display()
    )))
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
