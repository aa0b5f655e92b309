//! `brume status`.

use std::process::ExitCode;

use anyhow::Context as _;
use node::{DaemonState, DataDir, InternetStatus, ObjectsStatus, Status};

use crate::args::StatusOptions;
use crate::root;
use crate::s3::bytes;

/// The exit code when no daemon runs, as service managers use it (LSB: 3, not running).
const NOT_RUNNING: u8 = 3;

/// Prints what runs, where, and since when.
pub(crate) fn run(options: &StatusOptions) -> anyhow::Result<ExitCode> {
    let path = options.data_dir.resolve();
    root::require_to_read("`brume status`", &path)?;
    let running = DataDir::open(&path).ok().and_then(|data_dir| {
        let run_dir = data_dir.run_dir();
        DaemonState::read_running(&run_dir).map(|_| run_dir)
    });
    let Some(run_dir) = running else {
        if options.json {
            println!("{}", serde_json::json!({ "running": false, "data_dir": path }));
        } else {
            println!("No cloud runs from {}. Start one with `brume up`.", path.display());
        }
        return Ok(ExitCode::from(NOT_RUNNING));
    };
    let status = Status::ask(&run_dir).context("the daemon does not answer on its control socket")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print(&status);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_internet(internet: &InternetStatus) {
    let addresses = internet.workstation.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let machine = match (&internet.device, &internet.reason) {
        (Some(device), _) => format!("this machine is {addresses} by {device}"),
        (None, reason) => {
            format!("this machine is not linked to it ({})", reason.as_deref().unwrap_or("not known why"))
        }
    };
    let hosts = match internet.hosts {
        1 => "1 host".to_owned(),
        count => format!("{count} hosts"),
    };
    println!("internet    {hosts}; {machine}");
    for left_out in &internet.left_out {
        println!("            no route to {}: {}", left_out.destination, left_out.reason);
    }
}

fn print_objects(objects: &ObjectsStatus) {
    let scrub = match &objects.last_scrub {
        None => "not scrubbed yet".to_owned(),
        Some(scrub) if scrub.damaged == 0 => format!("scrubbed at {}, nothing damaged", scrub.ended),
        Some(scrub) => format!("scrubbed at {}, {} DAMAGED: see the log", scrub.ended, scrub.damaged),
    };
    println!("objects     {} contents, {}; {scrub}", objects.contents, bytes(objects.stored_bytes));
}

fn print(status: &Status) {
    let daemon = &status.daemon;
    println!("endpoint    http://{} and https://{}", daemon.listen, daemon.listen);
    println!("account     {}", daemon.account);
    println!("data        {}", daemon.data_dir.display());
    println!("daemon      process {}, version {}, since {}", daemon.pid, daemon.version, daemon.since);
    println!(
        "data plane  {}, {} interfaces, {} tracked flows",
        status.data_plane, status.interfaces, status.flows
    );
    print_internet(&status.internet);
    if status.objects.contents > 0 || status.objects.last_scrub.is_some() {
        print_objects(&status.objects);
    }
    if status.instances.is_empty() {
        println!("instances   none");
    } else {
        println!("\n{:<20} {:<15} {:<14} {:<16} PROCESS", "INSTANCE", "REGION", "STATE", "ADDRESS");
        for instance in &status.instances {
            let pid = instance.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            println!(
                "{:<20} {:<15} {:<14} {:<16} {pid}",
                instance.id, instance.region, instance.state, instance.private_address
            );
        }
    }
    if !status.drops.is_empty() {
        println!("\n{:<22} {:<28} PACKETS", "INTERFACE", "DROPPED BECAUSE");
        for drop in &status.drops {
            println!("{:<22} {:<28} {}", drop.interface, drop.reason, drop.packets);
        }
    }
}
