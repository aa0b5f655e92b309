//! `brume diff` and `brume revisions`: who reaches whom otherwise than before, and between which revisions that can be asked.
//!
//! Owns the tables. Refuses to know what is kept and how it is compared: the daemon tells.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use node::{DiffReport, DiffRequest, ReachChange, Revisions};

use crate::account::running;
use crate::args::{DiffOptions, RevisionsOptions};
use crate::net::Style;

/// Asks and shows what changed.
pub(crate) fn run(options: &DiffOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume diff`", &options.data_dir)?;
    let request = DiffRequest { from: options.from, to: options.to, traffic: options.port.clone() };
    let report = DiffReport::ask(&run_dir, request).context("they cannot be compared")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", changes(&report, Style::of_output()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks and shows which revisions there are.
pub(crate) fn revisions(options: &RevisionsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume revisions`", &options.data_dir)?;
    let told = Revisions::ask(&run_dir).context("the daemon does not tell")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print!("{}", list(&told, options.last, Style::of_output()));
    }
    Ok(ExitCode::SUCCESS)
}

fn changes(report: &DiffReport, style: Style) -> String {
    let DiffReport { from, to, pairs, .. } = report;
    let mut text = String::new();
    if !report.changes.is_empty() {
        text.push_str(&style.heading(&format!("  {:<14} {:<12} FROM -> TO", "PROTOCOL", "PORTS")));
    }
    for change in &report.changes {
        let ReachChange { from, to, protocol, packets, .. } = change;
        let sign = if change.is_added { '+' } else { '-' };
        let ports = match change.ports {
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first}-{last}"),
            None => String::new(),
        };
        let _ = writeln!(text, "{sign} {protocol:<14} {ports:<12} {from} -> {to}");
        let _ = writeln!(text, "      {packets}");
        for why in &change.why {
            let _ = writeln!(text, "      {why}");
        }
    }
    if report.left_out > 0 {
        let _ = writeln!(text, "and {} more", report.left_out);
    }
    let count = report.changes.len() + report.left_out;
    let _ = match count {
        0 => writeln!(
            text,
            "Nothing gets through otherwise in {to} than in {from}; {pairs} pairs were compared."
        ),
        1 => writeln!(text, "\n1 change between {from} and {to}, of {pairs} pairs that could have changed."),
        count => writeln!(
            text,
            "\n{count} changes between {from} and {to}, of {pairs} pairs that could have changed."
        ),
    };
    text
}

fn list(told: &Revisions, last: usize, style: Style) -> String {
    let mut text = style.heading(&format!("{:>9}  {:<24}  CHANGED", "REVISION", "TIME"));
    for entry in told.entries.iter().skip(told.entries.len().saturating_sub(last)) {
        let _ = writeln!(
            text,
            "{:>9}  {:<24}  {}",
            entry.revision,
            entry.at.to_string(),
            entry.changes.join(", ")
        );
    }
    let runs: Vec<String> = told.kept.iter().map(|(first, last)| format!("{first} to {last}")).collect();
    let kept = if runs.is_empty() { "nothing".to_owned() } else { runs.join(", ") };
    let _ = writeln!(text, "\nKept are {kept}; the newest is {}.", told.newest);
    text
}

#[cfg(test)]
mod tests {
    use node::RevisionEntry;

    use super::*;

    const PLAIN: Style = Style { is_bold: false };

    #[test]
    fn changes_are_shown_with_what_decides_them() {
        let change = ReachChange {
            from: "eni-1 (web)".to_owned(),
            to: "eni-2 (db)".to_owned(),
            protocol: "tcp".to_owned(),
            ports: Some((22, 22)),
            is_added: false,
            packets: "10.0.0.5:1024-65535 > 10.0.0.6:22".to_owned(),
            why: vec!["no ingress rule".to_owned()],
        };
        let ping = ReachChange { protocol: "ping".to_owned(), ports: None, is_added: true, ..change.clone() };
        let mut report = DiffReport { from: 3, to: 5, pairs: 12, changes: vec![change, ping], left_out: 1 };
        let text = changes(&report, PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "- tcp            22           eni-1 (web) -> eni-2 (db)");
        assert_eq!(lines[2..4], ["      10.0.0.5:1024-65535 > 10.0.0.6:22", "      no ingress rule"]);
        assert_eq!(lines[4], "+ ping                        eni-1 (web) -> eni-2 (db)");
        assert_eq!(
            lines[7..],
            ["and 1 more", "", "3 changes between 3 and 5, of 12 pairs that could have changed."]
        );
        report = DiffReport { changes: Vec::new(), left_out: 0, ..report };
        assert_eq!(
            changes(&report, PLAIN),
            "Nothing gets through otherwise in 5 than in 3; 12 pairs were compared.\n"
        );
    }

    #[test]
    fn revisions_are_a_line_each() {
        let entry = |revision| RevisionEntry {
            revision,
            at: aws_types::Timestamp::from_unix_millis(0),
            changes: vec!["vpc vpc-1 made".to_owned(), "subnet subnet-1 made".to_owned()],
        };
        let told = Revisions { newest: 9, kept: vec![(1, 3), (5, 9)], entries: vec![entry(2), entry(7)] };
        let text = list(&told, 1, PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].starts_with("        7  1970-")
                && lines[1].ends_with("vpc vpc-1 made, subnet subnet-1 made")
        );
        assert_eq!(lines[2..], ["", "Kept are 1 to 3, 5 to 9; the newest is 9."]);
    }
}
