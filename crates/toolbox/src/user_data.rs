//! User data: run once in the life of a root disk, by cloud-init's rules for scripts.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>: user data that begins with `#!` is a script,
//! run as root during the first boot. Cloud-config, MIME archives and compressed data are not supported, which the
//! console says.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::{Command, Stdio};

use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::init::{hide_own_variables, say};

const USER_DATA: &str = "/var/lib/cloud/instance/user-data.txt";
const SCRIPTS: &str = "/var/lib/cloud/instance/scripts";
const SCRIPT: &str = "/var/lib/cloud/instance/scripts/part-001";
const DONE_MARKS: &str = "/var/lib/cloud/instance/sem";
const DONE_MARK: &str = "/var/lib/cloud/instance/sem/config_scripts_user";
const LOG: &str = "/var/log/cloud-init-output.log";

/// What user data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    Script,
    Unsupported(&'static str),
}

fn kind_of(user_data: &[u8]) -> Kind {
    let mime = [&b"Content-Type:"[..], b"MIME-Version:"]
        .iter()
        .any(|header| user_data.get(..header.len()).is_some_and(|start| start.eq_ignore_ascii_case(header)));
    match user_data {
        data if data.iter().all(u8::is_ascii_whitespace) => Kind::Nothing,
        data if data.starts_with(b"#!") => Kind::Script,
        data if data.starts_with(b"#cloud-config") => Kind::Unsupported("cloud-config is not supported"),
        [0x1f, 0x8b, ..] => Kind::Unsupported("compressed user data is not supported"),
        data if data.starts_with(b"#include") => Kind::Unsupported("include files are not supported"),
        data if data.starts_with(b"#cloud-boothook") => Kind::Unsupported("boothooks are not supported"),
        _ if mime => Kind::Unsupported("MIME archives are not supported"),
        _ => Kind::Unsupported("it is neither a script nor any other known kind"),
    }
}

/// Starts the script, if there is one that has not been run. Gives its process, which init waits for.
pub(crate) fn start() -> Option<Pid> {
    let user_data = fs::read(USER_DATA).unwrap_or_default();
    match kind_of(&user_data) {
        Kind::Nothing => None,
        Kind::Unsupported(why) => {
            say(format_args!("user data was not run: {why}"));
            None
        }
        Kind::Script if fs::exists(DONE_MARK).unwrap_or(false) => None,
        Kind::Script => match start_script(&user_data) {
            Ok(pid) => {
                say(format_args!("user data runs"));
                Some(pid)
            }
            Err(error) => {
                say(format_args!("user data was not run: {error}"));
                None
            }
        },
    }
}

/// Says how the script ended.
pub(crate) fn tell_end(status: WaitStatus) {
    match status {
        WaitStatus::Exited(_, code) => say(format_args!("user data ended with code {code}")),
        WaitStatus::Signaled(_, signal, _) => say(format_args!("user data was ended by {signal}")),
        _ => {}
    }
}

fn start_script(script: &[u8]) -> std::io::Result<Pid> {
    fs::create_dir_all(SCRIPTS)?;
    fs::create_dir_all(DONE_MARKS)?;
    let _ = fs::remove_file(SCRIPT);
    let mut file = fs::File::options().write(true).create_new(true).mode(0o700).open(SCRIPT)?;
    file.write_all(script)?;
    file.set_permissions(fs::Permissions::from_mode(0o700))?;
    // An executable that is open for writing cannot be run.
    drop(file);
    // Marked before it runs: a script that reboots the instance must not run again and again.
    fs::write(DONE_MARK, b"")?;
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(SCRIPT);
    hide_own_variables(&mut command);
    command.current_dir("/").stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    unblock_signals(&mut command);
    let pid = Pid::from_raw(command.spawn()?.id() as i32);
    // Ends with the last process that has the script's output, which may be one that it left running.
    drop(command);
    std::thread::Builder::new().name("user-data".to_owned()).spawn(move || copy_output(reader))?;
    Ok(pid)
}

/// Signals that init blocks for itself would stay blocked in what it starts.
#[allow(unsafe_code)]
fn unblock_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only sigprocmask and setsid are called, which are async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            nix::sys::signal::SigSet::empty().thread_set_mask()?;
            nix::unistd::setsid()?;
            Ok(())
        });
    }
}

fn copy_output(mut reader: std::io::PipeReader) {
    let mut log = fs::File::options().create(true).append(true).open(LOG).ok();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        let _ = std::io::stdout().lock().write_all(&buffer[..count]);
        let _ = std::io::stdout().lock().flush();
        if let Some(log) = &mut log {
            let _ = log.write_all(&buffer[..count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(user_data: &[u8], runs: bool, nothing: bool) {
        let kind = kind_of(user_data);
        assert_eq!((kind == Kind::Script, kind == Kind::Nothing), (runs, nothing), "{user_data:?}: {kind:?}");
    }

    #[test]
    fn only_scripts_run() {
        check(b"", false, true);
        check(b" \n\t", false, true);
        check(b"#!/bin/sh\necho hi\n", true, false);
        check(b"#cloud-config\nruncmd: [ls]\n", false, false);
        check(b"Content-Type: multipart/mixed; boundary=x\n", false, false);
        check(b"MIME-Version: 1.0\n", false, false);
        check(b"\x1f\x8b\x08", false, false);
        check(b" #!/bin/sh\n", false, false);
        check(b"echo hi\n", false, false);
    }
}
