//! Files that are written by hand, with parts between two marks that are generated.

use std::collections::BTreeMap;
use std::fs;

use super::Generated;
use crate::shell::{Failure, Result};
use crate::workspace::Workspace;

/// Generated parts of files, by the file's path and the name of the marks.
#[derive(Default)]
pub(super) struct Sections(BTreeMap<String, Vec<(String, String)>>);

impl Sections {
    /// Puts `content` between `<!-- NAME -->` and `<!-- /NAME -->` of a file.
    pub(super) fn add(&mut self, path: &str, name: &str, content: String) {
        self.0.entry(path.to_owned()).or_default().push((name.to_owned(), content));
    }

    /// The files as they are, with their generated parts as they should be.
    pub(super) fn files(self, workspace: &Workspace) -> Result<Vec<Generated>> {
        let file = |(path, sections): (String, Vec<(String, String)>)| {
            let text = fs::read_to_string(workspace.root().join(&path))
                .map_err(|error| Failure(format!("cannot read {path}: {error}")))?;
            let mut content = text.replace("\r\n", "\n");
            for (name, section) in sections {
                content = replaced(&content, &name, &section).ok_or_else(|| {
                    Failure(format!("{path} has no part between <!-- {name} --> and <!-- /{name} -->"))
                })?;
            }
            Ok(Generated { path, content })
        };
        self.0.into_iter().map(file).collect()
    }
}

fn replaced(text: &str, name: &str, content: &str) -> Option<String> {
    let (before, rest) = text.split_once(&format!("<!-- {name} -->\n"))?;
    let (_, after) = rest.split_once(&format!("<!-- /{name} -->"))?;
    Some(format!("{before}<!-- {name} -->\n\n{}\n\n<!-- /{name} -->{after}", content.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_marks_changes() {
        let text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        let new = replaced(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n");
        assert_eq!(replaced(&new, "x", "new\n").as_ref(), Some(&new));
        assert_eq!(replaced(text, "y", "new"), None);
    }
}
