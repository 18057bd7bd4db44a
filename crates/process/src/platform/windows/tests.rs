//! What is seen of a start only from the inside: the job objects.

use std::path::Path;

use super::job::Job;
use super::*;

#[test]
fn a_job_counts_what_is_in_it() {
    let job = Job::new().unwrap();
    assert_eq!(job.active().unwrap(), 0);
    job.kill();
    assert_eq!(job.active().unwrap(), 0);
}

#[test]
fn cmd_is_the_one_of_the_system() {
    assert!(system_folder().unwrap().join("cmd.exe").is_file());
    assert!(matches!(explain(io::Error::from_raw_os_error(1450), Path::new("a")), SpawnError::System { .. }));
}

#[test]
fn a_32_bit_program_is_refused_where_it_would_end_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut head = vec![0; 0x80];
    head[..2].copy_from_slice(b"MZ");
    head[0x3c] = 0x80;
    head.extend_from_slice(b"PE\0\0\x4c\x01");
    let program = folder.path().join("old.exe");
    std::fs::write(&program, head).unwrap();
    let refused = launch_of(&ProcessSpec::new("old", [program.as_os_str()], folder.path()));
    match refused {
        Err(SpawnError::NotAProgram { source, .. }) if !runs_32_bit() => {
            assert!(source.to_string().contains("has no 32-bit part"), "{source}");
        }
        refused => assert!(runs_32_bit() && refused.is_ok()),
    }
}
