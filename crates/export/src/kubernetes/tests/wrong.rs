//! Manifests that are wrong, each in one way: what a real API server refuses, and what it lets through
//! although no pod could run. `tests/kubernetes` gives the same to a server.

use serde::Deserialize;
use serde_json::Value;

use super::*;

/// A change that makes an export of the demo wrong.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Wrong {
    /// Of the object that is changed.
    kind: String,
    /// The pointer to what is changed in it, and the key there.
    at: String,
    key: String,
    /// The new value; null removes the key. `{"repeat": [TEXT, TIMES]}` is a long text.
    value: Value,
    /// Words of the rule that names it.
    rule: String,
    /// What a server of 1.20 does: it refuses the `object`, or its template only as a `pod`, or only what
    /// `kubectl apply` makes of it, or `nobody` does.
    refused_by: String,
}

impl Wrong {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../../tests/wrong-manifests.json")).unwrap()
    }

    fn value(&self) -> Value {
        match (self.value["repeat"][0].as_str(), self.value["repeat"][1].as_u64()) {
            (Some(text), Some(times)) => text.repeat(times as usize).into(),
            _ => self.value.clone(),
        }
    }
}

#[test]
fn every_wrong_manifest_is_named() {
    let path = demo();
    for wrong in Wrong::all() {
        let mut objects = objects(&path, Container::Linux);
        let object = objects.iter_mut().find(|object| object["kind"] == wrong.kind.as_str()).unwrap();
        let place = object.pointer_mut(&wrong.at).unwrap().as_object_mut().unwrap();
        match wrong.value() {
            Value::Null => drop(place.remove(&wrong.key)),
            value => drop(place.insert(wrong.key.clone(), value)),
        }
        let found = check::check(&objects.iter().collect::<Vec<_>>());
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        let Wrong { kind, at, key, rule, .. } = &wrong;
        assert!(said.iter().any(|said| said.contains(rule)), "{kind}{at} {key}: {said:?}");
    }
}

#[test]
fn the_table_has_what_no_server_refuses() {
    let of = |who: &str| Wrong::all().iter().filter(|wrong| wrong.refused_by == who).count();
    assert!(of("object") > 10 && of("pod") > 10 && of("nobody") > 10);
    assert_eq!(of("object") + of("pod") + of("apply") + of("nobody"), Wrong::all().len());
}

#[test]
fn exports_are_right() {
    let (_windows, windows) = written(WINDOWS);
    let (_wine, wine) = written(WINE);
    let exports = [(demo(), Container::Linux), (windows, Container::Windows), (wine, Container::Linux)];
    for (path, container) in exports {
        let objects = objects(&path, container);
        assert_eq!(check::check(&objects.iter().collect::<Vec<_>>()), []);
    }
}
