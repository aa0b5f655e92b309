//! The `brume` command: an AWS-compatible cloud on this machine, whose network is real.
//!
//! Owns the command line and what people read. Refuses to know how anything is done: that is `node`'s, `sandbox`'s
//! and `data-plane`'s.

mod account;
mod args;
mod assert;
mod bench;
mod client;
mod demo;
mod diff;
mod down;
mod env;
mod events;
mod exec;
mod identity_provider;
mod internet;
mod log;
mod mounts;
mod net;
mod net_paths;
mod root;
mod s3;
mod scratch;
mod status;
mod tcpdump;
mod throwaway;
mod trace;
mod up;
mod why_denied;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};

fn main() -> ExitCode {
    // Guest-side entry points come before everything else: they must run in a process that has one thread.
    if let Some(code) = sandbox::main_internal(std::env::args_os()) {
        return code;
    }
    if let Some(code) = toolbox(std::env::args_os().collect()) {
        return code;
    }
    end_quietly_on_a_broken_pipe();
    let result = match Arguments::parse().command {
        Command::Up(options) => up::run(&options),
        Command::Env(options) => env::run(&options),
        Command::Account(options) => account::run(&options),
        Command::IdentityProvider(options) => identity_provider::run(&options),
        Command::Internet(options) => internet::run(&options),
        Command::Exec(options) => exec::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Net(options) => net::run(&options),
        Command::Tcpdump(options) => tcpdump::run(&options),
        Command::Trace(options) => trace::run(&options),
        Command::Assert(options) => assert::run(&options),
        Command::WhyDenied(options) => why_denied::run(&options),
        Command::Revisions(options) => diff::revisions(&options),
        Command::Diff(options) => diff::run(&options),
        Command::Events(options) => events::run(&options),
        Command::S3(options) => s3::run(&options),
        Command::Down(options) => down::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    result.unwrap_or_else(|error| {
        eprintln!("brume: {error:#}");
        ExitCode::FAILURE
    })
}

/// Has the process end like one that SIGPIPE ends, when what it prints has no reader any more: `brume net flows | head`.
fn end_quietly_on_a_broken_pipe() {
    const SIGPIPE_EXIT_CODE: i32 = 128 + 13;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_broken_pipe = panic.payload_as_str().is_some_and(|message| {
            message.starts_with("failed printing to std") && message.contains("Broken pipe")
        });
        if is_broken_pipe {
            std::process::exit(SIGPIPE_EXIT_CODE);
        }
        usual(panic);
    }));
}

/// `brume toolbox NAME ARGUMENTS...`, or the executable under the name of one of the tools: what runs in guests where the
/// host has no such program.
fn toolbox(arguments: Vec<OsString>) -> Option<ExitCode> {
    let name = |argument: &OsString| {
        std::path::Path::new(argument)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let (program, rest) = arguments.split_first()?;
    if name(program) != "brume" {
        return toolbox::main_by_name(&name(program), rest);
    }
    match rest {
        [command, tool, rest @ ..] if command == "toolbox" => {
            Some(toolbox::main_by_name(&name(tool), rest).unwrap_or_else(|| {
                eprintln!("brume: there is no tool {} in the toolbox", name(tool));
                ExitCode::from(2)
            }))
        }
        _ => None,
    }
}
