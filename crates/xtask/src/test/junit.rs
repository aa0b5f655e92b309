//! Reads the report that nextest writes.
//!
//! Owns the part of the JUnit format that nextest fills: which tests ran, which failed, and what they printed, where a
//! line `SKIPPED: reason` says that the test could not run here.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::report::Tally;

/// What a test prints on standard error when the machine cannot run it.
const SKIP_MARK: &str = "SKIPPED:";

/// A report that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JunitError {
    /// The text is not XML.
    #[error("the test report is not well-formed")]
    Malformed(#[from] quick_xml::Error),
    /// An attribute is not XML.
    #[error("the test report has a malformed attribute")]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
    /// No test at all: nothing was proved.
    #[error("the test report names no test")]
    Empty,
}

#[derive(Default)]
struct Case {
    name: String,
    is_failed: bool,
    is_ignored: bool,
    printed: String,
}

impl Case {
    /// A test that failed has failed, whatever it printed before; one that says it was skipped has not passed.
    fn end(self) -> (String, Outcome) {
        let skip = self.printed.lines().find_map(|line| line.trim_start().strip_prefix(SKIP_MARK));
        let outcome = match skip {
            _ if self.is_failed => Outcome::Failed,
            _ if self.is_ignored => Outcome::LeftOut,
            Some(reason) => Outcome::Skipped(reason.trim().to_owned()),
            None => Outcome::Passed,
        };
        (self.name, outcome)
    }
}

/// What a test has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran and held.
    Passed,
    /// It ran and did not.
    Failed,
    /// It could not run, for the reason that it gave.
    Skipped(String),
    /// It was not asked for.
    LeftOut,
}

/// Counts the tests of a report.
///
/// # Errors
/// When the text is not a report, or one without any test.
pub(crate) fn tally(xml: &str) -> Result<Tally, JunitError> {
    let mut tally = Tally::default();
    for (name, outcome) in outcomes(xml)? {
        match outcome {
            Outcome::Passed => tally.add(&name, true),
            Outcome::Failed => tally.add(&name, false),
            Outcome::Skipped(reason) => tally.skip(&name, reason),
            Outcome::LeftOut => tally.leave_out(&name, "ignored unless --long"),
        }
    }
    Ok(tally)
}

/// The tests of a report by their names, `PACKAGE::BINARY::TEST`.
///
/// # Errors
/// When the text is not a report, or one without any test.
pub(crate) fn outcomes(xml: &str) -> Result<Vec<(String, Outcome)>, JunitError> {
    let mut reader = Reader::from_str(xml);
    let mut outcomes = Vec::new();
    let mut case: Option<Case> = None;
    loop {
        match reader.read_event()? {
            Event::Start(element) => start(&element, &mut case)?,
            Event::Empty(element) => {
                start(&element, &mut case)?;
                if element.name().as_ref() == "testcase" {
                    outcomes.extend(case.take().map(Case::end));
                }
            }
            Event::Text(text) => {
                if let Some(case) = &mut case {
                    case.printed.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(case) = &mut case {
                    case.printed.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(case) = &mut case {
                    case.printed.push_str(match &*reference {
                        "amp" => "&",
                        "lt" => "<",
                        "gt" => ">",
                        "quot" => "\"",
                        "apos" => "'",
                        _ => "?",
                    });
                }
            }
            Event::End(element) if element.name().as_ref() == "testcase" => {
                outcomes.extend(case.take().map(Case::end));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if outcomes.is_empty() { Err(JunitError::Empty) } else { Ok(outcomes) }
}

fn start(element: &BytesStart<'_>, case: &mut Option<Case>) -> Result<(), JunitError> {
    match element.name().as_ref() {
        "testcase" => {
            let mut name = String::new();
            for key in ["classname", "name"] {
                if let Some(attribute) = element.try_get_attribute(key)? {
                    if !name.is_empty() {
                        name.push_str("::");
                    }
                    name.push_str(&attribute.value);
                }
            }
            *case = Some(Case { name, ..Case::default() });
        }
        "failure" | "error" => {
            if let Some(case) = case {
                case.is_failed = true;
            }
        }
        "skipped" => {
            if let Some(case) = case {
                case.is_ignored = true;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="4" failures="1" errors="0">
  <testsuite name="vpc-engine" tests="4" failures="1">
    <testcase name="a_passes" classname="vpc-engine" time="0.01"/>
    <testcase name="b_prints" classname="vpc-engine" time="0.01">
      <system-out>running 1 test</system-out>
      <system-err></system-err>
    </testcase>
    <testcase name="c_cannot_run" classname="vpc-engine::netns_flow" time="0.01">
      <system-err>starting
SKIPPED: no right to load BPF &amp; no fallback
</system-err>
    </testcase>
    <testcase name="d_fails" classname="vpc-engine" time="0.01">
      <failure message="left != right" type="test failure">SKIPPED: is not an excuse</failure>
    </testcase>
    <testcase name="e_is_long" classname="vpc-engine">
      <skipped/>
    </testcase>
  </testsuite>
</testsuites>"#;

    #[test]
    fn passed_failed_and_skipped_are_told_apart() {
        let tally = tally(REPORT).unwrap();
        assert_eq!(tally.passed, 2);
        assert_eq!(tally.failed, ["vpc-engine::d_fails"]);
        assert_eq!(tally.skipped.len(), 2);
        assert!(!tally.skipped[1].is_shortfall);
        assert_eq!(tally.skipped[0].what, "vpc-engine::netns_flow::c_cannot_run");
        assert_eq!(tally.skipped[0].reason, "no right to load BPF & no fallback");
    }

    #[test]
    fn a_report_without_tests_proves_nothing() {
        assert!(matches!(tally("<testsuites/>"), Err(JunitError::Empty)));
        assert!(tally("<testsuites><a></testsuites>").is_err());
    }
}
