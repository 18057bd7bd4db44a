//! The containers that a deployment can be exported to.

use std::path::Path;

use standpipe_deployment::{Deployment, Environment, Machine, Problems, System};

/// A container that runs one instance of a role, with the folder of the deployment file in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// A container of Linux, with the deployment in `/deployment`.
    Linux,
    /// A container of Windows, with the deployment in `C:\deployment`.
    Windows,
}

impl Container {
    /// Every container.
    pub const ALL: [Self; 2] = [Self::Linux, Self::Windows];

    /// The container as a machine that a deployment is for.
    pub fn machine(self) -> Machine {
        match self {
            Self::Linux => Machine { system: System::Linux, folder: "/deployment".into() },
            Self::Windows => Machine { system: System::Windows, folder: r"C:\deployment".into() },
        }
    }
}

/// Reads a deployment file and resolves it for a container. The result does not depend on the machine that
/// does this, save for what `environment` says.
///
/// # Errors
/// Everything that is wrong with the file, for such a container.
pub fn resolve(
    file: &Path,
    container: Container,
    environment: &dyn Environment,
) -> Result<Deployment, Problems> {
    Deployment::load_for(file, &container.machine(), environment)
}

#[cfg(test)]
mod tests {
    use std::env::VarError;
    use std::path::PathBuf;

    use standpipe_deployment::{Backend, PasswordSource, Program, Source};

    use super::*;

    /// The same value for every variable: here a folder of secrets beside the file.
    struct SecretsBesideTheFile;

    impl Environment for SecretsBesideTheFile {
        fn get(&self, _: &str) -> Result<String, VarError> {
            Ok("secrets".to_owned())
        }
    }

    fn demo(container: Container) -> Result<Deployment, Problems> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        resolve(&root.join("../../examples/service-demo/standpipe.toml"), container, &SecretsBesideTheFile)
    }

    fn resolved(text: &str, container: Container) -> Result<Deployment, String> {
        let source = Source::new("standpipe.toml", text);
        Deployment::from_source_for(&source, &container.machine(), &SecretsBesideTheFile)
            .map_err(|problems| problems.render(false))
    }

    /// Compared as text: this machine may think that paths which are written differently are the same.
    fn text(path: &Path) -> &str {
        path.to_str().unwrap()
    }

    #[test]
    fn the_demo_is_the_same_for_a_container_of_linux_on_every_machine() {
        let deployment =
            demo(Container::Linux).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let watcher = deployment.role("ServiceWatcher").unwrap();
        let service = &watcher.services[0];
        assert_eq!(text(deployment.folder()), "/deployment");
        let program = service.command.as_ref().unwrap().program.as_os_str().to_str().unwrap();
        assert!(!program.contains('\\'), "{program}");
        let web = deployment.roles().iter().find(|role| !role.calls.is_empty()).unwrap();
        let PasswordSource::File(secret) = &web.calls[0].password else { panic!("no password file") };
        assert!(text(secret).starts_with("/deployment/"), "{}", secret.display());
    }

    const WINDOWS: &str = r#"
        name = "Demo"
        [roles.Greeter]
        accounts = 'D:\data\accounts.toml'
        [roles.Greeter.service]
        command = ['bin\greeter.exe', "argument"]
        [roles.Greeter.pipes.simple]
        [roles.Greeter.endpoints.Pipes]
        protocol = "smb"
        port = 4445
        [roles.Page.endpoints.Page]
        protocol = "http"
        port = 8080
        [roles.Page.calls.simple]
        target = "Greeter/Pipes"
        user = "serviceUser"
        password-file = '\\files\secrets\serviceUser'
    "#;

    #[test]
    fn paths_of_windows_are_the_same_for_a_container_of_windows_on_every_machine() {
        let deployment = resolved(WINDOWS, Container::Windows).unwrap();
        let greeter = deployment.role("Greeter").unwrap();
        assert_eq!(text(greeter.accounts.as_ref().unwrap()), r"D:\data\accounts.toml");
        let Program::Path(program) = &greeter.services[0].command.as_ref().unwrap().program else {
            panic!("a name")
        };
        assert_eq!(text(program), r"C:\deployment\bin\greeter.exe");
        assert_eq!(greeter.pipes[0].backend, Backend::Instance);
        let expected = PasswordSource::File(PathBuf::from(r"\\files\secrets\serviceUser"));
        assert_eq!(deployment.role("Page").unwrap().calls[0].password, expected);
    }

    #[test]
    fn a_file_for_windows_is_wrong_for_linux_on_every_machine() {
        let problems = resolved(WINDOWS, Container::Linux).unwrap_err();
        assert!(problems.contains("pipe `simple` has no `sddl`"), "{problems}");
    }

    #[test]
    fn a_socket_of_linux_may_be_as_long_as_linux_lets_it_on_every_machine() {
        let with_socket = |length: usize| {
            let path = format!("/{}", "x".repeat(length - 1));
            let text = format!(
                "name = \"Demo\"\n[roles.R.pipes.p]\nsddl = \"D:(A;;GRGW;;;AU)\"\nbackend = \"unix:{path}\"\n\
                 [roles.R.endpoints.E]\nprotocol = \"smb\"\nport = 4445\n"
            );
            resolved(&text, Container::Linux)
        };
        assert!(with_socket(107).is_ok());
        assert!(with_socket(108).unwrap_err().contains("107 bytes at most"));
    }
}
