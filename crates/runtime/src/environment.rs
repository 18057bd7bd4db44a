//! What every startup task and every service finds in its environment, and where its program is looked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use standpipe_deployment::{
    Command, Deployment, EnvironmentFilter, PasswordSource, Program, Role, Service, System, facts,
};

use crate::{notify, temporary};

/// The variable with the instance's own folder of pipes, which no other instance has.
pub(crate) use standpipe_deployment::facts::PIPES;

/// The environment that the processes of one instance share.
#[derive(Debug, Clone)]
pub(crate) struct InstanceEnvironment {
    pub(crate) deployment: String,
    pub(crate) role: String,
    pub(crate) instance: u32,
    pub(crate) accounts: PathBuf,
    pub(crate) pipes: PathBuf,
    /// What else there is to know about the instance; see [`facts`](crate::facts).
    pub(crate) facts: Vec<(String, String)>,
    /// The instance's own folder for temporary files, where its .NET service makes its sockets.
    pub(crate) temporary: Option<PathBuf>,
    /// The variables that are for Standpipe alone.
    pub(crate) withheld: Vec<OsString>,
    /// This process's search path with the folder of its own program first, so that `standpipe` and what is
    /// installed beside it are found.
    pub(crate) path: OsString,
}

impl InstanceEnvironment {
    /// The variables, then those that are for one process alone and win: `from`, each with the name of the
    /// one whose value it gets, and `own`.
    pub(crate) fn variables(
        &self,
        from: &[(String, String)],
        own: &[(String, String)],
    ) -> Vec<(OsString, OsString)> {
        let mut variables = self.facts_of_instance();
        let copied = copied(&variables, from);
        variables.push(("PATH".into(), self.path.clone()));
        variables.extend(copied);
        variables.extend(self.temporary.iter().map(|folder| (temporary::VARIABLE.into(), folder.into())));
        variables.extend(own.iter().map(|(name, value)| (name.into(), value.into())));
        variables
    }

    fn facts_of_instance(&self) -> Vec<(OsString, OsString)> {
        let mut facts: Vec<(OsString, OsString)> = vec![
            (facts::DEPLOYMENT.into(), self.deployment.clone().into()),
            (facts::ROLE.into(), self.role.clone().into()),
            (facts::INSTANCE.into(), self.instance.to_string().into()),
            (facts::ACCOUNTS.into(), self.accounts.clone().into()),
            (PIPES.into(), self.pipes.clone().into()),
        ];
        facts.extend(self.facts.iter().map(|(name, value)| (name.into(), value.into())));
        facts
    }

    /// What an installed service gets beside variables of this process: what there is to know about the
    /// instance, and the service's own, which win.
    ///
    /// It does not get this process's search path, nor the folders of the instance's sockets and temporary
    /// files: those are for processes of the instance.
    pub(crate) fn own_variables_of_installed(&self, service: &Service) -> Vec<(String, String)> {
        let mut variables = self.facts_of_instance();
        let copied = copied(&variables, &service.environment_from);
        variables.retain(|(name, _)| name != PIPES);
        variables.extend(copied);
        let texts = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        texts.chain(service.environment.iter().cloned()).collect()
    }

    /// The variables that an installed service gets: those of this process that its patterns let through, and
    /// [`Self::own_variables_of_installed`], which win.
    pub(crate) fn variables_of_installed(&self, service: &Service) -> Vec<(String, String)> {
        let passed_on = std::env::vars_os()
            .filter(|(name, _)| !self.withheld.contains(name))
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| service.passed_on.reaches_installed(name));
        let mut variables: Vec<(String, String)> = passed_on.collect();
        // The system has them in no certain order.
        variables.sort();
        // A name that is there twice, whatever its case, has its last value.
        variables.extend(self.own_variables_of_installed(service));
        variables
    }

    /// The variables of this process that a service which is a process does not get.
    pub(crate) fn withheld_from(&self, passed_on: &EnvironmentFilter) -> Vec<OsString> {
        let held_back = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            // A pattern is text: what is no text, only `*` could mean.
            !passed_on.reaches_process(&name.to_string_lossy(), System::HERE)
        });
        self.withheld.iter().cloned().chain(held_back).collect()
    }
}

/// The variables of `from`: each has the name that a process wants, and that of the fact whose value it gets.
fn copied(facts: &[(OsString, OsString)], from: &[(String, String)]) -> Vec<(OsString, OsString)> {
    let copy = |(name, fact): &(String, String)| {
        let (_, value) = facts.iter().find(|(known, _)| known.to_str() == Some(fact))?;
        Some((OsString::from(name), value.clone()))
    };
    from.iter().filter_map(copy).collect()
}

/// The variables that no process of the role gets: those in which Standpipe looks for passwords, the socket
/// of the service manager that watches it, and what the file uses in other roles only.
pub(crate) fn withheld(deployment: &Deployment, role: &Role) -> Vec<OsString> {
    let calls = deployment.roles().iter().flat_map(|role| &role.calls);
    let named = calls.filter_map(|call| match &call.password {
        PasswordSource::Environment(name) => Some(name.into()),
        PasswordSource::File(_) => None,
    });
    ["STANDPIPE_PASSWORD", "STANDPIPE_NT_HASH", notify::SOCKET, notify::WATCHDOG, notify::WATCHDOG_PROCESS]
        .map(Into::into)
        .into_iter()
        .chain(named)
        .chain(deployment.variables_of_others(role).into_iter().map(Into::into))
        .collect()
}

/// The words of a command, program first.
pub(crate) fn words(command: &Command) -> Vec<OsString> {
    let program = match &command.program {
        Program::Path(path) => path.clone().into_os_string(),
        Program::Name(name) => name.into(),
    };
    std::iter::once(program).chain(command.arguments.iter().map(OsString::from)).collect()
}

/// The last part of a program's name, for log lines.
pub(crate) fn short_name(command: &Command) -> String {
    let program = Path::new(command.program.as_os_str());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_installed_service_gets_what_its_patterns_let_through_the_facts_and_its_own_last() {
        let place = crate::testing::TestFolder::new();
        let deployment = place.deployment(
            "[roles.R.service]\nname = \"S\"\ncommand = [\"sh\"]\nenvironment = { MODE = \"fast\" }\n\
             environment-from = { WHERE_IT_IS = \"STANDPIPE_ROLE\" }\n\
             environment-allow = [\"CARGO_PKG_*\"]\nenvironment-deny = [\"*_VERSION\"]\n",
        );
        let environment = InstanceEnvironment {
            deployment: String::new(),
            role: "R".to_owned(),
            instance: 0,
            facts: vec![("RoleInstanceID".to_owned(), "R_IN_0".to_owned())],
            accounts: PathBuf::new(),
            pipes: PathBuf::new(),
            temporary: None,
            withheld: vec!["CARGO_PKG_LICENSE".into()],
            path: OsString::new(),
        };
        let service = &deployment.roles()[0].services[0];
        let variables = environment.variables_of_installed(service);
        let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"CARGO_PKG_NAME"), "{names:?}");
        for name in ["CARGO_PKG_VERSION", "CARGO_PKG_LICENSE", "PATH", PIPES] {
            assert!(!names.contains(&name), "{name}");
        }
        for expected in [(facts::INSTANCE, "0"), ("RoleInstanceID", "R_IN_0"), ("WHERE_IT_IS", "R")] {
            assert!(variables.iter().any(|(name, value)| (name.as_str(), value.as_str()) == expected));
        }
        assert_eq!(variables.last(), Some(&("MODE".to_owned(), "fast".to_owned())));
    }

    /// The tests' own environment has these variables, as cargo sets them.
    #[tokio::test]
    async fn what_the_file_uses_in_one_role_reaches_no_process_of_another() {
        let place = crate::testing::TestFolder::new();
        let role = |name: &str, secret: &str| {
            format!(
                "[roles.{name}.service]\nname = \"S\"\ncommand = [\"sh\", \"${{HOME}}\"]\n\
                 environment = {{ KEY = \"{secret}\", SHARED = \"${{CARGO_PKG_LICENSE}}\" }}\n"
            )
        };
        let deployment = place.deployment(&format!(
            "{}{}",
            role("A", "${CARGO_PKG_NAME}"),
            role("B", "${CARGO_PKG_VERSION}${CARGO_MANIFEST_DIR}")
        ));
        let of = |role: &str| {
            let all = withheld(&deployment, deployment.role(role).unwrap());
            let ours = all.into_iter().filter(|name| name != "HOME");
            ours.skip_while(|name| name != notify::WATCHDOG_PROCESS).skip(1).collect::<Vec<_>>()
        };
        assert_eq!(of("A"), ["CARGO_MANIFEST_DIR", "CARGO_PKG_VERSION"]);
        assert_eq!(of("B"), ["CARGO_PKG_NAME"]);
    }

    #[tokio::test]
    async fn passwords_of_every_role_and_the_socket_of_a_service_manager_are_withheld() {
        let place = crate::testing::TestFolder::new();
        let deployment = place.deployment(
            "[roles.R.service]\nname = \"S\"\ncommand = [\"sh\"]\n\
             [roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\n\
             [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n\
             [roles.W.endpoints.Page]\nprotocol = \"http\"\nport = 8080\n\
             [roles.W.calls.simple]\ntarget = \"R/P\"\npipe = \"simple\"\nuser = \"u\"\n\
             password-env = \"OF_THE_CALL\"\n",
        );
        let expected = [
            "STANDPIPE_PASSWORD",
            "STANDPIPE_NT_HASH",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "WATCHDOG_PID",
            "OF_THE_CALL",
        ];
        assert_eq!(withheld(&deployment, &deployment.roles()[0]), expected);
    }
}
