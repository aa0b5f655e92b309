//! What the machine under the tests allows.
//!
//! Owns the questions that decide whether a skipped test could have run here. Refuses to change the machine.

use std::fs;
use std::path::Path;

use super::process;

/// Linux capability numbers, from `include/uapi/linux/capability.h`.
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_BPF: u32 = 39;

/// What tests that touch the host need, each answered by trying or by reading what the kernel says.
#[derive(Debug)]
pub(crate) struct Host {
    /// What is missing, in words; empty when everything can run here.
    pub(crate) missing: Vec<String>,
    /// Whether this process is root.
    pub(crate) is_root: bool,
    /// Whether this is a CI run (`CI=true`), where a skip that was not necessary is a failure.
    pub(crate) is_ci: bool,
}

impl Host {
    /// Asks the machine.
    pub(crate) fn probe(root: &Path) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let is_root = effective_user(&status) == Some(0);
        let mut missing = Vec::new();
        if !is_root {
            missing.push("root".to_owned());
        }
        for (number, name) in
            [(CAP_NET_ADMIN, "CAP_NET_ADMIN"), (CAP_SYS_ADMIN, "CAP_SYS_ADMIN"), (CAP_BPF, "CAP_BPF")]
        {
            if is_root && !has_capability(&status, number) {
                missing.push(format!("the capability {name}"));
            }
        }
        if is_root && !process::quiet(process::command("unshare", root).args(["--net", "--mount", "true"])) {
            missing.push("network and mount namespaces".to_owned());
        }
        if !Path::new("/sys/kernel/btf/vmlinux").exists() {
            missing.push("BPF type information of the kernel".to_owned());
        }
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Self { missing, is_root, is_ci }
    }

    /// Whether every test can run on this machine, so that a skip would be a mistake.
    pub(crate) fn can_run_everything(&self) -> bool {
        self.missing.is_empty()
    }
}

/// The effective user id in the text of `/proc/self/status` (`Uid: real effective saved filesystem`).
fn effective_user(status: &str) -> Option<u32> {
    field(status, "Uid:")?.split_whitespace().nth(1)?.parse().ok()
}

fn has_capability(status: &str, number: u32) -> bool {
    field(status, "CapEff:")
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << number) != 0)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Name:\tx\nUid:\t1000\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
    const CONTAINER: &str = "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n";

    #[test]
    fn the_effective_user_counts() {
        assert_eq!(effective_user(ROOT), Some(0));
        assert_eq!(effective_user("Uid:\t0\t1000\t0\t0\n"), Some(1000));
        assert_eq!(effective_user("no such field"), None);
    }

    #[test]
    fn capabilities_are_bits_of_the_effective_mask() {
        for number in [CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_BPF] {
            assert!(has_capability(ROOT, number));
            assert!(!has_capability(CONTAINER, number));
        }
    }
}
