//! The StatefulSet of a role.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container as PodContainer, ContainerPort, EmptyDirVolumeSource,
    EnvVar, EnvVarSource, KeyToPath, Lifecycle, LifecycleHandler, ObjectFieldSelector, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PodOS, PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements,
    SeccompProfile, SecretKeySelector, SecretVolumeSource, SecurityContext, SleepAction, Sysctl, Toleration,
    TopologySpreadConstraint, Volume, VolumeMount, VolumeResourceRequirements, WindowsSecurityContextOptions,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use standpipe_deployment::Role;

use super::{Cluster, Document, FILE, names, objects, probes};
use crate::container::Container;
use crate::role;
use crate::yaml::Note;

/// The user and the group of the container: those of the image.
const USER: i64 = 65_532;

/// How long a pod that is replaced goes on serving before it is asked to stop, when other roles call it by
/// name: longer than CoreDNS lets an answer live (30 s), so that its callers know the pod that came before.
const BY_NAME: Duration = Duration::from_secs(35);

/// The same when only Services lead to it: their lists of pods change within seconds.
const BY_SERVICE: Duration = Duration::from_secs(10);

/// What is added to kept local storage for the rest of the state, in MiB.
const STATE_MEBIBYTES: u64 = 64;

/// The variable that says where an instance answers for its health, whatever the deployment file says.
const HEALTH_VARIABLE: &str = "STANDPIPE_HEALTH";

/// How long a new pod must be ready before the next one is replaced.
const MIN_READY: i32 = 10;

/// What a Secret and a ConfigMap are readable for: the container's group, which is `fsGroup`.
const GROUP_READS: i32 = 0o440;

const IMAGE: &str = "Decide: the image with this role's programs; or name it in kustomization.yaml.";
const RESOURCES: &str = "Decide: what the service needs. These are for Standpipe and something small.";
const REPLICAS: &str = "With two or more, a rolling update and an eviction lose no call.";
const PRE_STOP: &str = "\
The pod goes on serving while callers learn of its successor: Kubernetes asks it to stop and takes it off its
lists at the same time, and an answer of DNS lives up to 30 s.";
const SYSCTL: &str = "A process without rights may take this port: a capability would not reach it.";
const STATE: &str = "\
Accounts and sockets, made anew with each pod. Local storage with `clean-on-recycle = false` would be on a
volume of its own.";
const CLAIM: &str = "\
Each instance keeps its volume: local storage is to outlive the pod. Decide: storageClassName, and the size. Sockets
are on it too, so it must be a file system of its own, not one of a network such as NFS.";
const CONTENT: &str = "\
The image has the files of this role in its folder /deployment: `standpipe pack`, then
`standpipe unpack PACK --role NAME -o image`, and COPY image /deployment.";
const HEALTH: &str = "Where the kubelet asks; whoever reaches it reads the settings of the role.";
const WINE_ROOT: &str = "The Wine prefix of the image is written to.";

impl Cluster<'_> {
    pub(super) fn stateful_set(&self, role: &Role) -> Document {
        let template = PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(self.selector(role)),
                annotations: Some(BTreeMap::from([(objects::DIGEST.to_owned(), self.digest())])),
                ..ObjectMeta::default()
            }),
            spec: Some(self.pod(role)),
        };
        let set = StatefulSet {
            metadata: self.metadata(self.object(role), role),
            spec: Some(StatefulSetSpec {
                replicas: i32::try_from(role.instances).ok(),
                service_name: Some(self.object(role)),
                // One pod that cannot start must not keep the others from starting.
                pod_management_policy: Some("Parallel".to_owned()),
                min_ready_seconds: Some(MIN_READY),
                selector: self.match_labels(role),
                template,
                volume_claim_templates: role::kept_bytes(role).map(|bytes| vec![claim(bytes)]),
                ..StatefulSetSpec::default()
            }),
            ..StatefulSet::default()
        };
        Document::new(&set, self.notes(role))
    }

    fn notes(&self, role: &Role) -> Vec<Note> {
        let pod = "spec.template.spec";
        let container = format!("{pod}.containers.0");
        let mut notes = vec![
            Note::new("spec.replicas", REPLICAS),
            Note::new(format!("{container}.image"), image_note(role, self.options.container)),
            Note::new(format!("{container}.resources"), RESOURCES),
            Note::new(format!("{container}.lifecycle"), PRE_STOP),
            Note::new(format!("{pod}.securityContext.sysctls"), SYSCTL),
        ];
        notes.extend(probes::notes(role, self.options.container, &container));
        if role.wine.is_some() {
            notes.push(Note::new(format!("{container}.securityContext.readOnlyRootFilesystem"), WINE_ROOT));
        }
        let state = self.volumes(role).iter().position(|volume| volume.name == "state");
        notes.extend(state.map(|at| Note::new(format!("{pod}.volumes.{at}.emptyDir"), STATE)));
        if role::kept_bytes(role).is_some() {
            notes.push(Note::new("spec.volumeClaimTemplates", CLAIM));
        }
        if role::health_port(role).is_some() {
            let at = self.environment(role).iter().position(|variable| variable.name == HEALTH_VARIABLE);
            notes.extend(at.map(|at| Note::new(format!("{container}.env.{at}.value"), HEALTH)));
        }
        notes
    }

    fn pod(&self, role: &Role) -> PodSpec {
        let on_windows = self.options.container == Container::Windows;
        let needs = role::needs(role);
        let serves_on = self.serves_on(role).unwrap_or_default();
        PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: i64::try_from((needs.stop + serves_on).as_secs()).ok(),
            os: Some(PodOS { name: if on_windows { "windows" } else { "linux" }.to_owned() }),
            node_selector: Some(BTreeMap::from([(
                "kubernetes.io/os".to_owned(),
                if on_windows { "windows" } else { "linux" }.to_owned(),
            )])),
            tolerations: on_windows.then(|| {
                vec![Toleration {
                    key: Some("os".to_owned()),
                    value: Some("windows".to_owned()),
                    effect: Some("NoSchedule".to_owned()),
                    ..Toleration::default()
                }]
            }),
            security_context: Some(if on_windows { windows_pod(role) } else { linux_pod(needs.low_port) }),
            topology_spread_constraints: (role.instances > 1).then(|| {
                vec![TopologySpreadConstraint {
                    max_skew: 1,
                    topology_key: "kubernetes.io/hostname".to_owned(),
                    when_unsatisfiable: "ScheduleAnyway".to_owned(),
                    label_selector: Some(self.match_labels(role)),
                    ..TopologySpreadConstraint::default()
                }]
            }),
            containers: vec![self.container(role)],
            volumes: Some(self.volumes(role)),
            ..PodSpec::default()
        }
    }

    /// How long a pod goes on serving when it is replaced; `None` when it has no successor that could be
    /// known before.
    fn serves_on(&self, role: &Role) -> Option<Duration> {
        if role.instances < 2 {
            return None;
        }
        if role::is_called(&self.origin.deployment, &role.name) {
            return Some(BY_NAME);
        }
        role::inputs(role).next().map(|_| BY_SERVICE)
    }

    fn container(&self, role: &Role) -> PodContainer {
        let paths = self.paths;
        let file = format!("{}{}{FILE}", paths.config, paths.separator);
        let arguments = [
            "run",
            "--file",
            &file,
            "--folder",
            paths.content,
            "--role",
            &role.name,
            "--instance",
            "$(POD_NAME)",
            "--address",
            "$(POD_IP)",
            "--state-dir",
            paths.state,
            "--log-format",
            "json",
        ];
        let probes = probes::of(role, self.options.container, paths.state);
        PodContainer {
            name: "standpipe".to_owned(),
            image: Some(self.image(role)),
            command: Some(vec!["standpipe".to_owned()]),
            args: Some(arguments.map(str::to_owned).to_vec()),
            env: Some(self.environment(role)),
            ports: ports(role),
            startup_probe: Some(probes.startup),
            readiness_probe: Some(probes.readiness),
            liveness_probe: probes.liveness,
            lifecycle: self.serves_on(role).and_then(|time| i64::try_from(time.as_secs()).ok()).map(
                |seconds| Lifecycle {
                    pre_stop: Some(LifecycleHandler {
                        sleep: Some(SleepAction { seconds }),
                        ..LifecycleHandler::default()
                    }),
                    ..Lifecycle::default()
                },
            ),
            resources: Some(resources(role)),
            security_context: (self.options.container == Container::Linux).then(|| SecurityContext {
                allow_privilege_escalation: Some(false),
                read_only_root_filesystem: Some(role.wine.is_none()),
                capabilities: Some(Capabilities {
                    drop: Some(vec!["ALL".to_owned()]),
                    ..Capabilities::default()
                }),
                ..SecurityContext::default()
            }),
            // Why it ended stands in the pod's status.
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            volume_mounts: Some(self.mounts(role)),
            ..PodContainer::default()
        }
    }

    fn environment(&self, role: &Role) -> Vec<EnvVar> {
        let of_pod = |name: &str, field: &str| EnvVar {
            name: name.to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    field_path: field.to_owned(),
                    ..ObjectFieldSelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        };
        let mut environment = vec![of_pod("POD_IP", "status.podIP"), of_pod("POD_NAME", "metadata.name")];
        if let Some(port) = role::health_port(role) {
            environment.push(EnvVar {
                name: HEALTH_VARIABLE.to_owned(),
                value: Some(format!("$(POD_IP):{port}")),
                ..EnvVar::default()
            });
        }
        if role.wine.is_some() {
            environment.push(EnvVar {
                name: "HOME".to_owned(),
                value: Some(self.paths.state_mount.to_owned()),
                ..EnvVar::default()
            });
        }
        let variables = self.file.variables.get(&role.name).map(Vec::as_slice).unwrap_or_default();
        environment.extend(variables.iter().map(|name| EnvVar {
            name: name.clone(),
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: self.variables(),
                    key: name.clone(),
                    ..SecretKeySelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        }));
        environment
    }

    /// The keys of the secrets that a role reads.
    fn keys(&self, role: &Role) -> Vec<&str> {
        let read = self.file.secrets.iter().filter(|secret| secret.roles.contains(&role.name));
        let mut keys: Vec<&str> = read.map(|secret| secret.key.as_str()).collect();
        keys.sort_unstable();
        keys
    }

    fn volumes(&self, role: &Role) -> Vec<Volume> {
        let volume = |name: &str| Volume { name: name.to_owned(), ..Volume::default() };
        let item =
            |key: &str| KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() };
        let on_linux = self.options.container == Container::Linux;
        let mut volumes = vec![Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: self.config_name(),
                items: Some(vec![item(FILE)]),
                ..ConfigMapVolumeSource::default()
            }),
            ..volume("config")
        }];
        let keys = self.keys(role);
        if !keys.is_empty() {
            volumes.push(Volume {
                secret: Some(SecretVolumeSource {
                    secret_name: Some(self.secret()),
                    items: Some(keys.into_iter().map(item).collect()),
                    default_mode: on_linux.then_some(GROUP_READS),
                    ..SecretVolumeSource::default()
                }),
                ..volume("secrets")
            });
        }
        let empty = || Some(EmptyDirVolumeSource::default());
        if role::kept_bytes(role).is_none() {
            volumes.push(Volume { empty_dir: empty(), ..volume("state") });
        }
        if on_linux {
            volumes.push(Volume { empty_dir: empty(), ..volume("tmp") });
        }
        volumes
    }

    fn mounts(&self, role: &Role) -> Vec<VolumeMount> {
        let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
            name: name.to_owned(),
            mount_path: path.to_owned(),
            read_only,
            ..VolumeMount::default()
        };
        let path = |name: &str| match name {
            "config" => self.paths.config,
            "secrets" => self.paths.secrets,
            "state" => self.paths.state_mount,
            _ => "/tmp",
        };
        let is_written = |name: &str| matches!(name, "state" | "tmp");
        let volumes = self.volumes(role);
        let claimed = role::kept_bytes(role).map(|_| "state");
        let names = volumes.iter().map(|volume| volume.name.as_str()).chain(claimed);
        names.map(|name| mount(name, path(name), (!is_written(name)).then_some(true))).collect()
    }
}

/// What to know of a role's image.
fn image_note(role: &Role, container: Container) -> String {
    if role::has_content(role) && container == Container::Linux {
        format!("{IMAGE}\n{}", CONTENT.replace("NAME", &role.name))
    } else {
        IMAGE.to_owned()
    }
}

/// The volume for the state of an instance, part of which has to be kept.
fn claim(bytes: u64) -> PersistentVolumeClaim {
    let mebibytes = bytes.div_ceil(1024 * 1024).saturating_add(STATE_MEBIBYTES);
    PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some("state".to_owned()), ..ObjectMeta::default() },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(format!("{mebibytes}Mi")))])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

fn linux_pod(low_port: Option<u16>) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        sysctls: low_port.map(|port| {
            vec![Sysctl { name: "net.ipv4.ip_unprivileged_port_start".to_owned(), value: port.to_string() }]
        }),
        ..PodSecurityContext::default()
    }
}

/// Only administrators of Windows start and stop installed services.
fn windows_pod(role: &Role) -> PodSecurityContext {
    let installed = role.services.iter().any(|service| service.command.is_none());
    let elevated = role.startup.iter().any(|task| task.elevated);
    let user = if installed || elevated { "ContainerAdministrator" } else { "ContainerUser" };
    PodSecurityContext {
        windows_options: Some(WindowsSecurityContextOptions {
            run_as_user_name: Some(user.to_owned()),
            ..WindowsSecurityContextOptions::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn ports(role: &Role) -> Option<Vec<ContainerPort>> {
    let port = |endpoint: &standpipe_deployment::Endpoint| {
        let number = role::port_of(endpoint)?;
        Some(ContainerPort {
            name: Some(names::port(&endpoint.name, role::protocol_name(endpoint.protocol), number)),
            container_port: number.into(),
            protocol: Some(role::transport(endpoint.protocol).to_owned()),
            ..ContainerPort::default()
        })
    };
    let mut ports: Vec<ContainerPort> = role.endpoints.iter().filter_map(port).collect();
    let taken = ports.iter().any(|port| port.name.as_deref() == Some("health"));
    ports.extend(role::health_port(role).filter(|_| !taken).map(|port| ContainerPort {
        name: Some("health".to_owned()),
        container_port: port.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }));
    (!ports.is_empty()).then_some(ports)
}

fn resources(role: &Role) -> ResourceRequirements {
    let (memory, limit) = if role.wine.is_some() { ("256Mi", "1Gi") } else { ("64Mi", "512Mi") };
    let quantity = |name: &str, value: &str| (name.to_owned(), Quantity(value.to_owned()));
    ResourceRequirements {
        requests: Some(BTreeMap::from([quantity("cpu", "50m"), quantity("memory", memory)])),
        limits: Some(BTreeMap::from([quantity("memory", limit)])),
        ..ResourceRequirements::default()
    }
}
