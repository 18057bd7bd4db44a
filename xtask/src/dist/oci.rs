//! The image: one layer with the program, in the layout of the Open Container Initiative.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::archive::{self, Tree};
use super::release::{Release, SUMMARY};
use crate::shell::{Failure, Result};

/// The user and the group of the image: without rights, and the number that other images without a system
/// use.
const USER: u64 = 65_532;

/// The folders of an image that have a use. `docs/containers.md` says which.
const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/:/sbin/nologin\nstandpipe:x:65532:65532:standpipe:/state:/sbin/nologin\n",
    ),
    ("etc/group", "root:x:0:\nstandpipe:x:65532:\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];

/// A part of an image, named by the digest of its bytes.
struct Blob {
    media: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    fn json(media: &'static str, value: &Value) -> Result<Self> {
        let bytes = to_json(value)?;
        Ok(Self { media, bytes })
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media, "digest": digest(&self.bytes), "size": self.bytes.len()})
    }
}

/// The image as an archive that `podman load`, `skopeo` and `ctr images import` read. `licences` are the
/// files that go along with the program.
pub(super) fn image(release: &Release, program: &[u8], licences: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let layer = files(program, licences).tar(release.when)?;
    let diff = digest(&layer);
    let layer = Blob { media: "application/vnd.oci.image.layer.v1.tar+gzip", bytes: archive::gzip(&layer)? };
    let labels = labels(release);
    let created = archive::iso(release.when);
    let config = Blob::json(
        "application/vnd.oci.image.config.v1+json",
        &json!({
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": format!("{USER}:{USER}"),
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
                "Entrypoint": ["/usr/local/bin/standpipe"],
                "Cmd": ["run", "--address", "0.0.0.0", "--state-dir", "/state/standpipe"],
                "WorkingDir": "/deployment",
                "StopSignal": "SIGTERM",
                "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [diff]},
            "history": [{"created": created, "created_by": "cargo xtask dist"}],
        }),
    )?;
    let manifest = Blob::json(
        "application/vnd.oci.image.manifest.v1+json",
        &json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
            "annotations": labels,
        }),
    )?;
    let name = format!("standpipe:{}", release.version);
    let mut listed = manifest.descriptor();
    listed["annotations"] = json!({
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": format!("localhost/{name}"),
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [listed],
    });
    let mut layout = Tree::default();
    layout.file("oci-layout", 0o644, to_json(&json!({"imageLayoutVersion": "1.0.0"}))?);
    layout.file("index.json", 0o644, to_json(&index)?);
    for blob in [layer, config, manifest] {
        layout.file(&format!("blobs/{}", digest(&blob.bytes).replace(':', "/")), 0o644, blob.bytes);
    }
    layout.tar(release.when)
}

/// Everything in the image.
fn files(program: &[u8], licences: &[(String, Vec<u8>)]) -> Tree {
    let mut files = Tree::default();
    files.file("usr/local/bin/standpipe", 0o755, program);
    for (path, text) in FILES {
        files.file(path, 0o644, *text);
    }
    for (name, text) in licences {
        files.file(&format!("usr/local/share/doc/standpipe/{name}"), 0o644, text.as_slice());
    }
    files.folder("deployment", 0o755);
    // Any user may run the image. What is mounted over a folder takes its mode from it, but not its owner.
    files.folder("state", 0o1777);
    files.folder("tmp", 0o1777);
    files
}

fn labels(release: &Release) -> Value {
    let mut labels = json!({
        "org.opencontainers.image.title": "standpipe",
        "org.opencontainers.image.description": SUMMARY,
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.licenses": release.licence,
        "org.opencontainers.image.created": archive::iso(release.when),
    });
    if let Some(revision) = &release.revision {
        labels["org.opencontainers.image.revision"] = json!(revision);
    }
    labels
}

fn to_json(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Failure(format!("cannot write the image: {error}")))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    fn layout(program: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let release =
            Release { version: "1.2.3".to_owned(), licence: "MIT".to_owned(), when: 7, revision: None };
        let bytes = image(&release, program, &[]).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let files = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), content)
        });
        files.collect()
    }

    #[test]
    fn each_blob_has_the_digest_that_its_name_says_and_leads_to_the_next() {
        let files = layout(b"the program");
        let blob = |descriptor: &Value| {
            let path = descriptor["digest"].as_str().unwrap().replace(':', "/");
            let bytes = &files[&format!("blobs/{path}")];
            assert_eq!(descriptor["digest"], digest(bytes));
            assert_eq!(descriptor["size"], bytes.len());
            bytes.clone()
        };
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let manifest = read(&blob(&read(&files["index.json"])["manifests"][0]));
        let config = read(&blob(&manifest["config"]));
        assert_eq!(config["config"]["User"], "65532:65532");
        let mut layer = Vec::new();
        let packed = blob(&manifest["layers"][0]);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut layer).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], digest(&layer));
    }

    #[test]
    fn another_program_is_another_image() {
        assert_ne!(layout(b"one")["index.json"], layout(b"two")["index.json"]);
    }
}
