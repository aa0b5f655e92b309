//! `brume trace`: whether a packet would get there, along what, and what stops it.
//!
//! Owns the picture. Refuses to know how packets are judged: the daemon's engine tells.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use node::{LiveReport, LiveVerdict, TraceReport, TraceRequest, TraceStep, TracedProtocol};

use crate::account::running;
use crate::args::TraceOptions;
use crate::net::Style;

/// What the command ends with when the packet does not get there, or its reply does not come back.
pub(crate) const NO_WAY: u8 = 3;
/// What it ends with when the real packet did something else than the trace says.
const DISAGREES: u8 = 4;

/// Asks and shows.
pub(crate) fn run(options: &TraceOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume trace`", &options.data_dir)?;
    let protocol = match (options.tcp, options.udp) {
        (Some(port), _) => TracedProtocol::Tcp(port),
        (None, Some(port)) => TracedProtocol::Udp(port),
        (None, None) => TracedProtocol::Ping,
    };
    let request = TraceRequest {
        from: options.from.clone(),
        to: options.to.clone(),
        protocol,
        source_port: options.from_port,
        live: options.live,
    };
    let report = TraceReport::ask(&run_dir, request).context("it cannot be traced")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", picture(&report, Style::of_output()));
    }
    let disagrees = report.live.as_ref().is_some_and(|live| live.verdict == LiveVerdict::Disagrees);
    Ok(match report.reaches {
        _ if disagrees => ExitCode::from(DISAGREES),
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO_WAY),
    })
}

fn picture(report: &TraceReport, style: Style) -> String {
    let mut text = traced(report, style);
    if let Some(report) = &report.live {
        live(&mut text, report, style);
    }
    text
}

/// What became of the real packet.
fn live(text: &mut String, report: &LiveReport, style: Style) {
    text.push('\n');
    text.push_str(&style.heading(&format!("live: sent {}", report.sent)));
    for way in std::iter::once(&report.there).chain(&report.back) {
        let _ = writeln!(text, "  {}", way.text);
    }
    let verdict = match report.verdict {
        LiveVerdict::Agrees => "agrees with the trace",
        LiveVerdict::Disagrees => "DISAGREES with the trace: this is a defect of Brume",
        LiveVerdict::Unclear => "cannot be compared with the trace",
    };
    match &report.remark {
        Some(remark) => _ = writeln!(text, "  {verdict}: {remark}"),
        None => _ = writeln!(text, "  {verdict}"),
    }
    if let Some(file) = &report.replay {
        let _ = writeln!(text, "  what is needed to try again is in {}", file.display());
    }
}

fn traced(report: &TraceReport, style: Style) -> String {
    let mut text = style.heading(&report.packet);
    way(&mut text, &report.there);
    match &report.lands_at {
        Some(place) => _ = writeln!(text, "  ==> {place}"),
        None => text.push_str("  ==> nowhere\n"),
    }
    if let Some(back) = &report.back {
        text.push_str(&style.heading("its reply"));
        way(&mut text, back);
    }
    text.push('\n');
    if report.reaches {
        text.push_str("It gets there, and its reply comes back.\n");
        return text;
    }
    text.push_str(&style.heading("It does not get through. What stops it:"));
    list(&mut text, &report.refusals);
    if report.fixes.is_empty() {
        text.push_str("There is nothing to change that would let it through.\n");
        return text;
    }
    text.push_str(&style.heading(match report.fixes_are_enough {
        true => "What would let it through, all together:",
        false => "What would have to change, and is not enough:",
    }));
    list(&mut text, &report.fixes);
    text
}

pub(crate) fn list(text: &mut String, lines: &[String]) {
    for (number, line) in (1..).zip(lines) {
        let _ = writeln!(text, "  {number}. {line}");
    }
}

/// One line for each step; the packet is shown where it has become another.
pub(crate) fn way(text: &mut String, steps: &[TraceStep]) {
    let mut shown = "";
    for step in steps {
        let mark = match step.kind.as_str() {
            "refusal" => "x",
            "interface" | "gateway" | "internet" => "o",
            _ => "|",
        };
        let packet = if step.packet == shown { "" } else { step.packet.as_str() };
        let line = format!("  {mark} {:<64} {packet}", step.text);
        let _ = writeln!(text, "{}", line.trim_end());
        shown = &step.packet;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: &str, text: &str, packet: &str) -> TraceStep {
        let reason = (kind == "refusal").then(|| "NoIngressRule".to_owned());
        TraceStep { kind: kind.to_owned(), text: text.to_owned(), packet: packet.to_owned(), reason }
    }

    #[test]
    fn a_way_is_a_line_for_each_step_and_what_would_help() {
        let packet = "10.0.0.5:40000 > 10.0.0.6:22";
        let report = TraceReport {
            packet: format!("tcp {packet}"),
            revision: 7,
            reaches: false,
            there: vec![step("interface", "eni-1", packet), step("refusal", "no ingress rule", packet)],
            lands_at: None,
            back: None,
            refusals: vec!["no ingress rule".to_owned()],
            fixes: vec!["add a rule".to_owned()],
            fixes_are_enough: true,
            live: None,
        };
        let plain = Style { is_bold: false };
        let lines = picture(&report, plain);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[0], "tcp 10.0.0.5:40000 > 10.0.0.6:22");
        assert!(lines[1].starts_with("  o eni-1 ") && lines[1].ends_with(packet));
        assert_eq!(lines[2..5], ["  x no ingress rule", "  ==> nowhere", ""]);
        assert_eq!(
            lines[6..],
            ["  1. no ingress rule", "What would let it through, all together:", "  1. add a rule"]
        );
        let open = TraceReport { reaches: true, fixes: Vec::new(), refusals: Vec::new(), ..report };
        assert!(picture(&open, plain).ends_with("It gets there, and its reply comes back.\n"));
    }
}
