//! What a guest may not ask of the kernel, besides what its user namespace already denies it.
//!
//! Owns the system call filters, the capability bounding set and resource limits of everything in a guest.

use std::collections::BTreeMap;

use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::syscalls::drop_from_bounding_set;
use super::{Failure, Step};

/// Files that one process in a guest may have open, as Amazon Linux 2023 sets it for services.
const OPEN_FILES: u64 = 65_535;

/// The last system call number that these filters were reviewed against (Linux 6.11). A newer call gives ENOSYS,
/// which programs take for an old kernel, instead of being allowed unseen.
const LAST_KNOWN_CALL: i64 = 462;

/// Calls about the whole kernel, and those that make or enter mounts and namespaces, by which containers have been
/// left before. Not among them is what user namespaces make harmless and administrators need: `chroot`, `ptrace`
/// within the guest, `sethostname`, `reboot` (which ends the guest only), raw sockets, `setuid`.
fn denied_calls() -> Vec<i64> {
    let mut calls = vec![
        // Modules, another kernel, programs in the kernel.
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        // Clocks, accounting, swap, quotas, the log.
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        libc::SYS_acct,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_quotactl,
        libc::SYS_quotactl_fd,
        libc::SYS_syslog,
        libc::SYS_vhangup,
        // Mounts.
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_mount_setattr,
        // Files by handle: past every mount.
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_fanotify_init,
        // Namespaces.
        libc::SYS_unshare,
        libc::SYS_setns,
        // Keyrings are not kept apart by every namespace.
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        // Memory of the machine.
        libc::SYS_move_pages,
        libc::SYS_mbind,
        libc::SYS_migrate_pages,
        libc::SYS_set_mempolicy,
        libc::SYS_kcmp,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        libc::SYS_ioperm,
        libc::SYS_iopl,
        libc::SYS_modify_ldt,
        libc::SYS_kexec_file_load,
        libc::SYS_uselib,
        libc::SYS_ustat,
        libc::SYS_sysfs,
        libc::SYS__sysctl,
        libc::SYS_nfsservctl,
        libc::SYS_lookup_dcookie,
    ]);
    calls
}

/// Flags by which `clone` makes namespaces.
const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWCGROUP,
];

/// Capabilities that a guest has no use for, since they are about the host even where the user namespace would let
/// them be asked for. Numbers as in `linux/capability.h`.
const DROPPED_CAPABILITIES: [u32; 12] = [
    16, // SYS_MODULE
    17, // SYS_RAWIO
    20, // SYS_PACCT
    25, // SYS_TIME
    30, // AUDIT_CONTROL
    32, // MAC_OVERRIDE
    33, // MAC_ADMIN
    34, // SYSLOG
    35, // WAKE_ALARM
    36, // BLOCK_SUSPEND
    38, // PERFMON
    39, // BPF
];

/// When memory runs out, guests go before what runs the host.
const OOM_SCORE_ADJUSTMENT: &str = "500";

/// Makes a process of the host, and what it starts, go first when memory runs out. Before entering the guest, whose
/// `/proc` does not show the process.
pub(super) fn go_first_when_memory_runs_out(pid: i32) {
    // Raising the score is always allowed; without /proc nothing else would work either.
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE_ADJUSTMENT);
}

/// Applies everything to the calling process and all that it becomes. Needs the capabilities of the guest's root.
pub(super) fn apply() -> Result<(), Failure> {
    for capability in DROPPED_CAPABILITIES {
        drop_from_bounding_set(capability).step(format!("drop capability {capability}"))?;
    }
    set_resource_limits();
    for filter in filters().step("compile the system call filters")? {
        apply_filter(&filter).step("install the system call filters")?;
    }
    Ok(())
}

fn set_resource_limits() {
    // What the host's own limits do not allow stays as it is.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

/// The strictest verdict of all filters counts, so each can be simple: one denies, one knows what exists.
fn filters() -> Result<[BpfProgram; 2], BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> =
        denied_calls().into_iter().map(|call| (call, Vec::new())).collect();
    let makes_namespace = NAMESPACE_FLAGS
        .iter()
        .map(|flag| {
            let flag = *flag as u64;
            let condition =
                SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
            SeccompRule::new(vec![condition])
        })
        .collect::<Result<Vec<_>, _>>()?;
    denied.insert(libc::SYS_clone, makes_namespace);
    // Sockets to the hypervisor belong to no network namespace.
    let to_hypervisor =
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, libc::AF_VSOCK as u64)
            .and_then(|condition| SeccompRule::new(vec![condition]))?;
    denied.insert(libc::SYS_socket, vec![to_hypervisor]);
    // clone3 passes its flags by pointer, where a filter cannot look; without it, programs fall back to clone.
    let known = (0..=LAST_KNOWN_CALL)
        .filter(|call| *call != libc::SYS_clone3)
        .map(|call| (call, Vec::new()))
        .collect();

    let filter = |rules, otherwise, then| -> Result<BpfProgram, BackendError> {
        SeccompFilter::new(rules, otherwise, then, architecture)?.try_into()
    };
    let error = |number: i32| SeccompAction::Errno(number as u32);
    Ok([
        filter(denied, SeccompAction::Allow, error(libc::EPERM))?,
        filter(known, error(libc::ENOSYS), SeccompAction::Allow)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_to_programs_that_the_kernel_takes() {
        for filter in filters().unwrap() {
            assert!(filter.len() < 4096, "{} instructions", filter.len());
        }
    }
}
