//! The layers of the workspace: a table of what may depend on what, held against what does.

mod picture;
mod table;

use crate::packages::Package;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;
use table::{OUTSIDE, Outside, ROOMS, Room};

pub(crate) use picture::draw;

/// A service that offers its pipe on this machine alone, and the crate that it must not need for that.
const LOCAL_SERVICE: &str = "simple-service";
const PROTOCOL: &str = "standpipe-smb";

/// Fails with every arrow that the table does not have, and every package that is not in it.
pub(crate) fn check(packages: &[Package]) -> Result<()> {
    let wrong = problems(packages, ROOMS, OUTSIDE);
    if wrong.is_empty() { Ok(()) } else { Err(Failure(wrong.join("\n"))) }
}

/// Fails when a service that only listens on a local pipe would compile SMB.
pub(crate) fn check_local_service(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo();
    command.args(["tree", "--offline", "--package", LOCAL_SERVICE, "--edges", "normal,build"]);
    let tree = shell::output(command.args(["--prefix", "none", "--format", "{p}"]))?;
    if tree.lines().any(|line| line.split_whitespace().next() == Some(PROTOCOL)) {
        return Err(Failure(format!(
            "{LOCAL_SERVICE} only listens on a local pipe, but compiles {PROTOCOL}"
        )));
    }
    Ok(())
}

fn problems(packages: &[Package], rooms: &[Room], outside: &[Outside]) -> Vec<String> {
    let mut wrong: Vec<String> = table_problems(rooms);
    for package in packages {
        let name = package.short_name();
        let room = rooms.iter().find(|room| room.name == name);
        let beside = outside.iter().find(|beside| beside.name == name);
        if room.is_none() && beside.is_none() {
            wrong.push(format!("{name} is not on a floor: add it to the table of the layers"));
            continue;
        }
        for dependency in &package.dependencies {
            let to = dependency.short_name();
            if to == name {
                continue; // a crate's tests may name the crate itself, to turn on its features
            }
            let for_tests = outside.iter().any(|beside| beside.name == to && beside.for_tests);
            if dependency.only_for_tests && for_tests {
                continue;
            }
            if outside.iter().any(|beside| beside.name == to) {
                wrong.push(format!("{name} → {to}: {to} is not a part of the program"));
                continue;
            }
            let wrong_arrow = match (room, beside) {
                (Some(room), _) => arrow_problem(room, to, rooms),
                (None, Some(Outside { may_use: Some(may_use), .. })) if !may_use.contains(&to) => {
                    Some(format!("the table does not let {name} use {to}"))
                }
                _ => None,
            };
            if let Some(why) = wrong_arrow {
                wrong.push(format!("{name} → {to}: {why}"));
            }
        }
    }
    wrong
}

/// What is wrong with an arrow from a crate to another one; one to an unknown crate is reported where that
/// stands.
fn arrow_problem(from: &Room, to: &str, rooms: &[Room]) -> Option<String> {
    let to = rooms.iter().find(|room| room.name == to)?;
    if to.floor > from.floor {
        return Some(format!("it climbs from floor {} to floor {}", from.floor, to.floor));
    }
    if to.floor == from.floor {
        return Some(format!("both are on floor {}, and arrows go down", from.floor));
    }
    let allowed = from.may_use.contains(&to.name);
    (!allowed).then(|| format!("it goes down, but the table does not let {} use {}", from.name, to.name))
}

/// What is wrong with the table itself.
fn table_problems(rooms: &[Room]) -> Vec<String> {
    let arrows = rooms.iter().flat_map(|room| room.may_use.iter().map(move |to| (room, *to)));
    let wrong = arrows.filter_map(|(from, to)| match rooms.iter().find(|room| room.name == to) {
        Some(room) if room.floor < from.floor => None,
        Some(room) => Some(format!(
            "the table lets {} on floor {} use {to} on floor {}",
            from.name, from.floor, room.floor
        )),
        None => Some(format!("the table lets {} use {to}, which is on no floor", from.name)),
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::{self, Dependency};

    const HOUSE: &[Room] = &[
        Room { name: "security", floor: 1, may_use: &[] },
        Room { name: "smb", floor: 2, may_use: &["security"] },
        Room { name: "pipe", floor: 2, may_use: &["security"] },
        Room { name: "server", floor: 3, may_use: &["smb"] },
    ];
    const BESIDE: &[Outside] = &[
        Outside { name: "fuzz", may_use: Some(&["smb"]), for_tests: false },
        Outside { name: "whole-path", may_use: None, for_tests: true },
    ];

    fn found(from: &str, arrows: &[(&str, bool)]) -> Vec<String> {
        let dependency = |&(to, only_for_tests): &(&str, bool)| Dependency {
            name: format!("standpipe-{to}"),
            only_for_tests,
        };
        let package = Package {
            name: format!("standpipe-{from}"),
            has_library: true,
            dependencies: arrows.iter().map(dependency).collect(),
        };
        problems(&[package], HOUSE, BESIDE)
    }

    #[test]
    fn arrows_that_the_table_has_are_good() {
        assert!(found("smb", &[("security", false)]).is_empty());
        assert!(found("fuzz", &[("smb", false)]).is_empty());
        assert!(found("whole-path", &[("server", false), ("smb", false)]).is_empty());
    }

    #[test]
    fn an_arrow_that_climbs_is_named() {
        assert_eq!(
            found("smb", &[("security", false), ("server", false)]),
            ["smb → server: it climbs from floor 2 to floor 3"]
        );
        assert_eq!(found("smb", &[("server", true)]), ["smb → server: it climbs from floor 2 to floor 3"]);
        assert_eq!(found("smb", &[("pipe", false)]), ["smb → pipe: both are on floor 2, and arrows go down"]);
    }

    #[test]
    fn an_arrow_that_goes_down_needs_a_place_in_the_table() {
        assert_eq!(
            found("server", &[("security", false)]),
            ["server → security: it goes down, but the table does not let server use security"]
        );
        assert_eq!(
            found("fuzz", &[("server", false)]),
            ["fuzz → server: the table does not let fuzz use server"]
        );
    }

    #[test]
    fn a_crate_on_no_floor_is_named() {
        assert_eq!(found("utils", &[]), ["utils is not on a floor: add it to the table of the layers"]);
    }

    #[test]
    fn only_tests_depend_on_a_package_for_tests() {
        assert!(found("smb", &[("whole-path", true)]).is_empty());
        assert_eq!(
            found("smb", &[("whole-path", false), ("fuzz", true)]),
            [
                "smb → whole-path: whole-path is not a part of the program",
                "smb → fuzz: fuzz is not a part of the program"
            ]
        );
    }

    #[test]
    fn a_table_whose_own_arrows_climb_is_refused() {
        let rooms = [HOUSE[0], Room { name: "system", floor: 1, may_use: &["security", "gone"] }];
        assert_eq!(
            table_problems(&rooms),
            [
                "the table lets system on floor 1 use security on floor 1",
                "the table lets system use gone, which is on no floor"
            ]
        );
    }

    #[test]
    fn the_workspace_keeps_its_layers() {
        check(&packages::all(&Workspace::find()).unwrap()).unwrap();
    }
}
