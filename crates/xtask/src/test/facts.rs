//! The facts: `docs/facts.md` says of each where it is shown, in the engine and with real packets.
//!
//! Owns the form of the table: that it has every fact, that the tests it names are there and have the fact's number where
//! they play rows, and how many facts are shown. Refuses to judge whether a test is a good one or a reason is true.

mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Workbench;
use super::junit::{self, Outcome};
use super::report::Tally;

const DOCUMENT: &str = "docs/facts.md";
/// Where the rows are.
const ROWS: &str = "crates/vpc-engine/src/testing/facts";
/// How the paths of the files begin whose tests play them in the engine.
const ENGINE_PLAYERS: &str = "crates/vpc-engine/tests/facts";
/// The file whose tests play them with real packets.
const PACKET_PLAYERS: &str = "crates/data-plane/tests/netns_facts.rs";
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
    /// The tests of both columns.
    fn tests(&self) -> impl Iterator<Item = &TestName> {
        [&self.engine, &self.packets].into_iter().flat_map(|shown| match shown {
            Shown::By(tests) => tests.as_slice(),
            Shown::Not(_) => &[],
        })
    }

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
        let is_function = !function.is_empty() && function.chars().all(is_name);
        let is_test = file.starts_with("crates/") && file.ends_with(".rs") && is_function;
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
        let mut shown = |cell: &str| {
            let tests = tests(number, cell, complaints);
            match cell.strip_prefix(NOT_SHOWN) {
                Some(reason) => Shown::Not(reason.to_owned()),
                None => {
                    if tests.is_empty() {
                        complaints.push(format!("fact {number} has a cell with neither a test nor a reason"));
                    }
                    Shown::By(tests)
                }
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

/// The tests that a cell names: all that stands between backticks, and nothing else.
fn tests(number: &str, cell: &str, complaints: &mut Vec<String>) -> Vec<TestName> {
    let mut tests = Vec::new();
    for (place, text) in cell.split('`').enumerate() {
        match TestName::parse(text) {
            Some(test) if place % 2 == 1 => tests.push(test),
            None if place % 2 == 0 && !text.contains("::") => {}
            _ => complaints.push(format!("fact {number} has `{text}`, which is not how a test is named")),
        }
    }
    if cell.matches('`').count() % 2 == 1 {
        complaints.push(format!("fact {number} has a backtick without another"));
    }
    tests
}

/// What is wrong with a test that a fact names; `read` gives the text of a file.
fn complaint(number: &str, test: &TestName, read: &dyn Fn(&str) -> String) -> Option<String> {
    let text = read(&test.file);
    let Some(body) = rows::body(&text, &format!("fn {}(", test.function)) else {
        return Some(format!("fact {number} names {test}, which is not there"));
    };
    let lists = match test.file.as_str() {
        PACKET_PLAYERS => rows::lists(body),
        file if file.starts_with(ENGINE_PLAYERS) => body.to_owned(),
        _ => return None,
    };
    let all = read(ROWS);
    let mut played: Vec<(&str, &str)> = rows::played(&lists, &all)
        .into_iter()
        .filter_map(|row| Some((row, rows::body(&all, &format!("pub fn {row}("))?)))
        .collect();
    if played.is_empty() {
        // It is a row itself.
        played.push((&test.function, body));
    }
    let numbers = numbers();
    let is_said =
        played.iter().any(|(row, body)| rows::facts(row, body, &numbers).iter().any(|said| said == number));
    (!is_said).then(|| format!("fact {number} names {test}, which has no row of that number"))
}

/// How many facts each column shows, and of how many it says that it does.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    engine: (usize, usize),
    packets: (usize, usize),
}

/// What is known of the tests of a run.
#[derive(Debug, Default)]
struct Report {
    outcomes: BTreeMap<String, Outcome>,
    /// Those that the run was not asked for, which need not be in the outcomes.
    left_out: Vec<TestName>,
}

impl Report {
    fn of(&self, test: &TestName) -> Outcome {
        let found: Vec<&Outcome> =
            self.outcomes.iter().filter(|(name, _)| test.is(name)).map(|(_, outcome)| outcome).collect();
        match found.as_slice() {
            [one] => (*one).clone(),
            [] if self.left_out.contains(test) => Outcome::LeftOut,
            _ => Outcome::Failed,
        }
    }

    /// What the tests that a column names have come to.
    fn of_all(&self, tests: &[TestName]) -> Outcome {
        let all: Vec<Outcome> = tests.iter().map(|test| self.of(test)).collect();
        match all.iter().find(|outcome| **outcome == Outcome::Failed) {
            Some(failed) => failed.clone(),
            None => all.into_iter().find(|outcome| *outcome != Outcome::Passed).unwrap_or(Outcome::Passed),
        }
    }
}

fn count(facts: &[Fact], report: &Report, tally: &mut Tally) -> Counts {
    let mut counts = Counts::default();
    for fact in facts {
        for (shown, place, count) in [
            (&fact.engine, "in the engine", &mut counts.engine),
            (&fact.packets, "with real packets", &mut counts.packets),
        ] {
            let Shown::By(tests) = shown else { continue };
            let what = format!("fact {} {place}", fact.number);
            count.1 += 1;
            match report.of_all(tests) {
                Outcome::Passed => {
                    count.0 += 1;
                    tally.add(&what, true);
                }
                Outcome::Failed => {
                    let failed = tests.iter().filter(|test| report.of(test) == Outcome::Failed);
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

/// The project's table, and what is wrong with it.
fn checked(root: &Path) -> Result<(Vec<Fact>, Vec<String>)> {
    let document = fs::read_to_string(root.join(DOCUMENT)).context(DOCUMENT)?;
    let mut complaints = Vec::new();
    let facts = table(&document, &mut complaints);
    let read = |path: &str| read(root, path);
    for fact in &facts {
        let wrong = fact.tests().filter_map(|test| complaint(&fact.number, test, &read));
        complaints.extend(wrong);
    }
    Ok((facts, complaints))
}

/// Checks the table, and against the tests' report where they have run before this step.
pub(super) fn run(bench: &Workbench) -> Result<Tally> {
    let (facts, complaints) = checked(&bench.root)?;
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
    let is_ignored = |test: &&TestName| rows::is_ignored(&read(&bench.root, &test.file), &test.function);
    let ignored = facts.iter().flat_map(Fact::tests).filter(|_| !bench.is_long).filter(is_ignored);
    let report = Report {
        left_out: ignored.cloned().collect(),
        outcomes: junit::outcomes(&xml)?.into_iter().collect(),
    };
    let counts = count(&facts, &report, &mut tally);
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
        let others = [
            "routing",
            "docs/facts.md",
            "crates/x/tests/y.rs",
            "crates/x/y.rs::a test",
            "y.rs::z",
            "crates/y.rs::",
        ];
        for other in others {
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

    #[test]
    fn a_cell_has_nothing_between_backticks_but_tests() {
        let of = |cell: &str| {
            let mut complaints = Vec::new();
            let found = tests("41", cell, &mut complaints);
            (found.len(), complaints.len())
        };
        for (cell, expected) in [
            ("`crates/a/tests/b.rs::c`, API: `crates/a/tests/b.rs::d` (all of them)", (2, 0)),
            ("none: Because.", (0, 0)),
            ("`crates/a/tests/b.rs::c` (with `--long`)", (1, 1)),
            ("`crates/a/tests/b.rs::c`, `crates/a/tests/b.rs:d`", (1, 1)),
            ("`crates/a/tests/b.rs::c`, `crate/a/tests/b.rs::d`", (1, 1)),
            ("`crates/a/tests/b.rs::c`, `crates/a/tests/b::d`", (1, 1)),
            ("`crates/a/tests/b.rs::c`, crates/a/tests/b.rs::d", (1, 1)),
            ("crates/a/tests/b.rs::d", (0, 1)),
            ("`crates/a/tests/b.rs::c`, `crates/a/tests/b.rs::d", (2, 1)),
            ("none: `It` is so.", (0, 1)),
        ] {
            assert_eq!(of(cell), expected, "{cell}");
        }
    }

    #[test]
    fn the_projects_table_names_tests_that_are_there_and_play_the_facts() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (facts, complaints) = checked(&root).unwrap();
        assert_eq!(facts.len(), numbers().len());
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    #[test]
    fn every_row_is_played_in_the_engine_and_with_real_packets() {
        // It goes on in time, and sees what the engine then says.
        const IN_THE_ENGINE_ALONE: &str = "a_service_does_not_answer_what_the_asker_has_forgotten";
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let all = read(&root, ROWS);
        let declared = all.lines().filter_map(|line| line.strip_prefix("pub fn ")?.strip_suffix("() {"));
        let declared: Vec<&str> = declared.collect();
        assert!(declared.len() > 40, "{declared:?}");
        let engine = ["facts.rs", "facts_of_flows.rs", "facts_of_gateways.rs"];
        let engine: String =
            engine.map(|file| read(&root, &format!("crates/vpc-engine/tests/{file}"))).concat();
        let packets = rows::lists(&read(&root, PACKET_PLAYERS));
        for row in declared {
            assert!(rows::played(&engine, &all).contains(&row), "{row} is not played in the engine");
            let is_played = rows::played(&packets, &all).contains(&row);
            assert!(is_played || row == IN_THE_ENGINE_ALONE, "{row} is not played with real packets");
        }
    }

    const PLAYER: &str = "#[test]\nfn facts_41_to_44_nat() {\n    rows::facts_41_to_44_nat();\n}\n\
        #[test]\nfn routing() {\n    rows::routing();\n}\n";
    const REAL_PLAYER: &str = "#[test]\nfn rows_of_all() {\n    play_in_both_modes(&[\n        routes::routing,\n    ]);\n}\n\
        #[test]\nfn alone() {\n    // Fact A9. And more.\n    rows::facts_41_to_44_nat();\n}\n";
    const ROWS_OF_TESTS: &str = "pub fn facts_41_to_44_nat() {\n    // 46: and more.\n    // 22\n    send(50);\n}\n\
        pub fn routing() {\n    check(\n        \"9\",\n        as_is,\n        \"10\",\n    );\n    check(\n        \"11 too\",\n    );\n}\n\
        pub fn other() {\n    check(\n        \"12\",\n    );\n}\n";

    #[test]
    fn rows_have_the_numbers_of_their_facts() {
        let read = |path: &str| match path {
            "crates/vpc-engine/tests/facts.rs" => PLAYER.to_owned(),
            "crates/data-plane/tests/netns_facts.rs" => REAL_PLAYER.to_owned(),
            ROWS => ROWS_OF_TESTS.to_owned(),
            _ => String::new(),
        };
        let engine = "crates/vpc-engine/tests/facts.rs";
        let real = "crates/data-plane/tests/netns_facts.rs";
        for (number, file, function, holds) in [
            ("41", engine, "facts_41_to_44_nat", true),
            ("43", engine, "facts_41_to_44_nat", true),
            ("46", engine, "facts_41_to_44_nat", true),
            ("45", engine, "facts_41_to_44_nat", false),
            ("22", engine, "facts_41_to_44_nat", false),
            ("50", engine, "facts_41_to_44_nat", false),
            ("9", engine, "routing", true),
            ("11", engine, "routing", true),
            ("10", engine, "routing", false),
            ("12", engine, "routing", false),
            ("12", engine, "other", false),
            ("9", real, "rows_of_all", true),
            ("41", real, "rows_of_all", false),
            ("12", real, "rows_of_all", false),
            ("A9", real, "alone", true),
            ("9", real, "alone", false),
            ("41", real, "alone", false),
        ] {
            let complaint = complaint(number, &test(&format!("{file}::{function}")), &read);
            assert_eq!(complaint.is_none(), holds, "{number} in {function}");
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
            fact("4", by(&["held"]), by(&["held", "not_asked_for"])),
        ];
        let outcomes = [
            ("held", Outcome::Passed),
            ("broken", Outcome::Failed),
            ("no_root", Outcome::Skipped("no root".to_owned())),
            ("long", Outcome::LeftOut),
        ];
        let report = Report {
            outcomes: outcomes
                .map(|(name, outcome)| (format!("a::b::{name}"), outcome))
                .into_iter()
                .collect(),
            left_out: ["held", "not_asked_for"]
                .map(|name| test(&format!("crates/a/tests/b.rs::{name}")))
                .to_vec(),
        };
        let mut tally = Tally::default();
        let counts = count(&facts, &report, &mut tally);
        assert_eq!(counts, Counts { engine: (2, 4), packets: (0, 3) });
        assert_eq!(tally.passed, 2);
        let failed = [
            "fact 1 with real packets: crates/a/tests/b.rs::broken has not passed",
            "fact 2 with real packets: crates/a/tests/b.rs::absent has not passed",
        ];
        assert_eq!(tally.failed, failed);
        let skipped: Vec<bool> = tally.skipped.iter().map(|skip| skip.is_shortfall).collect();
        assert_eq!(skipped, [true, false, false]);
        assert_eq!(reasons(&facts, |fact| &fact.packets), ["3: No packet."]);
    }
}
