use std::fs;
use std::time::Duration;

use super::*;

fn followed(sources: Vec<AddressSource>) -> Followed {
    Followed { role: "Watcher".to_owned(), endpoint: "Pipes".to_owned(), port: Some(4445), sources }
}

fn host(host: &str, port: Option<u16>) -> AddressSource {
    AddressSource::Host(host.to_owned(), port)
}

async fn shown(targets: &mut watch::Receiver<Vec<Target>>, expected: &[&str]) {
    let is_it = |targets: &Vec<Target>| {
        targets.iter().map(|target| target.instance.as_str()).eq(expected.iter().copied())
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), targets.wait_for(is_it)).await.is_ok();
    assert!(waited, "{:?}, expected {expected:?}", *targets.borrow());
}

#[tokio::test]
async fn addresses_are_there_at_once_and_each_server_once() {
    let targets = follow(followed(vec![host("a", None), host("b", Some(1)), host("a", Some(4445))]));
    let shown: Vec<_> = targets.borrow().iter().map(|target| target.server.to_string()).collect();
    assert_eq!(shown, ["a:4445", "b:1"]);
    let without_port = Followed { port: None, ..followed(vec![host("a", None), host("b", Some(1))]) };
    assert_eq!(follow(without_port).borrow().len(), 1);
}

#[tokio::test]
async fn a_file_is_followed_also_when_a_link_to_it_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    let mut targets = follow(followed(vec![AddressSource::File(path.clone()), host("h", None)]));
    shown(&mut targets, &["Watcher/h:4445"]).await;
    fs::write(&path, "10.0.0.1\n10.0.0.2:1\n").unwrap();
    shown(&mut targets, &["Watcher/10.0.0.1:4445", "Watcher/10.0.0.2:1", "Watcher/h:4445"]).await;
    // What cannot be read, and what is not there, changes nothing.
    fs::write(&path, "not an address").unwrap();
    tokio::time::sleep(LOOK_INTERVAL * 3).await;
    fs::remove_file(&path).unwrap();
    tokio::time::sleep(LOOK_INTERVAL * 3).await;
    assert_eq!(targets.borrow().len(), 3);
    replace(folder.path(), "one", "10.0.0.3");
    shown(&mut targets, &["Watcher/10.0.0.3:4445", "Watcher/h:4445"]).await;
    replace(folder.path(), "two", "10.0.0.4");
    shown(&mut targets, &["Watcher/10.0.0.4:4445", "Watcher/h:4445"]).await;
}

/// Puts the file in place as Kubernetes does with a ConfigMap: through a link, where there are links.
fn replace(folder: &std::path::Path, name: &str, text: &str) {
    let new = folder.join(name);
    fs::write(&new, text).unwrap();
    #[cfg(unix)]
    {
        let link = folder.join("link");
        std::os::unix::fs::symlink(&new, &link).unwrap();
        fs::rename(link, folder.join("targets")).unwrap();
    }
    #[cfg(not(unix))]
    fs::rename(new, folder.join("targets")).unwrap();
}

#[tokio::test]
async fn the_file_of_the_local_runtime_names_instances_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets.json");
    let write = |instances: &str| {
        let text = format!(r#"{{"version": 1, "deployment": "D", "roles": {{"Watcher": [{instances}]}}}}"#);
        fs::write(folder.path().join("new"), text).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
    };
    let one = r#"{"instance": 0, "update-domain": 0, "endpoints": {"Pipes": "127.0.0.1:4445"}}"#;
    let other = r#"{"instance": 1, "update-domain": 1, "endpoints": {"Pipes": "127.0.0.2:4445"}}"#;
    write(one);
    let mut targets = follow(followed(vec![AddressSource::File(path.clone())]));
    shown(&mut targets, &["Watcher/0"]).await;
    write(&format!("{one}, {other}"));
    shown(&mut targets, &["Watcher/0", "Watcher/1"]).await;
    write("");
    shown(&mut targets, &[]).await;
}
