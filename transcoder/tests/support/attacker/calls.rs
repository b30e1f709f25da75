//! What is tried by a system call of its own.
use super::Outcome;
use nix::libc::{self, c_long};
use std::ffi::CStr;
use std::io::Error;

/// Tries the call of this name against the supervisor.
pub fn attempt(what: &str, supervisor: i32) -> Outcome {
    let supervisor = c_long::from(supervisor);
    let kill = c_long::from(libc::SIGKILL);
    let internet = c_long::from(libc::AF_INET);
    let local = c_long::from(libc::AF_UNIX);
    let (stream, datagram) = (
        c_long::from(libc::SOCK_STREAM),
        c_long::from(libc::SOCK_DGRAM),
    );
    let mut buffer = [0_u8; 4096];
    let memory = number(buffer.as_mut_ptr().addr());
    let forked = c_long::from(libc::SIGCHLD);
    match what {
        "tcp" => call(libc::SYS_socket, &[internet, stream, 0]),
        "udp" => call(libc::SYS_socket, &[internet, datagram, 0]),
        "unix" => call(libc::SYS_socket, &[local, stream, 0]),
        "pair" => call(libc::SYS_socketpair, &[local, stream, 0, memory]),
        "fork" => call(libc::SYS_clone, &[forked, 0, 0, 0, 0]),
        "clone3" => call(libc::SYS_clone3, &[memory, 88]),
        "namespace" => call(libc::SYS_unshare, &[c_long::from(libc::CLONE_NEWUSER)]),
        "shell" => exec(c"/bin/sh"),
        "itself" => exec(&own_path()),
        "execveat" => execveat(),
        "memfd" => call(libc::SYS_memfd_create, &[text(c"x"), 0]),
        "ptrace" => call(
            libc::SYS_ptrace,
            &[c_long::from(libc::PTRACE_SEIZE), supervisor, 0, 0],
        ),
        "peek" => call(
            libc::SYS_process_vm_readv,
            &[supervisor, memory, 1, memory, 1, 0],
        ),
        "kill" => call(libc::SYS_kill, &[supervisor, kill]),
        "tgkill" => call(libc::SYS_tgkill, &[supervisor, supervisor, kill]),
        "tkill" => call(libc::SYS_tkill, &[supervisor, kill]),
        "owner" => call(
            libc::SYS_fcntl,
            &[0, c_long::from(libc::F_SETOWN), supervisor],
        ),
        "limit" => call(libc::SYS_prlimit64, &[0, 9, memory, 0]),
        "starve" => call(libc::SYS_prlimit64, &[supervisor, 9, memory, 0]),
        "affinity" => call(libc::SYS_sched_setaffinity, &[supervisor, 8, memory]),
        "chmod" => call(libc::SYS_fchmodat, &[-100, text(c"/scratch"), 0o777]),
        "unlink" => call(libc::SYS_unlinkat, &[-100, text(c"/scratch/source"), 0]),
        "type" => call(libc::SYS_ioctl, &[0, 0x5412, memory]),
        "uring" => call(libc::SYS_io_uring_setup, &[1, memory]),
        "bpf" => call(libc::SYS_bpf, &[0, memory, 72]),
        "perf" => call(libc::SYS_perf_event_open, &[memory, 0, -1, -1, 0]),
        "keys" => call(libc::SYS_keyctl, &[0, -3, 0]),
        "faults" => call(libc::SYS_userfaultfd, &[1]),
        "mount" => call(libc::SYS_mount, &[0, text(c"/"), text(c"tmpfs"), 0, 0]),
        "seccomp" => call(libc::SYS_seccomp, &[2, 0, 0]),
        // getpid of the x32 ABI.
        "x32" => call(0x4000_0000 | libc::SYS_getpid, &[]),
        "i386" => i386(),
        _ => panic!("{what} is unknown"),
    }
}

fn call(number: c_long, arguments: &[c_long]) -> Outcome {
    let at = |index: usize| arguments.get(index).copied().unwrap_or(0);
    // SAFETY: the addresses are of a buffer that outlives the call and is larger than what any
    // of these calls reads or writes.
    let answer = unsafe { libc::syscall(number, at(0), at(1), at(2), at(3), at(4), at(5)) };
    Outcome::of(if answer < 0 {
        Err(Error::last_os_error())
    } else {
        Ok(())
    })
}

fn number(address: usize) -> c_long {
    address.try_into().unwrap()
}

fn text(text: &CStr) -> c_long {
    number(text.as_ptr().addr())
}

fn own_path() -> std::ffi::CString {
    let own = std::env::args().next().unwrap();
    std::ffi::CString::new(own).unwrap()
}

fn exec(path: &CStr) -> Outcome {
    let arguments = [path.as_ptr(), std::ptr::null()];
    let arguments = number(arguments.as_ptr().addr());
    call(libc::SYS_execve, &[text(path), arguments, arguments])
}

fn execveat() -> Outcome {
    let path = c"/bin/sh";
    let arguments = [path.as_ptr(), std::ptr::null()];
    let arguments = number(arguments.as_ptr().addr());
    call(
        libc::SYS_execveat,
        &[-100, text(path), arguments, arguments, 0],
    )
}

/// The entrance of 32-bit programs, where 20 is getpid.
#[cfg(target_arch = "x86_64")]
fn i386() -> Outcome {
    let answer: i32;
    // SAFETY: getpid has no arguments and changes nothing.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20 => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    Outcome::of(if answer < 0 {
        Err(Error::from_raw_os_error(-answer))
    } else {
        Ok(())
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn i386() -> Outcome {
    call(libc::SYS_kill, &[0, 0])
}
