//! The smallest executable that sandboxes can be run with: what `brume` does first in its `main`, and nothing else.
//! The tests of this crate use it. With arguments, it is the toolbox.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = sandbox::main_internal(std::env::args_os()) {
        return code;
    }
    let mut args = std::env::args_os();
    let called_as = args.next().unwrap_or_default();
    let name = Path::new(&called_as).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let args: Vec<OsString> = args.collect();
    if let Some(code) = toolbox::main_by_name(&name, &args) {
        return code;
    }
    let tool = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    toolbox::main_by_name(&tool, args.get(1..).unwrap_or_default()).unwrap_or_else(|| {
        eprintln!("usage: {name} TOOL [ARGUMENT...]; tools: {}", toolbox::TOOLS.join(" "));
        ExitCode::FAILURE
    })
}
