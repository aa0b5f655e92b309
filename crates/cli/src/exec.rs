//! `brume exec`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use aws_types::InstanceId;
use node::DataDir;
use sandbox::Driver as _;

use crate::args::ExecOptions;
use crate::{mounts, root};

/// Runs a command inside an instance with this process's input and output, and passes its exit code on.
pub(crate) fn run(options: &ExecOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume exec`")?;
    let path = options.data_dir.resolve();
    mounts::enter_hosts(&path)?;
    let data_dir = DataDir::open(&path)
        .with_context(|| format!("no cloud in {}; start one with `brume up`", path.display()))?;
    let instance: InstanceId = options.instance.parse()?;
    let not_here = || format!("{instance} does not run here; `brume status` lists the instances that do");
    // Looking for sandboxes makes their directories, which only a cloud that is up should have.
    if !data_dir.run_dir().path().exists() {
        bail!(not_here());
    }
    let sandboxes = node::sandboxes(&data_dir, std::env::current_exe()?)?;
    let running = sandboxes.adopt(instance)?.with_context(not_here)?;
    let command = if options.command.is_empty() { login_shell() } else { options.command.clone() };
    Ok(sandboxes.exec_interactive(&running, &command)?)
}

/// Bash where there is one: guests have the programs of their host.
fn login_shell() -> Vec<String> {
    let find = "if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi";
    ["/bin/sh", "-c", find].map(str::to_owned).to_vec()
}
