//! The toolbox as a program of its own: the first argument is the tool's name. The tests of this crate use it.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A tool that starts itself anew does so by its name.
    let mut args = std::env::args_os();
    let called_as = args.next().unwrap_or_default().to_string_lossy().into_owned();
    let args: Vec<OsString> = args.collect();
    if toolbox::TOOLS.contains(&called_as.as_str()) {
        return toolbox::main_by_name(&called_as, &args).unwrap_or(ExitCode::FAILURE);
    }
    let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    toolbox::main_by_name(&name, args.get(1..).unwrap_or_default()).unwrap_or_else(|| {
        eprintln!("there is no tool '{name}'");
        ExitCode::FAILURE
    })
}
