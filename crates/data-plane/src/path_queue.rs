//! Frames that are under way on paths with conditions.
//!
//! Owns how late a frame is, whether it is lost, and whether there is room for it. Refuses to know clocks, sockets and why a
//! frame takes a path: time and the seed of chance come in as arguments.
//!
//! A path is a wire in each direction: a frame takes its turn on the wire, which is free again once its bytes have passed
//! at the path's bandwidth, and arrives after the latency. What waits for its turn is bounded, and what comes on top is
//! dropped. A way with several paths takes one after the other, so that a path which many ways share is shared by all that
//! is on it at that time, wherever it has been before. Frames that arrive at the same time do so in the order in which they
//! left.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use host_net::VirtioNetHeader;
use rustc_hash::FxHashMap;
use vpc_engine::{DropReason, Leg, Legs, Packet, Rewrite};
use vpc_model::{Condition, Path, PathId, Port};

/// Bytes of frames that may be under way altogether, of all paths.
const BYTES_MAX: usize = 64 << 20;
/// How long a frame may wait for its turn on a path, as far as there is not less waiting than [`QUEUE_BYTES_MIN`].
const QUEUE_TIME: Duration = Duration::from_millis(200);
/// Bytes that may wait for their turn on any path, with those whose turn it is: two of the largest frames.
const QUEUE_BYTES_MIN: u64 = 128 << 10;
const NANOS_PER_SEC: u128 = 1_000_000_000;

/// A frame that is under way.
pub(crate) struct LateFrame {
    /// The port that it came in by; none once somebody else may have that.
    pub(crate) from: Option<Port>,
    /// The port that it goes to.
    pub(crate) to: Port,
    pub(crate) header: VirtioNetHeader,
    pub(crate) bytes: Vec<u8>,
    /// What logs are told when it arrives, where there are any: the packet as it came, and what has changed in it.
    pub(crate) logged: Option<Box<(Packet, Rewrite)>>,
}

/// What becomes of a frame at the beginning of its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It has arrived: nothing makes it late.
    AtOnce,
    /// It arrives later.
    Later(Instant, usize),
}

/// All frames that are under way, and the paths.
pub(crate) struct PathQueue {
    paths: FxHashMap<PathId, Wires>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    departures: u64,
    bytes: usize,
    chance: u64,
    /// Whether one is due earlier than any was when this was looked at.
    has_news: bool,
}

/// A path with its two directions.
struct Wires {
    condition: Condition,
    /// When each is free again.
    free_at: [Option<Instant>; 2],
}

struct Waiting {
    at: Instant,
    /// Of those of one time, which goes first.
    departure: u64,
    legs: Legs,
    /// How many of the legs it has taken, with the one that it is on.
    taken: usize,
    frame: LateFrame,
}

impl PathQueue {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            paths: FxHashMap::default(),
            waiting: BinaryHeap::new(),
            departures: 0,
            bytes: 0,
            chance: seed,
            has_news: false,
        }
    }

    /// What becomes of a frame of so many bytes that sets out now. One that arrives later is to be given to
    /// [`Self::hold`].
    pub(crate) fn depart(
        &mut self,
        bytes: usize,
        legs: &Legs,
        now: Instant,
    ) -> Result<Departure, DropReason> {
        self.step(bytes, legs, 0, now)
    }

    /// Takes a frame from the beginning of its next leg to that leg's end.
    fn step(
        &mut self,
        bytes: usize,
        legs: &Legs,
        taken: usize,
        now: Instant,
    ) -> Result<Departure, DropReason> {
        for (taken, leg) in (1..).zip(legs.iter()).skip(taken) {
            let Leg { path, is_back } = leg;
            // One that was cleared meanwhile makes nothing late.
            let Some(wires) = self.paths.get_mut(&path) else { continue };
            let Condition { latency, loss, bandwidth } = wires.condition;
            if loss.millionths() > 0 && below_million(&mut self.chance) < loss.millionths() {
                return Err(DropReason::PathLoss { path });
            }
            let mut arrives = now;
            if let Some(bits_per_sec) = bandwidth.bits_per_sec() {
                if self.bytes + bytes > BYTES_MAX {
                    return Err(DropReason::PathQueueFull { path });
                }
                let free_at = &mut wires.free_at[usize::from(is_back)];
                let begins = free_at.map_or(now, |free_at| free_at.max(now));
                let waits = begins - now;
                let queued_bytes = waits.as_nanos() * u128::from(bits_per_sec) / (8 * NANOS_PER_SEC);
                if waits > QUEUE_TIME && queued_bytes + bytes as u128 > u128::from(QUEUE_BYTES_MIN) {
                    return Err(DropReason::PathQueueFull { path });
                }
                let nanos = (bytes as u128 * 8 * NANOS_PER_SEC).div_ceil(u128::from(bits_per_sec));
                arrives = begins + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                *free_at = Some(arrives);
            }
            arrives += Duration::from_micros(latency.micros().into());
            if arrives > now {
                if self.bytes + bytes > BYTES_MAX {
                    return Err(DropReason::PathQueueFull { path });
                }
                return Ok(Departure::Later(arrives, taken));
            }
        }
        Ok(Departure::AtOnce)
    }

    /// Keeps a frame until the time that [`Self::depart`] has said.
    pub(crate) fn hold(&mut self, frame: LateFrame, legs: Legs, (at, taken): (Instant, usize)) {
        self.has_news |= self.next_at().is_none_or(|next| at < next);
        self.bytes += frame.bytes.len();
        self.departures += 1;
        self.waiting.push(Reverse(Waiting { at, departure: self.departures, legs, taken, frame }));
    }

    /// When the next frame comes to the end of a path.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.at)
    }

    /// Whether one is due earlier than any was when this was asked last.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Takes the next frame that has arrived by now, or has gone missing; none when there is no other.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(LateFrame, Result<(), DropReason>)> {
        while self.next_at().is_some_and(|at| at <= now) {
            let Reverse(Waiting { at, legs, taken, frame, .. }) = self.waiting.pop()?;
            self.bytes -= frame.bytes.len();
            // At its own time, so that lateness of whoever asks does not add up.
            match self.step(frame.bytes.len(), &legs, taken, at) {
                Ok(Departure::Later(at, taken)) => self.hold(frame, legs, (at, taken)),
                Ok(Departure::AtOnce) => return Some((frame, Ok(()))),
                Err(reason) => return Some((frame, Err(reason))),
            }
        }
        None
    }

    /// Takes over what is said about paths. What is on a path whose condition changed is at its end now.
    pub(crate) fn set_paths<'a>(
        &mut self,
        paths: impl Iterator<Item = &'a Path>,
        changed: &[PathId],
        now: Instant,
    ) {
        if changed.is_empty() {
            return;
        }
        for id in changed {
            self.paths.remove(id);
        }
        for path in paths.filter(|path| changed.contains(&path.id)) {
            self.paths.insert(path.id, Wires { condition: path.condition, free_at: [None; 2] });
        }
        let mut waiting: Vec<Waiting> =
            std::mem::take(&mut self.waiting).into_iter().map(|Reverse(it)| it).collect();
        waiting.sort_unstable_by_key(Waiting::order);
        for mut it in waiting {
            let on = it.legs.iter().nth(it.taken - 1);
            if on.is_some_and(|leg| changed.contains(&leg.path)) {
                it.at = it.at.min(now);
            }
            self.departures += 1;
            it.departure = self.departures;
            self.waiting.push(Reverse(it));
        }
        self.has_news = true;
    }

    /// Loses what goes to a port that is gone, and forgets whose the rest is.
    pub(crate) fn forget_port(&mut self, port: Port) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting).into_vec();
        waiting.retain(|Reverse(it)| it.frame.to != port);
        for Reverse(it) in &mut waiting {
            it.frame.from = it.frame.from.filter(|from| *from != port);
        }
        self.bytes = waiting.iter().map(|Reverse(it)| it.frame.bytes.len()).sum();
        self.waiting = waiting.into();
    }
}

impl Waiting {
    fn order(&self) -> (Instant, u64) {
        (self.at, self.departure)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// A number below a million: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn below_million(chance: &mut u64) -> u32 {
    *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *chance;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (((mixed >> 32) * 1_000_000) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use vpc_model::PathEnds;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn path(name: &str, latency: &str, loss: &str, bandwidth: &str) -> Path {
        Path {
            id: PathId::of_name(name),
            ends: PathEnds::InternetHost(Vec::new()),
            condition: Condition {
                latency: latency.parse().unwrap(),
                loss: loss.parse().unwrap(),
                bandwidth: bandwidth.parse().unwrap(),
            },
        }
    }

    struct Test {
        queue: PathQueue,
        start: Instant,
        arrived: Vec<(u128, u8)>,
        lost: Vec<&'static str>,
    }

    impl Test {
        fn new(paths: &[Path]) -> Self {
            let start = Instant::now();
            let mut test = Self { queue: PathQueue::new(7), start, arrived: Vec::new(), lost: Vec::new() };
            test.set(paths, 0);
            test
        }

        fn set(&mut self, paths: &[Path], at_ms: u32) {
            let mut changed: Vec<PathId> = self.queue.paths.keys().copied().collect();
            changed.extend(paths.iter().map(|path| path.id));
            self.queue.set_paths(paths.iter(), &changed, self.start + MS * at_ms);
        }

        /// Sends a frame of so many bytes, which begins with a number.
        fn send(&mut self, number: u8, bytes: usize, names: &[&str], at_ms: u32) {
            let legs: Vec<Leg> = names
                .iter()
                .map(|name| Leg {
                    path: PathId::of_name(name.trim_start_matches('<')),
                    is_back: name.starts_with('<'),
                })
                .collect();
            let (legs, now) = (legs.into_iter().collect::<Legs>(), self.start + MS * at_ms);
            match self.queue.depart(bytes, &legs, now) {
                Ok(Departure::AtOnce) => self.arrived.push((at_ms.into(), number)),
                Ok(Departure::Later(at, taken)) => {
                    let [from, to] = [1, 2].map(|number| Port::new(number).unwrap());
                    let bytes = vec![number; bytes];
                    let header = VirtioNetHeader::default();
                    let frame = LateFrame { from: Some(from), to, header, bytes, logged: None };
                    self.queue.hold(frame, legs, (at, taken));
                }
                Err(reason) => self.lost.push(reason.name()),
            }
        }

        /// Takes all that has arrived, each at the time at which it is due.
        fn run(&mut self, until_ms: u32) {
            let until = self.start + MS * until_ms;
            while let Some(at) = self.queue.next_at().filter(|at| *at <= until) {
                while let Some((frame, arrived)) = self.queue.take_due(at) {
                    match arrived {
                        Ok(()) => self.arrived.push(((at - self.start).as_millis(), frame.bytes[0])),
                        Err(reason) => self.lost.push(reason.name()),
                    }
                }
            }
        }
    }

    #[test]
    fn latencies_of_a_way_add_up_and_order_is_kept() {
        let mut test =
            Test::new(&[path("one", "20ms", "0%", "unlimited"), path("two", "5ms", "0%", "unlimited")]);
        test.send(1, 100, &["one", "two"], 0);
        test.send(2, 100, &["one"], 0);
        test.send(3, 100, &["one"], 0);
        test.send(4, 100, &["two"], 1);
        test.send(5, 100, &["gone"], 2);
        test.send(6, 100, &["one", "<one"], 2);
        test.run(19);
        assert_eq!(test.arrived, [(2, 5), (6, 4)]);
        test.run(100);
        assert_eq!(test.arrived[2..], [(20, 2), (20, 3), (25, 1), (42, 6)]);
        assert_eq!((test.queue.bytes, test.queue.next_at()), (0, None));
    }

    #[test]
    fn bandwidth_is_shared_in_a_direction_and_what_waits_is_bounded() {
        // 1,000 bytes take a millisecond.
        let mut test =
            Test::new(&[path("one", "0ms", "0%", "8mbit"), path("far", "500ms", "0%", "unlimited")]);
        test.send(1, 5000, &["one"], 0);
        test.send(2, 1000, &["one"], 0);
        test.send(3, 1000, &["<one"], 0);
        // Comes to the path after another has long passed, and holds up nobody before that.
        test.send(4, 1000, &["far", "one"], 0);
        test.send(5, 1000, &["one"], 7);
        test.run(1000);
        assert_eq!(test.arrived, [(1, 3), (5, 1), (6, 2), (8, 5), (501, 4)]);
        assert!(test.lost.is_empty());

        // A fifth of a second's worth may wait, as 200 KB are more than the least.
        let mut test = Test::new(&[path("one", "0ms", "0%", "8mbit")]);
        for _ in 0..300 {
            test.send(1, 1000, &["one"], 0);
        }
        assert_eq!(test.lost, vec!["PathQueueFull"; 99]);
        test.run(10_000);
        assert_eq!((test.arrived.len(), test.arrived.last()), (201, Some(&(201, 1))));
        // Of a slow path, a large frame may wait behind another, though both take their time.
        let mut test = Test::new(&[path("one", "0ms", "0%", "64kbit")]);
        for _ in 0..4 {
            test.send(1, 64_000, &["one"], 0);
        }
        assert_eq!(test.lost.len(), 2);
        test.run(100_000);
        assert_eq!(test.arrived, [(8000, 1), (16_000, 1)]);
    }

    #[test]
    fn a_share_is_lost_by_chance() {
        let mut test =
            Test::new(&[path("one", "0ms", "10%", "unlimited"), path("all", "1ms", "100%", "unlimited")]);
        for _ in 0..10_000 {
            test.send(1, 100, &["one"], 0);
        }
        assert!((900..1100).contains(&test.lost.len()), "{}", test.lost.len());
        assert!(test.lost.iter().all(|name| *name == "PathLoss"));
        let passed = test.arrived.len();
        assert_eq!(passed + test.lost.len(), 10_000);
        for _ in 0..100 {
            test.send(2, 100, &["one", "all"], 0);
        }
        test.run(10);
        assert_eq!(test.arrived.len(), passed, "all are lost on the second path");
        // The same seed loses the same.
        let mut again = Test::new(&[path("one", "0ms", "10%", "unlimited")]);
        for _ in 0..10_000 {
            again.send(1, 100, &["one"], 0);
        }
        assert_eq!(again.arrived.len(), passed);
    }

    #[test]
    fn a_change_lets_go_what_is_on_the_path_and_a_port_that_goes_takes_its_frames_with_it() {
        let mut test = Test::new(&[path("one", "9s", "0%", "8mbit"), path("two", "50ms", "0%", "unlimited")]);
        test.send(1, 1000, &["one", "two"], 0);
        test.send(2, 1000, &["one"], 0);
        test.queue.take_news();
        let two = path("two", "50ms", "0%", "unlimited");
        test.queue.set_paths([&two].into_iter(), &[PathId::of_name("one")], test.start + MS * 10);
        assert!(test.queue.take_news());
        test.run(100);
        assert_eq!(test.arrived, [(10, 2), (60, 1)]);
        test.send(3, 1000, &["two"], 100);
        test.queue.forget_port(Port::new(1).unwrap());
        test.run(200);
        assert_eq!(test.arrived.last(), Some(&(150, 3)), "it is under way, whoever has sent it");
        test.send(4, 1000, &["two"], 200);
        test.queue.forget_port(Port::new(2).unwrap());
        test.run(1000);
        assert_eq!((test.arrived.len(), test.queue.bytes), (3, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut test = Test::new(&[path("one", "10s", "0%", "unlimited")]);
        for _ in 0..BYTES_MAX / 65_536 + 10 {
            test.send(1, 65_536, &["one"], 0);
        }
        assert_eq!(test.lost, vec!["PathQueueFull"; 10]);
        test.run(11_000);
        assert_eq!(test.arrived.len(), BYTES_MAX / 65_536);
    }
}
