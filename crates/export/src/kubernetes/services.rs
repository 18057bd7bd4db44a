//! The Services of a role: the headless one, by which its instances are found, and the one for the world.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use standpipe_deployment::{Endpoint, Role};

use super::{Cluster, Document, names};
use crate::role;
use crate::yaml::Note;

const HEADLESS: &str = "\
One DNS name for all instances, and one for each. Instances are listed before they are ready and while they
stop: callers ask each whether it is, and a new address is known before an old one goes.";

const INPUT: &str = "\
Decide: how the world comes in. LoadBalancer gives an address of its own; with ClusterIP, put an Ingress or a
Gateway in front of a page. A page answers to addresses and to the names in `hosts` of its endpoint only: put
the names there by which it is reached, that of this Service too.";

impl Cluster<'_> {
    pub(super) fn headless(&self, role: &Role) -> Document {
        let service = Service {
            metadata: self.metadata(self.object(role), role),
            spec: Some(ServiceSpec {
                cluster_ip: Some("None".to_owned()),
                publish_not_ready_addresses: Some(true),
                selector: Some(self.selector(role)),
                ports: ports(role.endpoints.iter()),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        };
        Document::new(&service, vec![Note::new("spec.publishNotReadyAddresses", HEADLESS)])
    }

    /// The Service for the world, when the role has endpoints for it.
    pub(super) fn input(&self, role: &Role) -> Option<Document> {
        let ports = ports(role::inputs(role))?;
        let service = Service {
            metadata: ObjectMeta {
                name: Some(format!("{}-input", self.object(role))),
                ..self.metadata(String::new(), role)
            },
            spec: Some(ServiceSpec {
                type_: Some("ClusterIP".to_owned()),
                selector: Some(self.selector(role)),
                ports: Some(ports),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        };
        Some(Document::new(&service, vec![Note::new("spec.type", INPUT)]))
    }
}

/// The ports of a Service; `None` when there are none.
fn ports<'e>(endpoints: impl Iterator<Item = &'e Endpoint>) -> Option<Vec<ServicePort>> {
    let port = |endpoint: &Endpoint| {
        let number = role::port_of(endpoint)?;
        let name = names::port(&endpoint.name, role::protocol_name(endpoint.protocol), number);
        Some(ServicePort {
            name: Some(name.clone()),
            port: number.into(),
            protocol: Some(role::transport(endpoint.protocol).to_owned()),
            target_port: Some(IntOrString::String(name)),
            ..ServicePort::default()
        })
    };
    let ports: Vec<ServicePort> = endpoints.filter_map(port).collect();
    (!ports.is_empty()).then_some(ports)
}
