//! A process that others cannot look into.

use crate::platform;

/// Hides this process's memory and environment, in which it may have secrets, from other processes of the
/// same user, and keeps them out of core files. On Linux it is *not dumpable* from now on; elsewhere nothing
/// changes.
///
/// # Errors
///
/// Those of the system.
pub fn conceal() -> std::io::Result<()> {
    platform::conceal()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    use super::*;

    #[test]
    fn a_process_that_hides_is_not_dumpable() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        conceal().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
