//! What this process may use of the machine: limits of the system, of its group, and its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// No program needs more descriptors, and where there is no hard limit there is none for the kernel's tables
/// either.
const MOST_DESCRIPTORS: u64 = 1 << 20;

/// The limit on descriptors before it was raised.
static FIRST: OnceLock<u64> = OnceLock::new();

pub(crate) fn memory_limit() -> Option<u64> {
    let own = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    own.into_iter().chain([machine, group_limit(Path::new("/sys/fs/cgroup"), &groups)]).flatten().min()
}

/// The memory of the machine, in bytes, of `/proc/meminfo`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The lowest limit on the memory of the groups that a process is in, in bytes; `groups` is what
/// `/proc/self/cgroup` says.
fn group_limit(root: &Path, groups: &str) -> Option<u64> {
    let mut lowest: Option<u64> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (_, Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = if controllers.is_empty() {
            (root.to_path_buf(), "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        // Inside of a container the path may be one of the world outside: then the group's own is the root.
        let folder: PathBuf = root.join(path.trim_start_matches('/'));
        let folders = folder.ancestors().take_while(|folder| folder.starts_with(&root));
        let limits =
            folders.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok());
        lowest = lowest.into_iter().chain(limits).min();
    }
    lowest
}

pub(crate) fn descriptor_limit() -> usize {
    let current = getrlimit(Resource::Nofile).current.unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS);
    usize::try_from(current).unwrap_or(usize::MAX)
}

pub(crate) fn raise_descriptor_limit() -> (usize, usize) {
    let limit = getrlimit(Resource::Nofile);
    let before = descriptor_limit();
    let wanted = limit.maximum.unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS);
    if let Some(current) = limit.current
        && current < wanted
        && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).is_ok()
    {
        FIRST.get_or_init(|| current);
    }
    (before, descriptor_limit())
}

pub(crate) fn first_descriptor_limit() -> Option<u64> {
    FIRST.get().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        assert_eq!(total_of("MemTotal:       24684148 kB\nMemFree: 1 kB\n"), Some(24_684_148 * 1024));
        assert_eq!(total_of("nothing"), None);
    }

    #[test]
    fn the_lowest_limit_of_all_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("memory.max", "max\n");
        write("pod/memory.max", "536870912\n");
        write("pod/container/memory.max", "1073741824\n");
        assert_eq!(group_limit(root.path(), "0::/pod/container\n"), Some(512 << 20));
        assert_eq!(group_limit(root.path(), "0::/\n"), None);
        write("memory/job/memory.limit_in_bytes", "268435456\n");
        let both = "4:memory:/job\n2:cpu:/\n0::/pod\n";
        assert_eq!(group_limit(root.path(), both), Some(256 << 20));
        assert_eq!(group_limit(root.path(), "0::/../../elsewhere\nnonsense"), None);
    }

    #[test]
    fn this_process_has_limits() {
        assert!(memory_limit().is_some_and(|bytes| bytes > 1 << 20));
        assert!(descriptor_limit() >= 64);
    }
}
