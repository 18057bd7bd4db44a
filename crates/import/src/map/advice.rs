//! What to do instead of what is left out.

use crate::document::Element;

pub(super) const UPGRADE_DOMAINS: &str =
    "no number from 1 to 20; without `update-domains` there are 5, as in Azure";
pub(super) const TOPOLOGY: &str = "callers follow instances that come and go by themselves";
pub(super) const PROBE: &str =
    "an instance is ready when its service runs and its pipes accept, which Standpipe looks at by itself";
pub(super) const VIRTUAL_MACHINE_ROLE: &str =
    "a whole virtual machine: move its service to a role of its own by hand";
pub(super) const ENDPOINT: &str = "the service listens there itself: Standpipe does not stand between. Publish the port in the container's manifest";
pub(super) const LOCAL_PORT: &str =
    "instances listen on the port itself; a Service of Kubernetes can have another";
pub(super) const IGNORES_STATUS: &str = "callers look for instances that are ready; `publishNotReadyAddresses` of a \
                                         Service of Kubernetes is the same as ignoring that";
pub(super) const TLS: &str = "Standpipe's page speaks no TLS: put a proxy in front, with the certificate";
pub(super) const RANGE: &str = "an endpoint for pipes or for the page has one port";
pub(super) const PUBLIC_RANGE: &str =
    "a public port for each instance: a Service of Kubernetes for each pod, or a host port, takes its place";
pub(super) const SITE: &str =
    "Standpipe runs no sites: run it on IIS in an image of Windows, or port it to ASP.NET Core as a service";
pub(super) const HOST_HEADER: &str = "the page answers to every name; a proxy in front can tell names apart";
pub(super) const RULE: &str = "make a NetworkPolicy of Kubernetes by hand, or a rule of the firewall";

/// What to do about the size of a machine.
pub(super) fn size(size: &str) -> String {
    let resources = match size.to_lowercase().as_str() {
        "extrasmall" => "a shared core and 0.75 GiB",
        "small" | "standard_a1" => "1 core and 1.75 GiB",
        "medium" | "standard_a2" => "2 cores and 3.5 GiB",
        "large" | "standard_a3" => "4 cores and 7 GiB",
        "extralarge" | "standard_a4" => "8 cores and 14 GiB",
        "standard_d1_v2" => "1 core and 3.5 GiB",
        "standard_d2_v2" => "2 cores and 7 GiB",
        "standard_d3_v2" => "4 cores and 14 GiB",
        "standard_d4_v2" => "8 cores and 28 GiB",
        _ => return format!("give the container the resources that {size} has in Azure's table of sizes"),
    };
    format!("give the container what {size} had, as far as it was used: {resources}")
}

/// What to do about a certificate.
pub(super) fn certificate(certificate: &Element) -> String {
    let store = certificate.value("storeName").unwrap_or("My");
    let location = certificate.value("storeLocation").unwrap_or("LocalMachine");
    let known = [
        "My",
        "Root",
        "CA",
        "Trust",
        "Disallowed",
        "TrustedPeople",
        "TrustedPublisher",
        "AuthRoot",
        "AddressBook",
    ];
    let aside = match store {
        "Disallow" => " (the schema's page prints Disallow for Disallowed)",
        name if known.contains(&name) => "",
        _ => " (a store of its own)",
    };
    format!(
        "Standpipe keeps no certificates: mount it as a secret; on Windows a startup task can import it to \
         {location}\\{store}{aside}"
    )
}

/// What to do about a module that Azure brought along.
pub(super) fn module(name: &str) -> String {
    match name {
        "RemoteAccess" | "RemoteForwarder" => {
            "remote desktop: `kubectl exec` or `docker exec` opens a shell in an instance".to_owned()
        }
        "Diagnostics" => {
            "what services write, their files and the event log become log lines: see `logs`, and \
                          `--log-format json`"
                .to_owned()
        }
        "Connect" => "the machine's network is its container's: join that to the other one".to_owned(),
        "WebDeploy" => {
            "a new image, or new files and `standpipe up`, take the place of a deployment from Visual \
                        Studio"
                .to_owned()
        }
        "Caching" | "Cache" => "run a cache of its own, such as Redis".to_owned(),
        _ => format!("{name} is a plug-in of Azure: find out what of it the service uses"),
    }
}
