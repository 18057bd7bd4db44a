//! What the figures were measured on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::shell;

/// The machine and the versions of what runs on it; `with_samba` if smbd is here.
pub(super) fn describe(with_samba: bool) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    json!({
        "cpu": field(&cpu, "model name"),
        "cores": cores,
        "memory": field(&memory, "MemTotal"),
        "kernel": said(Command::new("uname").arg("-sr")),
        "samba": with_samba.then(|| said(Command::new("smbd").arg("--version"))),
        "standpipe": said(Command::new("git").args(["describe", "--always", "--dirty"])),
        "rustc": said(Command::new("rustc").arg("--version")),
    })
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

fn said(command: &mut Command) -> Option<String> {
    shell::output(command).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_stands_after_its_colon() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: Another\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 3 GHz"));
        assert_eq!(field(text, "flags"), None);
    }
}
