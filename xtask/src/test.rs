//! `cargo xtask test`: installs what the tests need and runs everything, stage by stage.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::packages;
use crate::shell::{Failure, Result};
use crate::stage::{NAMED_ONLY, STAGES, Site, Stage};
use crate::workspace::Workspace;

/// Install what the tests need, in pinned versions, and run everything
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only this stage (may be repeated)
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Format, lints, documentation and tests of this crate alone, such as `smb` (may be repeated)
    #[arg(long = "crate", value_name = "NAME")]
    crates: Vec<String>,
    /// List the stages and stop
    #[arg(long)]
    list: bool,
}

/// As much of a failure as the summary shows; all of it stands where it happened.
const DETAIL: usize = 80;

/// How a stage ended.
enum Verdict {
    Passed,
    Failed(String),
    Skipped,
}

pub(crate) fn run(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    if arguments.list {
        for stage in STAGES {
            println!("{:<13} {}", stage.name, stage.about);
        }
        for stage in NAMED_ONLY {
            println!("{:<13} only with --only: {}", stage.name, stage.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut stages = select(&arguments.only)?;
    let mut site = Site::new(workspace, std::env::var_os("CI").is_some_and(|value| value == "true"));
    if !arguments.crates.is_empty() {
        site = site.of_crates(packages::select(&packages::all(workspace)?, &arguments.crates)?);
        if !arguments.only.is_empty()
            && let Some(stage) = stages.iter().find(|stage| !stage.by_crate)
        {
            return Err(Failure(format!("the stage {} is about the workspace as a whole", stage.name)));
        }
        stages.retain(|stage| stage.by_crate);
    }

    let mut verdicts = Vec::new();
    for (position, stage) in stages.iter().enumerate() {
        println!("\n==> [{}/{}] {}: {}", position + 1, stages.len(), stage.name, stage.about);
        let began = Instant::now();
        let verdict = match (stage.run)(&site) {
            Ok(()) if site.whole_stage_skipped() => Verdict::Skipped,
            Ok(()) => Verdict::Passed,
            Err(failure) => {
                println!("error: {failure}");
                Verdict::Failed(failure.0)
            }
        };
        verdicts.push((stage.name, verdict, began.elapsed()));
    }
    let left_out = if arguments.only.is_empty() && arguments.crates.is_empty() { NAMED_ONLY } else { &[] };
    Ok(summarise(&verdicts, &site.skipped(), left_out))
}

fn select(names: &[String]) -> Result<Vec<&'static Stage>> {
    if names.is_empty() {
        return Ok(STAGES.iter().collect());
    }
    let all = || STAGES.iter().chain(NAMED_ONLY);
    if let Some(unknown) = names.iter().find(|name| all().all(|stage| stage.name != name.as_str())) {
        let known: Vec<_> = all().map(|stage| stage.name).collect();
        return Err(Failure(format!("no stage is named {unknown:?}; there are {}", known.join(", "))));
    }
    Ok(all().filter(|stage| names.iter().any(|name| name == stage.name)).collect())
}

fn summarise(verdicts: &[(&str, Verdict, Duration)], skipped: &[String], named_only: &[Stage]) -> ExitCode {
    println!("\n==> Summary");
    let (mut passed, mut failed, mut left_out) = (0, 0, 0);
    for (name, verdict, took) in verdicts {
        let (word, detail) = match verdict {
            Verdict::Passed => {
                passed += 1;
                ("passed", String::new())
            }
            Verdict::Failed(why) => {
                failed += 1;
                ("FAILED", why.lines().next().unwrap_or_default().chars().take(DETAIL).collect())
            }
            Verdict::Skipped => {
                left_out += 1;
                ("skipped", String::new())
            }
        };
        println!("{}", format!("{name:<13} {word:<8} {:>7.1} s  {detail}", took.as_secs_f64()).trim_end());
    }
    if !skipped.is_empty() {
        println!("\nNOT TESTED here, and why:");
        for reason in skipped {
            println!("  - {reason}");
        }
        println!();
    }
    for Stage { name, about, .. } in named_only {
        println!("\nNOT RUN, for it costs too much: {about}; run it with `cargo xtask test --only {name}`\n");
    }
    // The last line stands alone and in this form, so that tools which count tests can read it.
    println!("stages: {passed} passed, {failed} failed, {left_out} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_run_in_the_table_order_whatever_order_was_asked() {
        let chosen = select(&["peers".to_owned(), "format".to_owned()]).unwrap();
        assert_eq!(chosen.iter().map(|stage| stage.name).collect::<Vec<_>>(), ["format", "peers"]);
    }

    #[test]
    fn a_stage_that_costs_much_runs_only_when_it_is_named() {
        assert!(select(&[]).unwrap().iter().all(|stage| stage.name != "kubernetes"));
        let chosen = select(&["kubernetes".to_owned()]).unwrap();
        assert_eq!(chosen.iter().map(|stage| stage.name).collect::<Vec<_>>(), ["kubernetes"]);
    }

    #[test]
    fn an_unknown_stage_is_answered_with_the_known_ones() {
        let Err(failure) = select(&["peer".to_owned()]) else { panic!("accepted") };
        assert!(failure.0.contains("\"peer\"") && failure.0.contains("peers"), "{failure}");
    }
}
