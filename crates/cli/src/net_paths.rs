//! `brume net set` and `brume net conditions`: what the ways between zones, regions and hosts of the internet are like.
//!
//! Owns how that is said and shown. Refuses to know what it does to packets: the data plane does.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use node::{Bandwidth, ConditionChange, PathName, PathStatus};

use crate::account::running;
use crate::args::{ConditionOptions, NetConditionsOptions, NetSetCommand, NetSetOptions};
use crate::net::{Style, show};

/// Sets or clears the condition of a path.
pub(crate) fn set(options: &NetSetOptions) -> anyhow::Result<ExitCode> {
    let (name, how) = match &options.what {
        NetSetCommand::Zones(zones) => (PathName::Zones(zones.one.clone(), zones.other.clone()), &zones.how),
        NetSetCommand::Regions(regions) => {
            (PathName::Regions(regions.one.clone(), regions.other.clone()), &regions.how)
        }
        NetSetCommand::Internet(host) => (PathName::Internet(host.name.clone()), &host.how),
    };
    let run_dir = running("`brume net set`", &how.data_dir)?;
    let set = PathStatus::set(&run_dir, name, change(&how.condition)).context("nothing was changed")?;
    if how.json {
        println!("{}", serde_json::to_string_pretty(&set)?);
    } else {
        println!("{}", sentence(&set));
    }
    Ok(ExitCode::SUCCESS)
}

fn change(options: &ConditionOptions) -> ConditionChange {
    match options.clear {
        true => ConditionChange::clear(),
        false => {
            ConditionChange { latency: options.latency, loss: options.loss, bandwidth: options.bandwidth }
        }
    }
}

fn place(path: &PathStatus) -> String {
    match &path.between[..] {
        [host] if path.kind == "internet" => format!("to {host}"),
        [zone] => format!("within {zone}"),
        ends => format!("between {}", ends.join(" and ")),
    }
}

fn sentence(path: &PathStatus) -> String {
    let condition = path.condition();
    let mut said = Vec::new();
    if condition.latency.micros() > 0 {
        said.push(format!("packets take {} one way", condition.latency));
    }
    if condition.loss.millionths() > 0 {
        said.push(format!("{} of them are lost", condition.loss));
    }
    if condition.bandwidth != Bandwidth::UNLIMITED {
        said.push(format!("{} pass in a second each way", condition.bandwidth));
    }
    match said.is_empty() {
        true => format!("The way {} has no condition.", place(path)),
        false => format!("On the way {} {}.", place(path), said.join(", ")),
    }
}

/// Shows the paths that have conditions.
pub(crate) fn conditions(options: &NetConditionsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume net conditions`", &options.data_dir)?;
    show(&run_dir, (false, options.json), PathStatus::list, |paths: &Vec<PathStatus>, style| {
        conditions_text(paths, style)
    })
}

fn conditions_text(paths: &[PathStatus], style: Style) -> String {
    if paths.is_empty() {
        return "No way has a condition. `brume net set zones us-east-1a us-east-1b --latency 2ms` sets one."
            .to_owned();
    }
    let columns = ("KIND", "BETWEEN", "LATENCY", "LOSS", "BANDWIDTH", "ID");
    let (kind, between, latency, loss, bandwidth, id) = columns;
    let heading = format!("{kind:<9} {between:<32} {latency:>9} {loss:>9} {bandwidth:>10} {id}");
    let mut text = style.heading(&heading);
    for path in paths {
        let condition = path.condition();
        let between = path.between.join(", ");
        let (latency, loss, bandwidth) = (condition.latency, condition.loss, condition.bandwidth);
        let PathStatus { kind, id, .. } = path;
        let _ = writeln!(text, "{kind:<9} {between:<32} {latency:>9} {loss:>9} {bandwidth:>10} {id}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(kind: &str, between: &[&str], bandwidth: Option<u64>) -> PathStatus {
        PathStatus {
            id: "path-1".to_owned(),
            kind: kind.to_owned(),
            between: between.iter().map(|&name| name.to_owned()).collect(),
            latency_micros: 2000,
            loss_millionths: 5000,
            bandwidth_bits_per_sec: bandwidth,
        }
    }

    #[test]
    fn conditions_are_said_and_shown() {
        let zones = path("zones", &["us-east-1a", "us-east-1b"], Some(100_000_000));
        assert_eq!(
            sentence(&zones),
            "On the way between us-east-1a and us-east-1b packets take 2ms one way, 0.5% of them are lost, 100mbit \
             pass in a second each way."
        );
        let none =
            PathStatus { latency_micros: 0, loss_millionths: 0, ..path("internet", &["a.example"], None) };
        assert_eq!(sentence(&none), "The way to a.example has no condition.");
        assert!(sentence(&path("zones", &["us-east-1a"], None)).starts_with("On the way within us-east-1a "));
        let text = conditions_text(&[zones], Style { is_bold: false });
        let line: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(line, ["zones", "us-east-1a,", "us-east-1b", "2ms", "0.5%", "100mbit", "path-1"]);
    }
}
