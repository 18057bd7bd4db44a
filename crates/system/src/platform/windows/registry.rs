//! Keys of the registry.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_MORE_DATA, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_READ, KEY_WRITE, REG_MULTI_SZ, REG_SZ, RegCloseKey, RegCreateKeyExW,
    RegDeleteValueW, RegOpenKeyExW, RegQueryValueExW, RegSetValueExW,
};

use super::text::wide;

/// A key of the registry of this machine.
#[derive(Debug)]
pub struct Key(HKEY);

// SAFETY: the handle of a key is a number of the process; every thread may use it.
unsafe impl Send for Key {}

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
    /// Opens a key; `None` if there is none.
    ///
    /// # Errors
    /// The system's own.
    pub fn open(path: &str) -> io::Result<Option<Self>> {
        let path = wide(path);
        let mut key = ptr::null_mut();
        // SAFETY: the path ends with a zero, and the function writes the key only.
        let code = unsafe {
            RegOpenKeyExW(HKEY_LOCAL_MACHINE, path.as_ptr(), 0, KEY_READ | KEY_WRITE, &raw mut key)
        };
        if code == ERROR_FILE_NOT_FOUND {
            return Ok(None);
        }
        result(code)?;
        Ok(Some(Self(key)))
    }

    /// Opens a key, or makes it.
    ///
    /// # Errors
    /// The system's own.
    pub fn make(path: &str) -> io::Result<Self> {
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

    /// A value of type `REG_SZ`; `None` if there is no such value.
    ///
    /// # Errors
    /// The system's own.
    pub fn text(&self, name: &str) -> io::Result<Option<String>> {
        let units = self.get(name)?;
        Ok(units.map(|units| String::from_utf16_lossy(units.strip_suffix(&[0]).unwrap_or(&units))))
    }

    /// A value of type `REG_DWORD`; `None` if there is no such value.
    ///
    /// # Errors
    /// The system's own.
    pub fn number(&self, name: &str) -> io::Result<Option<u32>> {
        let units = self.get(name)?;
        Ok(units.and_then(|units| match units[..] {
            [low, high] => Some(u32::from(high) << 16 | u32::from(low)),
            _ => None,
        }))
    }

    /// The texts of a value of type `REG_MULTI_SZ`; none if there is no such value.
    ///
    /// # Errors
    /// The system's own.
    pub fn texts(&self, name: &str) -> io::Result<Vec<String>> {
        let units = self.get(name)?.unwrap_or_default();
        let texts = units.split(|unit| *unit == 0).filter(|text| !text.is_empty());
        Ok(texts.map(String::from_utf16_lossy).collect())
    }

    /// Sets a value of type `REG_SZ`.
    ///
    /// # Errors
    /// The system's own.
    pub fn put_text(&self, name: &str, text: &str) -> io::Result<()> {
        self.put(name, REG_SZ, &wide(text))
    }

    /// Sets a value of type `REG_MULTI_SZ`. An empty text cannot be one of the texts.
    ///
    /// # Errors
    /// The system's own.
    pub fn put_texts(&self, name: &str, texts: &[String]) -> io::Result<()> {
        let units: Vec<u16> = texts.iter().flat_map(|text| wide(text)).chain([0]).collect();
        self.put(name, REG_MULTI_SZ, &units)
    }

    fn put(&self, name: &str, kind: u32, units: &[u16]) -> io::Result<()> {
        let name = wide(name);
        let bytes = u32::try_from(units.len() * 2).unwrap_or(u32::MAX);
        // SAFETY: the buffer has `bytes` bytes, and the function only reads them.
        result(unsafe { RegSetValueExW(self.0, name.as_ptr(), 0, kind, units.as_ptr().cast(), bytes) })
    }

    /// Removes a value; one that is not there is no error.
    ///
    /// # Errors
    /// The system's own.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let name = wide(name);
        // SAFETY: the name ends with a zero.
        match unsafe { RegDeleteValueW(self.0, name.as_ptr()) } {
            ERROR_FILE_NOT_FOUND => Ok(()),
            code => result(code),
        }
    }
}
