//! The configurations of a definition: which of them the deployment file is for, and what they say.

use crate::document::{Document, Element};

/// A configuration and its name.
#[derive(Debug, Clone)]
pub(crate) struct Configuration<'a> {
    /// `Cloud` for `ServiceConfiguration.Cloud.cscfg`.
    pub(crate) name: String,
    pub(crate) root: &'a Element,
}

impl<'a> Configuration<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        let file = document.source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let start = "ServiceConfiguration.";
        let name = match file.get(..start.len()) {
            Some(first) if first.eq_ignore_ascii_case(start) && file.len() > start.len() => {
                &file[start.len()..]
            }
            _ => &file,
        };
        Self { name: name.to_owned(), root: &document.root }
    }

    /// What it says of a role.
    pub(crate) fn role(&self, name: &str) -> Option<&'a Element> {
        self.root.all("Role").find(|role| role.label() == name)
    }

    /// How many instances a role has.
    pub(crate) fn instances(&self, role: &str) -> Option<u64> {
        self.role(role)?.child("Instances")?.value("count")?.parse().ok()
    }

    /// A setting of a role.
    pub(crate) fn setting(&self, role: &str, name: &str) -> Option<&'a Element> {
        self.role(role)?.within("ConfigurationSettings", "Setting").find(|setting| setting.label() == name)
    }
}
