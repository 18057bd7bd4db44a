//! Which files belong in a pack.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::env::VarError;
use std::fs;
use std::path::{Path, PathBuf};

use standpipe_deployment::{
    Backend, Command, Deployment, Environment, Machine, Problem, Problems, Program, Role, Span, System,
};

use crate::error::PackError;
use crate::platform::is_executable;

/// What to gather.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// The system that the deployment is for.
    pub system: System,
    /// The roles; all of them when none is named.
    pub roles: &'a [String],
    /// The paths of secrets that the deployment file names, as they stand there. They stay where they are.
    pub secrets: &'a [String],
    /// The pack, which does not belong in itself.
    pub output: &'a Path,
}

/// The files for a pack.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The deployment's name.
    pub name: String,
    /// The path of the deployment file among the files.
    pub deployment: String,
    /// The roles whose files are there.
    pub roles: BTreeSet<String>,
    /// The files, by path.
    pub files: Vec<GatheredFile>,
    /// The secrets below a folder that `content` names, which were left out.
    pub left_out: Vec<PathBuf>,
}

/// A file for a pack.
#[derive(Debug, Clone)]
pub struct GatheredFile {
    /// Its path in the pack, with `/`.
    pub path: String,
    /// Where it is.
    pub source: PathBuf,
    /// Whether it can be executed.
    pub executable: bool,
    /// The roles that it belongs to; none for the deployment file.
    pub roles: BTreeSet<String>,
}

/// What can be wrong.
#[derive(Debug)]
pub enum GatherError {
    /// The deployment file, or what it says of files.
    Problems(Problems),
    /// What is not in the file.
    Pack(PackError),
}

impl From<PackError> for GatherError {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

/// An environment in which every variable is set: what it holds is decided where the deployment runs.
struct Unknown<'a>(&'a dyn Environment);

impl Environment for Unknown<'_> {
    fn get(&self, name: &str) -> Result<String, VarError> {
        match self.0.get(name) {
            Err(VarError::NotPresent) => Ok("unset".to_owned()),
            found => found,
        }
    }
}

/// Finds the files of a deployment: the deployment file, what `content` of the roles names, and the programs
/// that the file names by a path.
///
/// # Errors
/// Everything that is wrong with the deployment file, and each file that is not there or cannot be in a pack.
pub fn gather(
    file: &Path,
    choice: &Choice<'_>,
    environment: &dyn Environment,
) -> Result<Gathered, GatherError> {
    let folder = match choice.system {
        System::Windows => r"C:\deployment",
        System::Linux | System::OtherUnix => "/deployment",
    };
    let machine = Machine { system: choice.system, folder: folder.into() };
    let deployment = Deployment::load_for(file, &machine, &Unknown(environment)).map_err(|problems| {
        // A variable that is not set may be the true reason.
        let plainly = Deployment::load_for(file, &machine, environment).err();
        GatherError::Problems(plainly.unwrap_or(problems))
    })?;
    let known: Vec<&str> = deployment.roles().iter().map(|role| role.name.as_str()).collect();
    if let Some(name) = choice.roles.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(PackError::NoRole { name: name.clone(), known: known.join(", ") }.into());
    }
    let home = deployment.source().folder().to_path_buf();
    let own_name = file.file_name().and_then(|name| name.to_str()).unwrap_or("standpipe.toml").to_owned();
    let mut gatherer = Gatherer::new(&home, &own_name, choice);
    gatherer.add_file(&own_name, &home.join(&own_name), None, false);
    let is_chosen = |role: &&Role| choice.roles.is_empty() || choice.roles.contains(&role.name);
    let roles: Vec<&Role> = deployment.roles().iter().filter(is_chosen).collect();
    for role in &roles {
        gatherer.role(role, folder);
    }
    Problems::check(deployment.source(), std::mem::take(&mut gatherer.problems))
        .map_err(GatherError::Problems)?;
    let Gatherer { found, left_out, .. } = gatherer;
    let (found, left_out) = (found.into_values().collect(), left_out.into_iter().collect());
    Ok(Gathered {
        name: deployment.name().to_owned(),
        deployment: own_name.clone(),
        roles: roles.iter().map(|role| role.name.clone()).collect(),
        files: found,
        left_out,
    })
}

struct Gatherer<'a> {
    /// The folder of the deployment file.
    home: &'a Path,
    /// The name of the deployment file, which all roles need.
    own_name: &'a str,
    /// Files that never belong in a pack: secrets.
    secrets: HashSet<PathBuf>,
    /// The pack itself, and the one that is being written.
    own: [PathBuf; 2],
    found: BTreeMap<String, GatheredFile>,
    left_out: BTreeSet<PathBuf>,
    problems: Vec<Problem>,
}

impl<'a> Gatherer<'a> {
    fn new(home: &'a Path, own_name: &'a str, choice: &Choice<'_>) -> Self {
        let real = |path: &Path| path.canonicalize().ok();
        let secrets = choice.secrets.iter().filter_map(|path| real(&home.join(path))).collect();
        let above = choice.output.parent().filter(|above| !above.as_os_str().is_empty());
        let above = real(above.unwrap_or(Path::new("."))).unwrap_or_default();
        let output = above.join(choice.output.file_name().unwrap_or_default());
        let own = [crate::write::with_ending(&output, ".new"), output];
        Self {
            home,
            own_name,
            secrets,
            own,
            found: BTreeMap::new(),
            left_out: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    fn role(&mut self, role: &Role, folder: &str) {
        for content in &role.content {
            self.content(&content.path, &content.span, &role.name);
        }
        for command in commands(role) {
            if let Program::Path(path) = &command.program
                && let Some(path) = below(path, folder)
            {
                self.program(&path, &command.span, &role.name);
            }
        }
    }

    /// A file or a folder that `content` names.
    fn content(&mut self, path: &str, span: &Span, role: &str) {
        let path = path.replace('\\', "/");
        let path = path.strip_prefix("./").unwrap_or(&path).trim_end_matches('/');
        let path = if path == "." { "" } else { path };
        let is_below =
            !path.starts_with('/') && !path.contains(':') && path.split('/').all(|part| part != "..");
        if !is_below {
            self.problems.push(
                Problem::at(
                    span.clone(),
                    format!("`content` names `{path}`, which is not below the folder of this file"),
                )
                .hint("move it there, or write a path that starts from this folder"),
            );
            return;
        }
        let source = if path.is_empty() { self.home.to_path_buf() } else { self.home.join(path) };
        if fs::symlink_metadata(&source).is_err() {
            self.problems.push(
                Problem::at(span.clone(), format!("`content` names `{path}`, which is not there"))
                    .hint(format!("it is looked for at {}", source.display())),
            );
            return;
        }
        if self.walk(path, &source, span, role) == 0 {
            self.problems.push(
                Problem::at(span.clone(), format!("`content` names `{path}`, in which there is no file"))
                    .hint("take it out, or put something into it"),
            );
        }
    }

    /// Adds everything below a path, in the order of names. How many files there are, secrets among them.
    fn walk(&mut self, path: &str, source: &Path, span: &Span, role: &str) -> usize {
        match self.look(source) {
            Err(what) => {
                self.problems.push(
                    Problem::at(span.clone(), format!("`{path}` cannot be in a pack: {what}"))
                        .hint("a pack has plain files and folders; name those that are needed one by one"),
                );
                1
            }
            Ok(Found::File { executable }) => {
                self.add_file(path, source, Some(role), executable);
                1
            }
            Ok(Found::Folder(names)) => {
                let mut count = 0;
                for name in names {
                    let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    count += self.walk(&inner, &source.join(&name), span, role);
                }
                count
            }
        }
    }

    /// A program that the file names by a path.
    fn program(&mut self, path: &str, span: &Span, role: &str) {
        let source = self.home.join(path);
        match self.look(&source) {
            Ok(Found::File { .. }) => self.add_file(path, &source, Some(role), true),
            Ok(Found::Folder(_)) => self.problems.push(Problem::at(span.clone(), "the program is a folder")),
            Err(what) => self.problems.push(
                Problem::at(span.clone(), format!("the program cannot be in the pack: {what}"))
                    .hint(format!("it is looked for at {}", source.display())),
            ),
        }
    }

    /// What is at a path. A link counts as the file that it leads to, if that is below the folder too.
    fn look(&self, source: &Path) -> Result<Found, String> {
        let found = fs::symlink_metadata(source).map_err(|error| error.to_string())?;
        let found = if found.is_symlink() {
            let real = source.canonicalize().map_err(|error| format!("it is a link: {error}"))?;
            let home = self.home.canonicalize().map_err(|error| error.to_string())?;
            if !real.starts_with(&home) {
                return Err("it is a link that leads out of this folder".to_owned());
            }
            let target = fs::metadata(&real).map_err(|error| error.to_string())?;
            if !target.is_file() {
                return Err("it is a link to a folder".to_owned());
            }
            target
        } else {
            found
        };
        if found.is_file() {
            return Ok(Found::File { executable: is_executable(&found) });
        }
        if !found.is_dir() {
            return Err("it is neither a file nor a folder".to_owned());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(source).map_err(|error| error.to_string())? {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            let name = name.into_string();
            names.push(name.map_err(|name| format!("the name `{}` in it is not UTF-8", name.display()))?);
        }
        names.sort_unstable();
        Ok(Found::Folder(names))
    }

    fn add_file(&mut self, path: &str, source: &Path, role: Option<&str>, executable: bool) {
        let real = source.canonicalize().unwrap_or_else(|_| source.to_path_buf());
        if self.own.contains(&real) {
            return;
        }
        if self.secrets.contains(&real) {
            self.left_out.insert(PathBuf::from(path));
            return;
        }
        let path = path.strip_prefix("./").unwrap_or(path);
        let file = self.found.entry(path.to_owned()).or_insert_with(|| GatheredFile {
            path: path.to_owned(),
            source: real,
            executable: false,
            roles: BTreeSet::new(),
        });
        file.executable |= executable;
        if let Some(role) = role.filter(|_| path != self.own_name) {
            file.roles.insert(role.to_owned());
        }
    }
}

enum Found {
    File { executable: bool },
    Folder(Vec<String>),
}

/// The commands of a role.
fn commands(role: &Role) -> Vec<&Command> {
    let of_pipes = role.pipes.iter().filter_map(|pipe| match &pipe.backend {
        Backend::Command(serving) => Some(&serving.command),
        _ => None,
    });
    let of_services = role.services.iter().filter_map(|service| service.command.as_ref());
    role.startup.iter().map(|task| &task.command).chain(of_services).chain(of_pipes).collect()
}

/// A path below the deployment's folder as a pack has it; `None` for others.
fn below(path: &Path, folder: &str) -> Option<String> {
    let path = path.to_str()?.strip_prefix(folder)?.replace('\\', "/");
    let path = path.strip_prefix('/')?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Some(parts.join("/"))
}
