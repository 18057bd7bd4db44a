//! What an instance has for itself, where it listens, and where it finds others.

use super::*;

/// The story with more lines before its roles, in the watcher, and in the web role's call.
fn with(top: &str, watcher: &str, call: &str) -> Result<Deployment, String> {
    let text = STORY
        .replace("[roles.ServiceWatcher]", &format!("{top}\n[roles.ServiceWatcher]\n{watcher}"))
        .replace("target =", &format!("{call}\ntarget ="));
    read(&text).map_err(|problems| problems.render(false))
}

#[test]
fn an_instance_has_settings_secrets_storage_and_a_health_port() {
    let watcher = r#"
        on-settings-change = "signal"
        settings = { Greeting = "hello", Port = "${PORT}" }
        secrets = { Key = "secrets/key" }
        local-storage.cache = { size = "2GiB", clean-on-recycle = false }
        health = { port = "9000-9010", address = "0.0.0.0" }
        endpoints.Own = { protocol = "udp", port = 0, address = "::" }
    "#;
    let deployment = with("update-domains = 3", watcher, "").unwrap();
    assert_eq!([0, 1, 2, 3, 4].map(|instance| deployment.update_domain(instance)), [0, 1, 2, 0, 1]);
    let role = deployment.role("ServiceWatcher").unwrap();
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(role.settings, [text("Greeting", "hello"), text("Port", "4447")]);
    assert_eq!(role.secrets, [("Key".to_owned(), "/demo/secrets/key".into())]);
    assert_eq!(role.on_settings_change, crate::OnSettingsChange::Signal);
    let storage = &role.local_storage[0];
    assert_eq!((storage.size, storage.clean_on_recycle), (2 << 30, false));
    let health = role.health.as_ref().unwrap();
    assert_eq!((health.ports, health.address), (Ports::Range(9000, 9010), Some([0, 0, 0, 0].into())));
    let endpoint = role.endpoint("Own").unwrap();
    assert_eq!(
        (endpoint.protocol, endpoint.ports, endpoint.visibility),
        (Protocol::Udp, Ports::Dynamic, Visibility::Internal)
    );
}

#[test]
fn a_call_says_where_its_instances_are() {
    let deployment = with(
        "",
        "",
        "addresses = [\"10.0.0.1\", \"dns:sp.svc:445\", \"srv:_smb._tcp.sp.svc\", \"file:run/t\"]",
    )
    .unwrap();
    let call = &deployment.role("Web").unwrap().calls[0];
    let shown: Vec<_> = call.addresses.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.1", "dns:sp.svc:445", "srv:_smb._tcp.sp.svc", "file:/demo/run/t"]);
    let shown = with("", "", "addresses = [\"10.0.0.1\", \"srv:smb.tcp\"]").unwrap_err();
    assert!(shown.contains("does not say where instances are") && shown.contains("_SERVICE._tcp"), "{shown}");
}

#[test]
fn what_the_new_keys_cannot_mean_is_said() {
    let cases = [
        ("settings = { a-b = \"1\", a_b = \"2\" }", "would be the variable `STANDPIPE_SETTING_A_B`"),
        ("settings = { Store = \"Name=x;AccountKey=abc\" }", "the setting `Store` holds a secret"),
        ("local-storage.cache = { size = \"100\" }", "not a size"),
        ("local-storage.cache = { size = \"0MiB\" }", "not a size"),
        ("health = { }", "`health` has no `port`"),
        ("health = { port = 4445 }", "port 4445 is used twice"),
        ("health = { port = \"4440-4450\" }", "port 4445 is used twice"),
        ("health = { port = \"20-10\" }", "not a port"),
        ("health = { port = 1, address = \"localhost\" }", "must be an IP address"),
        ("endpoints.E = { protocol = \"tcp\", port = 1, port-choice = \"free\" }", "no ports to choose from"),
        (
            "endpoints.E = { protocol = \"smb\", port = \"7-7\", port-choice = \"instance\" }",
            "no ports to choose from",
        ),
        ("endpoints.E = { protocol = \"tcp\", port = 1, encryption = \"off\" }", "is the service's own"),
    ];
    for (watcher, expected) in cases {
        let shown = with("", watcher, "").unwrap_err();
        assert!(shown.contains(expected), "{watcher}: {shown}");
    }
    let unknown = "environment-from = { A = \"STANDPIPE_INSTANCE_IT\" }\ncommand = [\"standpipe\", ";
    let shown = read(&STORY.replace("command = [\"standpipe\", ", unknown)).unwrap_err().render(false);
    assert!(shown.contains("did you mean `STANDPIPE_INSTANCE_ID`?"), "{shown}");
    let range = STORY.replace("port = 4445", "port = \"20000-20000\"");
    assert!(read(&range).is_ok());
    let range = STORY
        .replace("instances = 2", "instances = 12")
        .replace("port = 4445", "port = \"20000-20010\"\nport-choice = \"instance\"");
    let shown = read(&range).unwrap_err().render(false);
    assert!(shown.contains("12 instances need as many ports") && shown.contains("20000-20011"), "{shown}");
    let dynamic = STORY
        .replace("port = 4445", "port = \"dynamic\"")
        .replace("target =", "addresses = [\"dns:x\"]\ntarget =");
    let shown = read(&dynamic).unwrap_err().render(false);
    assert!(shown.contains("has no fixed port"), "{shown}");
}

#[test]
fn a_port_may_be_the_same_where_nobody_meets() {
    let apart = "endpoints.E = { protocol = \"udp\", port = 4445 }";
    with("", apart, "").unwrap();
}
