//! What an instance says about itself at its health port.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use standpipe_client::balancer::Target;
use standpipe_deployment::{Deployment, Role, facts};
use standpipe_runtime::facts::deployment_id;
use standpipe_runtime::state::{EndpointRecord, InstanceRecord, Stage};
use standpipe_web::{Check, Health};
use tokio::sync::watch;

use super::metrics::Counted;

/// The version of the document.
const VERSION: u32 = 1;

/// The settings of the role by their names, as they are now.
pub(super) type Settings = Arc<Mutex<Vec<(String, String)>>>;

/// The instances of one endpoint of the deployment, as they are found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) role: String,
    pub(super) endpoint: String,
    pub(super) targets: watch::Receiver<Vec<Target>>,
}

/// An instance as its health port shows it.
#[derive(Debug)]
pub(super) struct Shown {
    record: watch::Receiver<InstanceRecord>,
    has_started: AtomicBool,
    deployment: Named,
    instance: Identity,
    endpoints: BTreeMap<String, Place>,
    local_storage: BTreeMap<String, Storage>,
    settings: Settings,
    found: Vec<Found>,
    counted: Counted,
}

#[derive(Debug, Clone, Serialize)]
struct Named {
    id: String,
    name: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    id: String,
    role: String,
    number: u32,
    update_domain: u32,
}

#[derive(Debug, Clone, Serialize)]
struct Place {
    protocol: String,
    address: IpAddr,
    port: u16,
}

#[derive(Debug, Clone, Serialize)]
struct Storage {
    path: PathBuf,
    /// In bytes.
    size: u64,
}

/// An instance of any role, and where it listens.
#[derive(Debug, Serialize)]
struct Instance {
    instance: String,
    address: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    standpipe: u32,
    deployment: &'a Named,
    instance: &'a Identity,
    stage: &'static str,
    ready: bool,
    endpoints: &'a BTreeMap<String, Place>,
    settings: BTreeMap<String, String>,
    local_storage: &'a BTreeMap<String, Storage>,
    /// By role, then by endpoint.
    roles: BTreeMap<&'a str, BTreeMap<&'a str, Vec<Instance>>>,
}

impl Shown {
    pub(super) fn new(
        (deployment, role, number): (&Deployment, &Role, u32),
        record: watch::Receiver<InstanceRecord>,
        endpoints: &[EndpointRecord],
        storage: impl Iterator<Item = PathBuf>,
        settings: Settings,
        found: Vec<Found>,
    ) -> Self {
        let place = |endpoint: &EndpointRecord| {
            let socket: SocketAddr = endpoint.address.parse().ok()?;
            let protocol = endpoint.protocol.clone();
            Some((endpoint.name.clone(), Place { protocol, address: socket.ip(), port: socket.port() }))
        };
        let storage = role.local_storage.iter().zip(storage);
        Self {
            record,
            has_started: AtomicBool::new(false),
            deployment: Named { id: deployment_id(deployment), name: deployment.name().to_owned() },
            instance: Identity {
                id: facts::instance_id(&role.name, number),
                role: role.name.clone(),
                number,
                update_domain: deployment.update_domain(number),
            },
            endpoints: endpoints.iter().filter_map(place).collect(),
            local_storage: storage
                .map(|(storage, path)| (storage.name.clone(), Storage { path, size: storage.size }))
                .collect(),
            settings,
            found,
            counted: Counted::default(),
        }
    }

    /// The same, with what counts while it serves.
    pub(super) fn with_counted(self, counted: Counted) -> Self {
        Self { counted, ..self }
    }

    /// Its stage, and what each service that keeps it from being ready is doing.
    fn reasons(&self) -> String {
        let record = self.record.borrow();
        let services = record.services.iter().filter(|service| service.essential && !service.ready);
        let services = services.map(|service| match &service.last_error {
            Some(error) => format!("; service {}: {} ({error})", service.name, service.state),
            None => format!("; service {}: {}", service.name, service.state),
        });
        let mut services = services.collect::<String>();
        if services.is_empty()
            && let Some(error) = &record.last_error
        {
            services = format!("; {error}");
        }
        format!("the instance is {}{services}", record.stage)
    }
}

impl Health for Shown {
    fn live(&self) -> Check {
        match self.record.borrow().stage {
            Stage::Failed => Err(self.reasons()),
            _ => Ok(()),
        }
    }

    fn started(&self) -> Check {
        let runs = matches!(self.record.borrow().stage, Stage::Running | Stage::Draining);
        if self.has_started.fetch_or(runs, Ordering::Relaxed) || runs { Ok(()) } else { Err(self.reasons()) }
    }

    fn ready(&self) -> Check {
        if self.record.borrow().ready { Ok(()) } else { Err(self.reasons()) }
    }

    fn metrics(&self) -> String {
        let record = self.record.borrow().clone();
        self.counted.text(&self.deployment.name, &record)
    }

    fn document(&self) -> String {
        let mut roles: BTreeMap<&str, BTreeMap<&str, Vec<Instance>>> = BTreeMap::new();
        for Found { role, endpoint, targets } in &self.found {
            let instance = |Target { instance, server }: &Target| Instance {
                instance: instance.clone(),
                address: server.to_string(),
            };
            let instances = targets.borrow().iter().map(instance).collect();
            roles.entry(role).or_default().insert(endpoint, instances);
        }
        let (stage, ready) = {
            let record = self.record.borrow();
            (record.stage.name(), record.ready)
        };
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let document = Document {
            standpipe: VERSION,
            deployment: &self.deployment,
            instance: &self.instance,
            stage,
            ready,
            endpoints: &self.endpoints,
            settings,
            local_storage: &self.local_storage,
            roles,
        };
        // A path that is no text is the only thing that could be wrong.
        serde_json::to_string_pretty(&document).unwrap_or_else(|_| "{}".to_owned()) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use standpipe_deployment::{Machine, ProcessEnvironment, Source, System};

    use super::*;

    #[test]
    fn an_instance_says_what_it_is_and_what_there_is_around_it() {
        let text = "name = \"D\"\n[roles.R]\nsettings = { Greeting = \"hello\" }\nsecrets = { Key = \"secrets/key\" }\n\
                    local-storage.cache = { size = \"1MiB\" }\n[roles.R.service]\ncommand = [\"true\"]\n";
        let machine = Machine { system: System::Linux, folder: "/".into() };
        let deployment =
            Deployment::from_source_for(&Source::new("s.toml", text), &machine, &ProcessEnvironment).unwrap();
        let role = &deployment.roles()[0];
        let (record, seen) = watch::channel(InstanceRecord::new("R", 7));
        let endpoint = EndpointRecord {
            name: "E".to_owned(),
            protocol: "tcp".to_owned(),
            address: "10.0.0.1:9000".to_owned(),
        };
        let other = Target { instance: "R/8".to_owned(), server: "10.0.0.2:9000".parse().unwrap() };
        let found =
            Found { role: "R".to_owned(), endpoint: "E".to_owned(), targets: watch::channel(vec![other]).1 };
        let settings = Arc::new(Mutex::new(role.settings.clone()));
        let storage = std::iter::once(PathBuf::from("/state/cache"));
        let shown = Shown::new(
            (&deployment, role, 7),
            seen,
            &[endpoint],
            storage,
            Arc::clone(&settings),
            vec![found],
        );
        settings.lock().unwrap()[0].1 = "good day".to_owned();
        let document: serde_json::Value = serde_json::from_str(&shown.document()).unwrap();
        let expected = serde_json::json!({
            "standpipe": 1,
            "deployment": { "id": "D", "name": "D" },
            "instance": { "id": "R_IN_7", "role": "R", "number": 7, "update-domain": 2 },
            "stage": "preparing",
            "ready": false,
            "endpoints": { "E": { "protocol": "tcp", "address": "10.0.0.1", "port": 9000 } },
            "settings": { "Greeting": "good day" },
            "local-storage": { "cache": { "path": "/state/cache", "size": 1_048_576 } },
            "roles": { "R": { "E": [{ "instance": "R/8", "address": "10.0.0.2:9000" }] } },
        });
        assert_eq!(document, expected);
        assert!(!shown.document().contains("secrets"), "where secrets are is nobody's business");

        assert_eq!((shown.live(), shown.ready().is_ok()), (Ok(()), false));
        assert_eq!(shown.started(), Err("the instance is preparing".to_owned()));
        record.send_modify(|record| record.stage = Stage::Running);
        assert_eq!(shown.started(), Ok(()));
        record.send_modify(|record| record.stage = Stage::Starting);
        assert_eq!(shown.started(), Ok(()), "what has started once has started");
        record.send_modify(|record| record.stage = Stage::Failed);
        assert!(shown.live().is_err());
    }
}
