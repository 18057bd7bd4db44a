//! Where the instances of other roles are: what the command line, the environment, the deployment file and
//! the local runtime say of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use standpipe_client::balancer;
use standpipe_deployment::{AddressSource, Deployment, Target, TargetAddresses};
use standpipe_discovery::{Followed, follow};
use tokio::sync::watch;

use crate::failure::{Exit, Failure};

/// Where targets are, unless `--target` says it: several with commas between, or the absolute path of a file
/// for all of them. The local runtime sets it for its instances.
pub(super) const VARIABLE: &str = "STANDPIPE_TARGETS";

/// What is said of targets from outside of the deployment file.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// By `--target`, or else by the environment.
    said: Vec<TargetAddresses>,
}

impl Targets {
    /// Takes what the command line says, then what the environment does. Both name targets of the deployment.
    pub(super) fn new(
        flags: &[TargetAddresses],
        variable: Option<&OsStr>,
        deployment: &Deployment,
    ) -> Result<Self, Failure> {
        let mut said = flags.to_vec();
        let from_variable = variable.map(in_variable).transpose()?.unwrap_or_default();
        let is_new = |of: &TargetAddresses| flags.iter().all(|flag| flag.target != of.target);
        said.extend(from_variable.into_iter().filter(is_new));
        for TargetAddresses { target, source } in &mut said {
            if let AddressSource::File(path) = source {
                *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
            }
            let Some((role, endpoint)) = target else { continue };
            let port = check(deployment, role, endpoint)?;
            if source.needs_port() && port.is_none() {
                let message = format!("endpoint `{endpoint}` of role `{role}` has no fixed port");
                return Err(Failure::new(Exit::Usage, message)
                    .hint(format!("say the port: {role}/{endpoint}={source}:PORT")));
            }
        }
        Ok(Self { said })
    }

    /// The instances of a target, now and whenever that changes. `addresses` is what the deployment file says
    /// of them.
    pub(super) fn follow(
        &self,
        deployment: &Deployment,
        target: &Target,
        addresses: Option<&[AddressSource]>,
    ) -> watch::Receiver<Vec<balancer::Target>> {
        let sources = self.sources(target, addresses);
        if sources.is_empty() {
            let local = deployment.local_targets(target).into_iter();
            let local = local.map(|(number, address)| balancer::Target {
                instance: format!("{}/{number}", target.role),
                server: address.into(),
            });
            return watch::channel(local.collect()).1;
        }
        follow(Followed {
            role: target.role.clone(),
            endpoint: target.endpoint.clone(),
            port: fixed_port(deployment, &target.role, &target.endpoint),
            sources,
        })
    }

    /// What names the target goes before the deployment file, and that before a file for all targets.
    fn sources(&self, target: &Target, addresses: Option<&[AddressSource]>) -> Vec<AddressSource> {
        let named = self.said.iter().filter(|said| {
            said.target
                .as_ref()
                .is_some_and(|(role, endpoint)| *role == target.role && *endpoint == target.endpoint)
        });
        let named: Vec<AddressSource> = named.map(|said| said.source.clone()).collect();
        if !named.is_empty() {
            return named;
        }
        if let Some(addresses) = addresses {
            return addresses.to_vec();
        }
        let for_all = self.said.iter().filter(|said| said.target.is_none());
        for_all.map(|said| said.source.clone()).collect()
    }
}

/// What the variable holds.
fn in_variable(value: &OsStr) -> Result<Vec<TargetAddresses>, Failure> {
    if Path::new(value).is_absolute() {
        let source = AddressSource::File(PathBuf::from(value));
        return Ok(vec![TargetAddresses { target: None, source }]);
    }
    let wrong =
        |why: String| Failure::new(Exit::Usage, format!("{VARIABLE} does not say where targets are: {why}"));
    let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| TargetAddresses::parse(part).map_err(wrong)).collect()
}

/// Whether the deployment has the endpoint; its port, if there is only one.
fn check(deployment: &Deployment, role: &str, endpoint: &str) -> Result<Option<u16>, Failure> {
    let Some(found) = deployment.role(role) else {
        let names: Vec<&str> = deployment.roles().iter().map(|role| role.name.as_str()).collect();
        return Err(Failure::new(Exit::Usage, format!("there is no role `{role}` to say addresses of"))
            .hint(format!("the roles are {}", names.join(", "))));
    };
    let Some(found) = found.endpoint(endpoint) else {
        let names: Vec<&str> = found.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        return Err(Failure::new(Exit::Usage, format!("role `{role}` has no endpoint `{endpoint}`"))
            .hint(format!("its endpoints are {}", names.join(", "))));
    };
    Ok(found.ports.fixed())
}

fn fixed_port(deployment: &Deployment, role: &str, endpoint: &str) -> Option<u16> {
    deployment.role(role)?.endpoint(endpoint)?.ports.fixed()
}

#[cfg(test)]
mod tests {
    use standpipe_deployment::{Machine, ProcessEnvironment, Source, System};

    use super::*;

    fn deployment() -> Deployment {
        let text = "name = \"D\"\n[roles.R.pipes.p]\nsddl = \"D:(A;;GRGW;;;AU)\"\n\
                    [roles.R.endpoints.E]\nprotocol = \"smb\"\nport = 4445\n\
                    [roles.R.endpoints.Any]\nprotocol = \"smb\"\nport = \"dynamic\"\n";
        let machine = Machine { system: System::Linux, folder: "/".into() };
        Deployment::from_source_for(&Source::new("standpipe.toml", text), &machine, &ProcessEnvironment)
            .unwrap()
    }

    fn flag(text: &str) -> TargetAddresses {
        TargetAddresses::parse(text).unwrap()
    }

    fn shown(targets: &Targets, addresses: Option<&[AddressSource]>) -> Vec<String> {
        let target = Target { role: "R".to_owned(), endpoint: "E".to_owned() };
        targets.sources(&target, addresses).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_names_the_target_goes_before_the_file_and_that_before_a_file_for_all() {
        let of_file = [AddressSource::Host("of-file".to_owned(), None)];
        let targets = |flags: &[&str], variable: &str| {
            let flags: Vec<_> = flags.iter().map(|text| flag(text)).collect();
            Targets::new(&flags, Some(OsStr::new(variable)), &deployment()).unwrap()
        };
        let both = targets(&["R/E=dns:flag"], "R/E=dns:variable, R/Any=x:1");
        assert_eq!(shown(&both, Some(&of_file)), ["dns:flag"]);
        let several = targets(&[], "R/E=a,R/E=srv:_smb._tcp.b,");
        assert_eq!(shown(&several, Some(&of_file)), ["a", "srv:_smb._tcp.b"]);
        let path = std::env::temp_dir().join("a,b=c");
        let for_all = targets(&[], path.to_str().unwrap());
        assert_eq!(shown(&for_all, Some(&of_file)), ["of-file"]);
        assert_eq!(shown(&for_all, None), [format!("file:{}", path.display())]);
        assert!(shown(&targets(&[], ""), None).is_empty());
    }

    #[test]
    fn a_target_that_is_not_there_is_named() {
        let wrong =
            |text: &str| Targets::new(&[], Some(OsStr::new(text)), &deployment()).unwrap_err().in_one_line();
        assert!(wrong("S/E=a").contains("no role `S`"));
        assert!(wrong("R/F=a").contains("no endpoint `F`"));
        assert!(wrong("R/Any=dns:a").contains("no fixed port"));
        assert!(wrong("a").contains("is not ROLE/ENDPOINT=ADDRESS"));
    }
}
