//! What a batch file of a startup task does, as far as its lines are the usual ones.

use crate::command_line;

/// A line of a batch file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// What it does.
    pub(crate) does: Does,
}

/// What a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Does {
    /// Makes a user; its password is not kept.
    MakeUser(String),
    /// Makes a user a member of a group.
    JoinGroup { user: String, group: String },
    /// Installs a runtime library such as the one of Visual C++, by its program's name.
    InstallRuntime(String),
    /// Installs a Windows service with this program, under this name if the line says it.
    InstallService { program: String, name: Option<String> },
    /// Starts a Windows service.
    StartService(String),
    /// Opens the firewall.
    OpenFirewall,
    /// Something else; empty when the line may hold a secret.
    Other(String),
}

/// The lines of a batch file that do something, in any of the encodings that cmd.exe takes.
pub(crate) fn read(bytes: &[u8]) -> Vec<Line> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| Some(Line { number: index + 1, does: does(line)? })).collect()
}

/// What one line does; `None` when it does nothing that matters.
pub(crate) fn does(line: &str) -> Option<Does> {
    let line = line.trim().trim_start_matches('@').trim_start();
    let words = command_line::split(line).words;
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let word = |index: usize| lower.get(index).map_or("", String::as_str);
    if line.is_empty() || line.starts_with(':') || is_idle(&lower) {
        return None;
    }
    let program = program_name(word(0));
    let original = |index: usize| words.get(index).cloned().unwrap_or_default();
    let adds = lower.iter().any(|word| word == "/add");
    Some(match program {
        "net" | "net1" if word(1) == "user" && adds => Does::MakeUser(original(2)),
        "net" | "net1" if word(1) == "localgroup" && adds && !word(3).starts_with('/') => {
            Does::JoinGroup { group: original(2), user: original(3) }
        }
        "net" | "net1" | "sc" if word(1) == "start" => Does::StartService(original(2)),
        "sc" if word(1) == "create" => {
            let binary = lower.iter().position(|word| word.starts_with("binpath="));
            let binary = binary.map(&original).unwrap_or_default();
            let binary = binary.get("binpath=".len()..).map(str::to_owned).filter(|path| !path.is_empty());
            let after = lower.iter().position(|word| word == "binpath=").map(|at| original(at + 1));
            Does::InstallService { program: binary.or(after).unwrap_or_default(), name: Some(original(2)) }
        }
        "installutil" => {
            Does::InstallService { program: words.last().cloned().unwrap_or_default(), name: None }
        }
        "netsh" if word(1).contains("firewall") => Does::OpenFirewall,
        name if is_runtime(name) => Does::InstallRuntime(file_name(&original(0)).to_owned()),
        _ if lower.iter().skip(1).any(|word| is_install(word)) => {
            Does::InstallService { program: file_name(&original(0)).to_owned(), name: None }
        }
        _ => Does::Other(if may_hold_secret(line) { String::new() } else { line.to_owned() }),
    })
}

/// A line that has no effect on the machine.
fn is_idle(words: &[String]) -> bool {
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    match word(0) {
        "rem" | "echo" | "echo." | "setlocal" | "endlocal" | "pause" | "title" => true,
        "exit" => words.iter().skip(1).all(|word| word == "/b" || word == "0"),
        first => first.starts_with("rem") && first.len() == 3,
    }
}

/// The last part of a path, without `%~dp0` and the like.
fn file_name(path: &str) -> &str {
    let name = path.rsplit(['\\', '/']).next().unwrap_or(path);
    name.strip_prefix("%~dp0").unwrap_or(name)
}

fn program_name(path: &str) -> &str {
    let name = file_name(path);
    [".exe", ".com", ".cmd", ".bat"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// The redistributable runtimes that definitions carry along.
fn is_runtime(name: &str) -> bool {
    ["vcredist", "vc_redist", "vcredist_", "dotnetfx", "ndp4", "dotnet-runtime", "dotnet-hosting"]
        .iter()
        .any(|start| name.starts_with(start))
}

fn is_install(word: &str) -> bool {
    matches!(word, "-install" | "/install" | "--install" | "-i" | "/i" | "install" | "-service" | "/service")
}

/// Whether a text looks as if it had a secret in it.
pub(crate) fn may_hold_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words =
        ["password", "passwd", "pwd", "secret", "accountkey", "accesskey", "apikey", "token", "sharedaccess"];
    words.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storys_script_is_understood() {
        let script = "net user serviceUser [somePassword] /add\r\n\"%~dp0vcredist_x64.exe\" /q /norestart\r\n\
                      \"%~dp0Service.exe\" -install\r\nexit /b 0\r\n";
        let does: Vec<Does> = read(script.as_bytes()).into_iter().map(|line| line.does).collect();
        let expected = [
            Does::MakeUser("serviceUser".to_owned()),
            Does::InstallRuntime("vcredist_x64.exe".to_owned()),
            Does::InstallService { program: "Service.exe".to_owned(), name: None },
        ];
        assert_eq!(does, expected);
    }

    #[test]
    fn other_usual_lines_are_understood() {
        let of = |line: &str| does(line).unwrap();
        assert_eq!(
            of("@sc create Orders binPath= C:\\o.exe"),
            Does::InstallService { program: "C:\\o.exe".to_owned(), name: Some("Orders".to_owned()) }
        );
        assert_eq!(of("NET START Orders >> log.txt"), Does::StartService("Orders".to_owned()));
        let joined = Does::JoinGroup { user: "me".to_owned(), group: "Administrators".to_owned() };
        assert_eq!(of("net localgroup Administrators me /add"), joined);
        assert_eq!(of("netsh advfirewall firewall add rule name=x"), Does::OpenFirewall);
        assert_eq!(of("powershell -File x.ps1"), Does::Other("powershell -File x.ps1".to_owned()));
        for idle in ["", "@echo off", "REM x", ":: x", ":label", "exit /b 0", "EXIT", "setlocal"] {
            assert_eq!(does(idle), None, "{idle}");
        }
    }

    #[test]
    fn a_password_is_never_kept() {
        assert_eq!(does("net user me Geheim1! /add"), Some(Does::MakeUser("me".to_owned())));
        assert_eq!(does("setup.exe /password:Geheim1!"), Some(Does::Other(String::new())));
        assert_eq!(does("exit /b 1"), Some(Does::Other("exit /b 1".to_owned())));
    }
}
