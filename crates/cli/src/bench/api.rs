//! `brume bench api`: how fast the API answers, in closed loops over loopback with signed requests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::{median, millis, resident_mib};
use crate::args::MeasureOptions;
use crate::client::{Client, Connection};
use crate::throwaway::{self, ThrowawayCloud};

/// How many requests are measured one after the other.
const REQUESTS: usize = 2_000;

/// How many VPCs are created one after the other.
const CREATIONS: usize = 500;

/// How many clients ask at the same time.
const CONNECTIONS: usize = 16;

/// For how long they do.
const CROWD_DURATION: Duration = Duration::from_secs(5);

/// How many subnets there are to be described.
const SUBNETS: usize = 10_000;

/// How many subnets one VPC has.
const SUBNETS_PER_VPC: usize = 1_000;

/// How many subnets the long answer has.
const PAGE: usize = 1_000;

/// How often the long answer is asked for.
const PAGES: usize = 200;

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// DescribeVpcs on one connection, median, in milliseconds.
    describe_vpcs_p50_millis: f64,
    /// DescribeVpcs on that many connections together, requests per second, client and cloud on the same processors.
    describe_vpcs_per_second: f64,
    /// How many connections those were.
    connections: usize,
    /// CreateVpc on one connection, median, in milliseconds; it is on disk when it is answered.
    create_vpc_p50_millis: f64,
    /// DescribeSubnets of one subnet by its id, median, in milliseconds.
    describe_one_subnet_p50_millis: f64,
    /// DescribeSubnets of a page of 1,000, median, in milliseconds.
    describe_page_p50_millis: f64,
    /// Among how many subnets.
    subnets: usize,
    /// The growth of the daemon's resident memory for each subnet, in KiB.
    memory_per_subnet_kib: f64,
    /// How many processors client and cloud share.
    processors: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "DescribeVpcs, one connection, p50           {:8.3} ms", self.describe_vpcs_p50_millis)?;
        writeln!(
            f,
            "DescribeVpcs, {} connections                {:8.0} requests/s on {} processors",
            self.connections, self.describe_vpcs_per_second, self.processors
        )?;
        writeln!(f, "CreateVpc, durable, p50                     {:8.3} ms", self.create_vpc_p50_millis)?;
        writeln!(
            f,
            "one of {} subnets, p50                  {:8.3} ms",
            self.subnets, self.describe_one_subnet_p50_millis
        )?;
        writeln!(f, "a page of {PAGE} subnets, p50               {:8.3} ms", self.describe_page_p50_millis)?;
        writeln!(f, "memory for each subnet                      {:8.2} KiB", self.memory_per_subnet_kib)
    }
}

/// Measures on a throw-away cloud.
pub(crate) fn run(options: &MeasureOptions) -> anyhow::Result<Report> {
    throwaway::enter_own_network()?;
    let no_ebpf = options.no_ebpf.then_some("--no-ebpf");
    let arguments: Vec<&str> = ["--no-quotas"].into_iter().chain(no_ebpf).collect();
    let cloud = ThrowawayCloud::start(options.data_dir.data_dir.as_deref(), &arguments)?;
    let mut connection = cloud.client.connect()?;
    let describe_vpcs = timed(REQUESTS, |_| connection.ec2("DescribeVpcs", &[]).map(drop))?;
    eprint!("\r{CONNECTIONS} connections ");
    let describe_vpcs_per_second = crowd(&cloud.client)?;
    let create_vpc =
        timed(CREATIONS, |_| connection.ec2("CreateVpc", &[("CidrBlock", "10.20.0.0/16")]).map(drop))?;
    let before_mib = resident_mib(cloud.pid)?;
    let subnets = make_subnets(&mut connection)?;
    let grown_mib = resident_mib(cloud.pid)? - before_mib;
    let describe_one = timed(REQUESTS, |number| {
        let id = subnets[number * 7919 % subnets.len()].as_str();
        connection.ec2("DescribeSubnets", &[("SubnetId.1", id)]).map(drop)
    })?;
    let page = PAGE.to_string();
    let describe_page =
        timed(PAGES, |_| connection.ec2("DescribeSubnets", &[("MaxResults", &page)]).map(drop))?;
    eprint!("\r{:30}\r", "");
    cloud.remove()?;
    Ok(Report {
        describe_vpcs_p50_millis: describe_vpcs,
        describe_vpcs_per_second,
        connections: CONNECTIONS,
        create_vpc_p50_millis: create_vpc,
        describe_one_subnet_p50_millis: describe_one,
        describe_page_p50_millis: describe_page,
        subnets: SUBNETS,
        memory_per_subnet_kib: grown_mib * 1024.0 / SUBNETS as f64,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

/// Asks so many times, and returns the median time in milliseconds.
fn timed(count: usize, mut ask: impl FnMut(usize) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let began = Instant::now();
        ask(number)?;
        times.push(millis(began.elapsed()));
    }
    Ok(median(&mut times))
}

/// How many requests a second all connections get answered together.
fn crowd(client: &Client) -> anyhow::Result<f64> {
    let answered = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = client.connect()?;
                    while began.elapsed() < CROWD_DURATION {
                        connection.ec2("DescribeVpcs", &[])?;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        askers.into_iter().try_for_each(|asker| asker.join().expect("it does not panic"))
    })?;
    Ok(answered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// Makes the subnets, and returns their ids.
fn make_subnets(connection: &mut Connection<'_>) -> anyhow::Result<Vec<String>> {
    let mut subnets = Vec::with_capacity(SUBNETS);
    for network in 0..SUBNETS / SUBNETS_PER_VPC {
        eprint!("\rsubnets {} of {SUBNETS} ", subnets.len());
        let block = format!("10.{network}.0.0/16");
        let vpc =
            connection.ec2("CreateVpc", &[("CidrBlock", &block)])?.first("vpcId").context("no vpcId")?;
        for number in 0..SUBNETS_PER_VPC {
            let block = format!("10.{network}.{}.{}/28", number / 16, number % 16 * 16);
            let made = connection.ec2("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", &block)])?;
            subnets.push(made.first("subnetId").context("no subnetId")?);
        }
    }
    Ok(subnets)
}
