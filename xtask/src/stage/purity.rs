//! The proof that `security` and `smb` know no socket, clock, randomness, environment or file: they build for
//! a target that has none of them, nothing they depend on on any real target brings one in, and no source of
//! theirs is compiled only where a system is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Site;
use crate::install::cross::CrossCompiler;
use crate::shell::{self, Failure, Result};

const TARGET: &str = "x86_64-unknown-none";
const PACKAGES: &[&str] = &["standpipe-security", "standpipe-smb"];
const SOURCES: &[&str] = &["crates/security/src", "crates/smb/src"];

/// The ciphers without the processor's help: this target has no vector registers, and LLVM fails on code that
/// names them even where it is never called.
const WITHOUT_VECTORS: &str =
    "--cfg aes_backend=\"soft\" --cfg chacha20_backend=\"soft\" --cfg polyval_backend=\"soft\"";

/// Crates through which a system would come in.
const IMPURE: &[&str] =
    &["async-std", "getrandom", "libc", "mio", "nix", "rustix", "socket2", "tokio", "windows-sys"];

/// What would keep a line of source from being built for the target without a system.
const SYSTEM_ONLY: &[&str] = &["cfg(unix", "cfg(windows", "target_os", "target_family", "feature = \"std\""];

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    dependencies_are_pure(site)?;
    for folder in SOURCES {
        sources_are_pure(&site.workspace.root().join(folder))?;
    }
    let compiler = match CrossCompiler::for_target(site.workspace, TARGET, "core,alloc") {
        Ok(compiler) => compiler,
        Err(why) => return site.skip_part("that the pure crates build without a system", &why),
    };
    for package in PACKAGES {
        let mut command = compiler.cargo(site.workspace, "build");
        shell::run(command.args(["--quiet", "--package", package]).env("RUSTFLAGS", WITHOUT_VECTORS))?;
    }
    Ok(())
}

fn dependencies_are_pure(site: &Site<'_>) -> Result<()> {
    for target in ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-gnu", TARGET] {
        for package in PACKAGES {
            let mut command = site.workspace.cargo();
            command.args(["tree", "--package", package, "--target", target]);
            command.args(["--edges", "normal", "--prefix", "none", "--format", "{lib}"]);
            let tree = shell::output(&mut command)?;
            let names: BTreeSet<_> = tree.lines().map(|line| line.trim().replace('_', "-")).collect();
            if let Some(name) = IMPURE.iter().find(|name| names.contains(**name)) {
                return Err(Failure(format!("{package} is pure, but {name} reaches it on {target}")));
            }
            println!("{package}, {target}: none of its {} crates is impure", names.len());
        }
    }
    Ok(())
}

fn sources_are_pure(folder: &Path) -> Result<()> {
    let cannot = |error| Failure(format!("cannot read {}: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            sources_are_pure(&path)?;
            continue;
        }
        let text = fs::read_to_string(&path).map_err(cannot)?;
        if let Some((number, why)) = system_only_line(&text) {
            return Err(Failure(format!("{}:{number}: a pure crate has no {why}", path.display())));
        }
    }
    Ok(())
}

/// The first line that is compiled only where a system is; `std` itself is for tests alone.
fn system_only_line(text: &str) -> Option<(usize, &'static str)> {
    let mut previous = "";
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if let Some(word) = SYSTEM_ONLY.iter().find(|word| !line.starts_with("//") && line.contains(**word)) {
            return Some((index + 1, word));
        }
        if line.starts_with("extern crate std") && previous != "#[cfg(test)]" {
            return Some((index + 1, "std outside tests"));
        }
        previous = line;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_only_a_system_compiles() {
        assert_eq!(system_only_line("a\n#[cfg(unix)]\nmod b;"), Some((2, "cfg(unix")));
        assert_eq!(system_only_line("extern crate std;"), Some((1, "std outside tests")));
    }

    #[test]
    fn lets_tests_use_std() {
        assert_eq!(system_only_line("#[cfg(test)]\nextern crate std;\n// cfg(unix) in words"), None);
    }
}
