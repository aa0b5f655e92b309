//! Whether a network does what somebody expects of it, as `brume assert` says; what it does otherwise than before, as
//! `brume diff` says, is in [`changes`].
//!
//! Owns what is asked and told, and that all of it is of one revision. Refuses to know the format of files (`assertions` does)
//! and to judge packets (the engine does).

mod changes;
mod places;
mod probe;
mod stop;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;

use assertions::{Assertion, Expectation};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use store::{Revision, Snapshot as Records};
use vpc_engine::Snapshot;

use crate::control::{self, Question};
use crate::internet_hosts::Internet;
use crate::network::NetworkView;
use crate::paths::RunDir;
use crate::traces::TraceStep;
#[cfg(test)]
pub(crate) use changes::compare_for_tests;
pub use changes::{CHANGES_TOLD_MAX, DiffReport, DiffRequest, PAIRS_MAX, ReachChange};
pub(crate) use changes::{Revisions, diff};
use places::Places;
use probe::Prober;
pub(crate) use stop::Stop;

/// Of how many pairs that do not do as expected it is told why, for each assertion.
pub const EXPLAINED_PAIRS_MAX: usize = 5;

/// How many pairs of ends one assertion may be about: 500 that send, and 500 that are sent to.
pub const ASSERTION_PAIRS_MAX: usize = 250_000;
/// How many pairs all assertions of a request may be about.
pub const REQUEST_PAIRS_MAX: usize = 1_000_000;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssertRequest {
    /// What is expected.
    pub assertions: Vec<Assertion>,
}

/// What the network does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertReport {
    /// The revision of the state that all of it is of.
    pub revision: u64,
    /// Whether every assertion holds.
    pub holds: bool,
    /// Each assertion, in the order in which they were asked.
    pub checks: Vec<AssertionCheck>,
}

/// What the network does about one assertion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionCheck {
    /// The assertion, as it would be written.
    pub assertion: String,
    /// The line of the file that it begins in.
    pub line: usize,
    /// Whether it holds.
    pub holds: bool,
    /// How many pairs of ends it is about.
    pub pairs: usize,
    /// How many of them do not do as expected.
    pub failed_pairs: usize,
    /// Why it cannot be told at all: nobody is meant, for example.
    pub problem: Option<String>,
    /// For how many pairs a hash of the header chooses between several ways: one was looked at, and packets with other headers may
    /// take another.
    #[serde(default)]
    pub pairs_by_header: usize,
    /// Why pairs do not do as expected, of [`EXPLAINED_PAIRS_MAX`] pairs at most.
    pub failures: Vec<PairFailure>,
}

/// Why a pair does not do as expected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairFailure {
    /// The one end.
    pub from: String,
    /// The other.
    pub to: String,
    /// The packets that do not do as expected, such as `tcp 10.0.0.5:1024-65535 > 10.0.1.7:22`.
    pub packets: Vec<String>,
    /// One of them, which all that follows is about.
    pub packet: String,
    /// Whether a hash of the header chooses between several ways, so that other packets may take another one.
    pub is_by_header: bool,
    /// Where it was to get through: everything that stops it.
    pub refusals: Vec<String>,
    /// Changes that would let it through.
    pub fixes: Vec<String>,
    /// Whether these changes together are enough.
    pub fixes_are_enough: bool,
    /// Where it was not to get there: the way that it takes, with the rules and routes that let it.
    pub way: Vec<TraceStep>,
}

impl AssertReport {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn ask(run_dir: &RunDir, request: AssertRequest) -> io::Result<Self> {
        control::ask(run_dir, &Question::Assert { request })
    }
}

/// What is known of the internet beside what the engine knows.
pub(crate) struct Outside {
    /// The hosts, by name.
    hosts: Vec<(String, Vec<IpAddr>)>,
    /// The addresses of the workstation.
    workstation: Vec<IpAddr>,
    /// The public addresses of the cloud, and those of services of AWS: nobody outside has one.
    taken: Vec<IpNet>,
}

impl Outside {
    pub(crate) fn of(internet: &Internet, records: &Records) -> Self {
        let hosts = internet.list().into_iter().map(|host| (host.name.to_string(), host.addresses)).collect();
        let services = crate::projection::service_addresses().map(|service| service.id);
        let taken = crate::internet_hosts::public_addresses(records).into_iter().chain(services).collect();
        Self { hosts, workstation: internet.workstation().to_vec(), taken }
    }
}

/// Checks all of it.
///
/// # Errors
/// What to say when the network changes all the time, or too much is asked, or nobody waits for the answer any more.
pub(crate) fn check(
    network: &NetworkView,
    internet: &Internet,
    request: &AssertRequest,
    stop: &Stop,
) -> Result<AssertReport, String> {
    let (revision, records, snapshot) = network.settled()?;
    let outside = Outside::of(internet, &records);
    let seed = network.plane.seed();
    checked((revision, &records), (&snapshot, seed), &outside, &request.assertions, stop)
}

/// The same, of a network that is known whole, with the seed of its table of connections.
fn checked(
    (revision, records): (Revision, &Records),
    (snapshot, seed): (&Snapshot, u64),
    outside: &Outside,
    assertions: &[Assertion],
    stop: &Stop,
) -> Result<AssertReport, String> {
    let places = Places::of(records, records, snapshot, outside);
    let counts = assertions.iter().map(|assertion| pair_count(&places, assertion));
    // What is refused by itself costs nothing.
    let pairs = counts.filter(|count| *count <= ASSERTION_PAIRS_MAX).fold(0_usize, usize::saturating_add);
    if pairs > REQUEST_PAIRS_MAX {
        return Err(format!(
            "the assertions are about {pairs} pairs of ends, and {REQUEST_PAIRS_MAX} can be checked at once; divide the file"
        ));
    }
    let snapshot = without_conditions(snapshot);
    let supposing = snapshot.supposing_hosts();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(assertions.len().max(1));
    // Neighbours in a file cost alike, so that they are dealt out and not cut in pieces.
    let of_thread = |thread: usize| {
        let mut prober = Prober::new(&snapshot, &supposing, seed);
        let mine = assertions.iter().enumerate().skip(thread).step_by(threads);
        let mut check = |assertion| one(&places, &mut prober, assertion, stop);
        mine.map(|(index, assertion)| Ok((index, check(assertion)?))).collect::<Result<Vec<_>, String>>()
    };
    let mut checks: Vec<(usize, AssertionCheck)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        let mut checks = of_thread(0)?;
        for other in others {
            checks.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, String>(checks)
    })?;
    checks.sort_unstable_by_key(|(index, _)| *index);
    let checks: Vec<AssertionCheck> = checks.into_iter().map(|(_, check)| check).collect();
    Ok(AssertReport { revision: revision.0, holds: checks.iter().all(|check| check.holds), checks })
}

/// The same network without conditions of paths: they make packets late or lose them, and change no decision.
pub(crate) fn without_conditions(snapshot: &Snapshot) -> Snapshot {
    let paths: Vec<_> = snapshot.paths().map(|path| vpc_model::Delta::Remove(path.id.into())).collect();
    if paths.is_empty() { snapshot.clone() } else { snapshot.apply(&paths).snapshot }
}

/// How many pairs of ends an assertion is about at most.
fn pair_count(places: &Places<'_>, assertion: &Assertion) -> usize {
    places.count(&assertion.from).saturating_mul(places.count(&assertion.to))
}

/// Checks one assertion.
///
/// # Errors
/// When nobody waits for the answer any more.
fn one(
    places: &Places<'_>,
    prober: &mut Prober<'_>,
    assertion: &Assertion,
    stop: &Stop,
) -> Result<AssertionCheck, String> {
    let mut check = AssertionCheck {
        assertion: assertion.to_string(),
        line: assertion.line,
        holds: false,
        ..AssertionCheck::default()
    };
    let count = pair_count(places, assertion);
    if count > ASSERTION_PAIRS_MAX {
        check.problem = Some(format!(
            "it is about {count} pairs of ends, and {ASSERTION_PAIRS_MAX} can be checked; name fewer at one of the ends"
        ));
        return Ok(check);
    }
    let ends = places.senders(&assertion.from).and_then(|from| Ok((from, places.receivers(&assertion.to)?)));
    let (senders, receivers) = match ends {
        Ok(ends) => ends,
        Err(problem) => {
            check.problem = Some(problem);
            return Ok(check);
        }
    };
    for from in &senders {
        for to in receivers.iter().filter(|to| !to.is_same(from)) {
            stop.check()?;
            check.pairs += 1;
            let is_explained = check.failures.len() < EXPLAINED_PAIRS_MAX;
            match prober.pair(places, assertion, from, to, is_explained) {
                Ok(judged) => {
                    check.pairs_by_header += usize::from(judged.is_by_header);
                    check.failed_pairs += usize::from(judged.failure.is_some());
                    check.failures.extend(judged.failure.filter(|_| is_explained));
                }
                Err(problem) => {
                    check.problem = Some(problem);
                    return Ok(check);
                }
            }
        }
    }
    if check.pairs == 0 {
        check.problem = Some("both ends are the same".to_owned());
    }
    check.holds = check.failed_pairs == 0 && check.problem.is_none();
    Ok(check)
}

/// Whether all of it, or none of it, is to get there.
fn is_to_pass(assertion: &Assertion) -> bool {
    assertion.expect == Expectation::Allow
}
