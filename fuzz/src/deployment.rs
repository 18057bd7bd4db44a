//! Files that people get from others: definitions of Cloud Services, their packages, and packs.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::Path;

use standpipe_deployment::{Deployment, Machine, NoVariables, Source, System};
use standpipe_import::{InputFile, NoContent, Options, Package, Platform};
use standpipe_pack::Pack;

/// How much is read of a package's file, in bytes.
const MOST_READ: u64 = 16 * 1024 * 1024;

/// Imports a definition, with a configuration after the first NUL. What comes out is the same twice, and can
/// be read as a deployment file: if that has mistakes, they have messages.
///
/// # Panics
/// When that is not so.
pub fn import(data: &[u8]) {
    let none = BTreeMap::new();
    let files: Vec<InputFile> = data
        .splitn(2, |byte| *byte == 0)
        .zip(["S.csdef", "S.Cloud.cscfg"])
        .map(|(bytes, name)| InputFile { path: name.into(), bytes: bytes.to_vec() })
        .collect();
    for platform in [Platform::Windows, Platform::Linux] {
        let options = Options {
            configuration: None,
            platform,
            services: &none,
            pipes: &none,
            descriptors: &none,
            content: &NoContent,
            output: Path::new("standpipe.toml"),
        };
        let Ok(imported) = standpipe_import::import(&files, &options) else { continue };
        let again = standpipe_import::import(&files, &options).expect("what was imported can be imported");
        assert_eq!(imported.deployment, again.deployment);
        let source = Source::new("standpipe.toml", imported.deployment);
        let machine = Machine { system: System::Windows, folder: r"C:\deployment".into() };
        if let Err(problems) = Deployment::from_source_for(&source, &machine, &NoVariables) {
            assert!(!problems.render(false).is_empty());
        }
    }
}

/// Reads a pack whose sum is right, and the same bytes as a package of a Cloud Service. What comes out has
/// paths that stay in their folder.
///
/// # Panics
/// When one does not.
pub fn pack(data: &[u8]) {
    if let Ok(manifest) = Pack::read_without_sum(Cursor::new(data)) {
        manifest.files.iter().for_each(|file| stays(&file.path));
    }
    if let Ok(mut package) = Package::open(Cursor::new(data)) {
        let _ = package.files("Watcher", &mut |path, reader| {
            stays(path);
            // A bomb would be read up to its limit of 2 GiB, which takes longer than the fuzzer waits.
            io::copy(&mut reader.take(MOST_READ), &mut io::sink())?;
            Err(io::ErrorKind::Other.into())
        });
    }
}

fn stays(path: &str) {
    let is_plain =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':']);
    assert!(path.split('/').all(is_plain), "{path:?}");
}
