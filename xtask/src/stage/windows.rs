//! Windows, from this machine: the whole workspace type-checks for it, its unit tests run under Wine, and its
//! programs need no file that Windows does not bring.

use std::path::Path;
use std::process::Command;

use super::Site;
use crate::install::cross::CrossCompiler;
use crate::install::wine::{self, MINGW_OBJDUMP, Wine};
use crate::shell::{self, Failure, Result};

pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";

/// The crates of the standard library that programs and their tests need.
pub(crate) const PARTS: &str = "std,panic_abort,panic_unwind,proc_macro,test";

/// Windows' own toolchain. Its linker is Microsoft's, so that this machine can only check.
const MICROSOFT: &str = "x86_64-pc-windows-msvc";

/// Packages without tests for Windows, and why.
const PACKAGES_LEFT_OUT: &[(&str, &str)] = &[
    ("standpipe-bench", "it measures on this machine"),
    ("standpipe-fuzz", "its tests are about pure crates and take long; the stage units runs them"),
    ("standpipe-generate", "it writes files of the checkout"),
    ("standpipe-pair", "its tests are about pure crates and take long; the stage units runs them"),
    ("standpipe-soak", "it is for Unix"),
    ("xtask", "it works on this machine"),
];

/// Tests that Wine fails and Windows would not, or that need what this machine does not have there, and why.
const TESTS_LEFT_OUT: &[(&str, &str)] = &[
    ("account::", "its file with the password is one that others can read"),
    (
        "sddl::accounts_of_a_file_are_checked_as_they_are",
        "its file with the password is one that others can read",
    ),
    ("check::all_mistakes_come_at_once_each_with_its_line", "the system's messages have other words"),
    ("usage::", "the program is called standpipe.exe in its help"),
    ("a_folder_may_come_later", "it removes the folder of an open file, which Windows refuses"),
];

/// The DLLs that are part of every Windows since 10 and Server 2016.
const SYSTEM: &[&str] = &[
    "advapi32.dll",
    "bcrypt.dll",
    "crypt32.dll",
    "dbghelp.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "ktmw32.dll",
    "msvcrt.dll",
    "netapi32.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "secur32.dll",
    "shell32.dll",
    "user32.dll",
    "userenv.dll",
    "wevtapi.dll",
    "ws2_32.dll",
];

/// The programs that are given to users.
const PROGRAMS: &[&str] = &["standpipe", "simple-service"];

/// What builds programs for Windows.
pub(super) fn compiler(site: &Site<'_>) -> Result<CrossCompiler> {
    CrossCompiler::for_target(site.workspace, TARGET, PARTS)
}

/// Type-checks for both of Windows' targets.
pub(crate) fn check(site: &Site<'_>) -> Result<()> {
    let compiler = match compiler(site) {
        Ok(compiler) => compiler,
        Err(why) => return site.skip_stage("that everything compiles for Windows", &why),
    };
    let mut command = compiler.cargo(site.workspace, "check");
    command.args(["--quiet", "--workspace", "--all-targets"]).env("RUSTFLAGS", "-D warnings");
    shell::run(&mut command)?;
    // Debian's compiler can build its standard library for this target too, but only to link it would say
    // more than the check above.
    if !CrossCompiler::rustup_has(site.workspace, MICROSOFT) {
        println!("NOT ATTEMPTED: a check for {MICROSOFT}, for which rustup has no standard library here");
        return Ok(());
    }
    let compiler = CrossCompiler::Toolchain { target: MICROSOFT };
    let mut command = compiler.cargo(site.workspace, "check");
    for program in PROGRAMS {
        command.args(["--package", program]);
    }
    shell::run(command.args(["--quiet"]).env("RUSTFLAGS", "-D warnings"))
}

/// Runs the unit tests under Wine, and looks at what the built programs import.
pub(crate) fn units(site: &Site<'_>) -> Result<()> {
    let what = "the unit tests on Windows";
    let ready = wine::linker().and_then(|()| compiler(site));
    let compiler = match ready {
        Ok(compiler) => compiler,
        Err(why) => return site.skip_stage(what, &why),
    };
    build(site, &compiler)?;
    let wine = match Wine::install(site.workspace) {
        Ok(wine) => wine,
        Err(why) => return site.skip_stage(what, &why),
    };
    wine.keep_warm()?;
    let mut tests = compiler.cargo(site.workspace, "test");
    tests.args(["--quiet", "--no-fail-fast", "--workspace", "--lib", "--bins", "--tests"]);
    for (package, why) in PACKAGES_LEFT_OUT {
        println!("left out: {package}: {why}");
        tests.args(["--exclude", package]);
    }
    tests.arg("--");
    for (test, why) in TESTS_LEFT_OUT {
        println!("left out: {test}: {why}");
        tests.args(["--skip", test]);
    }
    tests.env(CrossCompiler::runner_variable(TARGET), wine.loader());
    shell::run_within(shell::STAGE, wine.surround(&mut tests))
}

/// Builds the programs for Windows; fails when one needs a DLL that a user would have to install.
pub(super) fn build(site: &Site<'_>, compiler: &CrossCompiler) -> Result<()> {
    let mut command = compiler.cargo(site.workspace, "build");
    command.arg("--quiet");
    for program in PROGRAMS {
        command.args(["--package", program]);
    }
    shell::run(&mut command)?;
    for program in PROGRAMS {
        needs_only_windows(&compiler.binaries(site.workspace).join(format!("{program}.exe")))?;
    }
    Ok(())
}

/// Fails when a program imports a DLL that a user would have to install.
pub(crate) fn needs_only_windows(program: &Path) -> Result<()> {
    let text = shell::output(Command::new(MINGW_OBJDUMP).arg("--private-headers").arg(program))?;
    let imported = imports(&text);
    if imported.is_empty() {
        return Err(Failure(format!("{MINGW_OBJDUMP} names no DLL that {} imports", program.display())));
    }
    match imported.iter().find(|name| !is_of_the_system(name)) {
        None => Ok(()),
        Some(name) => Err(Failure(format!(
            "{} imports {name}, which is not part of Windows or not of Wine 8 (see tests/wine/README.md)",
            program.display()
        ))),
    }
}

/// The names of the DLLs in what objdump says about a program, in lower case.
fn imports(headers: &str) -> Vec<String> {
    headers
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

fn is_of_the_system(name: &str) -> bool {
    name.starts_with("api-ms-win-") || SYSTEM.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_a_user_would_have_to_install_is_found() {
        let headers = "\tDLL Name: KERNEL32.dll\n\tvma:  Hint/Ord\n\tDLL Name: libgcc_s_seh-1.dll\n";
        let imported = imports(headers);
        assert_eq!(imported, ["kernel32.dll", "libgcc_s_seh-1.dll"]);
        assert_eq!(imported.iter().filter(|name| is_of_the_system(name)).count(), 1);
        assert!(
            is_of_the_system("api-ms-win-core-synch-l1-2-0.dll") && !is_of_the_system("bcryptprimitives.dll")
        );
    }
}
