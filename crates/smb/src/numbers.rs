//! Types for the protocol's numbers and flags. Each is made from a table whose rows hold the number, the name
//! that the specification gives it, and what it means. A number without a row survives as it is.

/// A type for a number of which the specification names some values.
macro_rules! numbers {
    (
        $(#[$doc:meta])*
        $vis:vis struct $type:ident($repr:ty) {
            $($constant:ident = $value:literal, $name:literal, $meaning:literal;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $type(pub $repr);

        impl $type {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")] $vis const $constant: Self = Self($value);)*

            /// The name that the specification gives the number, if it has a row here.
            #[must_use]
            $vis const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)*
                    _ => None,
                }
            }

            /// What the number means, in words, if it has a row here.
            #[must_use]
            #[allow(dead_code, reason = "a table has it for readers")]
            $vis const fn meaning(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($meaning),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($type), "({:#x})"), self.0),
                }
            }
        }
    };
}

/// A type for a set of flags of which the specification names some.
macro_rules! flags {
    (
        $(#[$doc:meta])*
        $vis:vis struct $type:ident($repr:ty) {
            $($constant:ident = $value:literal, $name:literal, $meaning:literal;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        $vis struct $type(pub $repr);

        impl $type {
            /// No flag at all.
            $vis const NONE: Self = Self(0);
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")] $vis const $constant: Self = Self($value);)*

            /// Whether all of these are set.
            #[must_use]
            $vis const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any of these is set.
            #[must_use]
            $vis const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// These and those.
            #[must_use]
            $vis const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These without those.
            #[must_use]
            $vis const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        impl core::ops::BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($type), "("))?;
                let mut rest = self.0;
                $(
                    if $value != 0 && rest & $value == $value {
                        rest &= !$value;
                        f.write_str(concat!($name, " "))?;
                    }
                )*
                write!(f, "{rest:#x})")
            }
        }
    };
}

pub(crate) use {flags, numbers};

#[cfg(test)]
mod tests {
    use std::format;

    numbers! {
        /// A number.
        struct Fruit(u8) {
            APPLE = 1, "FRUIT_APPLE", "round";
            PEAR = 2, "FRUIT_PEAR", "not round";
        }
    }

    flags! {
        /// Flags.
        struct Taste(u16) {
            SWEET = 0x1, "TASTE_SWEET", "much sugar";
            SOUR = 0x8000, "TASTE_SOUR", "much acid";
        }
    }

    #[test]
    fn a_number_without_a_row_survives() {
        assert_eq!((Fruit::PEAR.name(), Fruit::APPLE.meaning()), (Some("FRUIT_PEAR"), Some("round")));
        assert_eq!((Fruit(3).0, Fruit(3).name(), Fruit(3).meaning()), (3, None, None));
        assert_eq!(format!("{:?} {:?}", Fruit(1), Fruit(255)), "FRUIT_APPLE Fruit(0xff)");
    }

    #[test]
    fn flags_are_a_set_and_unknown_ones_survive() {
        let both = Taste::SWEET | Taste::SOUR;
        assert!(both.contains(Taste::SOUR) && both.intersects(Taste::SWEET) && !Taste::NONE.intersects(both));
        assert!(!Taste::SWEET.contains(both) && both.without(Taste::SOUR) == Taste::SWEET);
        assert_eq!(format!("{:?}", Taste(0x8003)), "Taste(TASTE_SWEET TASTE_SOUR 0x2)");
    }
}
