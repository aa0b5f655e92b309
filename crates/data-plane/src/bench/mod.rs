//! The data plane's speed as ratios: the same load, in turn, over a bare veth pair, over a Linux router with stateful nftables
//! and over this data plane, all in namespaces of the benchmark's own.
//!
//! Owns the order of the runs and the arithmetic. Measurements of one round are taken one right after the other on each
//! path, ratios are taken within a round, and the median round counts, so that whatever else the machine does weighs on
//! all paths alike.

mod enforcement;
mod load;
mod paths;
mod ways;

pub use enforcement::{Enforcement, EnforcementReport, enforcement};
pub use ways::Way;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DataPlaneError, Mode, ModeChoice};
use paths::{BenchPath, PathKind};
use ways::Cloud;

/// How long, on what and where to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rounds; each measures everything on every path.
    pub rounds: usize,
    /// How long each measurement lasts.
    pub measurement: Duration,
    /// The ways through the data plane that are measured; [`Way::AcrossSubnets`] always is.
    pub ways: Vec<Way>,
    /// Whether the flow cache may be used.
    pub mode: ModeChoice,
    /// Where the data plane under test keeps its files, in a directory of their own.
    pub directory: PathBuf,
    /// Asked before each path is measured: whether to end early.
    pub is_interrupted: fn() -> bool,
}

impl Default for Options {
    /// Seven rounds of 0.4 s a measurement of one way: about half a minute, which nothing interrupts.
    fn default() -> Self {
        Self {
            rounds: 7,
            measurement: Duration::from_millis(400),
            ways: vec![Way::AcrossSubnets],
            mode: ModeChoice::Auto,
            directory: std::env::temp_dir(),
            is_interrupted: || false,
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// This data plane across subnets relative to the bare veth pair: median over the rounds.
    pub ratios: Ratios,
    /// The same relative to the Linux router; none where there is no `nft`.
    pub ratios_to_router: Option<Ratios>,
    /// Whether the flow cache was in use; otherwise why not.
    pub mode: String,
    /// Rounds measured.
    pub rounds: usize,
    /// Median measurements on the bare veth pair.
    pub veth: Measurement,
    /// Median measurements through this data plane, across subnets.
    pub brume: Measurement,
    /// Median measurements through the Linux router.
    pub router: Option<Measurement>,
    /// Every way that was measured.
    pub ways: Vec<WayReport>,
    /// 1,000 rules at each interface relative to 10, where both were measured.
    pub thousand_rules_to_ten: Option<Ratios>,
}

/// What was measured on one way through the data plane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WayReport {
    /// The way.
    pub way: Way,
    /// Relative to a bare veth pair of the same IP version.
    pub ratios: Ratios,
    /// Relative to a Linux router that does the same job; none where there is no `nft`.
    pub ratios_to_router: Option<Ratios>,
    /// Median measurements.
    pub measured: Measurement,
}

/// Ratios of one path's measurements to another's.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ratios {
    /// Bytes per second of one TCP connection; more is better.
    pub tcp_throughput: f64,
    /// Median round trip; less is better.
    pub round_trip_p50: f64,
    /// Connections, each with a request and a response, per second; more is better.
    pub connections: f64,
}

/// What one path did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measurement {
    /// Of one TCP connection, in Gbit/s.
    pub tcp_gbit_per_sec: f64,
    /// Of one byte there and back over TCP, in microseconds.
    pub round_trip_p50_micros: f64,
    /// Connect, request, response and close, per second.
    pub connections_per_sec: f64,
}

/// The benchmark could not be set up or run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A path could not be made.
    #[error(transparent)]
    DataPlane(#[from] DataPlaneError),
    /// The load could not be made.
    #[error("cannot {action} on the {path} path: {source}")]
    Load {
        /// What was being done.
        action: &'static str,
        /// Where.
        path: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// It was to end early.
    #[error("interrupted")]
    Interrupted,
}

/// Measures each way and what it is compared with, for about `rounds` × 3 × `measurement` on each path, and takes everything
/// away again.
///
/// # Errors
/// When namespaces cannot be made, a path does not carry the load, or it is interrupted.
pub fn run(options: &Options) -> Result<Report, BenchError> {
    let ways: BTreeSet<Way> = options.ways.iter().copied().chain([Way::AcrossSubnets]).collect();
    let cloud = Cloud::start(options.mode, &options.directory, "ways")?;
    let paths = open_paths(&cloud, &ways)?;
    let measure = |path: &BenchPath, duration| {
        if (options.is_interrupted)() { Err(BenchError::Interrupted) } else { path.measure(duration) }
    };
    // One short round that does not count: neighbours are found, processors wake up.
    for path in &paths {
        measure(path, options.measurement / 4)?;
    }
    let mut groups: Vec<Group<'_>> = ways.iter().map(|&way| Group::new(way, &paths)).collect();
    for round in 0..options.rounds.max(1) {
        for group in &mut groups {
            let count = group.paths.len();
            for step in 0..count {
                // Each path gets to be first.
                let (path, measured) = &mut group.paths[(round + step) % count];
                measured.push(measure(path, options.measurement)?);
            }
        }
    }
    let of = |way: Way| groups.iter().find(|group| group.way == way);
    let usual = of(Way::AcrossSubnets).map_or(&groups[0], |group| group);
    let router = usual.of(usual.way.router());
    let WayReport { ratios, ratios_to_router, measured: brume, .. } = usual.report();
    let rules = of(Way::ThousandRules).map(|group| (group, group.of(PathKind::Brume(Way::TenRules))));
    Ok(Report {
        ratios,
        ratios_to_router,
        mode: mode_of(&cloud),
        rounds: options.rounds.max(1),
        veth: Measurement::median(usual.of(usual.way.veth())),
        brume,
        router: (!router.is_empty()).then(|| Measurement::median(router)),
        ways: groups.iter().map(Group::report).collect(),
        thousand_rules_to_ten: rules.and_then(|(group, ten)| group.relative_to(ten)),
    })
}

/// A way and what it is compared with, measured one after the other in each round: what is compared is near in time, since
/// machines are not the same from one minute to the next.
struct Group<'p> {
    way: Way,
    paths: Vec<(&'p BenchPath, Vec<Measurement>)>,
}

impl<'p> Group<'p> {
    fn new(way: Way, paths: &'p [BenchPath]) -> Self {
        let fewer_rules = (way == Way::ThousandRules).then_some(PathKind::Brume(Way::TenRules));
        let kinds =
            [Some(way.veth()), Some(way.router()), fewer_rules, Some(PathKind::Brume(way))].into_iter();
        let found = kinds.flatten().filter_map(|kind| paths.iter().find(|path| path.kind == kind));
        Self { way, paths: found.map(|path| (path, Vec::new())).collect() }
    }

    /// What was measured on a path of that kind; nothing where there is none.
    fn of(&self, kind: PathKind) -> &[Measurement] {
        let path = self.paths.iter().find(|(path, _)| path.kind == kind);
        path.map_or(&[], |(_, measured)| measured)
    }

    fn relative_to(&self, to: &[Measurement]) -> Option<Ratios> {
        (!to.is_empty()).then(|| Ratios::median(self.of(PathKind::Brume(self.way)), to))
    }

    fn report(&self) -> WayReport {
        let measured = self.of(PathKind::Brume(self.way));
        WayReport {
            way: self.way,
            ratios: Ratios::median(measured, self.of(self.way.veth())),
            ratios_to_router: self.relative_to(self.of(self.way.router())),
            measured: Measurement::median(measured),
        }
    }
}

fn mode_of(cloud: &Cloud) -> String {
    match cloud.mode() {
        Mode::SlowOnly(reason) => format!("slow path only: {reason}"),
        Mode::FlowCache => "flow cache".to_owned(),
    }
}

/// The ways, and what they are compared with.
fn open_paths(cloud: &Cloud, ways: &BTreeSet<Way>) -> Result<Vec<BenchPath>, BenchError> {
    let mut paths: Vec<BenchPath> = Vec::new();
    for &way in ways {
        for kind in [way.veth(), way.router()] {
            if paths.iter().any(|path| path.kind == kind) {
                continue;
            }
            match kind {
                PathKind::Veth { is_ipv6 } => paths.push(BenchPath::veth(is_ipv6)?),
                PathKind::Router { is_ipv6, is_nat } => paths.extend(BenchPath::router(is_ipv6, is_nat)?),
                PathKind::Brume(_) => {}
            }
        }
        paths.push(cloud.open(way)?);
    }
    Ok(paths)
}

impl Ratios {
    fn median(of: &[Measurement], to: &[Measurement]) -> Self {
        let ratio = |value: fn(&Measurement) -> f64| {
            median(of.iter().zip(to).map(|(of, to)| value(of) / value(to)).collect())
        };
        Self {
            tcp_throughput: ratio(|measurement| measurement.tcp_gbit_per_sec),
            round_trip_p50: ratio(|measurement| measurement.round_trip_p50_micros),
            connections: ratio(|measurement| measurement.connections_per_sec),
        }
    }
}

impl Measurement {
    fn median(all: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(all.iter().map(value).collect());
        Self {
            tcp_gbit_per_sec: of(|measurement| measurement.tcp_gbit_per_sec),
            round_trip_p50_micros: of(|measurement| measurement.round_trip_p50_micros),
            connections_per_sec: of(|measurement| measurement.connections_per_sec),
        }
    }
}

/// The middle value; of an even number the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count.is_multiple_of(2) => (values[count / 2 - 1] + values[count / 2]) / 2.0,
        count => values[count / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_round_counts() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        let one = |value| Measurement {
            tcp_gbit_per_sec: value,
            round_trip_p50_micros: value,
            connections_per_sec: value,
        };
        // A slow round weighs on both paths, so the ratio within it holds.
        let ratios = Ratios::median(&[one(9.0), one(1.0), one(8.0)], &[one(10.0), one(2.0), one(10.0)]);
        assert!((ratios.tcp_throughput - 0.8).abs() < 1e-9);
    }
}
