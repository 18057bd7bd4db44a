//! What objects have in common, and the deployment file as one.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use sha2::{Digest, Sha256};
use standpipe_deployment::Role;

use super::{Cluster, Document, FILE, names};

/// The label with the deployment's name.
pub(super) const NAME: &str = "app.kubernetes.io/name";
/// The label with the role's name.
pub(super) const COMPONENT: &str = "app.kubernetes.io/component";
/// The annotation by which pods follow a change of the deployment file.
pub(super) const DIGEST: &str = "standpipe/deployment-file-sha256";

impl Cluster<'_> {
    /// The labels by which the pods of a role are found.
    pub(super) fn selector(&self, role: &Role) -> BTreeMap<String, String> {
        let labels = [(NAME, self.name.clone()), (COMPONENT, names::lower(&role.name))];
        labels.map(|(key, value)| (key.to_owned(), value)).into()
    }

    pub(super) fn match_labels(&self, role: &Role) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector(role)), ..LabelSelector::default() }
    }

    pub(super) fn metadata(&self, name: String, role: &Role) -> ObjectMeta {
        ObjectMeta { name: Some(name), labels: Some(self.selector(role)), ..ObjectMeta::default() }
    }

    /// The name of the ConfigMap.
    pub(super) fn config_name(&self) -> String {
        format!("{}-deployment", self.name)
    }

    /// The deployment file as pods see it.
    pub(super) fn config(&self) -> Document {
        let labels = BTreeMap::from([(NAME.to_owned(), self.name.clone())]);
        let config = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.config_name()),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(FILE.to_owned(), self.file.text.clone())])),
            ..ConfigMap::default()
        };
        Document::new(&config, Vec::new())
    }

    /// A digest of the deployment file as pods see it: pods are replaced when it changes.
    pub(super) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.file.text.as_bytes()))
    }
}
