//! The package for Debian and what is made from it: an `ar` archive of two tar archives.

use std::path::Path;

use super::archive::{self, Tree};
use super::release::{self, Release, SUMMARY};
use crate::shell::Result;

/// The folder of what people read.
const DOCUMENTS: &str = "usr/share/doc/standpipe";

/// The package. `licences` are the files that go along with the program.
pub(super) fn package(
    root: &Path,
    release: &Release,
    program: &[u8],
    licences: &[(String, Vec<u8>)],
) -> Result<Vec<u8>> {
    let files = files(root, program, licences)?;
    let mut control = Tree::default();
    control.file("control", 0o644, describe(release, files.size()));
    Ok(archive::ar(
        &[
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", &control.tar_gz(release.when)?),
            ("data.tar.gz", &files.tar_gz(release.when)?),
        ],
        release.when,
    ))
}

fn files(root: &Path, program: &[u8], licences: &[(String, Vec<u8>)]) -> Result<Tree> {
    let mut files = Tree::default();
    files.file("usr/bin/standpipe", 0o755, program);
    for (name, page) in release::read_folder(root, "packaging/man")? {
        files.file(&format!("usr/share/man/man1/{name}.gz"), 0o644, archive::gzip(&page)?);
    }
    for (name, place) in [
        ("standpipe.bash", "bash-completion/completions/standpipe"),
        ("_standpipe", "zsh/vendor-completions/_standpipe"),
        ("standpipe.fish", "fish/vendor_completions.d/standpipe.fish"),
    ] {
        let script = release::read(root, &format!("packaging/completions/{name}"))?;
        files.file(&format!("usr/share/{place}"), 0o644, script);
    }
    for (name, text) in licences {
        files.file(&format!("{DOCUMENTS}/{name}"), 0o644, text.as_slice());
    }
    // Where Debian looks for the licence.
    files.file(&format!("{DOCUMENTS}/copyright"), 0o644, copyright(licences));
    let changes = release::read(root, "CHANGELOG.md")?;
    files.file(&format!("{DOCUMENTS}/changelog.gz"), 0o644, archive::gzip(&changes)?);
    for (name, text) in release::read_folder(root, "packaging/systemd")? {
        files.file(&format!("{DOCUMENTS}/examples/{name}"), 0o644, text);
    }
    Ok(files)
}

fn copyright(licences: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut text = b"Standpipe is under either of two licences, at your choice.\n".to_vec();
    for (_, licence) in licences.iter().filter(|(name, _)| name.starts_with("LICENSE")) {
        text.push(b'\n');
        text.extend(licence);
    }
    text
}

/// What the package says about itself. It needs no other package, since the program is static.
fn describe(release: &Release, size: usize) -> String {
    format!(
        "Package: standpipe\n\
         Version: {version}\n\
         Architecture: amd64\n\
         Maintainer: The authors of Standpipe <standpipe@localhost>\n\
         Installed-Size: {kibibytes}\n\
         Section: net\n\
         Priority: optional\n\
         Description: {SUMMARY}\n \
         Standpipe starts a service, restarts it when it fails, and offers its pipe\n \
         to clients that open named pipes over SMB, behind its access-control list.\n",
        version = release.version,
        kibibytes = size.div_ceil(1024),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_package_has_the_manual_pages_and_an_example_of_a_unit() {
        let workspace = Workspace::find();
        let files = files(workspace.root(), b"program", &[]).unwrap();
        let names: Vec<_> = files.files().map(|(name, _)| name).collect();
        for name in
            ["usr/share/man/man1/standpipe-run.1.gz", "usr/share/doc/standpipe/examples/standpipe.service"]
        {
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
    }

    #[test]
    fn each_line_of_the_description_after_the_first_is_indented() {
        let release =
            Release { version: "1.2.3".to_owned(), licence: "MIT".to_owned(), when: 7, revision: None };
        let text = describe(&release, 1025);
        assert!(text.contains("\nInstalled-Size: 2\n"), "{text}");
        let (_, description) = text.split_once("\nDescription: ").unwrap();
        assert!(description.lines().skip(1).all(|line| line.starts_with(' ')), "{description}");
    }
}
