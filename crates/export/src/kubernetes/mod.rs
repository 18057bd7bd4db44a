//! Kubernetes: one StatefulSet for each role, and what belongs to it, as files for `kubectl apply -k`.

mod check;
mod names;
mod objects;
mod policy;
mod probes;
mod problems;
mod services;
mod workload;

#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;
use standpipe_deployment::{Environment, Problem, Problems, Role};

use crate::container::Container;
use crate::file::{ExportedFile, heading};
use crate::origin::{Origin, PlatformFile, Surroundings};
use crate::role;
use crate::yaml::{self, Note};

/// How an export to Kubernetes is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesOptions {
    /// Which nodes the pods are for.
    pub container: Container,
    /// The image of every role; without it, each role has one of its own name.
    pub image: Option<String>,
}

/// The files that run a deployment on Kubernetes.
///
/// # Errors
/// Everything that is wrong with the deployment file, and everything in it that cannot be on Kubernetes.
pub fn kubernetes(
    file: &Path,
    options: &KubernetesOptions,
    environment: &dyn Environment,
) -> Result<Vec<ExportedFile>, Problems> {
    let origin = Origin::read(file, &options.container.machine(), environment)?;
    origin.check(problems::find(&origin, options.container))?;
    let cluster = Cluster::new(&origin, options);
    let mut documents: Vec<(String, Vec<Document>)> =
        vec![("config.yaml".to_owned(), vec![cluster.config()])];
    for role in origin.deployment.roles() {
        let mut of_role = vec![cluster.stateful_set(role), cluster.headless(role)];
        of_role.extend(cluster.input(role));
        of_role.push(cluster.disruption_budget(role));
        of_role.push(cluster.network_policy(role));
        documents.push((format!("{}.yaml", names::lower(&role.name)), of_role));
    }
    let all: Vec<&serde_json::Value> =
        documents.iter().flat_map(|(_, documents)| documents).map(|document| &document.value).collect();
    let findings = check::check(&all);
    origin.check(findings.iter().map(|finding| Problem::of_file(finding.to_string())).collect())?;
    cluster.files(&documents).map_err(|error| {
        Problems::one(
            origin.deployment.source(),
            Problem::of_file(format!("cannot be written as YAML: {error}")),
        )
    })
}

/// An object, with comments for a person.
struct Document {
    value: serde_json::Value,
    notes: Vec<Note>,
}

impl Document {
    /// An object of the API. Its types can always be written as JSON.
    fn new(object: &impl Serialize, notes: Vec<Note>) -> Self {
        Self { value: serde_json::to_value(object).unwrap_or_default(), notes }
    }
}

/// A deployment as it becomes objects of Kubernetes.
struct Cluster<'a> {
    origin: &'a Origin,
    options: &'a KubernetesOptions,
    /// The deployment's name, as objects have it.
    name: String,
    /// The deployment file as pods see it.
    file: PlatformFile,
    paths: &'static Paths,
}

/// Where things are in a pod.
struct Paths {
    config: &'static str,
    content: &'static str,
    secrets: &'static str,
    /// What is mounted for state. Its folder itself is not the container's user's: state goes below it.
    state_mount: &'static str,
    state: &'static str,
    separator: char,
}

static LINUX: Paths = Paths {
    config: "/etc/standpipe",
    content: "/deployment",
    secrets: "/secrets",
    state_mount: "/state",
    state: "/state/standpipe",
    separator: '/',
};

static WINDOWS: Paths = Paths {
    config: r"C:\standpipe\config",
    content: r"C:\deployment",
    secrets: r"C:\standpipe\secrets",
    state_mount: r"C:\standpipe\state",
    state: r"C:\standpipe\state\standpipe",
    separator: '\\',
};

/// The name of the deployment file in its folder.
const FILE: &str = "standpipe.toml";

impl<'a> Cluster<'a> {
    fn new(origin: &'a Origin, options: &'a KubernetesOptions) -> Self {
        let deployment = &origin.deployment;
        let name = names::lower(deployment.name());
        let paths = match options.container {
            Container::Linux => &LINUX,
            Container::Windows => &WINDOWS,
        };
        let addresses = |role: &str, endpoint: &str| {
            let port = role::port_of(deployment.role(role)?.endpoint(endpoint)?)?;
            Some(vec![format!("dns:{}:{port}", names::object(&name, role))])
        };
        let file = origin.for_platform(&Surroundings {
            secret: &|key| format!("{}{}{key}", paths.secrets, paths.separator),
            addresses: &addresses,
            // `kubectl port-forward` comes in at the pod's loopback address.
            page: Some("0.0.0.0"),
        });
        Self { origin, options, name, file, paths }
    }

    /// The name of a role's objects.
    fn object(&self, role: &Role) -> String {
        names::object(&self.name, &role.name)
    }

    /// The name of the Secret with the files that roles read.
    fn secret(&self) -> String {
        format!("{}-secrets", self.name)
    }

    /// The name of the Secret with the environment variables that the deployment file reads.
    fn variables(&self) -> String {
        format!("{}-environment", self.name)
    }

    /// The image of a role.
    fn image(&self, role: &Role) -> String {
        self.options.image.clone().unwrap_or_else(|| format!("{}:1.0", self.object(role)))
    }

    fn files(
        &self,
        documents: &[(String, Vec<Document>)],
    ) -> Result<Vec<ExportedFile>, serde_saphyr::ser_error::Error> {
        let from = self.origin.deployment.file();
        let mut files = Vec::new();
        for (path, documents) in documents {
            let texts: Result<Vec<String>, _> =
                documents.iter().map(|document| yaml::document(&document.value, &document.notes)).collect();
            let text = format!("{}{}", heading("kubernetes", from, ""), texts?.join("---\n"));
            files.push(ExportedFile { path: path.clone(), text });
        }
        let paths: Vec<&str> = documents.iter().map(|(path, _)| path.as_str()).collect();
        files.push(self.kustomization(&paths)?);
        Ok(files)
    }

    fn kustomization(&self, resources: &[&str]) -> Result<ExportedFile, serde_saphyr::ser_error::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Kustomization<'a> {
            api_version: &'static str,
            kind: &'static str,
            resources: &'a [&'a str],
            images: Vec<Image>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Image {
            name: String,
            new_name: String,
            new_tag: String,
        }
        let mut images: Vec<Image> = Vec::new();
        for role in self.origin.deployment.roles() {
            let (name, tag) = names::image_parts(&self.image(role));
            if !images.iter().any(|image| image.name == name) {
                images.push(Image { new_name: name.clone(), name, new_tag: tag });
            }
        }
        let notes =
            [Note::new("images", "Decide: where your registry has the images (newName) and which (newTag).")];
        let value = Kustomization {
            api_version: "kustomize.config.k8s.io/v1beta1",
            kind: "Kustomization",
            resources,
            images,
        };
        let heading = heading("kubernetes", self.origin.deployment.file(), &self.instructions());
        let text = format!("{heading}{}", yaml::document(&value, &notes)?);
        Ok(ExportedFile { path: "kustomization.yaml".to_owned(), text })
    }

    /// What a person has to do, for the head of the file that is read first.
    fn instructions(&self) -> String {
        let mut lines = vec![String::new(), "1. Name your images below.".to_owned()];
        if !self.file.secrets.is_empty() {
            lines.push("2. Make the secret, with the content of these files:".to_owned());
            lines.push(format!("     kubectl create secret generic {} \\", self.secret()));
            let last = self.file.secrets.len() - 1;
            for (index, secret) in self.file.secrets.iter().enumerate() {
                let more = if index == last { "" } else { " \\" };
                lines.push(format!("       --from-file={}=PATH{more}", secret.key));
            }
            for secret in &self.file.secrets {
                let roles: Vec<&str> = secret.roles.iter().map(String::as_str).collect();
                lines.push(format!("   {}: {}, for {}.", secret.key, secret.meaning, roles.join(", ")));
            }
        }
        let mut variables: Vec<&String> = self.file.variables.values().flatten().collect();
        variables.sort_unstable();
        variables.dedup();
        if !variables.is_empty() {
            lines.push("3. Make the secret with the variables that the deployment file reads:".to_owned());
            lines.push(format!("     kubectl create secret generic {} \\", self.variables()));
            let literals: Vec<String> =
                variables.iter().map(|name| format!("       --from-literal={name}=VALUE")).collect();
            lines.extend(literals.join(" \\\n").lines().map(str::to_owned));
        }
        lines.push("Then: kubectl apply -k .".to_owned());
        lines.push(String::new());
        lines
            .push("Kubernetes 1.30 or newer. The namespace may enforce the Pod Security Standard".to_owned());
        lines.push(match self.options.container {
            Container::Linux => {
                "`restricted`. Network policies need a network that enforces them.".to_owned()
            }
            Container::Windows => {
                "`baseline`. Network policies need a network that enforces them.".to_owned()
            }
        });
        lines.join("\n")
    }
}
