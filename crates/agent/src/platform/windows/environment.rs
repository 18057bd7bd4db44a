//! The variables that services find: those of the machine, in the registry.
//!
//! Wine ignores the variables of a single service. Its service manager reads those of the machine when it
//! starts, so what is written here reaches services only after the next start of Wine.

#![expect(unsafe_code, reason = "functions of the system")]

use std::io;
use std::ptr;

use standpipe_system::wide;
use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_MORE_DATA, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_READ, KEY_WRITE, REG_MULTI_SZ, REG_SZ, RegCloseKey, RegCreateKeyExW,
    RegDeleteValueW, RegQueryValueExW, RegSetValueExW,
};

/// Where the variables of the machine are.
const VARIABLES: &str = r"System\CurrentControlSet\Control\Session Manager\Environment";

/// Where the names of those that were set here are kept, so that they can be removed again.
const OURS: &str = r"Software\Standpipe\Environment";
const NAMES: &str = "Names";

/// Sets the variables, and removes those that were set the last time and are not among them. Returns whether
/// anything changed.
pub(super) fn set(variables: &[(String, String)]) -> io::Result<bool> {
    let machine = Key::open(VARIABLES)?;
    let ours = Key::open(OURS)?;
    let before = ours.get(NAMES)?.map(|units| texts(&units)).unwrap_or_default();
    let mut changed = false;
    for name in &before {
        if !variables.iter().any(|(kept, _)| kept.eq_ignore_ascii_case(name)) {
            machine.remove(name)?;
            changed = true;
        }
    }
    for (name, value) in variables {
        let value = wide(value);
        if machine.get(name)?.as_deref() != Some(&*value) {
            machine.put(name, REG_SZ, &value)?;
            changed = true;
        }
    }
    let names: Vec<u16> = variables.iter().flat_map(|(name, _)| wide(name)).chain([0]).collect();
    if ours.get(NAMES)?.as_deref() != Some(&*names) {
        ours.put(NAMES, REG_MULTI_SZ, &names)?;
    }
    Ok(changed)
}

/// The texts of a value of type `REG_MULTI_SZ`.
fn texts(units: &[u16]) -> Vec<String> {
    let texts = units.split(|unit| *unit == 0).filter(|text| !text.is_empty());
    texts.map(String::from_utf16_lossy).collect()
}

/// A key of the registry.
struct Key(HKEY);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the key is open, and nobody uses it any more.
        unsafe { RegCloseKey(self.0) };
    }
}

fn result(code: u32) -> io::Result<()> {
    if code == ERROR_SUCCESS { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
}

impl Key {
    /// Opens a key of the machine, or makes it.
    fn open(path: &str) -> io::Result<Self> {
        let path = wide(path);
        let mut key = ptr::null_mut();
        // SAFETY: the path ends with a zero, and the function writes the key only.
        let code = unsafe {
            RegCreateKeyExW(
                HKEY_LOCAL_MACHINE,
                path.as_ptr(),
                0,
                ptr::null(),
                0,
                KEY_READ | KEY_WRITE,
                ptr::null(),
                &raw mut key,
                ptr::null_mut(),
            )
        };
        result(code)?;
        Ok(Self(key))
    }

    /// The UTF-16 of a value, zeros at its end included; `None` if there is no such value.
    fn get(&self, name: &str) -> io::Result<Option<Vec<u16>>> {
        let name = wide(name);
        let mut units = vec![0u16; 256];
        loop {
            let mut bytes = u32::try_from(units.len() * 2).unwrap_or(u32::MAX);
            // SAFETY: the buffer has `bytes` bytes, and the function writes no more.
            let code = unsafe {
                RegQueryValueExW(
                    self.0,
                    name.as_ptr(),
                    ptr::null(),
                    ptr::null_mut(),
                    units.as_mut_ptr().cast(),
                    &raw mut bytes,
                )
            };
            match code {
                ERROR_MORE_DATA => units.resize(bytes as usize / 2 + 1, 0),
                ERROR_FILE_NOT_FOUND => return Ok(None),
                code => {
                    result(code)?;
                    units.truncate(bytes as usize / 2);
                    return Ok(Some(units));
                }
            }
        }
    }

    fn put(&self, name: &str, kind: u32, units: &[u16]) -> io::Result<()> {
        let name = wide(name);
        let bytes = u32::try_from(units.len() * 2).unwrap_or(u32::MAX);
        // SAFETY: the buffer has `bytes` bytes, and the function only reads them.
        result(unsafe { RegSetValueExW(self.0, name.as_ptr(), 0, kind, units.as_ptr().cast(), bytes) })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let name = wide(name);
        // SAFETY: the name ends with a zero.
        match unsafe { RegDeleteValueW(self.0, name.as_ptr()) } {
            ERROR_FILE_NOT_FOUND => Ok(()),
            code => result(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_written_once_and_removed_when_they_are_not_wanted_any_more() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let long = "x".repeat(5000);
        let both = [variable("STANDPIPE_TEST_A", "1 ü"), variable("STANDPIPE_TEST_B", &long)];
        assert!(set(&both).unwrap());
        assert!(!set(&both).unwrap());
        assert!(set(&both[..1]).unwrap());
        let machine = Key::open(VARIABLES).unwrap();
        assert_eq!(machine.get("STANDPIPE_TEST_A").unwrap(), Some(wide("1 ü")));
        assert_eq!(machine.get("STANDPIPE_TEST_B").unwrap(), None);
        assert!(set(&[]).unwrap());
        assert!(!set(&[]).unwrap());
    }
}
