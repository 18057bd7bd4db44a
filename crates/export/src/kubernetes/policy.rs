//! Who may reach a role, and how many of its instances may be away.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use standpipe_deployment::{Endpoint, Role, Target, Visibility};

use super::{Cluster, Document, names, objects};
use crate::role;
use crate::yaml::Note;

const POLICY: &str = "\
Input endpoints are open to all; internal ones to the roles that call them, or to all roles when no call says
who does.";

const EGRESS: &str = "The names of the roles that it calls, and those roles; nothing else.";

const NO_EGRESS: &str = "\
Decide: what the pods may reach is not limited, since nobody but you knows what the service calls. An egress
rule needs DNS (port 53), and the endpoints of the roles that this one calls.";

impl Cluster<'_> {
    pub(super) fn disruption_budget(&self, role: &Role) -> Document {
        let budget = PodDisruptionBudget {
            metadata: self.metadata(self.object(role), role),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(self.match_labels(role)),
                // One that is broken anyway must not hold up the drain of its node.
                unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
                ..PodDisruptionBudgetSpec::default()
            }),
            ..PodDisruptionBudget::default()
        };
        Document::new(&budget, Vec::new())
    }

    pub(super) fn network_policy(&self, role: &Role) -> Document {
        let rules = role.endpoints.iter().filter_map(|endpoint| self.rule(role, endpoint)).collect();
        let egress = self.egress(role);
        let types = ["Ingress", "Egress"].into_iter().take(if egress.is_some() { 2 } else { 1 });
        let mut notes = vec![Note::new("spec.ingress", POLICY)];
        notes.push(match egress {
            Some(_) => Note::new("spec.egress", EGRESS),
            None => Note::new("spec.policyTypes", NO_EGRESS),
        });
        let policy = NetworkPolicy {
            metadata: self.metadata(self.object(role), role),
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(self.match_labels(role)),
                policy_types: Some(types.map(str::to_owned).collect()),
                ingress: Some(rules),
                egress,
            }),
        };
        Document::new(&policy, notes)
    }

    /// What a role may reach, where it is Standpipe alone that reaches anything: DNS, and what it calls.
    fn egress(&self, role: &Role) -> Option<Vec<NetworkPolicyEgressRule>> {
        if !role::is_page_only(role) || !role.startup.is_empty() {
            return None;
        }
        let port = |number: u16, transport: &str| NetworkPolicyPort {
            port: Some(IntOrString::Int(number.into())),
            protocol: Some(transport.to_owned()),
            ..NetworkPolicyPort::default()
        };
        let mut rules = vec![NetworkPolicyEgressRule {
            // The servers may be pods, or on the nodes.
            to: None,
            ports: Some(vec![port(53, "UDP"), port(53, "TCP")]),
        }];
        let mut targets: Vec<&Target> = role.calls.iter().map(|call| &call.target).collect();
        targets.sort_by_key(|target| (&target.role, &target.endpoint));
        targets.dedup();
        for target in targets {
            let called = self.origin.deployment.role(&target.role)?;
            let endpoint = called.endpoint(&target.endpoint)?;
            rules.push(NetworkPolicyEgressRule {
                to: Some(vec![NetworkPolicyPeer {
                    pod_selector: Some(self.match_labels(called)),
                    ..NetworkPolicyPeer::default()
                }]),
                ports: Some(vec![port(role::port_of(endpoint)?, role::transport(endpoint.protocol))]),
            });
        }
        // Who names addresses of his own may have the instances elsewhere.
        role.calls.iter().all(|call| call.addresses.is_none()).then_some(rules)
    }

    fn rule(&self, role: &Role, endpoint: &Endpoint) -> Option<NetworkPolicyIngressRule> {
        let number = role::port_of(endpoint)?;
        let name = names::port(&endpoint.name, role::protocol_name(endpoint.protocol), number);
        let port = NetworkPolicyPort {
            port: Some(IntOrString::String(name)),
            protocol: Some(role::transport(endpoint.protocol).to_owned()),
            ..NetworkPolicyPort::default()
        };
        let from = match endpoint.visibility {
            Visibility::Input => None,
            Visibility::Internal => Some(vec![NetworkPolicyPeer {
                pod_selector: Some(self.peers(role, endpoint)),
                ..NetworkPolicyPeer::default()
            }]),
        };
        Some(NetworkPolicyIngressRule { from, ports: Some(vec![port]) })
    }

    /// The pods that may reach an internal endpoint.
    fn peers(&self, role: &Role, endpoint: &Endpoint) -> LabelSelector {
        let deployment = BTreeMap::from([(objects::NAME.to_owned(), self.name.clone())]);
        let callers = role::callers(&self.origin.deployment, &role.name, &endpoint.name);
        let expressions = (!callers.is_empty()).then(|| {
            vec![LabelSelectorRequirement {
                key: objects::COMPONENT.to_owned(),
                operator: "In".to_owned(),
                values: Some(callers.into_iter().map(names::lower).collect()),
            }]
        });
        LabelSelector { match_labels: Some(deployment), match_expressions: expressions }
    }
}
