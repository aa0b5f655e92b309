//! The scripts around the recipes: that they tell what they are there to tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Says why a test does not run here; where all must run, fails instead.
fn skip(reason: &str) {
    assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "this host cannot run the test: {reason}");
    eprintln!("SKIPPED: {reason}");
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../recipes").join(name).canonicalize().unwrap()
}

/// The exit code of a command that reads a text, and what it says.
fn run(command: &mut Command, input: &str) -> (Option<i32>, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Linux lets root load a program wherever nothing forbids it, and a user namespace forbids it.
const FORBIDDEN: &[&str] = &["unshare", "--user"];

#[test]
fn a_cloud_on_the_wrong_path_is_told() {
    let check = |wrapper: &[&str], asked: &str, data_plane: &str, code: i32, words: &str| {
        let script = script("check-data-plane");
        let mut command = Command::new(wrapper.first().map_or(script.as_os_str(), |first| first.as_ref()));
        if let Some((_, rest)) = wrapper.split_first() {
            command.args(rest).arg(&script);
        }
        let status = format!("{{\"interfaces\": 0, \"data_plane\": \"{data_plane}\"}}");
        let (found, said) = run(command.arg(asked), &status);
        assert!(found == Some(code) && said.contains(words), "{asked}, {data_plane}: {found:?} {said}");
    };
    check(&[], "fast", "eBPF flow cache", 0, "");
    check(&[], "slow", "user space alone (asked for)", 0, "");
    check(&[], "slow", "eBPF flow cache", 1, "was to be on the slow path");
    check(&[], "fast", "something new", 1, "something new");
    if !Command::new("unshare").args(["--user", "true"]).status().is_ok_and(|status| status.success()) {
        return skip("no user namespaces");
    }
    check(FORBIDDEN, "fast", "eBPF flow cache", 0, "");
    check(FORBIDDEN, "fast", "user space alone (EPERM)", 77, "SKIPPED: no BPF program can be loaded here");
    let (code, said) = run(Command::new(script("check-data-plane")).arg("fast"), PLANE_THAT_GAVE_UP);
    if code == Some(77) {
        return skip("BPF programs cannot be loaded");
    }
    assert!(code == Some(1) && said.contains("which this machine allows"), "{code:?} {said}");
}

const PLANE_THAT_GAVE_UP: &str = r#"{"data_plane": "user space alone (the program is refused)"}"#;

#[test]
fn what_a_command_leaves_is_told() {
    let enclosed = |shell: &str| {
        // In namespaces of its own, without control groups: what else goes on here must not be taken for its work.
        let setup = "awk '$5 ~ \"^/(run|tmp)/\" { print $5 }' /proc/self/mountinfo | sort -r | \
                     while read -r at; do umount --lazy \"$at\"; done
                     mount -t tmpfs tmpfs /run && { [ ! -d /sys/fs/cgroup ] || \
                     mount -t tmpfs tmpfs /sys/fs/cgroup; } && exec \"$0\" sh -c \"$1\"";
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            setup,
        ]);
        command.arg(script("nothing-left-behind")).arg(shell);
        run(&mut command, "")
    };
    if !Command::new("unshare").args(["--net", "--mount", "true"]).status().is_ok_and(|done| done.success()) {
        return skip("no network and mount namespaces");
    }
    let check = |shell: &str, code: i32, words: &str| {
        let (found, said) = enclosed(shell);
        assert!(found == Some(code) && said.contains(words), "{shell}: {found:?} {said}");
    };
    check("true", 0, "");
    check("exit 3", 3, "");
    check("mkdir ${TMPDIR:-/tmp}/brume-abc", 1, "> temporary directory brume-abc");
    check("(sleep 1; rmdir $TMPDIR/x) & mkdir $TMPDIR/x", 0, "");
    check("mkdir -p /run/netns && touch /run/netns/left", 1, "> network namespace left");
}
