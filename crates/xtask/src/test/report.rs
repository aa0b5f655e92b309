//! What the steps of a test run came to, and how it is told.
//!
//! Owns the counts, the summary table and the closing line. A skipped thing is never counted as passed.

use std::fmt::Write as _;
use std::time::Duration;

/// Counts of one step, with the names of what did not pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many checks held.
    pub(crate) passed: usize,
    /// What failed, by name.
    pub(crate) failed: Vec<String>,
    /// What did not run.
    pub(crate) skipped: Vec<Skip>,
}

/// Something that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    /// The test, recipe or step.
    pub(crate) what: String,
    /// The reason in words, as the test gave it.
    pub(crate) reason: String,
    /// Whether it was asked for in vain (`false`: left out on purpose, for example by an option).
    pub(crate) is_shortfall: bool,
}

impl Tally {
    /// One check called `what` that held or did not.
    pub(crate) fn one(what: &str, held: bool) -> Self {
        let mut tally = Self::default();
        tally.add(what, held);
        tally
    }

    /// One thing that could not run although it was asked for.
    pub(crate) fn shortfall(what: &str, reason: impl Into<String>) -> Self {
        let mut tally = Self::default();
        tally.skip(what, reason);
        tally
    }

    /// Counts one more check.
    pub(crate) fn add(&mut self, what: &str, held: bool) {
        if held {
            self.passed += 1;
        } else {
            self.failed.push(what.to_owned());
        }
    }

    /// Counts one thing that was not asked for.
    pub(crate) fn leave_out(&mut self, what: &str, reason: &str) {
        let (what, reason) = (what.to_owned(), reason.to_owned());
        self.skipped.push(Skip { what, reason, is_shortfall: false });
    }

    /// Adds the counts of another one.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }

    /// Counts one more thing that could not run although it was asked for.
    pub(crate) fn skip(&mut self, what: &str, reason: impl Into<String>) {
        self.skipped.push(Skip { what: what.to_owned(), reason: reason.into(), is_shortfall: true });
    }
}

/// One finished step.
#[derive(Debug)]
pub(crate) struct StepResult {
    /// The step's name, as `--only` takes it.
    pub(crate) name: &'static str,
    /// Its counts.
    pub(crate) tally: Tally,
    /// How long it took.
    pub(crate) took: Duration,
}

/// The whole run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Steps in the order in which they ran.
    pub(crate) steps: Vec<StepResult>,
}

impl Report {
    /// Turns every shortfall into a failure: on a machine that can run everything, a skip is a mistake.
    pub(crate) fn refuse_shortfalls(&mut self) {
        for step in &mut self.steps {
            let (refused, kept) = std::mem::take(&mut step.tally.skipped)
                .into_iter()
                .partition(|skip: &Skip| skip.is_shortfall);
            step.tally.skipped = kept;
            let refused: Vec<Skip> = refused;
            step.tally.failed.extend(refused.into_iter().map(|skip| {
                format!("{} (skipped, but this machine can run it: {})", skip.what, skip.reason)
            }));
        }
    }

    /// Whether nothing failed.
    pub(crate) fn is_success(&self) -> bool {
        self.steps.iter().all(|step| step.tally.failed.is_empty())
    }

    /// The table of steps, then what failed and what was skipped, then the closing line on a line of its own.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        let mut line = |content: String| {
            text.push_str(&content);
            text.push('\n');
        };
        line(format!("{:<20} {:>8} {:>8} {:>8} {:>10}", "step", "passed", "failed", "skipped", "time"));
        for step in &self.steps {
            line(format!(
                "{:<20} {:>8} {:>8} {:>8} {:>10}",
                step.name,
                step.tally.passed,
                step.tally.failed.len(),
                step.tally.skipped.len(),
                clock(step.took)
            ));
        }
        for step in &self.steps {
            for name in &step.tally.failed {
                line(format!("FAILED   {}: {name}", step.name));
            }
        }
        for step in &self.steps {
            for skip in &step.tally.skipped {
                line(format!("SKIPPED  {}: {}: {}", step.name, skip.what, skip.reason));
            }
        }
        let sum =
            |count: fn(&Tally) -> usize| self.steps.iter().map(|step| count(&step.tally)).sum::<usize>();
        let total: Duration = self.steps.iter().map(|step| step.took).sum();
        line(format!("total time {}", clock(total)));
        let _ = write!(
            text,
            "\n{} passed, {} failed, {} skipped",
            sum(|tally| tally.passed),
            sum(|tally| tally.failed.len()),
            sum(|tally| tally.skipped.len())
        );
        text
    }
}

/// A duration as people read it: `4.2 s`, `3 min 07 s`.
pub(crate) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, tally: Tally) -> StepResult {
        StepResult { name, tally, took: Duration::from_secs(61) }
    }

    #[test]
    fn the_last_line_has_the_sums_and_nothing_else() {
        let mut tests = Tally { passed: 10, ..Tally::default() };
        tests.add("engine::lpm", false);
        tests.skip("netns_flow::mtu", "no BPF");
        let report = Report { steps: vec![step("fmt", Tally::one("fmt", true)), step("tests", tests)] };
        let text = report.render();
        assert_eq!(text.lines().last(), Some("11 passed, 1 failed, 1 skipped"));
        assert!(text.contains("FAILED   tests: engine::lpm"), "{text}");
        assert!(text.contains("SKIPPED  tests: netns_flow::mtu: no BPF"), "{text}");
        assert!(!report.is_success());
    }

    #[test]
    fn a_shortfall_fails_where_everything_can_run() {
        let mut report = Report { steps: vec![step("ebpf", Tally::shortfall("object", "no clang-14"))] };
        assert!(report.is_success());
        report.refuse_shortfalls();
        assert!(!report.is_success());
        assert_eq!(report.render().lines().last(), Some("0 passed, 1 failed, 0 skipped"));
    }

    #[test]
    fn times_read_like_times() {
        assert_eq!(clock(Duration::from_millis(4_240)), "4.2 s");
        assert_eq!(clock(Duration::from_secs(187)), "3 min 07 s");
    }
}
