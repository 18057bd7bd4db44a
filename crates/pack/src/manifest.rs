//! The list of the files in a pack.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use standpipe_system::portable::PortablePaths;

use crate::digest::Sha256Sum;
use crate::error::PackError;
use crate::{MOST_BYTES, MOST_FILES};

/// The version of the format that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The entry that holds the list. No file can have its name: see [`Manifest::check`].
pub(crate) const ENTRY: &str = "standpipe-pack.json";

/// The longest list, in bytes.
pub(crate) const LONGEST: u64 = 64 * 1024 * 1024;

/// What is in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// The version of the format.
    pub standpipe_pack: u32,
    /// The deployment's name.
    pub name: String,
    /// The path of the deployment file among the files.
    pub deployment: String,
    /// The roles whose files are there, by name.
    pub roles: BTreeSet<String>,
    /// The files, by path.
    pub files: Vec<PackedFile>,
}

/// A file in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackedFile {
    /// Its path below the deployment's folder, with `/`.
    pub path: String,
    /// How long it is, in bytes.
    pub size: u64,
    /// Its sum.
    pub sha256: Sha256Sum,
    /// Whether it can be executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    /// The roles that it belongs to; none for a file of the whole deployment.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
}

impl Manifest {
    /// Reads a list and checks it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, PackError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Versioned {
            standpipe_pack: u32,
        }
        let wrong = |error: serde_json::Error| PackError::Manifest(error.to_string());
        // A later version may have members that this one does not know.
        let Versioned { standpipe_pack } = serde_json::from_slice(bytes).map_err(wrong)?;
        if standpipe_pack != VERSION {
            return Err(PackError::Version(standpipe_pack));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(wrong)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether the list is one that a pack can have.
    pub(crate) fn check(&self) -> Result<(), PackError> {
        let wrong = |what: &str| Err(PackError::Manifest(what.to_owned()));
        if self.files.len() > MOST_FILES {
            return Err(PackError::TooLarge);
        }
        let mut paths = PortablePaths::default();
        // A file of the list's own name would be taken for it.
        for path in std::iter::once(ENTRY).chain(self.files.iter().map(|file| file.path.as_str())) {
            paths.add(path).map_err(|source| PackError::Path { path: path.to_owned(), source })?;
        }
        if !self.files.is_sorted_by(|one, other| one.path < other.path) {
            return wrong("the files are not in their order");
        }
        let sizes = self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size));
        if sizes.is_none_or(|sum| sum > MOST_BYTES) {
            return Err(PackError::TooLarge);
        }
        if self.deployment.contains('/') || self.file(&self.deployment).is_none() {
            return wrong("the deployment file is not there");
        }
        if self.files.iter().any(|file| !file.roles.is_subset(&self.roles)) {
            return wrong("a file belongs to a role that is not there");
        }
        Ok(())
    }

    /// The file of this path.
    pub fn file(&self, path: &str) -> Option<&PackedFile> {
        let index = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(index)
    }

    /// The files that some roles need; of all roles when none is named.
    ///
    /// # Errors
    /// [`PackError::NoRole`].
    pub fn files_of(&self, roles: &[String]) -> Result<Vec<&PackedFile>, PackError> {
        if let Some(unknown) = roles.iter().find(|role| !self.roles.contains(*role)) {
            let known = self.roles.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(PackError::NoRole { name: unknown.clone(), known });
        }
        let is_wanted = |file: &&PackedFile| {
            roles.is_empty() || file.roles.is_empty() || roles.iter().any(|role| file.roles.contains(role))
        };
        Ok(self.files.iter().filter(is_wanted).collect())
    }
}
