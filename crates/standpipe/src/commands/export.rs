//! `standpipe export`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use standpipe_deployment::{Problems, ProcessEnvironment};
use standpipe_export::{
    ComposeOptions, Container, ExportedFile, KubernetesOptions, SystemdOptions, WriteError, compose,
    kubernetes, systemd, write_all,
};

use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Write files that run a deployment on another platform
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// For Kubernetes: a StatefulSet for each role, Services, policies, and a kustomization
    #[command(after_help = "Examples:\n  \
        standpipe export kubernetes\n  \
        standpipe export kubernetes -f deploy/standpipe.toml -o deploy/kubernetes\n  \
        standpipe export kubernetes --os windows --image registry.example/demo:1.0")]
    Kubernetes(Kubernetes),
    /// For docker compose and podman-compose: a service for each instance
    #[command(after_help = "Examples:\n  \
        standpipe export compose\n  \
        standpipe export compose -f deploy/standpipe.toml -o deploy/compose --image registry.example/demo:1.0")]
    Compose(Compose),
    /// For systemd: a template unit for each role, and a target
    #[command(after_help = "Examples:\n  \
        standpipe export systemd\n  \
        standpipe export systemd -f deploy/standpipe.toml -o deploy/systemd --program /usr/local/bin/standpipe")]
    Systemd(Systemd),
}

/// What every export has.
#[derive(Debug, Args)]
struct Common {
    /// The deployment file
    #[arg(short, long, value_name = "PATH", default_value = "standpipe.toml")]
    file: PathBuf,

    /// The folder to write to; without it, one with the platform's name
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Also replace files that no export has made
    #[arg(long)]
    force: bool,
}

/// The system of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Os {
    /// Linux; Windows services run in Wine.
    Linux,
    /// Windows.
    Windows,
}

/// `standpipe export kubernetes`
#[derive(Debug, Args)]
pub(crate) struct Kubernetes {
    #[command(flatten)]
    common: Common,

    /// The system of the nodes
    #[arg(long, value_enum, value_name = "OS", default_value_t = Os::Linux)]
    os: Os,

    /// The image of every role; without it, each has one of its own name
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
}

/// `standpipe export compose`
#[derive(Debug, Args)]
pub(crate) struct Compose {
    #[command(flatten)]
    common: Common,

    /// The image of every role; without it, each has one of its own name
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
}

/// `standpipe export systemd`
#[derive(Debug, Args)]
pub(crate) struct Systemd {
    #[command(flatten)]
    common: Common,

    /// Where `standpipe` is on the machine that runs the units
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/standpipe")]
    program: String,
}

pub(super) fn run(export: &Export, output: &mut Output) -> Result<Exit, Failure> {
    let environment = &ProcessEnvironment;
    let (Export::Kubernetes(Kubernetes { common, .. })
    | Export::Compose(Compose { common, .. })
    | Export::Systemd(Systemd { common, .. })) = export;
    super::packed::refuse(&common.file)?;
    match export {
        Export::Kubernetes(Kubernetes { common, os, image }) => {
            let container = match os {
                Os::Linux => Container::Linux,
                Os::Windows => Container::Windows,
            };
            let options = KubernetesOptions { container, image: image.clone() };
            common.write(
                kubernetes(&common.file, &options, environment),
                "kubernetes",
                "kustomization.yaml",
                output,
            )
        }
        Export::Compose(Compose { common, image }) => {
            let options = ComposeOptions { image: image.clone() };
            common.write(compose(&common.file, &options, environment), "compose", "compose.yaml", output)
        }
        Export::Systemd(Systemd { common, program }) => {
            let options = SystemdOptions { program: program.clone() };
            common.write(systemd(&common.file, &options, environment), "systemd", "*.target", output)
        }
    }
}

impl Common {
    /// Writes the files of an export, and says where they are and what comes next: the head of `first` has
    /// it.
    fn write(
        &self,
        exported: Result<Vec<ExportedFile>, Problems>,
        format: &str,
        first: &str,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let files = exported?;
        let folder = self.output.as_deref().unwrap_or(Path::new(format));
        write_all(&files, folder, self.force).map_err(failure)?;
        for file in &files {
            output.line(folder.join(&file.path).display())?;
        }
        let first = files.iter().find(|file| match first.strip_prefix('*') {
            Some(ending) => file.path.ends_with(ending),
            None => file.path == first,
        });
        if let Some(first) = first {
            output.note(format_args!(
                "what to do with them is at the head of {}",
                folder.join(&first.path).display()
            ));
        }
        Ok(Exit::Ok)
    }
}

fn failure(error: WriteError) -> Failure {
    match error {
        WriteError::InTheWay(_) => Failure::new(Exit::Config, error)
            .hint("write to another folder with --output, or replace the files with --force"),
        WriteError::Io { .. } => Failure::new(Exit::Temporary, error),
    }
}
