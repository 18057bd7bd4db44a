//! What a machine has for any deployment.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use standpipe_agent::host::find_wine;
use standpipe_system::{folder, machine};

use super::Finding;

/// Where clients of Windows look for pipes, and nowhere else.
const PIPE_PORT: u16 = 445;

/// Fewer open files than this are soon used up by clients.
const FEW_FILES: u64 = 256;

/// With less free space the state of instances cannot be relied on.
const LITTLE_SPACE: u64 = 16 * 1024 * 1024;

/// A clock that shows an earlier time (2026-01-01) is wrong: this program is younger.
const YOUNGEST: Duration = Duration::from_hours(490_896);

/// How far a clock may be behind the time of a file before it counts as wrong.
const CLOCK_SLACK: Duration = Duration::from_mins(1);

/// What a platform that shows itself grants for a stop, when nobody said otherwise.
pub(super) struct Granted {
    pub(super) time: Duration,
    /// Where that comes from.
    pub(super) source: String,
}

/// What is of interest whatever is deployed.
pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![open_files(), clock(SystemTime::now())];
    findings.extend(stop_of_the_system());
    findings
}

/// What only a deployment would decide.
pub(super) fn look_without_deployment(address: Option<IpAddr>) -> Vec<Finding> {
    let above = folder::default_folder(|name| std::env::var_os(name));
    let mut findings =
        vec![port(SocketAddr::new(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), PIPE_PORT))];
    findings.push(state(&above));
    findings.extend(find_wine(None, Path::new("/")).is_none().then(no_wine).filter(|_| !cfg!(windows)));
    findings.push(Finding::note(
        "no deployment file was looked at: there is no standpipe.toml here",
        "name one: standpipe doctor -f PATH",
    ));
    findings
}

/// Windows services need Wine on other systems, and nothing else does.
fn no_wine() -> Finding {
    Finding::note(
        "Wine is not installed: Windows services cannot run here",
        "install Wine 8 or newer, if a role shall run Windows services (package `wine64` of Debian)",
    )
}

/// Whether clients of Windows could be served.
fn port(socket: SocketAddr) -> Finding {
    let Err(error) = TcpListener::bind(socket) else {
        return Finding::fine(format!("port {} can be listened on", socket.port()));
    };
    let port = socket.port();
    let message = format!("cannot listen on {socket}, where clients of Windows look for pipes: {error}");
    // Nothing says that somebody needs it.
    let is_doubtful = matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied);
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "stop what listens there, often Samba (`ss -ltnp 'sport = :{port}'` names it), or serve at another \
             address or port"
        ),
        ErrorKind::PermissionDenied => {
            let first = machine::unprivileged_port_start().unwrap_or(0);
            format!(
                "ports below {first} are for root here; allow this one with `sysctl -w \
                 net.ipv4.ip_unprivileged_port_start={port}`, give the program CAP_NET_BIND_SERVICE, or serve at a \
                 higher port"
            )
        }
        ErrorKind::AddrNotAvailable => "name an address that this machine has".to_owned(),
        _ => "serve at another address or port".to_owned(),
    };
    if is_doubtful { Finding::note(message, remedy) } else { Finding::wrong(message, remedy) }
}

fn open_files() -> Finding {
    let Some((now, most)) = machine::open_file_limits() else {
        return Finding::fine("the system sets no limit on open files");
    };
    if most < FEW_FILES {
        return Finding::wrong(
            format!("this process may have {most} open files at most, and each connection needs two"),
            "raise the limit: `ulimit -n` of a shell, `--ulimit nofile=` of Docker, `LimitNOFILE=` of systemd",
        );
    }
    Finding::fine(format!("{now} files may be open at once, {most} if raised"))
}

fn clock(now: SystemTime) -> Finding {
    if now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since >= YOUNGEST) {
        return Finding::fine("the clock shows a time that can be right");
    }
    Finding::wrong(
        "the clock is years behind: log lines, log-ons and the ages of files are wrong",
        "set it, and keep it right with systemd-timesyncd, chrony or the like",
    )
}

/// Whether the clock is behind the time at which `file` was written.
pub(super) fn clock_beside(file: &Path) -> Option<Finding> {
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    let ahead = written.duration_since(SystemTime::now()).ok()?;
    (ahead > CLOCK_SLACK).then(|| {
        let ahead = humantime::format_duration(Duration::from_secs(ahead.as_secs()));
        Finding::wrong(
            format!("the clock is wrong, or it was: {} was written {ahead} in the future", file.display()),
            "set the clock, and keep it right with systemd-timesyncd, chrony or the like",
        )
    })
}

/// Whether state can be kept in `folder`, which need not be there yet.
pub(super) fn state(folder: &Path) -> Finding {
    let existing: PathBuf =
        folder.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("/")).to_path_buf();
    let shown = folder.display();
    if let Err(error) = tempfile_in(&existing) {
        return Finding::wrong(
            format!("state cannot be kept in {shown}: {} cannot be written to: {error}", existing.display()),
            "name a folder of this user with --state-dir, on a volume that can be written to",
        );
    }
    match machine::free_space(&existing) {
        Some(free) if free < LITTLE_SPACE => Finding::wrong(
            format!("state is kept in {shown}, where only {} MiB are free", free / 1024 / 1024),
            "make room there, or name another folder with --state-dir",
        ),
        Some(free) => Finding::fine(format!("state is kept in {shown} ({} MiB free)", free / 1024 / 1024)),
        None => Finding::fine(format!("state is kept in {shown}")),
    }
}

/// Makes a file that is gone at once.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".standpipe-doctor-{}", std::process::id()));
    let made = std::fs::File::options().write(true).create_new(true).open(&file);
    made.and_then(|_| std::fs::remove_file(&file))
}

/// Windows ends processes by itself when it, or a container, stops.
fn stop_of_the_system() -> Vec<Finding> {
    let told = |(name, limit)| {
        Finding::fine(format!("Windows waits {} for processes ({name})", humantime::format_duration(limit)))
    };
    machine::stop_limits().into_iter().map(told).collect()
}

/// What the platform grants, as far as it shows itself.
pub(super) fn granted() -> Option<Granted> {
    if let Some((name, time)) = machine::stop_limits().into_iter().min_by_key(|(_, time)| *time) {
        return Some(Granted { time, source: format!("the setting {name} of this machine") });
    }
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some(Granted {
            time: Duration::from_secs(30),
            source: "the default of Kubernetes".to_owned(),
        });
    }
    let in_container = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists());
    in_container.then(|| Granted {
        time: Duration::from_secs(10),
        source: "the default of Docker and Podman".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Severity;

    #[test]
    fn a_clock_before_this_program_is_wrong() {
        assert_eq!(clock(SystemTime::UNIX_EPOCH + YOUNGEST).severity, Severity::Fine);
        assert_eq!(clock(SystemTime::UNIX_EPOCH).severity, Severity::Wrong);
    }

    #[test]
    fn a_port_that_no_deployment_asks_for_and_is_taken_is_a_note_that_names_how_to_find_who_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = port(taken.local_addr().unwrap());
        assert_eq!(found.severity, Severity::Note);
        assert!(found.remedy.unwrap().contains("ss -ltnp"));
    }

    #[test]
    fn state_in_a_folder_that_is_not_there_yet_is_fine_and_below_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state(&folder.path().join("a/b")).severity, Severity::Fine);
        assert!(folder.path().read_dir().unwrap().next().is_none(), "nothing is left behind");
    }

    #[test]
    fn a_file_from_the_future_shows_that_the_clock_is_wrong() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(clock_beside(file.path()).is_none());
        file.as_file().set_modified(SystemTime::now() + Duration::from_hours(30)).unwrap();
        assert_eq!(clock_beside(file.path()).unwrap().severity, Severity::Wrong);
    }
}
