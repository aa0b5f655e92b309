//! What runs inside a guest: init, DHCP client, ping, nc, HTTP get and serve.
//!
//! Owns the programs that a guest needs and its host may lack, as one executable under many names, and the guest's
//! init. Refuses to know what is outside the guest: no store, no API, no namespaces but the one it is in. Plain
//! threads and blocking sockets, so that a guest costs little.

use std::ffi::OsString;
use std::process::ExitCode;

pub mod init;
mod network;
mod user_data;

/// The programs that stand in where the host has none, by the names that they are called by.
pub const TOOLS: [&str; 5] = ["curl", "httpd", "ip", "nc", "ping"];

/// Runs the program of that name with its arguments (without the name). `None`: there is no such program.
pub fn main_by_name(name: &str, args: &[OsString]) -> Option<ExitCode> {
    let _ = args;
    match name {
        "init" if init::is_init() => Some(init::main()),
        _ => None,
    }
}
