//! The program of an installed service, in the registry.

#![expect(unsafe_code, reason = "functions of the system")]

use std::path::PathBuf;
use std::ptr;

use standpipe_system::wide;
use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RegGetValueW};

/// The longest command line that Windows takes, in units with the zero at its end.
const LONGEST: usize = 32_768;

/// The program that the service manager would start; `None` where that cannot be told.
pub(super) fn program_of(service: &str) -> Option<PathBuf> {
    program_in(&command_of(service)?, |path| path.is_file())
}

/// The service's command line, with its variables replaced.
fn command_of(service: &str) -> Option<String> {
    let key = wide(format!(r"System\CurrentControlSet\Services\{service}"));
    let name = wide("ImagePath");
    let mut units = vec![0_u16; LONGEST];
    let mut bytes = u32::try_from(units.len() * 2).ok()?;
    // SAFETY: both texts end with a zero, and the buffer has `bytes` bytes.
    let code = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            // One with variables too, which are replaced.
            RRF_RT_REG_SZ,
            ptr::null_mut(),
            units.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if code != ERROR_SUCCESS {
        return None;
    }
    let end = units.iter().position(|unit| *unit == 0)?;
    String::from_utf16(units.get(..end)?).ok()
}

/// The program of a command line as `CreateProcess` finds it: without quotes, a path with blanks is tried at
/// each of them.
fn program_in(command: &str, is_file: impl Fn(&PathBuf) -> bool) -> Option<PathBuf> {
    if let Some(quoted) = command.strip_prefix('"') {
        return quoted.split('"').next().map(PathBuf::from);
    }
    let ends = command.match_indices(' ').map(|(place, _)| place).chain([command.len()]);
    let candidates = ends.filter_map(|end| command.get(..end)).flat_map(|path| {
        let path = PathBuf::from(path);
        let with_ending = path.with_extension("exe");
        [path, with_ending]
    });
    candidates.into_iter().find(is_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_command_line_is_found_with_and_without_quotes() {
        let is_file = |path: &PathBuf| path.as_os_str() == r"C:\with blanks\a.exe";
        for command in [
            r#""C:\with blanks\a.exe" -x"#,
            r"C:\with blanks\a.exe -x",
            r"C:\with blanks\a",
            r"C:\with blanks\a.exe",
        ] {
            assert_eq!(program_in(command, is_file), Some(r"C:\with blanks\a.exe".into()), "{command}");
        }
        assert_eq!(program_in(r"C:\other.exe", is_file), None);
    }

    #[test]
    fn a_service_that_is_not_installed_has_no_program() {
        assert_eq!(program_of("standpipe-test-no-such-service"), None);
    }
}
