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
