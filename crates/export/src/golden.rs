//! Exports compared with files that a person has read. `STANDPIPE_GOLDEN=write` writes them anew.

use std::path::Path;

use crate::file::ExportedFile;

/// Compares an export with the files of a folder: all of them, and no other.
#[track_caller]
pub(crate) fn assert(folder: &Path, files: &[ExportedFile]) {
    if std::env::var_os("STANDPIPE_GOLDEN").is_some_and(|wanted| wanted == "write") {
        let _ = std::fs::remove_dir_all(folder);
        for file in files {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &file.text).unwrap();
        }
    }
    for file in files {
        let path = folder.join(&file.path);
        let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            expected == file.text,
            "{} differs; STANDPIPE_GOLDEN=write writes it:\n{}",
            path.display(),
            file.text
        );
    }
    let expected = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(expected, files.len(), "a file is there that is not exported: {}", folder.display());
}
