//! systemd: a template unit for each role, and a target for the deployment.

mod problems;
mod unit;

#[cfg(test)]
mod tests;

use std::path::Path;

use standpipe_deployment::{Deployment, Environment, Machine, Problems, Role, System, local_address};

use crate::file::{ExportedFile, heading};
use crate::origin::{Origin, PlatformFile, Surroundings};
use crate::role;
use unit::Unit;

/// How an export to systemd is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemdOptions {
    /// The path of the program on the machine that runs the units.
    pub program: String,
}

impl Default for SystemdOptions {
    fn default() -> Self {
        Self { program: "/usr/bin/standpipe".to_owned() }
    }
}

const FILE: &str = "standpipe.toml";

/// The files that run a deployment on one machine with systemd.
///
/// # Errors
/// Everything that is wrong with the deployment file, and everything in it that cannot be with systemd.
pub fn systemd(
    file: &Path,
    options: &SystemdOptions,
    environment: &dyn Environment,
) -> Result<Vec<ExportedFile>, Problems> {
    // The folder with the content has the deployment's name, which is in the file.
    let name = Deployment::name_in(file, environment)?;
    let machine = Machine { system: System::Linux, folder: content(&name.to_ascii_lowercase()).into() };
    let origin = Origin::read(file, &machine, environment)?;
    origin.check(problems::find(&origin))?;
    let deployment = &origin.deployment;
    let addresses = |role: &str, endpoint: &str| {
        let target = standpipe_deployment::Target { role: role.to_owned(), endpoint: endpoint.to_owned() };
        let instances = deployment.local_targets(&target);
        Some(instances.iter().map(|(_, address)| address.to_string()).collect())
    };
    let platform = origin.for_platform(&Surroundings {
        secret: &|key| format!("${{CREDENTIALS_DIRECTORY}}/{key}"),
        addresses: &addresses,
        page: None,
    });
    let host =
        Host { origin: &origin, options, platform: &platform, name: deployment.name().to_ascii_lowercase() };
    let mut files = vec![
        ExportedFile { path: format!("{}.target", host.name), text: host.target() },
        ExportedFile {
            path: FILE.to_owned(),
            text: format!("{}{}", heading("systemd", deployment.file(), ""), platform.text),
        },
    ];
    for role in deployment.roles() {
        files.push(ExportedFile { path: format!("{}@.service", host.unit(role)), text: host.service(role) });
    }
    Ok(files)
}

/// The folder with a deployment's content.
fn content(name: &str) -> String {
    format!("/opt/{name}")
}

/// A deployment as it becomes units.
struct Host<'a> {
    origin: &'a Origin,
    options: &'a SystemdOptions,
    platform: &'a PlatformFile,
    /// The deployment's name in lower case.
    name: String,
}

impl Host<'_> {
    /// The name of a role's units, without the instance.
    fn unit(&self, role: &Role) -> String {
        format!("{}-{}", self.name, role.name.to_ascii_lowercase())
    }

    /// The folder with the configuration.
    fn config(&self) -> String {
        format!("/etc/{}", self.name)
    }

    fn target(&self) -> String {
        let deployment = &self.origin.deployment;
        let mut unit = Unit::new(&heading("systemd", deployment.file(), &self.instructions()));
        unit.section("Unit");
        unit.set("Description", &format!("The deployment {}", deployment.name()));
        for role in deployment.roles() {
            for number in 0..role.instances {
                unit.set("Wants", &format!("{}@{number}.service", self.unit(role)));
            }
        }
        unit.section("Install");
        unit.set("WantedBy", "multi-user.target");
        unit.text()
    }

    fn service(&self, role: &Role) -> String {
        let deployment = &self.origin.deployment;
        let mut unit = Unit::new(&heading("systemd", deployment.file(), ""));
        unit.section("Unit");
        unit.set("Description", &format!("{}: instance %i of role {}", deployment.name(), role.name));
        unit.set("PartOf", &format!("{}.target", self.name));
        unit.set("Wants", "network-online.target");
        unit.set("After", "network-online.target");
        unit.comment(
            "An instance that fails five times in a row stays down. The interval is longer than five starts may take.",
        );
        let start = role::needs(role).start.as_secs();
        unit.set("StartLimitBurst", "5");
        unit.set("StartLimitIntervalSec", &((start + RESTART) * 6).to_string());
        unit.section("Service");
        self.process(role, &mut unit);
        self.secrets(role, &mut unit);
        sandbox(role, &mut unit);
        unit.section("Install");
        unit.set("WantedBy", &format!("{}.target", self.name));
        unit.text()
    }

    fn process(&self, role: &Role, unit: &mut Unit) {
        let needs = role::needs(role);
        unit.comment("Started when the services run and their pipes accept; the status has more.");
        unit.set("Type", "notify");
        unit.set("NotifyAccess", "main");
        let address = if role::inputs(role).next().is_some() { " --address 0.0.0.0" } else { "" };
        if address.is_empty() {
            let (first, second) = (local_address(0), local_address(1));
            unit.comment(&format!(
                "Instance 0 listens at {first}, instance 1 at {second}. Decide: another machine needs"
            ));
            unit.comment("`--address`, and `addresses` of its calls in the deployment file.");
        }
        let (program, config, name) = (&self.options.program, self.config(), self.unit(role));
        unit.set(
            "ExecStart",
            &format!(
                "{program} run --file {config}/{FILE} --folder {} --role {} --instance %i{address} \
                 --state-dir {}/{name}-%i/state",
                content(&self.name),
                role.name,
                if role::kept_bytes(role).is_some() { "/var/lib" } else { "/run" },
            ),
        );
        unit.set(
            "Environment",
            &format!("PATH={}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", content(&self.name)),
        );
        unit.set("Restart", "on-failure");
        unit.set("RestartSec", &RESTART.to_string());
        unit.comment(
            "A wrong command line, a missing permission, a wrong deployment file: a person has to look.",
        );
        unit.set("RestartPreventExitStatus", "64 77 78");
        unit.set("TimeoutStartSec", &needs.start.as_secs().to_string());
        unit.set("TimeoutStopSec", &needs.stop.as_secs().to_string());
        unit.comment("A Standpipe that is stuck itself is ended and started again.");
        unit.set("WatchdogSec", &WATCHDOG.to_string());
        unit.comment("Only Standpipe is asked to stop, so that it can stop its services in order.");
        unit.set("KillMode", "mixed");
    }

    fn secrets(&self, role: &Role, unit: &mut Unit) {
        let of_role = self.platform.secrets.iter().filter(|secret| secret.roles.contains(&role.name));
        for secret in of_role {
            unit.set("LoadCredential", &format!("{0}:{1}/secrets/{0}", secret.key, self.config()));
        }
        if !self.variables(role).is_empty() {
            unit.set("EnvironmentFile", &format!("{}/environment", self.config()));
        }
    }

    /// The variables that a person has to set for a role.
    fn variables(&self, role: &Role) -> Vec<&str> {
        let variables = self.platform.variables.get(&role.name).into_iter().flatten();
        variables.map(String::as_str).filter(|name| *name != "CREDENTIALS_DIRECTORY").collect()
    }

    /// What a person has to do.
    fn instructions(&self) -> String {
        let config = self.config();
        let mut lines = vec![
            String::new(),
            format!("1. Copy the units to /etc/systemd/system, and {FILE} to {config}."),
            format!(
                "2. Put the programs of the roles into {0}: `standpipe unpack PACK -o {0}`, or by hand.",
                content(&self.name)
            ),
        ];
        for secret in &self.platform.secrets {
            lines.push(format!(
                "   install -D -m 0400 PATH {config}/secrets/{}   # {}",
                secret.key, secret.meaning
            ));
        }
        let roles = self.origin.deployment.roles().iter();
        let mut variables: Vec<&str> = roles.flat_map(|role| self.variables(role)).collect();
        variables.sort_unstable();
        variables.dedup();
        if !variables.is_empty() {
            lines.push(format!(
                "3. Write {config}/environment with mode 0600, one NAME=VALUE in each line, for: {}.",
                variables.join(", ")
            ));
        }
        lines.push(format!("Then: systemctl daemon-reload && systemctl enable --now {}.target", self.name));
        lines.join("\n")
    }
}

/// After how many seconds without a sign of life an instance counts as stuck.
const WATCHDOG: u64 = 30;

/// How many seconds pass before a failed instance is started again.
const RESTART: u64 = 5;

/// What an instance may do: as little as a service without a known nature needs.
fn sandbox(role: &Role, unit: &mut Unit) {
    unit.blank();
    match &role.wine {
        None => {
            unit.comment("A user of its own for each instance, only while it runs.");
            unit.set("DynamicUser", "yes");
        }
        Some(wine) => {
            unit.comment("Decide: the user to whom the Wine prefix belongs.");
            unit.set("User", "standpipe");
            if let Some(prefix) = &wine.prefix {
                unit.set("ReadWritePaths", &prefix.display().to_string());
            }
        }
    }
    if role::kept_bytes(role).is_some() {
        unit.comment("Local storage is to outlive the instance.");
        unit.set("StateDirectory", "%p-%i");
        unit.set("StateDirectoryMode", "0700");
    } else {
        unit.set("RuntimeDirectory", "%p-%i");
        unit.set("RuntimeDirectoryMode", "0700");
    }
    unit.set("UMask", "0077");
    match role::needs(role).low_port {
        Some(_) => {
            unit.comment("For a port below 1024.");
            unit.set("AmbientCapabilities", "CAP_NET_BIND_SERVICE");
            unit.set("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE");
        }
        None => unit.set("CapabilityBoundingSet", ""),
    }
    for key in [
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateTmp",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RemoveIPC",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ] {
        unit.set(key, "yes");
    }
    unit.set("ProtectSystem", "strict");
    unit.set("ProtectProc", "invisible");
    unit.comment("Netlink says whether a .NET service has accepted a connection.");
    unit.set("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK");
    unit.set("SystemCallFilter", "@system-service");
    unit.set("SystemCallErrorNumber", "EPERM");
    if role.wine.is_none() {
        unit.set("SystemCallArchitectures", "native");
        unit.set("LockPersonality", "yes");
    }
    unit.comment(
        "Decide: MemoryDenyWriteExecute=yes, unless a service compiles while it runs, as .NET and Java do;",
    );
    unit.comment("MemoryMax=, TasksMax= and CPUQuota=, by what the service needs.");
}
