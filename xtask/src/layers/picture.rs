//! The picture of the layers in the documentation.

use std::fmt::Write;

use super::table::{OUTSIDE, ROOMS};
use crate::packages::Package;

/// The floors with their crates, the highest first, and what each crate depends on. Crates of the table that
/// do not exist are left out.
pub(crate) fn draw(packages: &[Package]) -> String {
    let find = |name: &str| packages.iter().find(|package| package.short_name() == name);
    let mut picture = "```\n".to_owned();
    let top = ROOMS.iter().map(|room| room.floor).max().unwrap_or(0);
    for floor in (1..=top).rev() {
        let names = ROOMS.iter().filter(|room| room.floor == floor && find(room.name).is_some());
        let names: Vec<String> = names.map(|room| format!("{:<12}", room.name)).collect();
        let _ = writeln!(picture, "{}", format!("floor {floor}    {}", names.concat()).trim_end());
    }
    picture.push_str("```\n\n| floor | crate | depends on |\n| --- | --- | --- |\n");
    for floor in (1..=top).rev() {
        for room in ROOMS.iter().filter(|room| room.floor == floor) {
            let Some(package) = find(room.name) else { continue };
            let _ = writeln!(picture, "| {floor} | `{}` | {} |", room.name, uses(package));
        }
    }
    picture
        .push_str("\nBeside the house, and used by none of it:\n\n| package | depends on |\n| --- | --- |\n");
    for package in OUTSIDE.iter().filter_map(|beside| find(beside.name)) {
        let _ = writeln!(picture, "| `{}` | {} |", package.short_name(), uses(package));
    }
    picture
}

/// What a package depends on, tests apart, in the order of the floors.
fn uses(package: &Package) -> String {
    let used = ROOMS.iter().rev().filter(|room| {
        package
            .dependencies
            .iter()
            .any(|dependency| !dependency.only_for_tests && dependency.short_name() == room.name)
    });
    let names: Vec<_> = used.map(|room| format!("`{}`", room.name)).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::Dependency;

    #[test]
    fn each_crate_stands_on_its_floor_with_what_it_depends_on() {
        let package = |name: &str, to: &[&str]| Package {
            name: format!("standpipe-{name}"),
            has_library: true,
            dependencies: to
                .iter()
                .map(|to| Dependency { name: format!("standpipe-{to}"), only_for_tests: false })
                .collect(),
        };
        let picture =
            draw(&[package("smb", &["security"]), package("security", &[]), package("fuzz", &["smb"])]);
        assert!(picture.contains("\nfloor 2    smb\nfloor 1    security\n"), "{picture}");
        assert!(picture.contains("| 2 | `smb` | `security` |\n| 1 | `security` | – |\n"), "{picture}");
        assert!(picture.contains("| `fuzz` | `smb` |"), "{picture}");
    }
}
