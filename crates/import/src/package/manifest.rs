//! `package.xml`: which entry of a package is which file of which role. [MSDN, XML Manifest File Format]

use std::collections::HashMap;

use roxmltree::{Document, Node, ParsingOptions};

use super::PackageError;

/// Which files there are.
#[derive(Debug)]
pub(super) struct Manifest {
    /// For each name of a content: the entry of the zip, and its sum.
    contents: HashMap<String, (String, Option<String>)>,
    /// For each role: the path of each file, and the name of its content.
    roles: HashMap<String, Vec<(String, String)>>,
}

/// A file of a role.
#[derive(Debug)]
pub(super) struct Place {
    /// Its path, such as `\approot\bin\x.dll`.
    pub(super) path: String,
    /// The entry of the zip.
    pub(super) entry: String,
    /// The SHA-256 of what is in it, in base 64.
    pub(super) sha256: Option<String>,
}

impl Manifest {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PackageError> {
        let wrong = |what: &str| PackageError::Manifest(what.to_owned());
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: 2_000_000, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|error| PackageError::Manifest(error.to_string()))?;
        let mut manifest = Self { contents: HashMap::new(), roles: HashMap::new() };
        let all = |outer: &'static str, inner: &'static str| {
            let outer = document.root_element().children().filter(move |node| node.has_tag_name_of(outer));
            outer.flat_map(move |node| node.children().filter(move |node| node.has_tag_name_of(inner)))
        };
        for content in all("PackageContents", "ContentDefinition") {
            let name = content.text_of(&["Name"]).ok_or_else(|| wrong("a content has no name"))?;
            let entry =
                content.text_of(&["ContentDescription", "DataStorePath"]).unwrap_or_else(|| name.clone());
            // The schema itself spells it like this.
            let algorithm = content.text_of(&["ContentDescription", "IntegrityCheckHashAlgortihm"]);
            let sum = content.text_of(&["ContentDescription", "IntegrityCheckHash"]);
            let sum = sum.filter(|_| algorithm.is_some_and(|name| name.eq_ignore_ascii_case("sha256")));
            manifest.contents.insert(name, (entry.trim_start_matches('/').to_owned(), sum));
        }
        for layout in all("PackageLayouts", "LayoutDefinition") {
            let name = layout.text_of(&["Name"]).unwrap_or_default();
            let Some(role) = name.strip_prefix("Roles/") else { continue };
            let files = layout.descendants().filter(|node| node.has_tag_name_of("FileDefinition"));
            let files = files.filter_map(|file| {
                Some((
                    file.text_of(&["FilePath"])?,
                    file.text_of(&["FileDescription", "DataContentReference"])?,
                ))
            });
            manifest.roles.insert(role.to_owned(), files.collect());
        }
        Ok(manifest)
    }

    /// The files of a role.
    pub(super) fn of_role(&self, role: &str) -> Option<Vec<Place>> {
        let files = self.roles.get(role)?.iter();
        Some(
            files
                .map(|(path, content)| {
                    let (entry, sha256) =
                        self.contents.get(content).cloned().unwrap_or_else(|| (content.clone(), None));
                    Place { path: path.clone(), entry, sha256 }
                })
                .collect(),
        )
    }
}

trait Reading {
    fn has_tag_name_of(&self, name: &str) -> bool;
    fn text_of(&self, path: &[&str]) -> Option<String>;
}

impl Reading for Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }

    fn text_of(&self, path: &[&str]) -> Option<String> {
        let mut node = *self;
        for name in path {
            node = node.children().find(|child| child.has_tag_name_of(name))?;
        }
        Some(node.text()?.trim().to_owned())
    }
}

/// Bytes in base 64.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| chunk.get(index).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}
