//! What was dropped, by port and reason.

use rustc_hash::FxHashMap;
use vpc_engine::DropReason;
use vpc_model::Port;

use crate::clock;

/// How often a port's frames were dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropCount {
    /// The port that the frames came in by.
    pub port: Port,
    /// The reason of the last of them; where all of a code are counted together, they may differ in what they name.
    pub last: DropReason,
    /// How many frames.
    pub count: u64,
    /// When the first of them was dropped, in milliseconds since 1970.
    pub first_unix_ms: i64,
    /// When the last of them was.
    pub last_unix_ms: i64,
}

/// Reasons with one code that a port's frames are counted by, each for itself.
const REASONS_MAX: usize = 16;

/// The counters. Bounded: of reasons with one code the first are counted each for itself, and all together, however many
/// addresses they have been about.
#[derive(Default)]
pub(crate) struct Drops(FxHashMap<(Port, u16), Counted>);

/// What is counted of one port and code.
struct Counted {
    all: DropCount,
    reasons: Vec<DropCount>,
}

impl DropCount {
    const fn new(port: Port, reason: DropReason, now_unix_ms: i64) -> Self {
        Self { port, last: reason, count: 0, first_unix_ms: now_unix_ms, last_unix_ms: now_unix_ms }
    }

    const fn add(&mut self, reason: DropReason, count: u64, now_unix_ms: i64) {
        self.last = reason;
        self.last_unix_ms = now_unix_ms;
        self.count += count;
    }
}

impl Drops {
    pub(crate) fn count(&mut self, port: Port, reason: DropReason) {
        self.count_all(port, reason, 1);
    }

    /// The same of so many frames at once.
    pub(crate) fn count_all(&mut self, port: Port, reason: DropReason, count: u64) {
        let now = clock::unix_ms();
        let counted = self
            .0
            .entry((port, reason.code()))
            .or_insert_with(|| Counted { all: DropCount::new(port, reason, now), reasons: Vec::new() });
        counted.all.add(reason, count, now);
        let place = counted.reasons.iter().position(|held| held.last == reason);
        let place = match place {
            Some(place) => place,
            None if counted.reasons.len() == REASONS_MAX => return,
            None => {
                counted.reasons.push(DropCount::new(port, reason, now));
                counted.reasons.len() - 1
            }
        };
        counted.reasons[place].add(reason, count, now);
    }

    /// Forgets a port, which may become another interface's.
    pub(crate) fn forget_port(&mut self, port: Port) {
        self.0.retain(|(counted, _), _| *counted != port);
    }

    /// Every counter, by port and code.
    pub(crate) fn all(&self) -> Vec<DropCount> {
        let mut all: Vec<DropCount> = self.0.values().map(|counted| counted.all).collect();
        all.sort_unstable_by_key(|drop| (drop.port, drop.last.code()));
        all
    }

    /// The same for each reason by itself; those beyond what is counted so are one, with the last of its code.
    pub(crate) fn by_reason(&self) -> Vec<DropCount> {
        let of = |counted: &Counted| {
            let counted_alone: u64 = counted.reasons.iter().map(|drop| drop.count).sum();
            let others = DropCount { count: counted.all.count - counted_alone, ..counted.all };
            let others = Some(others).filter(|others| others.count > 0);
            counted.reasons.iter().copied().chain(others).collect::<Vec<_>>()
        };
        let mut all: Vec<DropCount> = self.0.values().flat_map(of).collect();
        all.sort_by_key(|drop| (drop.port, drop.last.code()));
        all
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use vpc_model::Port;

    use super::*;

    #[test]
    fn each_reason_is_counted_by_itself_as_far_as_there_is_room() {
        let (one, other) = (Port::new(1).unwrap(), Port::new(2).unwrap());
        let mut drops = Drops::default();
        for number in 0..20 {
            let reason = DropReason::NoSuchHost { address: [192, 0, 2, number].into() };
            drops.count_all(one, reason, 2);
        }
        drops.count(other, DropReason::FragmentWithoutFirst);
        let counts = |all: Vec<DropCount>| all.iter().map(|drop| drop.count).collect::<Vec<_>>();
        assert_eq!(counts(drops.all()), [40, 1]);
        let by_reason = drops.by_reason();
        assert_eq!(by_reason[0].last, DropReason::NoSuchHost { address: [192, 0, 2, 0].into() });
        let mut expected = vec![2; REASONS_MAX];
        expected.extend([8, 1]);
        assert_eq!(counts(by_reason), expected);
        drops.forget_port(one);
        assert_eq!(counts(drops.by_reason()), [1]);
    }
}
