//! The values that conditions and resource attributes are made of.

/// A 64-bit integer and how it was written, which the binary form remembers ([MS-DTYP] 2.4.4.17.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub(crate) value: i64,
    pub(crate) sign: Sign,
    pub(crate) base: Base,
}

/// The sign that was written; the numbers are those of the binary form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sign {
    Plus = 1,
    Minus = 2,
    None = 3,
}

/// The base that was written; the numbers are those of the binary form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Base {
    Octal = 1,
    Decimal = 2,
    Hexadecimal = 3,
}

impl Integer {
    /// An integer whose sign fits its value.
    pub(crate) fn new(value: i64, sign: Sign, base: Base) -> Option<Self> {
        let fits = if sign == Sign::Minus { value <= 0 } else { value >= 0 };
        fits.then_some(Self { value, sign, base })
    }
}

/// Whether a text can be written in double quotes, and in the binary form up to a NUL.
pub(crate) fn can_be_quoted(text: &str) -> bool {
    !text.contains(['"', '\0'])
}
