//! The reason why an instance failed, where Kubernetes looks for it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use tracing::warn;

use crate::failure::Failure;

/// Where Kubernetes looks unless a pod's `terminationMessagePath` says otherwise.
const USUAL: &str = "/dev/termination-log";

/// Kubernetes shows no more than this many bytes.
const LONGEST: usize = 4096;

/// Writes the failure to `path`, or to the usual file where Kubernetes made it.
pub(super) fn write(path: Option<&Path>, failure: &Failure) {
    let mut options = File::options();
    options.write(true).truncate(true);
    let opened = match path {
        Some(path) => options.create(true).open(path),
        None => match options.open(USUAL) {
            Ok(file) => Ok(file),
            Err(_) => return,
        },
    };
    if let Err(error) = opened.and_then(|mut file| file.write_all(message(failure).as_bytes())) {
        let path = path.unwrap_or(Path::new(USUAL));
        warn!("the reason cannot be written to {}: {error}", path.display());
    }
}

/// The exit code and the reason: as much of both as is shown.
fn message(failure: &Failure) -> String {
    let exit = failure.exit();
    let mut text = format!("exit code {} ({}): {}\n", exit.number(), exit.meaning(), failure.in_one_line());
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn the_reason_is_cut_to_what_kubernetes_shows() {
        let failure = Failure::new(Exit::Task, "ü".repeat(5000));
        let text = message(&failure);
        assert!(text.starts_with("exit code 76 (a startup task failed): üü"), "{text}");
        assert!((4095..=4096).contains(&text.len()));
    }
}
