//! A hierarchical timing wheel over the slots of a table.
//!
//! Owns which slot is due in which second. Refuses to know what a slot holds. Four levels of 64 buckets cover 64 s,
//! 68 min, 3 days and 194 days; scheduling and cancelling take constant time. (Varghese and Lauck, 1987.)

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

const LEVELS: u32 = 4;
const BUCKETS: usize = 64;
const BUCKET_BITS: u32 = 6;
const UNSCHEDULED: u16 = u16::MAX;

/// The links of one slot.
#[derive(Clone, Copy)]
struct Links {
    previous: u32,
    next: u32,
    /// Level × 64 + bucket, or [`UNSCHEDULED`].
    bucket: u16,
    /// The second at which the slot is due.
    due: u64,
}

/// The wheel. Seconds are whole seconds of the engine's clock.
pub(crate) struct Wheel {
    heads: [u32; BUCKETS * LEVELS as usize],
    links: Vec<Links>,
    now: u64,
    scheduled: usize,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { heads: [NONE; BUCKETS * LEVELS as usize], links: Vec::new(), now: 0, scheduled: 0 }
    }

    /// Makes a slot due at a second, whatever it was before. `now` starts the wheel when it is empty.
    pub(crate) fn schedule(&mut self, slot: u32, due: u64, now: u64) {
        let index = slot as usize;
        if index >= self.links.len() {
            let empty = Links { previous: NONE, next: NONE, bucket: UNSCHEDULED, due: 0 };
            self.links.resize(index + 1, empty);
        }
        self.cancel(slot);
        if self.scheduled == 0 {
            self.now = self.now.max(now);
        }
        self.scheduled += 1;
        // The bucket of the second in progress has been emptied.
        self.link(slot, due, self.now + 1);
    }

    /// The second at which a scheduled slot is due.
    pub(crate) fn due(&self, slot: u32) -> u64 {
        self.links[slot as usize].due
    }

    /// Makes a slot not due at all.
    pub(crate) fn cancel(&mut self, slot: u32) {
        if self.links[slot as usize].bucket != UNSCHEDULED {
            self.unlink(slot);
            self.scheduled -= 1;
        }
    }

    /// Goes on to a second and takes the slots that are due by then.
    pub(crate) fn advance(&mut self, now: u64, mut take: impl FnMut(u32)) {
        while self.now < now {
            if self.scheduled == 0 {
                self.now = now;
                return;
            }
            self.now += 1;
            self.cascade();
            let head = (self.now % BUCKETS as u64) as usize;
            while self.heads[head] != NONE {
                let slot = self.heads[head];
                self.cancel(slot);
                take(slot);
            }
        }
    }

    /// Moves what a higher level holds for the span that begins now to where it belongs in the lower ones.
    fn cascade(&mut self) {
        for level in 1..LEVELS {
            let shift = BUCKET_BITS * level;
            if !self.now.is_multiple_of(1 << shift) {
                return;
            }
            let bucket = (self.now >> shift) as usize % BUCKETS;
            let mut slot = std::mem::replace(&mut self.heads[level as usize * BUCKETS + bucket], NONE);
            while slot != NONE {
                let Links { next, due, .. } = self.links[slot as usize];
                self.link(slot, due, self.now);
                slot = next;
            }
        }
    }

    fn link(&mut self, slot: u32, due: u64, earliest: u64) {
        let at = due.clamp(earliest, self.now + (1 << (BUCKET_BITS * LEVELS)) - 1);
        let distance = at - self.now;
        let level = if distance == 0 { 0 } else { distance.ilog2() / BUCKET_BITS };
        let bucket = level as usize * BUCKETS + (at >> (BUCKET_BITS * level)) as usize % BUCKETS;
        let head = self.heads[bucket];
        self.links[slot as usize] = Links { previous: NONE, next: head, bucket: bucket as u16, due };
        if head != NONE {
            self.links[head as usize].previous = slot;
        }
        self.heads[bucket] = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Links { previous, next, bucket, .. } = self.links[slot as usize];
        if previous == NONE {
            self.heads[bucket as usize] = next;
        } else {
            self.links[previous as usize].next = next;
        }
        if next != NONE {
            self.links[next as usize].previous = previous;
        }
        self.links[slot as usize].bucket = UNSCHEDULED;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Wheel;

    proptest! {
        #[test]
        fn fires_each_slot_once_at_its_second(
            start in 0_u64..5_000_000,
            delays in prop::collection::vec(prop_oneof![0_u64..200, 0_u64..10_000, 0_u64..600_000], 1..60),
            steps in prop::collection::vec(1_u64..30_000, 1..60),
        ) {
            let mut wheel = Wheel::new();
            for (slot, delay) in delays.iter().enumerate() {
                wheel.schedule(slot as u32, start + delay, start);
            }
            // Every third is cancelled, every fifth moved.
            for slot in (0..delays.len() as u32).step_by(3) {
                wheel.cancel(slot);
            }
            for slot in (0..delays.len() as u32).step_by(5) {
                wheel.schedule(slot, start + 77, start);
            }
            let due: Vec<Option<u64>> = (0..delays.len())
                .map(|slot| match slot {
                    slot if slot % 5 == 0 => Some(start + 77),
                    slot if slot % 3 == 0 => None,
                    slot => Some(start + delays[slot].max(1)),
                })
                .collect();
            let mut fired = vec![None; delays.len()];
            let mut now = start;
            for step in steps.into_iter().chain([700_000]) {
                now += step;
                let mut taken = Vec::new();
                wheel.advance(now, |slot| taken.push(slot));
                for slot in taken {
                    prop_assert!(fired[slot as usize].replace(now).is_none());
                    prop_assert!(due[slot as usize].is_some_and(|due| due <= now && due > now - step));
                }
            }
            for (slot, due) in due.iter().enumerate() {
                prop_assert_eq!(due.is_some(), fired[slot].is_some());
            }
        }
    }
}
