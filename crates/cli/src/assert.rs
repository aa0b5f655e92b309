//! `brume assert`: whether a network does what a file says that it should.
//!
//! Owns the table, and what is said below what failed. Refuses to know the file's format (`assertions` does) and how packets
//! are judged: the daemon's engine tells.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use node::{AssertReport, AssertRequest, AssertionCheck, PairFailure};

use crate::account::running;
use crate::args::AssertOptions;
use crate::net::Style;
use crate::trace::{NO_WAY, list, way};

/// What the command ends with when the file is wrong.
const WRONG_FILE: u8 = 2;

/// Reads, asks and shows.
pub(crate) fn run(options: &AssertOptions) -> anyhow::Result<ExitCode> {
    let name = options.file.display().to_string();
    let bytes = match read(&options.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("brume: {name} cannot be read: {error}");
            return Ok(ExitCode::from(WRONG_FILE));
        }
    };
    let is_json = options.file.extension().is_some_and(|extension| extension == "json");
    let assertions = match assertions::parse(&bytes, is_json) {
        Ok(assertions) => assertions,
        Err(problems) => {
            if options.json {
                println!(
                    "{}",
                    serde_json::to_string_pretty(&serde_json::json!({ "problems": problems.listed() }))?
                );
            }
            eprint!("{}", problems.shown(&name, &bytes));
            return Ok(ExitCode::from(WRONG_FILE));
        }
    };
    let run_dir = running("`brume assert`", &options.data_dir)?;
    let report = AssertReport::ask(&run_dir, AssertRequest { assertions }).context("it cannot be told")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table(&report, Style::of_output()));
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::from(NO_WAY) })
}

/// No more than one byte more than a file may have, so that one which never ends is refused too.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = assertions::FILE_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn table(report: &AssertReport, style: Style) -> String {
    let mut text = style.heading(&format!("{:>5}  {:<6}  {:>6}  ASSERTION", "LINE", "", "PAIRS"));
    for check in &report.checks {
        let outcome = if check.holds { "ok" } else { "FAILED" };
        let AssertionCheck { line, pairs, assertion, .. } = check;
        let row = format!("{line:>5}  {outcome:<6}  {pairs:>6}  {assertion}");
        text.push_str(&if check.holds { row + "\n" } else { style.heading(&row) });
        below(&mut text, check);
    }
    let failed = report.checks.iter().filter(|check| !check.holds).count();
    let (all, revision) = (report.checks.len(), report.revision);
    let _ = match failed {
        0 => writeln!(text, "\n{all} of {all} hold in revision {revision}."),
        failed => writeln!(text, "\n{failed} of {all} do not hold in revision {revision}."),
    };
    text
}

/// Why an assertion does not hold, and for how far it does.
fn below(text: &mut String, check: &AssertionCheck) {
    let mut below = String::new();
    if let Some(problem) = &check.problem {
        let _ = writeln!(below, "{problem}");
    }
    for failure in &check.failures {
        pair(&mut below, failure);
    }
    if check.pairs_by_header > 0 {
        let pairs = check.pairs_by_header;
        let _ = writeln!(
            below,
            "of {pairs} pairs a hash of the header chooses between several ways; this is what becomes of one packet of each"
        );
    }
    let left_out = check.failed_pairs - check.failures.len();
    if left_out > 0 {
        let _ = writeln!(below, "and {left_out} more pairs");
    }
    for line in below.lines() {
        let _ = writeln!(text, "         {line}");
    }
}

fn pair(text: &mut String, failure: &PairFailure) {
    let PairFailure { from, to, packets, packet, refusals, fixes, .. } = failure;
    let _ = writeln!(text, "{from} -> {to}");
    let what = if failure.way.is_empty() { "does not get through" } else { "gets there" };
    for packets in packets {
        let _ = writeln!(text, "{what}: {packets}");
    }
    if failure.is_by_header {
        let _ = writeln!(
            text,
            "a hash of the header chooses between several ways; this is what becomes of {packet}"
        );
    }
    if !failure.way.is_empty() {
        text.push_str("along:\n");
        way(text, &failure.way);
        return;
    }
    list(text, refusals);
    if fixes.is_empty() {
        return;
    }
    text.push_str(match failure.fixes_are_enough {
        true => "what would let it through, all together:\n",
        false => "what would have to change, and is not enough:\n",
    });
    list(text, fixes);
}

#[cfg(test)]
mod tests {
    use node::TraceStep;

    use super::*;

    #[test]
    fn what_failed_is_explained_below_its_line() {
        let refused = PairFailure {
            from: "eni-1 (web)".to_owned(),
            to: "eni-2 (db)".to_owned(),
            packets: vec!["tcp 10.0.0.5:1024-65535 > 10.0.0.6:22".to_owned()],
            refusals: vec!["no ingress rule".to_owned()],
            fixes: vec!["add a rule".to_owned()],
            fixes_are_enough: true,
            ..PairFailure::default()
        };
        let step = TraceStep {
            kind: "interface".to_owned(),
            text: "eni-1".to_owned(),
            packet: "10.0.0.5 > 10.0.0.6".to_owned(),
            reason: None,
        };
        let open =
            PairFailure { way: vec![step], is_by_header: true, packet: "p".to_owned(), ..refused.clone() };
        let check = AssertionCheck {
            assertion: "web -> db tcp/22 allow".to_owned(),
            line: 3,
            pairs: 7,
            failed_pairs: 6,
            failures: vec![refused, open],
            ..AssertionCheck::default()
        };
        let holds =
            AssertionCheck { holds: true, pairs: 1, failed_pairs: 0, failures: Vec::new(), ..check.clone() };
        let by_header = AssertionCheck { pairs_by_header: 1, ..holds.clone() };
        let nobody =
            AssertionCheck { problem: Some("nobody is web".to_owned()), ..AssertionCheck::default() };
        let report = AssertReport { revision: 9, holds: false, checks: vec![holds.clone(), check, nobody] };
        let text = table(&report, Style { is_bold: false });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "    3  ok           1  web -> db tcp/22 allow");
        assert_eq!(lines[2], "    3  FAILED       7  web -> db tcp/22 allow");
        assert_eq!(lines[3], "         eni-1 (web) -> eni-2 (db)");
        assert_eq!(lines[4], "         does not get through: tcp 10.0.0.5:1024-65535 > 10.0.0.6:22");
        assert_eq!(lines[5], "           1. no ingress rule");
        assert_eq!(lines[6], "         what would let it through, all together:");
        assert!(lines[9].contains("gets there: ") && lines[10].contains("hash"), "{text}");
        assert!(lines[12].starts_with("           o eni-1 "), "{text}");
        assert_eq!(lines[13], "         and 4 more pairs");
        assert_eq!(lines[15], "         nobody is web");
        assert_eq!(*lines.last().unwrap(), "2 of 3 do not hold in revision 9.");
        let report = AssertReport { revision: 9, holds: true, checks: vec![by_header] };
        let text = table(&report, Style { is_bold: false });
        assert!(text.lines().nth(2).unwrap().contains("of 1 pairs a hash of the header chooses"), "{text}");
        let report = AssertReport { revision: 9, holds: true, checks: vec![holds] };
        assert!(table(&report, Style { is_bold: true }).ends_with("\n1 of 1 hold in revision 9.\n"));
    }
}
