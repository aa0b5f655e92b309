//! How often an instance that should run and does not is started again, and when it is given up.
//!
//! Owns the counting. Refuses to know how an instance is started, and what time it is. A daemon that is started anew
//! counts anew.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_types::InstanceId;
use sandbox::Exit;

/// How often a running instance whose guest has ended is started, before it is given up and recorded as stopped.
pub(super) const MAX_STARTS: u32 = 5;

/// The pause before the second start; it doubles from each to the next. 15 s in all.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A guest that has run for so long since it was ready has been started well, and its next end is the first again.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// Why an instance that asked for it by `reboot(2)` is started, until it turns out that it cannot be.
const REBOOT: &str = "its guest asked to be started again";

/// What is to be done now about an instance that should run and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start it.
    Start,
    /// Leave it alone for a while.
    Wait,
    /// Stop trying, for this reason.
    GiveUp(String),
}

/// The starts of one instance that came to nothing.
#[derive(Clone, Debug)]
struct Tries {
    count: u32,
    /// When the last of them was begun.
    last: Instant,
    /// When the guest of the last start was ready, if it has come so far. A start may wait for its turn for long, so
    /// that the time since it was begun says nothing.
    ready: Option<Instant>,
    /// Why another was needed, or what became of the last.
    reason: String,
}

/// The instances that had to be started again lately.
#[derive(Debug, Default)]
pub(super) struct Restarts(HashMap<InstanceId, Tries>);

impl Restarts {
    /// What to do about an instance that ended so, or of which nothing is there.
    pub(super) fn after(&mut self, instance: InstanceId, exit: Option<&Exit>, now: Instant) -> Verdict {
        match exit {
            Some(Exit::RebootRequested) => self.reboot(instance, now),
            Some(Exit::Crashed { reason }) => self.next(instance, reason, now),
            Some(Exit::Killed) => self.next(instance, "its guest was killed", now),
            Some(Exit::Lost | Exit::PoweredOff) | None => self.next(instance, "its guest is gone", now),
        }
    }

    /// What to do about an instance that does not run, for `reason`. A start that follows from this is counted.
    fn next(&mut self, instance: InstanceId, reason: &str, now: Instant) -> Verdict {
        let tries = self.tries(instance, reason, now);
        if tries.count > 0 && now < tries.last + pause_after(tries.count) {
            return Verdict::Wait;
        }
        if tries.count >= MAX_STARTS {
            return Verdict::GiveUp(tries.reason.clone());
        }
        tries.count += 1;
        tries.begin(now);
        Verdict::Start
    }

    /// What to do about an instance that does not run because its guest asked for a reboot. It may as often as it likes;
    /// only when the start that was to follow came to nothing, this counts as any other.
    fn reboot(&mut self, instance: InstanceId, now: Instant) -> Verdict {
        if self.0.get(&instance).is_some_and(|tries| tries.ready.is_none()) {
            return self.next(instance, REBOOT, now);
        }
        self.tries(instance, REBOOT, now).begin(now);
        Verdict::Start
    }

    /// Notes that the guest of the last start is ready.
    pub(super) fn ready(&mut self, instance: InstanceId, now: Instant) {
        if let Some(tries) = self.0.get_mut(&instance) {
            tries.ready = Some(now);
        }
    }

    /// Notes why the last start failed.
    pub(super) fn failed(&mut self, instance: InstanceId, reason: String) {
        if let Some(tries) = self.0.get_mut(&instance) {
            tries.reason = reason;
        }
    }

    /// Forgets instances that are not to run any more, or that were started on request.
    pub(super) fn retain(&mut self, keep: impl Fn(&InstanceId) -> bool) {
        self.0.retain(|instance, _| keep(instance));
    }

    /// The starts of an instance that count, now that it has ended for `reason`.
    fn tries(&mut self, instance: InstanceId, reason: &str, now: Instant) -> &mut Tries {
        let fresh = || Tries { count: 0, last: now, ready: None, reason: reason.to_owned() };
        let tries = self.0.entry(instance).or_insert_with(fresh);
        if let Some(ready) = tries.ready {
            if now.saturating_duration_since(ready) >= STABLE_AFTER {
                *tries = fresh();
            } else {
                reason.clone_into(&mut tries.reason);
            }
        }
        tries
    }
}

impl Tries {
    fn begin(&mut self, now: Instant) {
        self.last = now;
        self.ready = None;
    }
}

/// | starts so far | 1   | 2   | 3   | 4   | 5                  |
/// | ------------- | --- | --- | --- | --- | ------------------ |
/// | pause         | 1 s | 2 s | 4 s | 8 s | none: it is over   |
fn pause_after(starts: u32) -> Duration {
    if starts >= MAX_STARTS { Duration::ZERO } else { FIRST_PAUSE * 2u32.pow(starts.saturating_sub(1)) }
}

#[cfg(test)]
mod tests {
    use aws_types::ResourceId as _;

    use super::*;

    fn id(number: u32) -> InstanceId {
        InstanceId::from_bits(number.into())
    }

    #[test]
    fn starts_come_slower_and_end() {
        let mut restarts = Restarts::default();
        let began = Instant::now();
        let mut check = |secs: u64, expect: Verdict| {
            let now = began + Duration::from_secs(secs);
            assert_eq!(restarts.next(id(1), "it ended", now), expect, "after {secs} s");
        };
        check(0, Verdict::Start);
        check(0, Verdict::Wait);
        check(1, Verdict::Start);
        check(2, Verdict::Wait);
        check(3, Verdict::Start);
        check(6, Verdict::Wait);
        check(7, Verdict::Start);
        check(14, Verdict::Wait);
        check(15, Verdict::Start);
        check(15, Verdict::GiveUp("it ended".to_owned()));
    }

    #[test]
    fn the_reason_is_that_of_the_last_start() {
        let mut restarts = Restarts::default();
        let mut now = Instant::now();
        for number in 1..=MAX_STARTS {
            assert_eq!(restarts.next(id(1), "it ended", now), Verdict::Start);
            restarts.failed(id(1), format!("failure {number}"));
            now += Duration::from_secs(10);
        }
        assert_eq!(restarts.next(id(1), "it ended", now), Verdict::GiveUp("failure 5".to_owned()));
        assert_eq!(restarts.next(id(2), "it ended", now), Verdict::Start, "each counts for itself");
        restarts.retain(|instance| *instance != id(1));
        assert_eq!(restarts.next(id(1), "it ended", now), Verdict::Start, "forgotten");
    }

    #[test]
    fn a_guest_that_has_run_well_counts_anew() {
        let mut restarts = Restarts::default();
        let mut now = Instant::now();
        for _ in 0..3 * MAX_STARTS {
            assert_eq!(restarts.next(id(1), "it ended", now), Verdict::Start);
            now += STABLE_AFTER;
            restarts.ready(id(1), now);
            now += STABLE_AFTER;
        }
    }

    #[test]
    fn a_guest_that_was_never_ready_for_long_is_given_up_however_late() {
        for is_ready in [false, true] {
            let mut restarts = Restarts::default();
            let mut now = Instant::now();
            for _ in 0..MAX_STARTS {
                assert_eq!(restarts.next(id(1), "it ended", now), Verdict::Start);
                // It waits for its turn, boots, and ends.
                now += 2 * STABLE_AFTER;
                if is_ready {
                    restarts.ready(id(1), now);
                    now += STABLE_AFTER / 2;
                } else {
                    restarts.failed(id(1), "it ended".to_owned());
                }
            }
            assert_eq!(restarts.next(id(1), "it ended", now), Verdict::GiveUp("it ended".to_owned()));
        }
    }

    #[test]
    fn a_guest_reboots_as_often_as_it_likes_and_is_given_up_when_it_cannot() {
        let mut restarts = Restarts::default();
        let (mut now, reboot) = (Instant::now(), Some(&Exit::RebootRequested));
        for _ in 0..3 * MAX_STARTS {
            assert_eq!(restarts.after(id(1), reboot, now), Verdict::Start);
            now += Duration::from_secs(1);
            restarts.ready(id(1), now);
        }
        assert_eq!(restarts.after(id(1), reboot, now), Verdict::Start);
        for _ in 0..MAX_STARTS {
            restarts.failed(id(1), "no room".to_owned());
            assert_eq!(restarts.after(id(1), reboot, now), Verdict::Start);
            assert!(matches!(restarts.after(id(1), reboot, now), Verdict::Wait | Verdict::GiveUp(_)));
            now += Duration::from_secs(10);
        }
        assert_eq!(restarts.after(id(1), reboot, now), Verdict::GiveUp("no room".to_owned()));
    }
}
