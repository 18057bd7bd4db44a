//! What a service is installed with, and its installation.

use super::{RecoveryActions, WindowsCode};

/// When Windows starts a service by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum StartType {
    /// When the system starts.
    Automatic = 2,
    /// Never; somebody has to ask for it.
    Manual = 3,
    /// Never, and nobody can ask for it.
    Disabled = 4,
}

impl StartType {
    /// The number of `dwStartType`.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The start type with this `dwStartType`; `None` for those that only drivers have.
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            2 => Some(Self::Automatic),
            3 => Some(Self::Manual),
            4 => Some(Self::Disabled),
            _ => None,
        }
    }

    /// The name, as `standpipe service` takes and prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "auto",
            Self::Manual => "manual",
            Self::Disabled => "disabled",
        }
    }
}

/// The account of a service that is given none.
pub const LOCAL_SYSTEM: &str = "LocalSystem";

/// What a service is installed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Installation {
    /// Its name.
    pub name: String,
    /// The name that people see.
    pub display_name: String,
    /// Its program and arguments, as [`standpipe_process::command_line`] makes it.
    pub command: String,
    /// The account that it runs as, as [`account_name`] makes it.
    pub account: String,
    /// The account's password, if it has one. It cannot be read back, so one that is given is always set.
    pub password: Option<String>,
    /// When Windows starts it.
    pub start_type: StartType,
    /// The services that have to run before it, and groups of services with a `+` before their names.
    pub dependencies: Vec<String>,
    /// What it is, in words; empty for nothing.
    pub description: String,
}

/// Without the password.
impl std::fmt::Debug for Installation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installation")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// What came of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Installed {
    /// The service is new.
    New,
    /// It was there with other settings.
    Changed,
    /// It was there with these settings.
    Unchanged,
}

/// What an installed service looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The name that people see.
    pub display_name: String,
    /// Its program and arguments.
    pub command: String,
    /// The account that it runs as.
    pub account: String,
    /// When Windows starts it; `None` for a type that only drivers have.
    pub start_type: Option<StartType>,
    /// The services, and groups of services with a `+` before their names, that have to run before it.
    pub dependencies: Vec<String>,
    /// What the service control manager does by itself when it fails.
    pub recovery: RecoveryActions,
}

/// The name of an account, as the service control manager takes it: one without a domain is of this machine.
pub fn account_name(account: &str) -> String {
    let is_system = ["LocalSystem", "LocalService", "NetworkService"]
        .into_iter()
        .find(|system| account.eq_ignore_ascii_case(system));
    match is_system {
        Some(LOCAL_SYSTEM) => LOCAL_SYSTEM.to_owned(),
        Some(other) => format!("NT AUTHORITY\\{other}"),
        None if account.contains(['\\', '@']) => account.to_owned(),
        None => format!(".\\{account}"),
    }
}

/// Whether the name can be that of a service: 1 to 256 characters, no slash and no backslash.
///
/// # Errors
/// The error that Windows gives for it.
pub fn check_service_name(name: &str) -> Result<(), WindowsCode> {
    let length = name.encode_utf16().count();
    let is_valid = (1..=256).contains(&length) && !name.contains(['/', '\\', '\0']);
    if is_valid { Ok(()) } else { Err(WindowsCode::INVALID_NAME) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_a_domain_is_of_this_machine() {
        assert_eq!(account_name("anna"), r".\anna");
        assert_eq!(account_name(r"CORP\anna"), r"CORP\anna");
        assert_eq!(account_name("anna@corp.example"), "anna@corp.example");
        assert_eq!(account_name("localsystem"), "LocalSystem");
        assert_eq!(account_name("NetworkService"), r"NT AUTHORITY\NetworkService");
    }

    #[test]
    fn a_name_with_a_slash_is_none_of_a_service() {
        assert_eq!(check_service_name("My Service"), Ok(()));
        for name in ["", "a/b", r"a\b"] {
            assert_eq!(check_service_name(name), Err(WindowsCode::INVALID_NAME), "{name}");
        }
    }

    #[test]
    fn an_installation_does_not_print_its_password() {
        let installation = Installation {
            name: "a".into(),
            display_name: "a".into(),
            command: "a.exe".into(),
            account: LOCAL_SYSTEM.into(),
            password: Some("geheim".into()),
            start_type: StartType::Manual,
            dependencies: Vec::new(),
            description: String::new(),
        };
        assert!(!format!("{installation:?}").contains("geheim"));
    }
}
