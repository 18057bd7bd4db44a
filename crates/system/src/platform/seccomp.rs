//! A process that starts nothing gives up what only those need that do, or that change the machine.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{BpfProgram, Error, SeccompAction, SeccompFilter, apply_filter_all_threads};

/// System calls that are refused.
const REFUSED: &[libc::c_long] = &[
    // To start a program, and to look into other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // To become somebody else.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    // To see other files than now.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_open_by_handle_at,
    // To change the kernel or the machine, or to reach parts of the kernel in which faults were found.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_personality,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// The same system calls have a second number on x86-64, for programs with short pointers.
const SECOND_NUMBER: libc::c_long = 0x4000_0000;

pub(crate) fn confine() -> io::Result<bool> {
    let numbers = REFUSED.iter().flat_map(|&number| [number, number | SECOND_NUMBER]);
    let rules: BTreeMap<i64, _> = numbers.map(|number| (number, Vec::new())).collect();
    let refusal = SeccompAction::Errno(libc::EPERM as u32);
    let Ok(machine) = std::env::consts::ARCH.try_into() else { return Ok(false) };
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, machine);
    let program: BpfProgram = filter.and_then(BpfProgram::try_from).map_err(io::Error::other)?;
    match apply_filter_all_threads(&program) {
        Ok(()) => Ok(true),
        Err(Error::Seccomp(error) | Error::Prctl(error)) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}
