//! `standpipe import`

mod beside;
mod package;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use standpipe_deployment::{Problem, Problems, Source};
use standpipe_import::{Content, Import as Imported, InputFile, Options, Platform, Report, import};

use self::beside::Beside;
use self::package::OpenPackage;
use crate::failure::{Caused, Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe import ServiceDefinition.csdef ServiceConfiguration.Cloud.cscfg -o standpipe.toml\n  \
    standpipe import ServiceDefinition.csdef *.cscfg --configuration Local --platform linux\n  \
    standpipe import ServiceDefinition.csdef --service ServiceWatcher=SimpleService --pipe ServiceWatcher=simple\n  \
    standpipe import ServiceDefinition.csdef --package ServiceDemo.cspkg -o standpipe.toml\n\n\
    Each element and attribute is mapped, or listed with its line and what to do instead. The exit code is 0\n\
    although some are listed; it is 78 when a file cannot be imported, and then nothing is written.";

/// No file that is imported is as long.
const LONGEST: u64 = 5 * 1024 * 1024;

/// Make a deployment file of an Azure Cloud Service: its definition and configurations
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The service definition (.csdef), and any number of its service configurations (.cscfg)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The deployment file to write; without it, standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Write over a deployment file that is there already
    #[arg(long, requires = "output")]
    force: bool,

    /// Which configuration to take: `Cloud` for ServiceConfiguration.Cloud.cscfg. Without it, the first
    #[arg(long, value_name = "NAME")]
    configuration: Option<String>,

    /// What will run: the programs of Windows, on Windows or in Wine, or programs of Linux in their place
    #[arg(long, value_enum, value_name = "PLATFORM", default_value_t = PlatformName::Windows)]
    platform: PlatformName,

    /// What a role's code starts: the name of a Windows service, or on Linux the service's command
    #[arg(long = "service", value_name = "ROLE=NAME", value_parser = parse_pair)]
    services: Vec<(String, String)>,

    /// The named pipe that a role's service makes
    #[arg(long = "pipe", value_name = "ROLE=NAME", value_parser = parse_pair)]
    pipes: Vec<(String, String)>,

    /// Who may open that pipe: the security descriptor that the service gives it
    #[arg(long = "sddl", value_name = "ROLE=SDDL", value_parser = parse_pair)]
    descriptors: Vec<(String, String)>,

    /// Take the files of the roles from this package (.cspkg), and leave them beside the deployment file
    #[arg(long, value_name = "FILE", requires = "output")]
    package: Option<PathBuf>,

    /// Print the report as JSON on standard output; without --output, the deployment file is part of it
    #[arg(long)]
    json: bool,
}

/// What will run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlatformName {
    /// The programs of Windows as they are: on Windows, and on Linux in Wine.
    Windows,
    /// Programs of Linux in their place.
    Linux,
}

/// What `standpipe import --json` prints.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The deployment file's text, unless it was written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<String>,
    /// The configuration that the file is for, such as `Cloud`.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<String>,
    /// What became of each element and attribute.
    #[serde(flatten)]
    report: Report,
}

/// `ROLE=NAME`
fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((role, name)) if !role.trim().is_empty() && !name.trim().is_empty() => {
            Ok((role.trim().to_owned(), name.trim().to_owned()))
        }
        _ => Err("expected ROLE=NAME, such as ServiceWatcher=SimpleService".to_owned()),
    }
}

pub(super) fn run(arguments: &Import, output: &mut Output) -> Result<Exit, Failure> {
    let files = arguments.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = arguments.output.as_deref().filter(|path| !arguments.force && path.exists()) {
        return Err(Failure::new(Exit::Usage, format!("{} is there already", path.display()))
            .hint("name another file, or say --force to write over it"));
    }
    let (services, pipes) = (pairs(&arguments.services, "service")?, pairs(&arguments.pipes, "pipe")?);
    let descriptors = pairs(&arguments.descriptors, "sddl")?;
    let package = arguments.package.as_deref().map(OpenPackage::open).transpose()?;
    let beside = Beside::new(&arguments.files);
    let content: &dyn Content = match &package {
        Some(package) => package,
        None => &beside,
    };
    let imported = import(
        &files,
        &Options {
            configuration: arguments.configuration.as_deref(),
            platform: match arguments.platform {
                PlatformName::Windows => Platform::Windows,
                PlatformName::Linux => Platform::Linux,
            },
            services: &services,
            pipes: &pipes,
            descriptors: &descriptors,
            content,
            output: arguments.output.as_deref().unwrap_or(Path::new("standpipe.toml")),
        },
    )
    .map_err(|problems| Failure::problems(Exit::Config, problems))?;
    if let Some(path) = &arguments.output {
        let extracted = match &package {
            Some(package) => extract(package, &imported.roles, path, output)?,
            None => Vec::new(),
        };
        write(path, &imported.deployment, arguments.force).inspect_err(|_| remove(&extracted))?;
    }
    show(arguments, imported, output)?;
    Ok(Exit::Ok)
}

/// The options of one kind, by role.
fn pairs(given: &[(String, String)], option: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut pairs = BTreeMap::new();
    for (role, name) in given {
        if pairs.insert(role.clone(), name.clone()).is_some() {
            return Err(Failure::new(Exit::Usage, format!("role `{role}` has two of --{option}"))
                .hint("say it once for each role"));
        }
    }
    Ok(pairs)
}

fn read(path: &Path) -> Result<InputFile, Failure> {
    let unreadable = |error: &io::Error| {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => Problem::of_file("there is no such file"),
            _ => Problem::of_file(format!("the file cannot be read: {error}")),
        };
        let source = Source::new(path, String::new());
        Failure::problems(Exit::Config, Problems::one(&source, problem))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    file.take(LONGEST).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(InputFile { path: path.to_owned(), bytes })
}

/// Writes the deployment file, in the place of one that is there only with `force`.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::NotPermitted,
            io::ErrorKind::AlreadyExists => Exit::Usage,
            _ => Exit::Temporary,
        };
        Failure::new(
            exit,
            Caused { what: format!("cannot write {}", path.display()).into(), source: error.into() },
        )
    };
    if !force {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        return file.write_all(text.as_bytes()).map_err(failed);
    }
    // Whole or not at all: a file that is there is not lost when the disk is full.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(failed)
}

/// Puts the files of each role into a folder beside the deployment file; all of them or none.
fn extract(
    package: &OpenPackage,
    roles: &[(String, String)],
    file: &Path,
    output: &mut Output,
) -> Result<Vec<PathBuf>, Failure> {
    let beside = file.parent().unwrap_or(Path::new(""));
    let mut made = Vec::new();
    for (role, name) in roles {
        let folder = beside.join(name);
        let count = package.extract(role, &folder).inspect_err(|_| remove(&made))?;
        output.note(format_args!("{}: {count} files of role {role}", folder.display()));
        made.push(folder);
    }
    Ok(made)
}

/// Takes away folders that were made a moment ago.
fn remove(folders: &[PathBuf]) {
    for folder in folders {
        let _ = fs::remove_dir_all(folder);
    }
}

fn show(arguments: &Import, imported: Imported, output: &mut Output) -> Result<(), Failure> {
    let Imported { deployment, report, configuration, .. } = imported;
    if arguments.json {
        let deployment = arguments.output.is_none().then_some(deployment);
        return output.json(&Shown { deployment, configuration, report });
    }
    output.note(report.to_string().trim_end());
    if let Some(configuration) = configuration {
        output.note(format_args!("the file is for configuration {configuration}"));
    }
    match &arguments.output {
        Some(path) => output.note(format_args!("wrote {}", path.display())),
        None => output.bytes(deployment.as_bytes())?,
    }
    Ok(())
}
