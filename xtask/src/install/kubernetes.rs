//! A Kubernetes API server and what belongs to it. No registry of packages has them as programs: Debian's
//! source package is compiled, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// The compiler that knows this source, and what its Makefile calls. Not every Debian has this one.
const PACKAGES: &[&str] = &["golang-1.19-go", "rsync", "dpkg-dev", "make", "jq", "openssl"];
const GO: &str = "/usr/lib/go-1.19";

/// The release of Debian whose source still has more than `kubectl`.
const SUITE: &str = "bookworm";
const SOURCE: &str = "kubernetes";
const VERSION: &str = "1.20.2";

/// What is compiled, and what Debian has as programs.
const COMPILED: &[&str] = &["kube-apiserver", "kube-controller-manager"];
const UNPACKED: &[(&str, &str)] = &[("etcd-server", "etcd"), ("kubernetes-client", "kubectl")];

/// The folder with the programs. They are compiled when they are not there, in about ten minutes of a
/// processor.
pub(crate) fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("tools/kubernetes");
    let cannot = |error| Failure(format!("cannot use {}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(cannot)?;
    // Go writes the path into what it keeps: it must always be the same.
    let folder = folder.canonicalize().map_err(cannot)?;
    let programs = folder.join("bin");
    fs::create_dir_all(&programs).map_err(cannot)?;
    let is_missing = |name: &&&str| !programs.join(name).is_file();
    let missing: Vec<&str> = COMPILED.iter().filter(is_missing).copied().collect();
    let packages: Vec<_> = UNPACKED.iter().filter(|(_, program)| !programs.join(program).is_file()).collect();
    if missing.is_empty() && packages.is_empty() {
        return Ok(programs);
    }
    let apt = Apt::new(&folder)?;
    for (package, program) in packages {
        let unpacked = folder.join("unpacked");
        shell::run(apt.get().args(["download", package]))?;
        let archive = newest(&folder, package)?;
        shell::run(Command::new("dpkg").arg("--extract").arg(archive).arg(&unpacked))?;
        fs::copy(unpacked.join("usr/bin").join(program), programs.join(program)).map_err(cannot)?;
    }
    if !missing.is_empty() {
        compile(&apt, &folder, &programs, &missing)?;
    }
    Ok(programs)
}

/// Compiles programs of Kubernetes, at the lowest priority.
fn compile(apt: &Apt, folder: &Path, programs: &Path, names: &[&str]) -> Result<()> {
    debian::install(PACKAGES)?;
    println!("compiling {}: this takes about ten minutes of a processor, once", names.join(", "));
    let source = folder.join("source");
    let cannot = |error| Failure(format!("cannot write below {}: {error}", folder.display()));
    if !source.join("Makefile").is_file() {
        shell::run(apt.get().args(["source", "--download-only", SOURCE]))?;
        let description = newest(folder, SOURCE)?;
        shell::run(Command::new("dpkg-source").args(["--no-check", "-x"]).arg(description).arg(&source))?;
    }
    // Its Makefile expects the source at the place that Go once gave to packages.
    let packages = source.join(".go/src/k8s.io");
    shell::run(Command::new("mkdir").arg("-p").arg(&packages))?;
    shell::run(Command::new("ln").args(["-sfn", "../../.."]).arg(packages.join("kubernetes")))?;
    let [major, minor, _] = VERSION.split('.').collect::<Vec<_>>()[..] else {
        return Err(Failure(format!("{VERSION} is no version")));
    };
    let version = format!(
        "KUBE_GIT_VERSION='v{VERSION}'\nKUBE_GIT_MAJOR='{major}'\nKUBE_GIT_MINOR='{minor}'\n\
         KUBE_GIT_TREE_STATE='clean'\nKUBE_GIT_COMMIT='debian'\n"
    );
    let version_file = folder.join("version");
    fs::write(&version_file, version).map_err(cannot)?;
    for name in names {
        let mut make = Command::new("nice");
        make.args(["-n", "19", "make", &format!("WHAT=cmd/{name}")]).current_dir(&source);
        make.env("GOPATH", source.join(".go"))
            .env("GOROOT", GO)
            .env("CGO_ENABLED", "0")
            .env("GOPROXY", "off");
        make.env("GOFLAGS", "-p=1").env("GOCACHE", folder.join("cache"));
        make.env("KUBE_GIT_VERSION_FILE", &version_file);
        let path = std::env::var("PATH").unwrap_or_default();
        make.env("PATH", format!("{GO}/bin:{path}"));
        shell::run(&mut make)?;
        fs::copy(source.join("_output/bin").join(name), programs.join(name)).map_err(cannot)?;
    }
    // Several gigabytes, of which nothing is needed again.
    for folder in [source, folder.join("cache")] {
        fs::remove_dir_all(&folder).map_err(cannot)?;
    }
    Ok(())
}

/// Debian's packages of one release, whatever this machine's own sources are.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self> {
        let apt = Self { folder: folder.to_path_buf() };
        let cannot = |error| Failure(format!("cannot write below {}: {error}", folder.display()));
        for part in ["sources", "lists/partial", "archives/archives/partial"] {
            fs::create_dir_all(folder.join(part)).map_err(cannot)?;
        }
        let sources = format!(
            "Types: deb deb-src\nURIs: http://deb.debian.org/debian\nSuites: {SUITE}\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        );
        fs::write(folder.join("sources/debian.sources"), sources).map_err(cannot)?;
        shell::run(apt.get().args(["-qq", "update"]))?;
        Ok(apt)
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.current_dir(&self.folder);
        let option = |name: &str, part: &str| format!("{name}={}", self.folder.join(part).display());
        command.args(["-o", "Dir::Etc::sourcelist=/dev/null"]);
        for (name, part) in
            [("Dir::Etc::sourceparts", "sources"), ("Dir::State::lists", "lists"), ("Dir::Cache", "archives")]
        {
            command.args(["-o", &option(name, part)]);
        }
        command
    }
}

/// The archive of a package, or the description of a source, that apt has put into the folder.
fn newest(folder: &Path, package: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("{package}_")) && (name.ends_with(".deb") || name.ends_with(".dsc"))
    };
    let found = entries.filter(is_it).max();
    found.ok_or_else(|| Failure(format!("apt has put no {package} into {}", folder.display())))
}
