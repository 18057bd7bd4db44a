//! Files that are written by hand, with a part between two marks that is generated.

use std::fs;

use super::Generated;
use crate::shell::{Failure, Result};
use crate::workspace::Workspace;

/// The file with `content` between `<!-- NAME -->` and `<!-- /NAME -->`.
pub(super) fn replace(workspace: &Workspace, path: &str, name: &str, content: &str) -> Result<Generated> {
    let text = fs::read_to_string(workspace.root().join(path))
        .map_err(|error| Failure(format!("cannot read {path}: {error}")))?;
    let content = replaced(&text.replace("\r\n", "\n"), name, content)
        .ok_or_else(|| Failure(format!("{path} has no part between <!-- {name} --> and <!-- /{name} -->")))?;
    Ok(Generated { path: path.to_owned(), content })
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
