//! What a program is made of: a bill of materials in the format CycloneDX 1.6, and the licences of all parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::archive;
use super::release::Release;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// One crate: its name and its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
}

/// What a program is made of.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The licence of each crate, as its manifest has it.
    licences: BTreeMap<Crate, String>,
    /// Which crates each crate uses.
    uses: BTreeMap<Crate, BTreeSet<Crate>>,
}

/// What comes with the compiler and is linked into the program.
struct Runtime {
    name: &'static str,
    version: String,
    licence: &'static str,
    reference: String,
}

impl Crate {
    /// Its package URL, which names it in the bill.
    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

impl Parts {
    /// The crates in the program `standpipe` for any of the targets.
    pub(super) fn find(workspace: &Workspace, targets: &[&str]) -> Result<Self> {
        let mut parts = Self::default();
        for target in targets {
            let mut command = workspace.cargo();
            command.args(["tree", "--locked", "--package", "standpipe", "--target", target]);
            command.args(["--edges", "normal", "--prefix", "depth", "--format", "|{p}|{l}|"]);
            parts.add(&shell::output(&mut command)?)?;
        }
        Ok(parts)
    }

    /// Adds what `cargo tree` has printed: lines such as `2|name v1.0.0 (more)|MIT| (*)`.
    fn add(&mut self, tree: &str) -> Result<()> {
        let mut above: Vec<Crate> = Vec::new();
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let unexpected = || Failure(format!("`cargo tree` printed an unexpected line: {line}"));
            let [depth, package, licence, _] =
                line.split('|').collect::<Vec<_>>().try_into().map_err(|_| unexpected())?;
            let depth: usize = depth.parse().map_err(|_| unexpected())?;
            let mut words = package.split_whitespace();
            let (Some(name), Some(version)) = (words.next(), words.next()) else { return Err(unexpected()) };
            let version = version.strip_prefix('v').ok_or_else(unexpected)?;
            let found = Crate { name: name.to_owned(), version: version.to_owned() };
            above.truncate(depth);
            if let Some(parent) = above.last() {
                self.uses.entry(parent.clone()).or_default().insert(found.clone());
            }
            self.licences.insert(found.clone(), licence.to_owned());
            above.push(found);
        }
        Ok(())
    }

    /// The bill of materials, as JSON.
    pub(super) fn bill(&self, workspace: &Workspace, release: &Release) -> Result<String> {
        let lock = fs::read_to_string(workspace.root().join("Cargo.lock"))
            .map_err(|error| Failure(format!("cannot read Cargo.lock: {error}")))?;
        let checksums = checksums(&lock);
        let runtimes = runtimes()?;
        let main = Crate { name: "standpipe".to_owned(), version: release.version.clone() };
        let of_crates = self.licences.iter().filter(|(part, _)| **part != main);
        let mut components: Vec<Value> =
            of_crates.map(|(part, licence)| component(part, licence, checksums.get(part))).collect();
        components.extend(runtimes.iter().map(|runtime| {
            json!({
                "type": "library",
                "bom-ref": runtime.reference,
                "name": runtime.name,
                "version": runtime.version,
                "licenses": [{"expression": runtime.licence}],
                "purl": runtime.reference,
            })
        }));
        let dependencies = self.licences.keys().map(|part| {
            let mut on: Vec<_> = self.uses.get(part).into_iter().flatten().map(Crate::reference).collect();
            if *part == main {
                on.extend(runtimes.iter().map(|runtime| runtime.reference.clone()));
            }
            json!({"ref": part.reference(), "dependsOn": on})
        });
        let bill = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "timestamp": archive::iso(release.when),
                "component": {
                    "type": "application",
                    "bom-ref": main.reference(),
                    "name": main.name,
                    "version": main.version,
                    "licenses": [{"expression": release.licence}],
                    "purl": main.reference(),
                },
            },
            "components": components,
            "dependencies": dependencies.collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&bill);
        text.map(|text| text + "\n").map_err(|error| Failure(format!("cannot write the bill: {error}")))
    }

    /// The licences and notices of all crates from elsewhere, one text after the other. Equal texts come
    /// once, with the names of all crates that have them.
    pub(super) fn notices(&self, workspace: &Workspace) -> Result<String> {
        let folders = folders(workspace)?;
        let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (part, licence) in &self.licences {
            let Some(folder) = folders.get(part) else { continue };
            let mut texts = licence_texts(folder)?;
            if texts.is_empty() {
                texts.push(format!("{} has no text of its licence in its package.\n", part.name));
            }
            for text in texts {
                owners.entry(text).or_default().push(format!("{} {} ({licence})", part.name, part.version));
            }
        }
        let mut by_owners: Vec<_> = owners.into_iter().map(|(text, owners)| (owners, text)).collect();
        by_owners.sort();
        let line = "-".repeat(80);
        let mut all = vec![String::from(
            "The programs contain parts that others have written. These are their licences.\n\
             The standard library of Rust is under MIT OR Apache-2.0, and the C library of the Linux programs,\n\
             glibc, under LGPL-2.1-or-later; its source is part of every Debian mirror.\n",
        )];
        for (owners, text) in by_owners {
            all.push(format!("\n{line}\n{}\n{line}\n\n{}\n", owners.join("\n"), text.trim_end()));
        }
        Ok(all.concat())
    }
}

fn component(part: &Crate, licence: &str, checksum: Option<&String>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": part.reference(),
        "name": part.name,
        "version": part.version,
        "purl": part.reference(),
    });
    if !licence.is_empty() {
        // Old manifests separate licences with a slash, which is not SPDX.
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

/// The checksum of each package from a registry.
fn checksums(lock: &str) -> BTreeMap<Crate, String> {
    let value = |package: &str, key: &str| {
        let start = format!("{key} = \"");
        package.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"').map(str::to_owned))
    };
    let packages = lock.split("[[package]]").skip(1);
    let known = packages.filter_map(|package| {
        let part = Crate { name: value(package, "name")?, version: value(package, "version")? };
        Some((part, value(package, "checksum")?))
    });
    known.collect()
}

/// Where the source of each package from a registry is.
fn folders(workspace: &Workspace) -> Result<BTreeMap<Crate, PathBuf>> {
    let mut command = workspace.cargo();
    let text = shell::output(command.args(["metadata", "--locked", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Failure(format!("`cargo metadata` printed unexpected JSON: {error}")))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let found = packages.filter(|package| package["source"].is_string()).filter_map(|package| {
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?.to_path_buf();
        Some((Crate { name: text("name")?, version: text("version")? }, folder))
    });
    Ok(found.collect())
}

/// The texts in a package that are its licences and notices.
fn licence_texts(folder: &Path) -> Result<Vec<String>> {
    const STARTS: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
    let cannot = |error| Failure(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && STARTS.iter().any(|start| name.starts_with(start)) {
            files.push(path);
        }
    }
    files.sort();
    let read = |path: &PathBuf| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).replace('\r', ""));
    files.iter().map(read).collect::<std::io::Result<_>>().map_err(cannot)
}

/// What the compiler adds to a program.
fn runtimes() -> Result<Vec<Runtime>> {
    let rust = shell::output(Command::new("rustc").arg("--version"))?;
    let rust = rust.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    let reference = format!("pkg:github/rust-lang/rust@{rust}");
    let mut all = vec![Runtime { name: "rust-std", version: rust, licence: "MIT OR Apache-2.0", reference }];
    let mut query = Command::new("dpkg-query");
    let installed = shell::output(query.args(["--show", "--showformat=${Version}", "libc6-dev"]));
    let (version, reference) = if let Ok(version) = installed {
        (version.clone(), format!("pkg:deb/debian/glibc@{version}?arch=source"))
    } else {
        let said = shell::output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
        let version = said.split_whitespace().last().unwrap_or("unknown").to_owned();
        (version.clone(), format!("pkg:generic/glibc@{version}"))
    };
    // A plus sign means a space to some readers of package URLs.
    let reference = reference.replace('+', "%2B");
    all.push(Runtime { name: "glibc", version, licence: "LGPL-2.1-or-later", reference });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, version: &str) -> Crate {
        Crate { name: name.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn the_tree_says_who_uses_what() {
        let tree = "0|standpipe v0.1.0 (/somewhere)|MIT|\n1|a v1.0.0|MIT/Apache-2.0|\n2|b v2.0.0|MIT|\n\
                    1|c v3.0.0 (proc-macro)|MIT|\n2|b v2.0.0|MIT| (*)\n";
        let mut parts = Parts::default();
        parts.add(tree).unwrap();
        assert_eq!(parts.licences.len(), 4);
        let used_by = |name, version| {
            parts.uses[&part(name, version)].iter().map(|part| part.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(used_by("standpipe", "0.1.0"), ["a", "c"]);
        assert_eq!(used_by("c", "3.0.0"), ["b"]);
    }

    #[test]
    fn the_old_form_of_a_choice_of_licences_becomes_an_expression() {
        let found = component(&part("a", "1.0.0"), "MIT/Apache-2.0", Some(&"00".to_owned()));
        assert_eq!(found["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(found["hashes"][0]["content"], "00");
    }

    #[test]
    fn checksums_come_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"ff\"\n\n\
                    [[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(part("a", "1.0.0"), "ff".to_owned())]));
    }
}
