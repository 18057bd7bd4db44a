//! What tests share that run real processes: a folder with scripts and a deployment, and lines from those
//! scripts.

use std::fs;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

use standpipe_deployment::{Deployment, Look, ProcessEnvironment, Role, Source};
#[cfg(target_os = "linux")]
use standpipe_teller::Teller;
#[cfg(target_os = "linux")]
pub(crate) use standpipe_teller::is_alive;
pub(crate) use standpipe_teller::soon;
use tempfile::TempDir;

/// A folder for a deployment, with a fifo `teller` through which scripts tell the test something.
pub(crate) struct TestFolder {
    folder: TempDir,
    #[cfg(target_os = "linux")]
    teller: Teller,
}

impl TestFolder {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            #[cfg(target_os = "linux")]
            teller: Teller::new(folder.path()),
            folder,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// A shell script; `["sh", NAME]` runs it.
    pub(crate) fn script(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    /// A program that looks right and cannot be started: the interpreter of its interpreter is missing.
    #[cfg(target_os = "linux")]
    pub(crate) fn unusable_program(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        let interpreter = self.path().join("interpreter");
        let texts = [
            (interpreter.clone(), "#!/no/such/interpreter\n".to_owned()),
            (self.path().join(name), format!("#!{}\n", interpreter.display())),
        ];
        for (path, text) in texts {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    pub(crate) fn deployment(&self, roles: &str) -> Deployment {
        let text = format!("name = \"Demo\"\n{roles}");
        let source = Source::new("standpipe.toml", text);
        match Deployment::from_source(&source, self.path(), &ProcessEnvironment, Look::Files) {
            Ok(deployment) => deployment,
            Err(problems) => panic!("{}", problems.render(false)),
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) async fn told(&mut self) -> String {
        self.teller.line().await
    }

    #[cfg(target_os = "linux")]
    pub(crate) async fn told_pid(&mut self) -> u32 {
        self.teller.pid().await
    }
}

pub(crate) fn only_role(deployment: &Deployment) -> &Role {
    &deployment.roles()[0]
}
