//! What runs inside a guest: init, DHCP client, power off and reboot, ping, nc, HTTP get and serve.
//!
//! Owns the programs that a guest needs and its host may lack, as one executable under many names, and the guest's
//! init. Refuses to know what is outside the guest: no store, no API, no namespaces but the one it is in. Plain
//! threads and blocking sockets, so that a guest costs little.

use std::ffi::OsString;
use std::process::ExitCode;

mod curl;
mod httpd;
pub mod init;
mod ip;
mod nc;
mod network;
mod options;
mod ping;
mod power;
mod user_data;

/// The programs that stand in where the host has none, by the names that they are called by.
pub const TOOLS: [&str; 5] = ["curl", "httpd", "ip", "nc", "ping"];

/// The programs that stand before the host's, which talk to a systemd that guests do not have.
pub const POWER_TOOLS: [&str; 4] = ["halt", "poweroff", "reboot", "shutdown"];

/// Runs the program of that name with its arguments (without the name). `None`: there is no such program.
///
/// Each tells with `--help` what it can do.
pub fn main_by_name(name: &str, args: &[OsString]) -> Option<ExitCode> {
    // A reader that has gone ends a program, as in C, instead of making it panic.
    if TOOLS.contains(&name) || POWER_TOOLS.contains(&name) {
        reset_sigpipe();
    }
    match name {
        "init" if init::is_init() => Some(init::main()),
        "curl" => Some(curl::main(args)),
        "httpd" => Some(httpd::main(args)),
        "ip" => Some(ip::main(args)),
        "nc" => Some(nc::main(args)),
        "ping" => Some(ping::main(args)),
        name if POWER_TOOLS.contains(&name) => Some(power::main(name, args)),
        _ => None,
    }
}

#[allow(unsafe_code)]
fn reset_sigpipe() {
    // SAFETY: the default action is no handler at all, so there is nothing that could be called unsafely.
    let _ = unsafe {
        nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, nix::sys::signal::SigHandler::SigDfl)
    };
}
