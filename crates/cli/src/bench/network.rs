//! `brume bench network`: the data plane's own benchmark, as a table for people.

use std::fmt;

use anyhow::Context as _;
use data_plane::ModeChoice;
use data_plane::bench::{Measurement, Options, Ratios};
use serde::Serialize;

use crate::args::MeasureOptions;
use crate::scratch::Scratch;
use crate::throwaway;

/// What was measured, as JSON or as a table.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Report(data_plane::bench::Report);

/// Measures in namespaces of the benchmark's own. It has no cloud; its files are in that directory or a temporary one.
pub(crate) fn run(options: &MeasureOptions) -> anyhow::Result<Report> {
    throwaway::heed_signals()?;
    let directory = Scratch::new(options.data_dir.data_dir.as_deref())?;
    let options = Options {
        mode: if options.no_ebpf { ModeChoice::SlowOnly } else { ModeChoice::Auto },
        directory: directory.path().to_owned(),
        is_interrupted: || throwaway::check_interrupted().is_err(),
        ..Options::default()
    };
    eprintln!("measuring in {} rounds; this takes about half a minute", options.rounds);
    let measured = data_plane::bench::run(&options);
    throwaway::check_interrupted()?;
    let report = measured.context("the network cannot be measured here")?;
    directory.remove()?;
    Ok(Report(report))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        writeln!(f, "median of {} rounds, {}\n", report.rounds, report.mode)?;
        writeln!(f, "{:<24} {:>12} {:>14} {:>16}", "", "TCP Gbit/s", "round trip us", "connections/s")?;
        let measured = |f: &mut fmt::Formatter<'_>, name: &str, it: &Measurement| {
            let (throughput, round_trip) = (it.tcp_gbit_per_sec, it.round_trip_p50_micros);
            writeln!(f, "{name:<24} {throughput:>12.2} {round_trip:>14.1} {:>16.0}", it.connections_per_sec)
        };
        measured(f, "bare veth pair", &report.veth)?;
        if let Some(router) = &report.router {
            measured(f, "Linux router, nftables", router)?;
        }
        measured(f, "Brume", &report.brume)?;
        writeln!(f)?;
        let ratios = |f: &mut fmt::Formatter<'_>, name: &str, it: &Ratios| {
            let (throughput, round_trip) = (it.tcp_throughput, it.round_trip_p50);
            writeln!(f, "{name:<24} {throughput:>12.2} {round_trip:>14.2} {:>16.2}", it.connections)
        };
        ratios(f, "Brume / bare veth pair", &report.ratios)?;
        match &report.ratios_to_router {
            Some(to_router) => ratios(f, "Brume / Linux router", to_router),
            None => writeln!(f, "There is no nft here, so the Linux router was left out."),
        }
    }
}
