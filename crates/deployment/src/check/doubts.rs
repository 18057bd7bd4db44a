//! What is no mistake, and will go wrong on this machine or let in too many.

use std::time::Duration;

use standpipe_security::{AccessMask, AceBody, AceFlags, SecurityDescriptor, Trustee, Verdict, well_known};
use standpipe_system::user::User;
use standpipe_system::{Found, machine, private_file};

use crate::definition::{Deployment, Pipe, Role};
use crate::file::{Problem, Problems};

/// A connection of a client takes one, and what it has open at least another one.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;

impl Deployment {
    /// What is doubtful about it on this machine, where the platform kills an instance `granted` after it
    /// asks for the end. Nothing of it keeps an instance from starting.
    ///
    /// # Errors
    /// All of it.
    pub fn doubts(&self, granted: Option<Duration>) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for role in &self.roles {
            problems.extend(granted.and_then(|granted| short_grace(role, granted)));
            problems.extend(exposed_secrets(role));
            problems.extend(role.pipes.iter().filter_map(open_to_everyone));
            problems.extend(few_descriptors(role));
            if cfg!(unix) && User::own().is_administrator() {
                problems.extend(tasks_of_root(role));
            }
        }
        Problems::check(&self.source, problems)
    }
}

fn short_grace(role: &Role, granted: Duration) -> Option<Problem> {
    if granted >= role.stop_limit() {
        return None;
    }
    let (most, granted) =
        (humantime::format_duration(role.stop_limit()), humantime::format_duration(granted));
    let what =
        format!("a stop of role `{}` may take {most}, and the platform kills it after {granted}", role.name);
    Some(Problem::at(role.span.clone(), what).label(role.stop_parts()).hint(format!(
        "let the platform wait for {most} (`stop_grace_period` of compose, `docker stop --time`, \
         `terminationGracePeriodSeconds` of Kubernetes, `TimeoutStopSec` of systemd), or shorten \
         `drain-timeout` and `stop-timeout`"
    )))
}

fn exposed_secrets(role: &Role) -> impl Iterator<Item = Problem> {
    role.secrets.iter().zip(&role.secret_spans).filter_map(|((name, path), span)| {
        let why = private_file::check_access(&Found::at(path).ok()?).err()?;
        let remedy = private_file::command_to_make_private(path);
        let problem = Problem::at(span.clone(), format!("the secret `{name}` is not private"));
        Some(
            problem
                .label(why.to_string())
                .hint(format!("{remedy}; or mount it as root's, with mode 0440 and a group of this process")),
        )
    })
}

fn open_to_everyone(pipe: &Pipe) -> Option<Problem> {
    let who = lets_in(pipe.descriptor.as_ref()?)?;
    let what = format!("the access-control list of pipe `{}` lets {who} in", pipe.name);
    Some(Problem::at(pipe.descriptor_span.clone(), what).hint(
        "name the accounts or groups that need it: (A;;GRGW;;;AU) for accounts that are no guests, or a SID of \
         `standpipe account list`; `standpipe sddl explain` says what a list means",
    ))
}

/// Whom a descriptor lets in that should not be in any: everyone, or those who are nobody.
fn lets_in(descriptor: &SecurityDescriptor) -> Option<&'static str> {
    let Some(dacl) = descriptor.dacl() else { return Some("everyone") };
    let data = AccessMask::GENERIC_ALL.0
        | AccessMask::GENERIC_READ.0
        | AccessMask::GENERIC_WRITE.0
        | AccessMask::FILE_READ_DATA.0
        | AccessMask::FILE_WRITE_DATA.0;
    let mut denied = Vec::new();
    for ace in dacl.aces.iter().filter(|ace| !ace.flags.contains(AceFlags::INHERIT_ONLY)) {
        let AceBody::Access { verdict, mask, condition: None, trustee: Trustee::Sid(sid), .. } = &ace.body
        else {
            continue;
        };
        if mask.0 & data == 0 {
            continue;
        }
        let name = match *sid {
            well_known::EVERYONE => "everyone",
            well_known::ANONYMOUS => "anonymous callers",
            well_known::BUILTIN_GUESTS => "guests",
            _ => continue,
        };
        match verdict {
            Verdict::Deny => denied.push(name),
            Verdict::Allow if !denied.contains(&name) => return Some(name),
            _ => {}
        }
    }
    None
}

/// Startup tasks that run as root without the file saying so: where Standpipe is root and the role has no
/// user of its own, everything of it runs as root, without a way to more rights.
fn tasks_of_root(role: &Role) -> impl Iterator<Item = Problem> {
    let limited = role.startup.iter().filter(|task| !task.elevated && role.user.is_none());
    limited.map(|task| {
        let what = format!("a startup task of role `{}` runs as root, and nothing says that it shall", role.name);
        Problem::at(task.command.span.clone(), what).hint(format!(
            "say elevated = true if it shall; or name a user for all that is not elevated: user = \"NAME\" in \
             [roles.{}]",
            role.name
        ))
    })
}

fn few_descriptors(role: &Role) -> Option<Problem> {
    let (_, most) = machine::open_file_limits()?;
    let (wanted, span) = role
        .endpoints
        .iter()
        .filter_map(|endpoint| Some((u64::from(endpoint.max_connections?), endpoint.port_span.clone())))
        .max_by_key(|(wanted, _)| *wanted)?;
    let needed = wanted.saturating_mul(DESCRIPTORS_PER_CONNECTION);
    (needed > most).then(|| {
        let what = format!("{wanted} connections need {needed} open files, and {most} is the limit here");
        Problem::at(span, what).hint(
            "raise it: `ulimit -n` of a shell, `--ulimit nofile=` of Docker, `LimitNOFILE=` of systemd; or set a \
             lower `max-connections`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use crate::Look;
    #[cfg(unix)]
    use crate::file::{NoVariables, Source};

    fn who(sddl: &str) -> Option<&'static str> {
        lets_in(&sddl.parse().unwrap())
    }

    #[cfg(unix)]
    #[test]
    fn a_startup_task_that_runs_as_root_without_a_word_is_doubtful() {
        let doubts = |key: &str, user: &str| {
            let text = format!(
                "name = \"Demo\"\n[roles.R]\n{user}\n[roles.R.service]\ncommand = [\"sh\"]\n[[roles.R.startup]]\ncommand = [\"sh\"]\n{key}\n"
            );
            let source = Source::new("standpipe.toml", text);
            let folder = std::env::temp_dir();
            let deployment = Deployment::from_source(&source, &folder, &NoVariables, Look::Files).unwrap();
            deployment.doubts(None).err().map(|problems| problems.render(false)).unwrap_or_default()
        };
        if User::own().is_administrator() {
            assert!(doubts("", "").contains("a startup task of role `R` runs as root"), "{}", doubts("", ""));
        }
        assert_eq!(doubts("elevated = true", ""), "");
        assert_eq!(doubts("", "user = \"nobody\""), "");
    }

    #[test]
    fn a_list_that_lets_everyone_in_is_told_from_one_that_names_accounts() {
        assert_eq!(who("D:(A;;GRGW;;;WD)"), Some("everyone"));
        assert_eq!(who("D:(D;;GA;;;BG)(A;;FA;;;WD)"), Some("everyone"));
        assert_eq!(who("D:(A;;GR;;;AN)"), Some("anonymous callers"));
        assert_eq!(who("D:(A;;GW;;;BG)"), Some("guests"));
        assert_eq!(who("O:BA"), Some("everyone"));
        // To read who owns it is no harm.
        assert_eq!(who("D:(A;;RC;;;WD)"), None);
        assert_eq!(who("D:(A;OICIIO;GA;;;WD)"), None);
        assert_eq!(who("D:(D;;GA;;;BG)(D;;GA;;;AN)(A;;GRGWGX;;;AU)(A;;GA;;;BA)"), None);
        assert_eq!(who("D:"), None);
    }
}
