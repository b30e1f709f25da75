//! The system calls that are left to ffmpeg: those of its own runs, and what another version
//! of glibc or of the kernel would have it call in their place.
use super::seccomp::{Rules, address, argument, rule};
use nix::libc::{self, c_long};
use seccompiler::{BackendError, SeccompRule};
use std::ffi::CStr;

/// Allowed whatever their arguments are. What a path may lead to is for Landlock to say.
const ALWAYS: [c_long; 80] = [
    // Files and descriptors.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pselect6,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    // Memory.
    libc::SYS_brk,
    libc::SYS_get_mempolicy,
    libc::SYS_madvise,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    // Threads, and the end.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Its own signals.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    // Time, chance, and who and where it is.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_getrlimit,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
    // Answered by another filter: see there.
    libc::SYS_clone3,
];

/// Calls that later architectures have in one form alone.
#[cfg(target_arch = "x86_64")]
const LEGACY: [c_long; 10] = [
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const LEGACY: [c_long; 0] = [];

/// What glibc starts a thread with, in every version that has these threads.
const THREAD: i32 = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;
/// Of descriptors. None makes somebody the owner, who would get signals.
const FCNTL: [i32; 6] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_GETFL,
    libc::F_SETFD,
    libc::F_SETFL,
];
/// Names of threads and of memory, and what libcap asks when it is loaded.
const PRCTL: [i32; 4] = [
    libc::PR_CAPBSET_READ,
    libc::PR_GET_NAME,
    libc::PR_SET_NAME,
    libc::PR_SET_VMA,
];
/// Whether a descriptor is a terminal, of the kernel's `ioctls.h`: which of the two asks is a
/// matter of glibc's version.
const TCGETS: u32 = 0x5401;
const TCGETS2: u32 = 0x802c_542a;

/// All that is allowed to process `own`, which may become the program of this pathname.
///
/// A filter sees addresses, not what they point to: so the one exec is told by the address of
/// its pathname, which nobody knows once the memory of this process is gone.
pub(super) fn allowed(pathname: &CStr, own: u32) -> Result<Rules, BackendError> {
    let numbers = ALWAYS.iter().chain(&LEGACY);
    let mut rules: Rules = numbers.map(|&number| (number, Vec::new())).collect();
    let only = |index: u8, value: i32| one_of(index, &[value]);
    rules.insert(
        libc::SYS_execve,
        vec![rule(vec![address(0, pathname.as_ptr().addr())?])?],
    );
    rules.insert(libc::SYS_clone, only(0, THREAD)?);
    rules.insert(libc::SYS_tgkill, vec![rule(vec![argument(0, own)?])?]);
    rules.insert(libc::SYS_fcntl, one_of(1, &FCNTL)?);
    rules.insert(libc::SYS_prctl, one_of(0, &PRCTL)?);
    rules.insert(
        libc::SYS_ioctl,
        vec![
            rule(vec![argument(1, TCGETS)?])?,
            rule(vec![argument(1, TCGETS2)?])?,
        ],
    );
    // Limits are read and not set, and the processors of no other process are.
    rules.insert(
        libc::SYS_prlimit64,
        vec![rule(vec![argument(0, 0)?, address(2, 0)?])?],
    );
    rules.insert(libc::SYS_sched_setaffinity, only(0, 0)?);
    Ok(rules)
}

fn one_of(index: u8, values: &[i32]) -> Result<Vec<SeccompRule>, BackendError> {
    let rules = values.iter();
    rules
        .map(|value| rule(vec![argument(index, value.cast_unsigned())?]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_reaches_beyond_the_process() {
        let rules = allowed(c"/usr/bin/ffmpeg", 7).unwrap();
        let closed = [
            libc::SYS_bpf,
            libc::SYS_connect,
            libc::SYS_execveat,
            libc::SYS_fchmodat,
            libc::SYS_get_robust_list,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_kill,
            libc::SYS_memfd_create,
            libc::SYS_mount,
            libc::SYS_perf_event_open,
            libc::SYS_pidfd_getfd,
            libc::SYS_pidfd_send_signal,
            libc::SYS_process_madvise,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_ptrace,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_seccomp,
            libc::SYS_setns,
            libc::SYS_setrlimit,
            libc::SYS_shmat,
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_splice,
            libc::SYS_tkill,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
            libc::SYS_utimensat,
            libc::SYS_vmsplice,
        ];
        for number in closed {
            assert!(!rules.contains_key(&number), "{number}");
        }
    }

    #[test]
    fn what_may_reach_beyond_it_is_bound_to_arguments() {
        let rules = allowed(c"/usr/bin/ffmpeg", 7).unwrap();
        let bound = [
            libc::SYS_clone,
            libc::SYS_execve,
            libc::SYS_fcntl,
            libc::SYS_ioctl,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_sched_setaffinity,
            libc::SYS_tgkill,
        ];
        for number in bound {
            assert!(rules.get(&number).is_some_and(|rules| !rules.is_empty()));
        }
        let free = rules.values().filter(|rules| rules.is_empty()).count();
        assert_eq!(rules.len(), free + bound.len());
    }
}
