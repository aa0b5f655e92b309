//! `brume bench launch`: how long a cloud takes to answer, and an instance to be reached.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::{median, millis, resident_mib};
use crate::args::MeasureOptions;
use crate::client::{Client, Instance};
use crate::throwaway::{self, ThrowawayCloud, wait_for};

/// How many clouds are started for the cold start.
const COLD_STARTS: usize = 5;

/// How many instances are launched one after the other.
const SINGLE_LAUNCHES: usize = 20;

/// How many instances one RunInstances launches together.
const FLEET: usize = 100;

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// From the start of the daemon's process to the first answered DescribeVpcs, median, in milliseconds.
    cold_start_p50_millis: f64,
    /// The daemon's resident memory after that answer, in MiB.
    idle_memory_mib: f64,
    /// From the answer of RunInstances to the first answered ping, median, in milliseconds.
    single_launch_p50_millis: f64,
    /// The slowest of them.
    single_launch_max_millis: f64,
    /// From the answer of one RunInstances to the last instance's first answered ping, in seconds.
    fleet_reachable_secs: f64,
    /// How many instances that call launched.
    fleet_instances: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cold start to the first DescribeVpcs, p50   {:8.0} ms", self.cold_start_p50_millis)?;
        writeln!(f, "idle memory                                 {:8.1} MiB", self.idle_memory_mib)?;
        writeln!(f, "one launch, answer to first ping, p50       {:8.0} ms", self.single_launch_p50_millis)?;
        writeln!(f, "one launch, answer to first ping, slowest   {:8.0} ms", self.single_launch_max_millis)?;
        writeln!(
            f,
            "{} at once, all reachable                  {:8.1} s",
            self.fleet_instances, self.fleet_reachable_secs
        )
    }
}

/// Measures on throw-away clouds.
pub(crate) fn run(options: &MeasureOptions) -> anyhow::Result<Report> {
    let arguments: &[&str] = if options.no_ebpf { &["--no-ebpf"] } else { &[] };
    let start = || ThrowawayCloud::start(options.data_dir.data_dir.as_deref(), arguments);
    throwaway::enter_own_network()?;
    let mut cold_starts = Vec::new();
    for _ in 0..COLD_STARTS {
        let began = Instant::now();
        let cloud = start()?;
        cloud.client.ec2("DescribeVpcs", &[])?;
        cold_starts.push(millis(began.elapsed()));
        cloud.remove()?;
    }
    let cloud = start()?;
    cloud.client.ec2("DescribeVpcs", &[])?;
    let idle_memory_mib = resident_mib(cloud.pid)?;
    let lab = Lab::new(&cloud)?;
    let mut singles = Vec::new();
    for done in 0..SINGLE_LAUNCHES {
        eprint!("\rlaunching {} of {SINGLE_LAUNCHES} ", done + 1);
        let instances = lab.launch(1)?;
        let answered = Instant::now();
        lab.ping_all(&instances)?;
        singles.push(millis(answered.elapsed()));
        lab.terminate(&instances)?;
    }
    eprint!("\rlaunching {FLEET} at once ");
    let fleet = lab.launch(FLEET)?;
    let answered = Instant::now();
    lab.ping_all(&fleet)?;
    let fleet_reachable_secs = answered.elapsed().as_secs_f64();
    eprintln!("\r{:30}\r", "");
    cloud.remove()?;
    Ok(Report {
        cold_start_p50_millis: median(&mut cold_starts),
        idle_memory_mib,
        single_launch_p50_millis: median(&mut singles),
        single_launch_max_millis: singles.last().copied().unwrap_or_default(),
        fleet_reachable_secs,
        fleet_instances: FLEET,
    })
}

/// A subnet with one instance in it that pings the others.
struct Lab<'a> {
    cloud: &'a ThrowawayCloud,
    image: String,
    subnet: String,
    prober: String,
}

impl<'a> Lab<'a> {
    fn new(cloud: &'a ThrowawayCloud) -> anyhow::Result<Self> {
        let client = &cloud.client;
        let vpc =
            client.ec2("CreateVpc", &[("CidrBlock", "10.10.0.0/16")])?.first("vpcId").context("no vpcId")?;
        let subnet = client
            .ec2("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", "10.10.0.0/22")])?
            .first("subnetId")
            .context("no subnetId")?;
        let image = client.public_image()?;
        let mut lab = Self { cloud, image, subnet, prober: String::new() };
        let prober = lab.launch(1)?.remove(0);
        wait_for("the probing instance", || is_running(client, &prober.id))?;
        lab.prober = prober.id;
        Ok(lab)
    }

    fn launch(&self, count: usize) -> anyhow::Result<Vec<Instance>> {
        self.cloud.client.run_instances(&self.image, &self.subnet, count, "")
    }

    /// Returns when each of them has answered a ping from the probing instance.
    fn ping_all(&self, instances: &[Instance]) -> anyhow::Result<()> {
        let addresses: Vec<&str> = instances.iter().map(|instance| instance.address.as_str()).collect();
        let script =
            "for address do until ping -n -q -c 1 -W 0.1 \"$address\" >/dev/null 2>&1; do :; done; done";
        let status = Command::new(std::env::current_exe()?)
            .args(["exec", "--data-dir"])
            .arg(self.cloud.data_dir())
            .args([&self.prober, "--", "timeout", "60", "sh", "-c", script, "sh"])
            .args(addresses)
            .stdin(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { bail!("not all instances answered a ping within 60 s") }
    }

    fn terminate(&self, instances: &[Instance]) -> anyhow::Result<()> {
        for instance in instances {
            self.cloud.client.ec2("TerminateInstances", &[("InstanceId.1", &instance.id)])?;
        }
        Ok(())
    }
}

fn is_running(client: &Client, instance: &str) -> anyhow::Result<bool> {
    let parameters = [
        ("InstanceId.1", instance),
        ("Filter.1.Name", "instance-state-name"),
        ("Filter.1.Value.1", "running"),
    ];
    Ok(client.ec2("DescribeInstances", &parameters)?.first("instanceId").is_some())
}
