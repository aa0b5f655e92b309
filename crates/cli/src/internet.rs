//! `brume internet`, and the file of `brume up --internet`.

use std::path::Path;
use std::process::ExitCode;

use ::internet::{Content, Host};
use anyhow::{Context as _, bail};
use node::InternetHostStatus;

use crate::account::running;
use crate::args::{AddHostOptions, InternetCommand, InternetOptions, ListHostsOptions, RemoveHostOptions};

/// The largest file of hosts.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// How much of a text a table shows.
const SHOWN_CHARS: usize = 40;

/// Adds, lists or removes hosts.
pub(crate) fn run(options: &InternetOptions) -> anyhow::Result<ExitCode> {
    match &options.what {
        InternetCommand::Add(options) => add(options),
        InternetCommand::List(options) => list(options),
        InternetCommand::Remove(options) => remove(options),
    }
}

fn add(options: &AddHostOptions) -> anyhow::Result<ExitCode> {
    let content = match (&options.http, &options.http_dir) {
        (Some(text), _) => Content::Text(text.clone()),
        (None, Some(directory)) => Content::Directory(
            directory.canonicalize().with_context(|| format!("cannot use {}", directory.display()))?,
        ),
        (None, None) => Content::Name,
    };
    let host = Host {
        name: options.name.clone(),
        addresses: options.addresses.clone(),
        content,
        latency_ms: options.latency,
    };
    host.check()?;
    let run_dir = running("`brume internet add`", &options.data_dir)?;
    let added = InternetHostStatus::add(&run_dir, host).context("the host was not added")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&added)?);
    } else {
        println!("{} is on the internet at {}.", added.name, joined(&added));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(options: &ListHostsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume internet list`", &options.data_dir)?;
    let hosts =
        InternetHostStatus::list(&run_dir).context("the daemon does not answer on its control socket")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&hosts)?);
        return Ok(ExitCode::SUCCESS);
    }
    if hosts.is_empty() {
        println!("There are no hosts. `brume internet add example.org 198.51.100.7` adds one.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<28} {:<32} {:<8} HTTP", "NAME", "ADDRESSES", "STATE");
    for host in hosts {
        let state = if host.is_serving { "serving" } else { "failed" };
        println!("{:<28} {:<32} {state:<8} {}", host.name, joined(&host), shown(&host.content));
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(options: &RemoveHostOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume internet remove`", &options.data_dir)?;
    InternetHostStatus::remove(&run_dir, options.name.clone()).context("the host was not removed")?;
    println!("{} is no longer on the internet.", options.name);
    Ok(ExitCode::SUCCESS)
}

fn joined(host: &InternetHostStatus) -> String {
    host.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// One line about what a host's web server answers, without anything that a terminal would obey.
fn shown(content: &Content) -> String {
    match content {
        Content::Name => "its name".to_owned(),
        Content::Text(text) => {
            let start: String = text.chars().take(SHOWN_CHARS).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("text {start:?}{more}")
        }
        Content::Directory(path) => format!("files of {}", path.display()),
    }
}

/// The hosts that a file declares.
///
/// # Errors
/// When it cannot be read, or what is wrong with it and in which line.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<Host>> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.len() > MAX_FILE_BYTES {
        bail!("{} has more than {MAX_FILE_BYTES} bytes", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let path = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    ::internet::parse_file(&text, directory).with_context(|| format!("{}", path.display()))
}
