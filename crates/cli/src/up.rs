//! `brume up`.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ::internet::{Host, WORKSTATION_IPV4, WORKSTATION_IPV6};
use anyhow::{Context as _, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use node::{DaemonState, DataDir, Node, NodeConfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::UpOptions;
use crate::{down, internet, log, mounts, root};

/// How long a detached daemon may take until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the launcher looks whether a detached daemon is ready.
const READY_POLL: Duration = Duration::from_millis(5);

/// Runs a cloud in the foreground, or starts one in the background and returns when it is ready.
pub(crate) fn run(options: &UpOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume up`")?;
    let path = options.data_dir.resolve();
    mounts::enter_hosts(&path)?;
    let data_dir =
        DataDir::create(&path).with_context(|| format!("cannot use {} for data", path.display()))?;
    let running = DaemonState::read_running(&data_dir.run_dir());
    if let Some(running) = running.filter(DaemonState::goes_on) {
        bail!(
            "a cloud already runs from {} (process {}, http://{}); `brume status` shows it, `brume down` stops it",
            path.display(),
            running.pid,
            running.listen
        );
    }
    let hosts = options.internet.as_deref().map(internet::read_file).transpose()?.unwrap_or_default();
    if options.detach { launch(options, &data_dir) } else { serve(options, &data_dir, hosts) }
}

fn serve(options: &UpOptions, data_dir: &DataDir, hosts: Vec<Host>) -> anyhow::Result<ExitCode> {
    log::start(options.log_json, data_dir);
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let node = Node::start(NodeConfig {
            data_dir: data_dir.path().to_owned(),
            listen: options.listen,
            account_id: options.account_id,
            account_name: options.account_name.clone(),
            account_email: options.account_email.clone(),
            root_key: options.root_key.clone(),
            no_quotas: options.no_quotas,
            realistic_timing: options.realistic_timing,
            no_ebpf: options.no_ebpf,
            metrics_port: options.metrics_port,
            internet: hosts,
            public_addresses: options.public_addresses.clone(),
            workstation: workstation(options)?,
            toolbox_binary: std::env::current_exe()?,
        })
        .await?;
        print_ready(node.state());
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {
                    eprintln!("\nThe daemon ends. Instances keep running; `brume down` stops them, `brume up` takes them over.");
                }
            }
        };
        node.run(shutdown).await?;
        anyhow::Ok(ExitCode::SUCCESS)
    });
    // Scripts that run in instances may take hours; the daemon does not wait for them.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// The addresses of this machine on the simulated internet.
fn workstation(options: &UpOptions) -> anyhow::Result<Vec<IpAddr>> {
    let asked = &options.workstation_address;
    if options.no_workstation {
        return Ok(Vec::new());
    }
    if asked.is_empty() {
        return Ok(vec![WORKSTATION_IPV4.into(), WORKSTATION_IPV6.into()]);
    }
    if asked.iter().filter(|address| address.is_ipv4()).count() > 1
        || asked.iter().filter(|address| address.is_ipv6()).count() > 1
    {
        bail!("this machine has at most one IPv4 and one IPv6 address on the simulated internet");
    }
    Ok(asked.clone())
}

/// Takes all the file descriptors that the system allows. The soft limit, often 1,024, is for programs that use select(2);
/// this one may have more clients than that. Instances have a limit of their own.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Starts the same command without `--detach` in a process group of its own, and waits until it is ready.
fn launch(options: &UpOptions, data_dir: &DataDir) -> anyhow::Result<ExitCode> {
    let log = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(data_dir.log())?;
    let earlier_bytes = log.metadata()?.len();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--listen", &options.listen.to_string(), "--data-dir"]).arg(data_dir.path());
    if let Some(account) = options.account_id {
        command.args(["--account-id", &account.to_string()]);
    }
    for (option, value) in
        [("--account-name", &options.account_name), ("--account-email", &options.account_email)]
    {
        // In one word, so that what begins with a hyphen is no option.
        command.args(value.as_ref().map(|value| format!("{option}={value}")));
    }
    if let Some(port) = options.metrics_port {
        command.args(["--metrics-port", &port.to_string()]);
    }
    for (is_set, option) in [
        (options.no_quotas, "--no-quotas"),
        (options.realistic_timing, "--realistic-timing"),
        (options.no_ebpf, "--no-ebpf"),
        (options.no_workstation, "--no-workstation"),
        (options.log_json, "--log-json"),
    ] {
        if is_set {
            command.arg(option);
        }
    }
    if let Some(file) = &options.internet {
        command.arg("--internet").arg(file);
    }
    for (region, block) in &options.public_addresses {
        command.args(["--public-addresses", &format!("{region}={block}")]);
    }
    for address in &options.workstation_address {
        command.args(["--workstation-address", &address.to_string()]);
    }
    if let Some(key) = &options.root_key {
        // The daemon's arguments can be read by every user of the host, its environment cannot.
        command.env("BRUME_ROOT_KEY", key.to_secret_text());
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    let is_first = !data_dir.run_dir().path().exists();
    let mut child = command.spawn().context("cannot start the daemon")?;
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        if let Some(state) = DaemonState::read_running(&data_dir.run_dir())
            && state.pid == child.id().cast_signed()
        {
            print_ready(&state);
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(status) = child.try_wait()? {
            let said = said_since(&data_dir.log(), earlier_bytes).unwrap_or_default();
            let tail = last_lines(&said, 5);
            bail!("the daemon ended with {status}; its log {} ends:\n{tail}", data_dir.log().display());
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            if is_first {
                down::take_down(data_dir)?;
            }
            bail!(
                "the daemon was not ready after {} s; see {}",
                READY_TIMEOUT.as_secs(),
                data_dir.log().display()
            );
        }
        std::thread::sleep(READY_POLL);
    }
}

/// What a log has beyond the bytes that it had earlier; all of it if it was begun anew.
fn said_since(log: &Path, earlier_bytes: u64) -> std::io::Result<String> {
    let mut file = fs::File::open(log)?;
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(if bytes < earlier_bytes { 0 } else { earlier_bytes }))?;
    let mut said = Vec::new();
    file.read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn print_ready(state: &DaemonState) {
    let default = node::default_data_dir().canonicalize().is_ok_and(|default| default == state.data_dir);
    let option = if default {
        String::new()
    } else {
        format!(" --data-dir {}", crate::env::quote(&state.data_dir.to_string_lossy()))
    };
    println!("Brume is up: http://{} and https://{} (account {})", state.listen, state.listen, state.account);
    println!("Next, in a shell of yours:");
    println!("  eval \"$(brume env{option})\"");
    println!("  aws ec2 describe-vpcs");
    println!("Stop it with `brume down{option}`.");
}
