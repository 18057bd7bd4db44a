//! What a process of Standpipe says by its exit code: to the local runtime, to any other platform, to a
//! person.

/// The exit codes, from sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, or asked to stop.
    Ok = 0,
    /// The command line is wrong.
    Usage = 64,
    /// The service could not be kept running.
    Unavailable = 69,
    /// A mistake of ours.
    Bug = 70,
    /// Worth trying again.
    Temporary = 75,
    /// A startup task failed.
    Task = 76,
    /// Not permitted.
    NotPermitted = 77,
    /// The deployment file, or a file it names, is wrong.
    Config = 78,
}

impl ExitCode {
    /// Every exit code, in the order of the numbers.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Usage,
        Self::Unavailable,
        Self::Bug,
        Self::Temporary,
        Self::Task,
        Self::NotPermitted,
        Self::Config,
    ];

    /// The exit code with this number, if it is one of ours.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| i32::from(code.number()) == number)
    }

    /// The number that a process ends with.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What it says, in a few words; `docs/exit-codes.md` has the long form.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or asked to stop",
            Self::Usage => "the command line is wrong",
            Self::Unavailable => "the service could not be kept running",
            Self::Bug => "our own fault",
            Self::Temporary => "worth trying again",
            Self::Task => "a startup task failed",
            Self::NotPermitted => "not permitted",
            Self::Config => "the configuration is wrong",
        }
    }

    /// Whether an instance that ends with this code before it ever ran will do so again, until a person
    /// changes something.
    pub const fn is_for_good(self) -> bool {
        matches!(self, Self::Usage | Self::NotPermitted | Self::Config)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_a_row_of_the_documented_table() {
        let rows = include_str!("../../../docs/exit-codes.md").lines().filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let number: u8 = cells.next()?.parse().ok()?;
            Some((number, cells.next()?.to_owned(), cells.next()? == "yes"))
        });
        let documented: Vec<(u8, String, bool)> = rows.collect();
        let known = ExitCode::ALL.map(|code| (code.number(), code.meaning().to_owned(), !code.is_for_good()));
        // After 0 there is nothing to try again.
        let known = known.map(|(number, meaning, again)| (number, meaning, again && number != 0));
        assert_eq!(documented, known);
    }

    #[test]
    fn exit_codes_are_those_of_sysexits() {
        assert_eq!(ExitCode::ALL.map(ExitCode::number), [0, 64, 69, 70, 75, 76, 77, 78]);
        assert_eq!(ExitCode::from_number(75), Some(ExitCode::Temporary));
        assert_eq!(ExitCode::from_number(1), None);
    }
}
