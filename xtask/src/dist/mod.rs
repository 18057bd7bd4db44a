//! `cargo xtask dist`: what a release consists of, in the same bytes on every run.

mod archive;
mod debian;
mod oci;
mod programs;
mod release;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;
use archive::Tree;
pub(crate) use programs::{Profile, linux as linux_programs};
pub(crate) use release::Release;

/// Make what a release consists of, in `target/dist`: archives, a Debian package, images, a bill of
/// materials and checksums
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make everything a second time from a copy of the checkout elsewhere, and compare each byte
    #[arg(long)]
    verify: bool,
}

/// The programs to pack.
pub(crate) struct Programs {
    /// The static `standpipe` for Linux.
    pub(crate) linux: PathBuf,
    /// `standpipe.exe`; without it, nothing for Windows and Wine is made.
    pub(crate) windows: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    let folder = workspace.target().join("dist");
    let release = Release::of(workspace)?;
    make(workspace, &release, &folder)?;
    if arguments.verify {
        let elsewhere = workspace.target().join("dist-again");
        let copy = copy(workspace, &elsewhere.join("checkout"))?;
        let again = elsewhere.join("dist");
        make(&copy, &release, &again)?;
        compare(&folder, &again)?;
        println!("the same bytes came out of {}", copy.root().display());
    }
    print!("{}", read(&folder.join(CHECKSUMS))?);
    println!("in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

const CHECKSUMS: &str = "SHA256SUMS";

/// Builds the programs and packs them.
fn make(workspace: &Workspace, release: &Release, folder: &Path) -> Result<()> {
    let linux = linux_programs(workspace, Profile::Release, &["standpipe"])?.join("standpipe");
    let windows = programs::windows(workspace, Profile::Release)?;
    pack(workspace, release, &Programs { linux, windows: Some(windows) }, folder)
}

/// Packs programs into an empty folder.
pub(crate) fn pack(
    workspace: &Workspace,
    release: &Release,
    programs: &Programs,
    folder: &Path,
) -> Result<()> {
    let root = workspace.root();
    let mut targets = vec![programs::LINUX];
    if programs.windows.is_some() {
        targets.push(programs::WINDOWS);
    }
    let parts = sbom::Parts::find(workspace, &targets)?;
    let mut licences = Vec::new();
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        licences.push((name.to_owned(), release::read(root, name)?));
    }
    licences.push(("THIRD-PARTY-LICENSES.txt".to_owned(), parts.notices(workspace)?.into_bytes()));
    let linux = read_bytes(&programs.linux)?;

    let mut made = Made::default();
    let version = &release.version;
    let name = format!("standpipe-{version}-x86_64-linux");
    let archive = linux_archive(root, &name, &linux, &licences)?;
    made.add(format!("{name}.tar.gz"), archive.tar_gz(release.when)?);
    made.add(format!("standpipe_{version}_amd64.deb"), debian::package(root, release, &linux, &licences)?);
    made.add(format!("standpipe-{version}-image.tar"), oci::image(release, &linux, &licences)?);
    made.add(format!("standpipe-{version}.cdx.json"), parts.bill(workspace, release)?.into_bytes());
    if let Some(path) = &programs.windows {
        let windows = read_bytes(path)?;
        let name = format!("standpipe-{version}-x86_64-windows");
        let archive = windows_archive(root, &name, &windows, &licences)?;
        made.add(format!("{name}.zip"), archive.zip(release.when)?);
        let name = format!("standpipe-{version}-wine-image");
        let context = wine_context(root, &name, &linux, &windows, &licences)?;
        made.add(format!("{name}.tar.gz"), context.tar_gz(release.when)?);
    }
    made.write(folder)
}

fn linux_archive(root: &Path, top: &str, program: &[u8], licences: &[(String, Vec<u8>)]) -> Result<Tree> {
    let mut archive = Tree::default();
    archive.file(&format!("{top}/standpipe"), 0o755, program);
    for folder in ["completions", "man", "systemd"] {
        for (name, text) in release::read_folder(root, &format!("packaging/{folder}"))? {
            archive.file(&format!("{top}/{folder}/{name}"), 0o644, text);
        }
    }
    for name in ["README.md", "CHANGELOG.md"] {
        archive.file(&format!("{top}/{name}"), 0o644, release::read(root, name)?);
    }
    add_licences(&mut archive, top, licences);
    Ok(archive)
}

fn windows_archive(root: &Path, top: &str, program: &[u8], licences: &[(String, Vec<u8>)]) -> Result<Tree> {
    let mut archive = Tree::default();
    archive.file(&format!("{top}/standpipe.exe"), 0o755, program);
    for (name, path) in [
        ("_standpipe.ps1", "packaging/completions/_standpipe.ps1"),
        ("README.md", "README.md"),
        ("CHANGELOG.md", "CHANGELOG.md"),
    ] {
        archive.file(&format!("{top}/{name}"), 0o644, release::read(root, path)?);
    }
    add_licences(&mut archive, top, licences);
    Ok(archive)
}

/// The folder that the image with Wine is built from.
fn wine_context(
    root: &Path,
    top: &str,
    linux: &[u8],
    windows: &[u8],
    licences: &[(String, Vec<u8>)],
) -> Result<Tree> {
    let mut context = Tree::default();
    for (name, text) in release::read_folder(root, "packaging/wine")? {
        context.file(&format!("{top}/{name}"), 0o644, text);
    }
    context.file(&format!("{top}/standpipe"), 0o755, linux);
    context.file(&format!("{top}/standpipe.exe"), 0o755, windows);
    add_licences(&mut context, top, licences);
    Ok(context)
}

fn add_licences(archive: &mut Tree, top: &str, licences: &[(String, Vec<u8>)]) {
    for (name, text) in licences {
        archive.file(&format!("{top}/{name}"), 0o644, text.as_slice());
    }
}

/// What was made, by file name.
#[derive(Default)]
struct Made {
    files: Vec<(String, Vec<u8>)>,
}

impl Made {
    fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.files.push((name, bytes));
    }

    /// Writes the files with their checksums into a folder, which holds nothing else afterwards.
    fn write(mut self, folder: &Path) -> Result<()> {
        self.files.sort();
        let checksum =
            |(name, bytes): &(String, Vec<u8>)| format!("{}  {name}\n", hex::encode(Sha256::digest(bytes)));
        let checksums: String = self.files.iter().map(checksum).collect();
        self.add(CHECKSUMS.to_owned(), checksums.into_bytes());
        let cannot = |error| Failure(format!("cannot write to {}: {error}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(cannot)?;
        }
        fs::create_dir_all(folder).map_err(cannot)?;
        for (name, bytes) in &self.files {
            fs::write(folder.join(name), bytes).map_err(cannot)?;
        }
        Ok(())
    }
}

/// The checkout's files, without what git ignores, in another place with a target folder of its own.
fn copy(workspace: &Workspace, to: &Path) -> Result<Workspace> {
    let listed = shell::output(workspace.command("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let cannot = |error| Failure(format!("cannot copy the checkout to {}: {error}", to.display()));
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (workspace.root().join(name), to.join(name));
        if let (true, Some(folder)) = (from.is_file(), to.parent()) {
            fs::create_dir_all(folder).map_err(cannot)?;
            fs::copy(&from, &to).map_err(cannot)?;
        }
    }
    Ok(Workspace::at(to))
}

/// Fails with the names of the files that differ between two folders, or are in one only.
pub(crate) fn compare(one: &Path, other: &Path) -> Result<()> {
    let files = |folder: &Path| {
        let folder_name = folder.display().to_string();
        let files = release::read_folder(folder, ".")?;
        if files.is_empty() { Err(Failure(format!("{folder_name} is empty"))) } else { Ok(files) }
    };
    let (one, other) = (files(one)?, files(other)?);
    let only_in = |these: &[(String, Vec<u8>)], those: &[(String, Vec<u8>)]| {
        let differing = these.iter().filter(|file| !those.contains(file));
        differing.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let mut differing = only_in(&one, &other);
    differing.extend(only_in(&other, &one));
    differing.sort();
    differing.dedup();
    if differing.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("two runs made different bytes: {}", differing.join(", "))))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}
