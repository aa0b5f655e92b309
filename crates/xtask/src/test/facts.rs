//! The facts: `docs/facts.md` says of each where it is shown, in the engine and with real packets.
//!
//! Owns the form of the table: that it has every fact, that the tests it names are there and have the fact's number where
//! they are rows, and how many facts are shown. Refuses to judge whether a test is a good one or a reason is true.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Workbench;
use super::junit::{self, Outcome};
use super::report::Tally;

const DOCUMENT: &str = "docs/facts.md";
/// Where the rows are that the engine's tests of these names play.
const ROWS: &str = "crates/vpc-engine/src/testing/facts";
const PLAYERS: &str = "crates/vpc-engine/tests/facts";
/// How a cell begins that says why there is no test.
const NOT_SHOWN: &str = "none: ";

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Fact {
    number: String,
    /// In the engine, or where else packets are not asked.
    engine: Shown,
    packets: Shown,
}

impl Fact {
    /// Whether requests to the API alone show it: they are refused, or make what the engine is told.
    fn is_by_requests(&self) -> bool {
        matches!(&self.engine, Shown::By(tests) if tests.iter().all(|test| test.file.starts_with("crates/svc-")))
    }
}

/// What shows a fact.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    /// All of these tests.
    By(Vec<TestName>),
    /// Nothing, for this reason.
    Not(String),
}

/// A test as the project's documents name it: `crates/PACKAGE/tests/FILE.rs::FUNCTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TestName {
    file: String,
    function: String,
}

impl TestName {
    fn parse(text: &str) -> Option<Self> {
        let (file, function) = text.split_once("::")?;
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let is_test = file.starts_with("crates/") && file.ends_with(".rs") && function.chars().all(is_name);
        is_test.then(|| Self { file: file.to_owned(), function: function.to_owned() })
    }

    /// Whether a test of a report is this one: `PACKAGE::BINARY::MODULES::FUNCTION`, where the unit tests of a library have
    /// no binary, and the modules of a file are those of its path.
    fn is(&self, reported: &str) -> bool {
        let mut path = self.file.trim_end_matches(".rs").split('/').skip(1);
        let (package, _src_or_tests) = (path.next(), path.next());
        let path: Vec<&str> = path.filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect();
        let parts: Vec<&str> = reported.split("::").collect();
        let [first, modules @ .., last] = parts.as_slice() else { return false };
        let is_in = |modules: &[&str]| modules.starts_with(&path);
        Some(*first) == package
            && *last == self.function
            && (is_in(modules) || modules.split_first().is_some_and(|(_binary, modules)| is_in(modules)))
    }
}

impl std::fmt::Display for TestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}::{}", self.file, self.function)
    }
}

/// The numbers of all facts: A1 to A9, then 1 to 71 with 61a.
fn numbers() -> Vec<String> {
    let mut all: Vec<String> = (1..=9).map(|number| format!("A{number}")).collect();
    for number in 1..=71 {
        all.push(number.to_string());
        if number == 61 {
            all.push("61a".to_owned());
        }
    }
    all
}

/// The table of a document: lines `| number | fact | engine | packets |`.
fn table(document: &str, complaints: &mut Vec<String>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, fact, engine, packets] = cells.as_slice() else {
            complaints.push(format!("a line has not four cells: {line}"));
            continue;
        };
        if matches!(*number, "#" | "---") {
            continue;
        }
        if fact.is_empty() {
            complaints.push(format!("fact {number} is not said"));
        }
        let mut shown = |cell: &str| match cell.strip_prefix(NOT_SHOWN) {
            Some(reason) => Shown::Not(reason.to_owned()),
            None => {
                let tests: Vec<TestName> = cell.split('`').filter_map(TestName::parse).collect();
                if tests.is_empty() {
                    complaints.push(format!("fact {number} has a cell with neither a test nor a reason"));
                }
                Shown::By(tests)
            }
        };
        facts.push(Fact { number: (*number).to_owned(), engine: shown(engine), packets: shown(packets) });
    }
    let found: Vec<&String> = facts.iter().map(|fact| &fact.number).collect();
    for number in numbers() {
        match found.iter().filter(|found| **found == &number).count() {
            1 => {}
            count => complaints.push(format!("fact {number} has {count} lines")),
        }
    }
    for number in found.iter().filter(|number| !numbers().contains(number)) {
        complaints.push(format!("there is no fact {number}"));
    }
    facts
}

/// What is wrong with a test that a fact names; `read` gives the text of a file.
fn complaint(number: &str, test: &TestName, read: &dyn Fn(&str) -> String) -> Option<String> {
    let declaration = format!("fn {}(", test.function);
    if !read(&test.file).contains(&declaration) {
        return Some(format!("fact {number} names {test}, which is not there"));
    }
    let rows = test.file.starts_with(PLAYERS).then(|| read(ROWS))?;
    let rows = rows.split_once(&format!("pub {declaration}"))?.1;
    let rows = rows.split_once("\n}\n").map_or(rows, |(rows, _)| rows);
    let is_said = numbered(&test.function, rows).iter().any(|said| said == number);
    (!is_said).then(|| format!("fact {number} names {test}, which has no row of that number"))
}

/// The numbers of a function's rows: those in its name, in its comments and of its tables.
fn numbered(function: &str, rows: &str) -> Vec<String> {
    let mut said = ranges(&function.split('_').collect::<Vec<_>>());
    let mut is_table = false;
    for line in rows.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("//") {
            let is_part = |char: char| char.is_ascii_alphanumeric();
            said.extend(ranges(
                &comment.split(|char| !is_part(char)).filter(|word| !word.is_empty()).collect::<Vec<_>>(),
            ));
        } else if is_table && let Some(name) = line.strip_prefix('"') {
            said.extend(name.split([' ', '"']).next().map(str::to_owned));
        }
        is_table = line == "check(";
    }
    said
}

/// The words, and all numbers between two that have `to` between them.
fn ranges(words: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    for three in words.windows(3) {
        if let ([Ok(first), Ok(last)], "to") = ([three[0], three[2]].map(str::parse::<u32>), three[1]) {
            all.extend((first..last).map(|number| number.to_string()));
        }
    }
    all
}

/// How many facts each column shows, and of how many it says that it does.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    engine: (usize, usize),
    packets: (usize, usize),
}

/// What the tests that a column names have come to.
fn outcome(tests: &[TestName], outcomes: &BTreeMap<String, Outcome>) -> Outcome {
    let of = |test: &TestName| {
        let found: Vec<&Outcome> =
            outcomes.iter().filter(|(name, _)| test.is(name)).map(|(_, outcome)| outcome).collect();
        match found.as_slice() {
            [one] => (*one).clone(),
            _ => Outcome::Failed,
        }
    };
    let all: Vec<Outcome> = tests.iter().map(of).collect();
    let passed = |outcome: &Outcome| *outcome == Outcome::Passed;
    match all.iter().find(|outcome| **outcome == Outcome::Failed) {
        Some(failed) => failed.clone(),
        None => all.into_iter().find(|outcome| !passed(outcome)).unwrap_or(Outcome::Passed),
    }
}

fn count(facts: &[Fact], outcomes: &BTreeMap<String, Outcome>, tally: &mut Tally) -> Counts {
    let mut counts = Counts::default();
    for fact in facts {
        for (shown, place, count) in [
            (&fact.engine, "in the engine", &mut counts.engine),
            (&fact.packets, "with real packets", &mut counts.packets),
        ] {
            let Shown::By(tests) = shown else { continue };
            let what = format!("fact {} {place}", fact.number);
            count.1 += 1;
            match outcome(tests, outcomes) {
                Outcome::Passed => {
                    count.0 += 1;
                    tally.add(&what, true);
                }
                Outcome::Failed => {
                    let of = |test: &&TestName| outcome(std::slice::from_ref(*test), outcomes);
                    let failed = tests.iter().filter(|test| of(test) == Outcome::Failed);
                    let failed: Vec<String> = failed.map(ToString::to_string).collect();
                    tally.add(&format!("{what}: {} has not passed", failed.join(", ")), false);
                }
                Outcome::Skipped(reason) => tally.skip(&what, reason),
                Outcome::LeftOut => tally.leave_out(&what, "ignored unless --long"),
            }
        }
    }
    counts
}

/// The facts that a column does not show, with the reasons.
fn reasons<'a>(facts: &'a [Fact], column: impl Fn(&'a Fact) -> &'a Shown) -> Vec<String> {
    let reason = |fact: &'a Fact| match column(fact) {
        Shown::Not(reason) => Some(format!("{}: {reason}", fact.number)),
        Shown::By(_) => None,
    };
    facts.iter().filter_map(reason).collect()
}

/// The file's text, or those of all files of a directory; nothing for what is not there.
fn read(root: &Path, path: &str) -> String {
    let path = root.join(path);
    if let Ok(entries) = fs::read_dir(&path) {
        return entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect();
    }
    fs::read_to_string(path).unwrap_or_default()
}

/// Checks the table, and against the tests' report where they have run before this step.
pub(super) fn run(bench: &Workbench) -> Result<Tally> {
    let document = fs::read_to_string(bench.root.join(DOCUMENT)).context(DOCUMENT)?;
    let mut complaints = Vec::new();
    let facts = table(&document, &mut complaints);
    for fact in &facts {
        for shown in [&fact.engine, &fact.packets] {
            let Shown::By(tests) = shown else { continue };
            let read = |path: &str| read(&bench.root, path);
            complaints.extend(tests.iter().filter_map(|test| complaint(&fact.number, test, &read)));
        }
    }
    let mut tally = Tally::default();
    if complaints.is_empty() {
        tally.add(&format!("{DOCUMENT} has every fact"), true);
    }
    complaints.iter().for_each(|what| tally.add(&format!("{DOCUMENT}: {what}"), false));
    if !bench.has_run_tests {
        tally.leave_out("the outcomes of the facts", "the step `tests` is not among those that run");
        return Ok(tally);
    }
    let Ok(xml) = fs::read_to_string(bench.test_report()) else {
        tally.skip("the outcomes of the facts", "the tests have left no report");
        return Ok(tally);
    };
    let outcomes = junit::outcomes(&xml)?.into_iter().collect();
    let counts = count(&facts, &outcomes, &mut tally);
    let ((engine, engines), (packets, with_packets)) = (counts.engine, counts.packets);
    println!("facts: {engine} of {engines} in the engine, {packets} of {with_packets} with real packets");
    let by_requests: Vec<&str> =
        facts.iter().filter(|fact| fact.is_by_requests()).map(|fact| fact.number.as_str()).collect();
    println!("  in the engine by what it is told alone: {}", by_requests.join(", "));
    for (place, reasons) in [
        ("in the engine", reasons(&facts, |fact| &fact.engine)),
        ("with real packets", reasons(&facts, |fact| &fact.packets)),
    ] {
        reasons.iter().for_each(|reason| println!("  not {place}: {reason}"));
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str) -> TestName {
        TestName::parse(name).unwrap()
    }

    #[test]
    fn a_test_is_found_by_its_package_file_and_function() {
        for (name, reported) in [
            ("crates/vpc-engine/tests/facts.rs::routing", "vpc-engine::facts::routing"),
            ("crates/svc-ec2/tests/vpc.rs::blocks", "svc-ec2::main::vpc::blocks"),
            ("crates/svc-ec2/tests/nat_gateway/route.rs::lead", "svc-ec2::main::nat_gateway::route::lead"),
            ("crates/vpc-model/src/vpc.rs::blocks", "vpc-model::vpc::tests::blocks"),
            ("crates/node/src/projection/tests/peering.rs::one", "node::projection::tests::peering::one"),
            ("crates/flow-logs/src/window/tests.rs::said", "flow-logs::window::tests::said"),
        ] {
            assert!(test(name).is(reported), "{name} {reported}");
            for other in ["vpc-engine::facts", "vpc-engine::flows::routing", "other::facts::routing", "", "x"]
            {
                assert!(!test(name).is(other), "{name} {other}");
            }
        }
        for other in ["routing", "docs/facts.md", "crates/x/tests/y.rs", "crates/x/y.rs::a test", "y.rs::z"] {
            assert_eq!(TestName::parse(other), None);
        }
    }

    fn lines(of: impl Fn(&str) -> String) -> String {
        numbers().iter().map(|number| of(number) + "\n").collect()
    }

    #[test]
    fn the_table_has_every_fact_once_with_tests_or_reasons() {
        let mut complaints = Vec::new();
        let head = "| # | Fact | Engine | Packets |\n| --- | --- | --- | --- |\n";
        let line =
            |number: &str| format!("| {number} | It is so. | `crates/a/tests/b.rs::c` | none: Because. |");
        let facts = table(&format!("{head}{}", lines(line)), &mut complaints);
        assert!(complaints.is_empty() && facts.len() == 81, "{complaints:?}");
        assert_eq!(facts[0].engine, Shown::By(vec![test("crates/a/tests/b.rs::c")]));
        assert_eq!(facts[0].packets, Shown::Not("Because.".to_owned()));

        let without = |number: &str| if number == "61a" { String::new() } else { line(number) };
        let more = "| 17 | It is so. | somewhere | none: Because. |\n| 72 | One more. | none: x | none: y |\n| 1 |\n";
        table(&format!("{}{more}", lines(without)), &mut complaints);
        let expected = [
            "fact 17 has a cell with neither a test nor a reason",
            "a line has not four cells: | 1 |",
            "fact 17 has 2 lines",
            "fact 61a has 0 lines",
            "there is no fact 72",
        ];
        assert_eq!(complaints, expected);
    }

    const PLAYER: &str =
        "#[test]\nfn facts_41_to_44_nat() {\n    rows::facts_41_to_44_nat();\n}\n#[test]\nfn routing() {}\n";
    const ROWS_OF_TESTS: &str = "pub fn facts_41_to_44_nat() {\n    // 46, 47 to 49: and more. 22\n    send(50);\n}\n\
        pub fn routing() {\n    check(\n        \"9\",\n        as_is,\n        \"10\",\n    );\n    check(\n        \"11 too\",\n    );\n}\n\
        pub fn other() {\n    check(\n        \"12\",\n    );\n}\n";

    #[test]
    fn rows_have_the_numbers_of_their_facts() {
        let read = |path: &str| match path {
            "crates/vpc-engine/tests/facts.rs" => PLAYER.to_owned(),
            ROWS => ROWS_OF_TESTS.to_owned(),
            _ => String::new(),
        };
        let check = |number: &str, function: &str| {
            complaint(number, &test(&format!("crates/vpc-engine/tests/facts.rs::{function}")), &read)
                .is_none()
        };
        for (number, function, holds) in [
            ("41", "facts_41_to_44_nat", true),
            ("43", "facts_41_to_44_nat", true),
            ("46", "facts_41_to_44_nat", true),
            ("48", "facts_41_to_44_nat", true),
            ("45", "facts_41_to_44_nat", false),
            ("50", "facts_41_to_44_nat", false),
            ("9", "routing", true),
            ("11", "routing", true),
            ("10", "routing", false),
            ("12", "routing", false),
            ("12", "other", false),
        ] {
            assert_eq!(check(number, function), holds, "{number} in {function}");
        }
        let elsewhere = test("crates/svc-ec2/tests/vpc.rs::routing");
        assert!(complaint("1", &elsewhere, &|_| "fn routing() {".to_owned()).is_none());
        assert!(complaint("1", &elsewhere, &|_| "fn routing_of() {".to_owned()).is_some());
    }

    #[test]
    fn a_fact_is_shown_when_all_that_it_names_has_passed() {
        let by = |functions: &[&str]| {
            Shown::By(functions.iter().map(|name| test(&format!("crates/a/tests/b.rs::{name}"))).collect())
        };
        let fact = |number: &str, engine, packets| Fact { number: number.to_owned(), engine, packets };
        let facts = [
            fact("1", by(&["held"]), by(&["held", "broken"])),
            fact("2", by(&["held", "no_root"]), by(&["absent"])),
            fact("3", by(&["long"]), Shown::Not("No packet.".to_owned())),
        ];
        let outcomes = [
            ("held", Outcome::Passed),
            ("broken", Outcome::Failed),
            ("no_root", Outcome::Skipped("no root".to_owned())),
            ("long", Outcome::LeftOut),
        ];
        let outcomes =
            outcomes.map(|(name, outcome)| (format!("a::b::{name}"), outcome)).into_iter().collect();
        let mut tally = Tally::default();
        let counts = count(&facts, &outcomes, &mut tally);
        assert_eq!(counts, Counts { engine: (1, 3), packets: (0, 2) });
        assert_eq!(tally.passed, 1);
        let failed = [
            "fact 1 with real packets: crates/a/tests/b.rs::broken has not passed",
            "fact 2 with real packets: crates/a/tests/b.rs::absent has not passed",
        ];
        assert_eq!(tally.failed, failed);
        let skipped: Vec<bool> = tally.skipped.iter().map(|skip| skip.is_shortfall).collect();
        assert_eq!(skipped, [true, false]);
        assert_eq!(reasons(&facts, |fact| &fact.packets), ["3: No packet."]);
    }
}
