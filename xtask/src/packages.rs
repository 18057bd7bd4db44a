//! The packages of the workspace, as `cargo metadata` lists them.

use serde_json::Value;

use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// What crates of this project have in front of their own name.
const PREFIX: &str = "standpipe-";

/// One package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// As in its manifest, such as `standpipe-smb`.
    pub(crate) name: String,
    /// Whether it has a library, which doc tests need.
    pub(crate) has_library: bool,
    /// What it depends on inside the workspace.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One arrow between two packages of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package that the arrow leads to.
    pub(crate) name: String,
    /// Whether only tests, examples and benchmarks use it.
    pub(crate) only_for_tests: bool,
}

impl Package {
    /// The name without what all crates of this project have in front.
    pub(crate) fn short_name(&self) -> &str {
        short(&self.name)
    }
}

impl Dependency {
    /// The name without what all crates of this project have in front.
    pub(crate) fn short_name(&self) -> &str {
        short(&self.name)
    }
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// All packages of the workspace, in the order of their names.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Package>> {
    let mut command = workspace.cargo();
    let text = shell::output(command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata = serde_json::from_str(&text)
        .map_err(|error| Failure(format!("`cargo metadata` printed unexpected JSON: {error}")))?;
    Ok(from_metadata(&metadata))
}

fn from_metadata(metadata: &Value) -> Vec<Package> {
    let packages = elements(&metadata["packages"]);
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut all: Vec<_> = packages
        .iter()
        .filter_map(|package| {
            let is_library = |target: &Value| elements(&target["kind"]).iter().any(|kind| kind == "lib");
            let dependencies = elements(&package["dependencies"]).iter().filter_map(|dependency| {
                let name = dependency["name"].as_str().filter(|name| names.contains(name))?;
                Some(Dependency { name: name.to_owned(), only_for_tests: dependency["kind"] == "dev" })
            });
            Some(Package {
                name: package["name"].as_str()?.to_owned(),
                has_library: elements(&package["targets"]).iter().any(is_library),
                dependencies: dependencies.collect(),
            })
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The packages of these names, which may lack the prefix `standpipe-`. An unknown name is an error that
/// lists the known ones.
pub(crate) fn select(all: &[Package], names: &[String]) -> Result<Vec<Package>> {
    let find = |name: &String| {
        // A full name counts first: the command is `standpipe`, and no crate may hide it.
        let found = all.iter().find(|package| package.name == *name);
        found.or_else(|| all.iter().find(|package| package.short_name() == name)).cloned().ok_or_else(|| {
            let known: Vec<_> = all.iter().map(Package::short_name).collect();
            Failure(format!("no crate is named {name:?}; there are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> Vec<Package> {
        from_metadata(&json!({"packages": [
            {
                "name": "standpipe-smb",
                "targets": [{"kind": ["test"]}, {"kind": ["lib"]}],
                "dependencies": [
                    {"name": "standpipe-security", "kind": null},
                    {"name": "standpipe-fuzz", "kind": "dev"},
                    {"name": "aes", "kind": null},
                ],
            },
            {"name": "standpipe-fuzz", "targets": [{"kind": ["bin"]}], "dependencies": []},
            {"name": "standpipe-security", "targets": [{"kind": ["lib"]}], "dependencies": []},
        ]}))
    }

    #[test]
    fn dependencies_outside_the_workspace_are_left_out() {
        let all = example();
        let arrow = |name: &str, only_for_tests| Dependency { name: name.to_owned(), only_for_tests };
        assert_eq!(all[2].name, "standpipe-smb");
        assert_eq!(all[2].dependencies, [arrow("standpipe-security", false), arrow("standpipe-fuzz", true)]);
        assert_eq!(all.iter().map(|package| package.has_library).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_crate_is_found_with_and_without_its_prefix() {
        let names = ["smb".to_owned(), "standpipe-fuzz".to_owned()];
        let chosen = select(&example(), &names).unwrap();
        let names: Vec<_> = chosen.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["standpipe-smb", "standpipe-fuzz"]);
    }

    #[test]
    fn an_unknown_crate_is_answered_with_the_known_ones() {
        let failure = select(&example(), &["smp".to_owned()]).unwrap_err();
        assert_eq!(failure.0, "no crate is named \"smp\"; there are fuzz, security, smb");
    }
}
