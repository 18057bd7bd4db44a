//! Who may reach a role, and how many of its instances may be away.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use standpipe_deployment::{Endpoint, Role, Visibility};

use super::{Cluster, Document, names, objects};
use crate::role;
use crate::yaml::Note;

const POLICY: &str = "\
Input endpoints are open to all; internal ones to the roles that call them, or to all roles when no call says
who does. Decide: what pods may reach is not limited here; add an egress policy if your services allow it.";

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
        let policy = NetworkPolicy {
            metadata: self.metadata(self.object(role), role),
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(self.match_labels(role)),
                policy_types: Some(vec!["Ingress".to_owned()]),
                ingress: Some(rules),
                ..NetworkPolicySpec::default()
            }),
        };
        Document::new(&policy, vec![Note::new("spec.ingress", POLICY)])
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
