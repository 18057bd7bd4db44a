//! From the files to the deployment file.

mod advice;
mod calls;
mod configurations;
mod endpoints;
mod own;
mod roles;
mod service;
mod startup;
mod whole;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use standpipe_deployment::{Deployment, Machine, NoVariables, Problem, Problems, Source, System};

use crate::InputFile;
use crate::configuration::Configuration;
use crate::document::{Document, Element};
use crate::ledger::Ledger;
use crate::names::Names;
use crate::outline::{Comment, Table};
use crate::references;
use crate::report::Report;
use crate::write;
use endpoints::Taken;
use roles::RoleFacts;

/// What the imported deployment runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Platform {
    /// The programs of Windows as they are: on Windows, and on Linux in Wine.
    #[default]
    Windows,
    /// Programs of Linux, which take the place of those of Windows.
    Linux,
}

/// The files of the roles, as far as they are at hand. A batch file says more than the definition that
/// starts it.
pub trait Content {
    /// A file of a role: its path in its true spelling, and what is in it. `path` has `/`, and its case may
    /// be wrong. Both begin where Azure starts the role's tasks.
    fn find(&self, role: &str, path: &str) -> Option<(String, Vec<u8>)>;
}

/// No files are at hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContent;

impl Content for NoContent {
    fn find(&self, _role: &str, _path: &str) -> Option<(String, Vec<u8>)> {
        None
    }
}

/// What the files do not say.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The name of the configuration to take, such as `Cloud`; without it, the first.
    pub configuration: Option<&'a str>,
    /// What the deployment runs on.
    pub platform: Platform,
    /// For a role: the Windows service that its code starts, or on Linux the service's command.
    pub services: &'a BTreeMap<String, String>,
    /// For a role: the named pipe of its service.
    pub pipes: &'a BTreeMap<String, String>,
    /// For a role: the security descriptor of its pipe.
    pub descriptors: &'a BTreeMap<String, String>,
    /// The files of the roles.
    pub content: &'a dyn Content,
    /// The path of the deployment file, for messages.
    pub output: &'a Path,
}

/// A deployment file, and what became of the files that it was made of.
#[derive(Debug, Clone)]
pub struct Import {
    /// The text of the deployment file.
    pub deployment: String,
    /// What became of each element and attribute.
    pub report: Report,
    /// The name of the configuration that it is for, if there was one.
    pub configuration: Option<String>,
    /// The roles: the name of each in the definition, and in the deployment file. Commands name files of a
    /// role below a folder that has the latter.
    pub roles: Vec<(String, String)>,
    /// The files with passwords that it expects.
    pub secrets: Vec<String>,
}

/// Turns a definition and its configurations into a deployment file. The order of the files is of no account,
/// save that the first configuration is taken when `options` names none.
///
/// # Errors
/// What is wrong with the first file that is wrong: it is no XML, no definition of this schema, or something
/// in it leads nowhere. One without a definition, with two, or with a configuration that is not there has
/// problems too.
pub fn import(files: &[InputFile], options: &Options<'_>) -> Result<Import, Problems> {
    let documents = files
        .iter()
        .enumerate()
        .map(|(file, input)| Document::read(file, input))
        .collect::<Result<Vec<_>, _>>()?;
    let documents: Vec<Document> = documents;
    let definition = one_definition(&documents)?;
    let found = references::of_definition(&definition.root);
    check(&definition.source, found)?;
    let mut configurations = Vec::new();
    for document in documents.iter().filter(|document| !std::ptr::eq(*document, definition)) {
        if document.root.name != "ServiceConfiguration" {
            return Err(Problems::one(&document.source, not_of_azure(&document.root)));
        }
        check(&document.source, references::of_configuration(&document.root, &definition.root))?;
        configurations.push(Configuration::new(document));
    }
    let chosen = choose(&configurations, options, definition)?;
    options_lead(definition, options)?;

    let mut mapper = Mapper {
        definition: &definition.root,
        chosen: chosen.map(|index| configurations[index].clone()),
        others: configurations
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != chosen)
            .map(|(_, other)| other.clone())
            .collect(),
        options,
        ledger: Ledger::default(),
        tables: Vec::new(),
        roles: Vec::new(),
        ports: Vec::new(),
        secrets: Vec::new(),
        folders: Vec::new(),
    };
    mapper.map();
    let heading = mapper.heading(definition.source.path());
    let deployment = write::write(&heading, &mapper.tables);
    let roles = mapper.roles.iter().map(|role| (role.label.to_owned(), role.name.clone())).collect();
    let Mapper { ledger, chosen, secrets, .. } = mapper;
    // The definition comes first, whatever the order on the command line.
    let (first, rest): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| std::ptr::eq(*document, definition));
    let mut report = ledger.report(first.into_iter().chain(rest));
    report.problems = problems(&deployment, options);
    Ok(Import { deployment, report, configuration: chosen.map(|chosen| chosen.name), roles, secrets })
}

/// What is being mapped, and what has come of it.
struct Mapper<'a> {
    definition: &'a Element,
    chosen: Option<Configuration<'a>>,
    others: Vec<Configuration<'a>>,
    options: &'a Options<'a>,
    ledger: Ledger,
    tables: Vec<Table>,
    roles: Vec<RoleFacts<'a>>,
    /// The ports that are taken.
    ports: Vec<Taken>,
    secrets: Vec<String>,
    folders: Vec<(String, String)>,
}

impl Mapper<'_> {
    fn map(&mut self) {
        let mut names = Names::default();
        let roles = references::roles(self.definition);
        self.roles = roles.map(|role| RoleFacts::of(role, &mut names, self.options)).collect();
        self.find_calls();
        self.whole();
        // A role calls endpoints of roles that come later.
        for index in 0..self.roles.len() {
            self.name_endpoints(index);
        }
        for index in 0..self.roles.len() {
            self.role(index);
        }
        self.rules();
        self.configurations();
    }

    /// What stands at the top of the file.
    fn heading(&self, definition: &Path) -> Vec<Comment> {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of = match &self.chosen {
            Some(chosen) => format!("{} and its configuration {}", name(definition), chosen.name),
            None => format!("{}, without a configuration", name(definition)),
        };
        let mut heading = vec![Comment::Note(format!(
            "Made of {of} by `standpipe import`. Lines with DECIDE need a person; the report says what was left out."
        ))];
        if !self.secrets.is_empty() {
            heading.push(Comment::Note(format!(
                "Passwords are not copied. This file expects each in a file that only its owner can read: {}.",
                self.secrets.join(", ")
            )));
        }
        if !self.folders.is_empty() {
            let folders: Vec<String> = self
                .folders
                .iter()
                .map(|(role, folder)| format!("{folder}/ (approot of role {role})"))
                .collect();
            heading.push(Comment::Note(format!(
                "Beside this file, it expects what the package has for each role: {}. `--package` takes it from there.",
                folders.join(", ")
            )));
        }
        heading
    }
}

fn check(source: &Source, found: Vec<Problem>) -> Result<(), Problems> {
    if found.is_empty() { Ok(()) } else { Err(Problems::all(source, found)) }
}

/// The one file that is a definition.
fn one_definition(documents: &[Document]) -> Result<&Document, Problems> {
    let mut definitions = documents.iter().filter(|document| document.root.name == "ServiceDefinition");
    match (definitions.next(), definitions.next()) {
        (Some(definition), None) => Ok(definition),
        (Some(first), Some(second)) => Err(Problems::one(
            &second.source,
            Problem::at(second.root.span.clone(), "there are two definitions")
                .hint(format!("the first is {}; import one after the other", first.source.path().display())),
        )),
        (None, _) => Err(match documents.first() {
            Some(document) if document.root.name == "ServiceConfiguration" => Problems::one(
                &document.source,
                Problem::at(
                    document.root.span.clone(),
                    "this is a configuration, and there is no definition",
                )
                .hint("give the definition too: ServiceDefinition.csdef"),
            ),
            Some(document) => Problems::one(&document.source, not_of_azure(&document.root)),
            None => Problems::one(
                &Source::new(PathBuf::new(), ""),
                Problem::of_file("there is no file to import"),
            ),
        }),
    }
}

fn not_of_azure(root: &Element) -> Problem {
    Problem::at(
        root.span.clone(),
        format!("a file of Azure Cloud Services does not begin with `{}`", root.name),
    )
    .label("neither ServiceDefinition nor ServiceConfiguration")
    .hint("is it the right file?")
}

/// Which configuration is taken, by its place.
fn choose(
    configurations: &[Configuration<'_>],
    options: &Options<'_>,
    definition: &Document,
) -> Result<Option<usize>, Problems> {
    let Some(wanted) = options.configuration else {
        return Ok((!configurations.is_empty()).then_some(0));
    };
    let found = configurations.iter().position(|one| one.name.eq_ignore_ascii_case(wanted));
    if found.is_some() {
        return Ok(found);
    }
    let names: Vec<&str> = configurations.iter().map(|one| one.name.as_str()).collect();
    let hint = if names.is_empty() {
        "no configuration was given".to_owned()
    } else {
        format!("those given are {}", names.join(", "))
    };
    let problem = Problem::of_file(format!("there is no configuration `{wanted}`")).hint(hint);
    Err(Problems::one(&definition.source, problem))
}

/// Roles that the options name exist.
fn options_lead(definition: &Document, options: &Options<'_>) -> Result<(), Problems> {
    let roles: Vec<&str> = references::roles(&definition.root).map(Element::label).collect();
    let named = options.services.keys().chain(options.pipes.keys()).chain(options.descriptors.keys());
    match named.into_iter().find(|name| !roles.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Problems::one(
            &definition.source,
            Problem::of_file(format!("the definition has no role `{name}`"))
                .hint(format!("its roles are {}", roles.join(", "))),
        )),
    }
}

/// What the check of deployment files says of the text, files and passwords apart.
fn problems(deployment: &str, options: &Options<'_>) -> Vec<String> {
    let source = Source::new(options.output, deployment);
    let machines: &[(&str, System, &str)] = match options.platform {
        Platform::Linux => &[("Linux", System::Linux, "/deployment")],
        Platform::Windows => {
            &[("Windows", System::Windows, r"C:\deployment"), ("Linux", System::Linux, "/deployment")]
        }
    };
    let mut found = Vec::new();
    for (name, system, folder) in machines {
        let machine = Machine { system: *system, folder: PathBuf::from(folder) };
        let Err(problems) = Deployment::from_source_for(&source, &machine, &NoVariables) else { continue };
        for problem in problems.iter() {
            let line = problem
                .span()
                .map_or(1, |span| deployment.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            found.push(format!("{}:{line}: on {name}, {}", options.output.display(), problem.message()));
        }
    }
    found
}
