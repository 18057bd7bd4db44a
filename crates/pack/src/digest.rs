//! SHA-256 sums.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// A SHA-256 sum. As a text, 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
pub struct Sha256Sum([u8; 32]);

impl Sha256Sum {
    /// The sum of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub(crate) fn of_hasher(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The sum of what `reader` still has, with its length.
    pub(crate) fn of_reader(reader: &mut dyn Read) -> io::Result<(Self, u64)> {
        copy(reader, &mut io::sink())
    }
}

/// Copies everything, and says what it was: its sum and its length.
pub(crate) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(Sha256Sum, u64)> {
    let mut hasher = Sha256::new();
    let mut length = 0_u64;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok((Sha256Sum::of_hasher(hasher), length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        hasher.update(chunk);
        to.write_all(chunk)?;
        length = length.saturating_add(count as u64);
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl From<Sha256Sum> for String {
    fn from(sum: Sha256Sum) -> Self {
        sum.to_string()
    }
}

impl FromStr for Sha256Sum {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut sum = [0; 32];
        let is_lower = !text.contains(|c: char| c.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut sum) {
            Ok(()) if is_lower => Ok(Self(sum)),
            _ => Err("expected 64 hexadecimal digits in lower case, as sha256sum prints them"),
        }
    }
}

impl TryFrom<String> for Sha256Sum {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
