use std::io::Write;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A package of the older kind, with one role.
fn older(files: &[(&str, &[u8])]) -> Vec<u8> {
    let role = zipped(files);
    zipped(&[
        ("Watcher_0a1b2c3d-0000-0000-0000-000000000000.cssx", &role),
        ("ServiceDefinition.csdef", b"<a/>"),
    ])
}

/// A package of the newer kind.
fn newer(path: &str, content: &[u8], sum: &str) -> Vec<u8> {
    let manifest = format!(
        "\u{feff}<?xml version=\"1.0\"?><PackageDefinition xmlns=\"http://schemas.microsoft.com/windowsazure\">\
         <PackageContents><ContentDefinition><Name>LocalContent/1f</Name><ContentDescription>\
         <LengthInBytes>{}</LengthInBytes><IntegrityCheckHashAlgortihm>Sha256</IntegrityCheckHashAlgortihm>\
         <IntegrityCheckHash>{sum}</IntegrityCheckHash><DataStorePath>LocalContent/1f</DataStorePath>\
         </ContentDescription></ContentDefinition></PackageContents><PackageLayouts><LayoutDefinition>\
         <Name>Roles/Watcher</Name><LayoutDescription><FileDefinition><FilePath>{path}</FilePath><FileDescription>\
         <DataContentReference>LocalContent/1f</DataContentReference></FileDescription></FileDefinition>\
         </LayoutDescription></LayoutDefinition></PackageLayouts></PackageDefinition>",
        content.len()
    );
    zipped(&[("package.xml", manifest.as_bytes()), ("LocalContent/1f", content)])
}

fn files(package: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, PackageError> {
    let mut found = Vec::new();
    Package::open(Cursor::new(package))?.files("Watcher", &mut |path, reader| {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        found.push((path.to_owned(), bytes));
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn both_kinds_of_package_have_the_files_below_approot() {
    let package = older(&[
        ("approot/Startup/Startup.cmd", b"net user"),
        ("approot\\x.dll", b"x"),
        ("RoleModel.xml", b"<a/>"),
        ("sitesroot/0/index.html", b""),
    ]);
    let expected =
        [("Startup/Startup.cmd".to_owned(), b"net user".to_vec()), ("x.dll".to_owned(), b"x".to_vec())];
    assert_eq!(files(package).unwrap(), expected);
    let sum = manifest::base64(&Sha256::digest(b"text"));
    let package = newer("\\approot\\bin\\x.txt", b"text", &sum);
    assert_eq!(files(package).unwrap(), [("bin/x.txt".to_owned(), b"text".to_vec())]);
}

#[test]
fn a_path_that_leads_out_is_refused_before_anything_is_handed_over() {
    for name in [
        "approot/../../etc/passwd",
        "approot//etc/passwd",
        "approot/C:/x",
        "approot/a/./b",
        "approot/nul.txt",
        "approot/x\u{1}",
        "approot\\..\\x",
        "approot/COM1",
        "approot/x.",
    ] {
        let mut given = 0;
        let package = older(&[("approot/first", b"1"), (name, b"2")]);
        let wrong = Package::open(Cursor::new(package)).unwrap().files("Watcher", &mut |_, _| {
            given += 1;
            Ok(())
        });
        assert!(matches!(wrong, Err(PackageError::Name(_))), "{name}: {wrong:?}");
        assert_eq!(given, 0);
    }
    assert!(matches!(files(older(&[("approot/a", b""), ("approot/A", b"")])), Err(PackageError::Name(_))));
    let sum = manifest::base64(&Sha256::digest(b"text"));
    assert!(matches!(files(newer("\\approot\\..\\x", b"text", &sum)), Err(PackageError::Name(_))));
}

#[test]
fn a_file_with_another_sum_is_refused() {
    let sum = manifest::base64(&Sha256::digest(b"other"));
    assert!(matches!(files(newer("\\approot\\x", b"text", &sum)), Err(PackageError::Damaged(_))));
}

#[test]
fn a_package_that_is_encrypted_or_another_one_is_refused() {
    let package = zipped(&[("Watcher_1.cssx", b"\x17\x03\x9a\x44 not a zip")]);
    assert!(matches!(files(package), Err(PackageError::Encrypted)));
    assert!(matches!(files(zipped(&[("Other_1.cssx", b"")])), Err(PackageError::NoRole(_))));
    assert!(matches!(files(b"no zip".to_vec()), Err(PackageError::Zip(_))));
    let mut damaged = older(&[("approot/a", &[7; 5000])]);
    let middle = damaged.len() / 3;
    damaged[middle] ^= 0x55;
    assert!(files(damaged).is_err());
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    // Many entries share the same zeros: together they are more than 2 GiB.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let zeros = vec![0_u8; 16 * 1024 * 1024];
    for number in 0..129 {
        let name = format!("approot/{number}");
        if number == 0 {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(&zeros).unwrap();
            continue;
        }
        writer.shallow_copy_file("approot/0", &name).unwrap();
    }
    let role = writer.finish().unwrap().into_inner();
    let package = zipped(&[("Watcher_1.cssx", &role)]);
    assert!(package.len() < 200_000, "{}", package.len());
    assert!(matches!(files(package), Err(PackageError::TooLarge(_))));
}

#[test]
fn base_64_is_that_of_everybody() {
    assert_eq!(
        ["", "f", "fo", "foo", "foob"].map(|text| manifest::base64(text.as_bytes())),
        ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
    );
}
