//! Frames that are under way on paths with conditions.
//!
//! Owns how late a frame is, whether it is lost, and whether there is room for it. Refuses to know clocks, sockets and why a
//! frame takes a path: time and the seed of chance come in as arguments.
//!
//! A path is a wire in each direction: a frame takes its turn on the wire, which is free again once its bytes have passed
//! at the path's bandwidth, and arrives after the latency. What waits for its turn is bounded, and what comes on top is
//! dropped. What is under way altogether is bounded too, and within that each port that sends has a share, so that nobody
//! keeps others off the paths by filling one. A way with several paths takes one after the other, so that a path which many
//! ways share is shared by all that is on it at that time, wherever it has been before. Frames that arrive at the same time
//! do so in the order in which they left.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use host_net::VirtioNetHeader;
use rustc_hash::FxHashMap;
use vpc_engine::{Domains, DropReason, Leg, Legs, Packet, Rewrite};
use vpc_model::{Condition, Path, PathId, Port};

/// Bytes of memory that frames may take which are under way, of all paths and senders.
const BYTES_MAX: usize = 64 << 20;
/// Of these, those that frames of one port may take.
const SHARE_BYTES_MAX: usize = 4 << 20;
/// Frames of one port that may be under way.
const SHARE_FRAMES_MAX: usize = 4096;
/// Shares of a port that many send by: all hosts of the internet, say. With those, half of all is left to interfaces.
const SHARES_OF_MANY: usize = 4;
/// Bytes of memory that a frame takes beside its own, at most: its place in the heap, which may have grown to twice what it
/// needs, and what logs are told of it.
const FRAME_OVERHEAD_BYTES: usize = 2 * size_of::<Waiting>() + size_of::<(Packet, Rewrite)>();
/// How long a frame may wait for its turn on a path, as far as there is not less waiting than [`QUEUE_BYTES_MIN`].
const QUEUE_TIME: Duration = Duration::from_millis(200);
/// Bytes that may wait for their turn on any path, with those whose turn it is: two of the largest frames.
const QUEUE_BYTES_MIN: u64 = 128 << 10;
const NANOS_PER_SEC: u128 = 1_000_000_000;

/// A frame that is under way.
pub(crate) struct LateFrame {
    /// The port that it came in by.
    pub(crate) from: Port,
    /// The port that it goes to.
    pub(crate) to: Port,
    /// What letting it pass depended on beside these.
    pub(crate) domains: Domains,
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

/// What has become of a frame that came to the end of a path.
pub(crate) enum Due {
    /// It is where it goes.
    Arrived(LateFrame),
    /// It went missing on the next path.
    Lost(LateFrame, DropReason),
    /// It is on the next path now.
    GoesOn,
}

/// All frames that are under way, and the paths.
pub(crate) struct PathQueue {
    paths: FxHashMap<PathId, Wires>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    departures: u64,
    /// What all frames take that are under way.
    held: Held,
    /// What those of each sender do; nobody is here who has none.
    shares: FxHashMap<Port, Held>,
    chance: u64,
    /// Whether one is due earlier than any was when this was looked at.
    has_news: bool,
}

/// What frames take that are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    frames: usize,
    bytes: usize,
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
            held: Held::default(),
            shares: FxHashMap::default(),
            chance: seed,
            has_news: false,
        }
    }

    /// What becomes of a frame of so many bytes that sets out now from a port. One that arrives later is to be given to
    /// [`Self::hold`].
    pub(crate) fn depart(
        &mut self,
        (from, bytes): (Port, usize),
        legs: &Legs,
        now: Instant,
    ) -> Result<Departure, DropReason> {
        self.step((from, bytes), legs, 0, now)
    }

    /// Whether one more frame of that size may be under way from a port.
    fn has_room(&self, from: Port, bytes: usize) -> bool {
        let share = self.shares.get(&from).copied().unwrap_or_default();
        let shares = if from.is_reserved() { SHARES_OF_MANY } else { 1 };
        let more = bytes + FRAME_OVERHEAD_BYTES;
        share.frames < shares * SHARE_FRAMES_MAX
            && share.bytes + more <= shares * SHARE_BYTES_MAX
            && self.held.bytes + more <= BYTES_MAX
    }

    /// Takes a frame from the beginning of its next leg to that leg's end.
    fn step(
        &mut self,
        (from, bytes): (Port, usize),
        legs: &Legs,
        taken: usize,
        now: Instant,
    ) -> Result<Departure, DropReason> {
        let has_room = self.has_room(from, bytes);
        for (taken, leg) in (1..).zip(legs.iter()).skip(taken) {
            let Leg { path, is_back } = leg;
            // One that was cleared meanwhile makes nothing late.
            let Some(wires) = self.paths.get_mut(&path) else { continue };
            let Condition { latency, loss, bandwidth } = wires.condition;
            if loss.millionths() > 0 && below_million(&mut self.chance) < loss.millionths() {
                return Err(DropReason::PathLoss { path });
            }
            let is_late = bandwidth.bits_per_sec().is_some() || latency.micros() > 0;
            if is_late && !has_room {
                return Err(DropReason::PathQueueFull { path });
            }
            let mut arrives = now;
            if let Some(bits_per_sec) = bandwidth.bits_per_sec() {
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
                return Ok(Departure::Later(arrives, taken));
            }
        }
        Ok(Departure::AtOnce)
    }

    /// Keeps a frame until the time that [`Self::depart`] has said.
    pub(crate) fn hold(&mut self, frame: LateFrame, legs: Legs, (at, taken): (Instant, usize)) {
        self.has_news |= self.next_at().is_none_or(|next| at < next);
        self.held.add(&frame);
        self.shares.entry(frame.from).or_default().add(&frame);
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

    /// Takes the next frame that has come to the end of a path by now; none when there is no other.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Due> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse(Waiting { at, legs, taken, frame, .. }) = self.waiting.pop()?;
        self.release(&frame);
        // At its own time, so that lateness of whoever asks does not add up.
        Some(match self.step((frame.from, frame.bytes.len()), &legs, taken, at) {
            Ok(Departure::Later(at, taken)) => {
                self.hold(frame, legs, (at, taken));
                Due::GoesOn
            }
            Ok(Departure::AtOnce) => Due::Arrived(frame),
            Err(reason) => Due::Lost(frame, reason),
        })
    }

    fn release(&mut self, frame: &LateFrame) {
        self.held.remove(frame);
        if let Some(share) = self.shares.get_mut(&frame.from) {
            share.remove(frame);
            if share.frames == 0 {
                self.shares.remove(&frame.from);
            }
        }
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

    /// Loses what may not be let pass any more, in one pass. Answers how many frames each sender has lost by that.
    pub(crate) fn lose(&mut self, is_lost: impl Fn(&LateFrame) -> bool) -> FxHashMap<Port, u64> {
        let mut lost = FxHashMap::default();
        if self.waiting.is_empty() {
            return lost;
        }
        let mut waiting = std::mem::take(&mut self.waiting).into_vec();
        waiting.retain(|Reverse(Waiting { frame, .. })| {
            let stays = !is_lost(frame);
            if !stays {
                self.release(frame);
                *lost.entry(frame.from).or_default() += 1;
            }
            stays
        });
        self.waiting = waiting.into();
        lost
    }
}

impl Held {
    fn add(&mut self, frame: &LateFrame) {
        self.frames += 1;
        self.bytes += frame.bytes.len() + FRAME_OVERHEAD_BYTES;
    }

    fn remove(&mut self, frame: &LateFrame) {
        self.frames -= 1;
        self.bytes -= frame.bytes.len() + FRAME_OVERHEAD_BYTES;
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
            self.send_by((1, 2), number, bytes, names, at_ms);
        }

        /// The same between other ports.
        fn send_by(&mut self, (from, to): (u32, u32), number: u8, bytes: usize, names: &[&str], at_ms: u32) {
            let [from, to] = [from, to].map(|number| Port::new(number).unwrap());
            let legs: Vec<Leg> = names
                .iter()
                .map(|name| Leg {
                    path: PathId::of_name(name.trim_start_matches('<')),
                    is_back: name.starts_with('<'),
                })
                .collect();
            let (legs, now) = (legs.into_iter().collect::<Legs>(), self.start + MS * at_ms);
            match self.queue.depart((from, bytes), &legs, now) {
                Ok(Departure::AtOnce) => self.arrived.push((at_ms.into(), number)),
                Ok(Departure::Later(at, taken)) => {
                    let bytes = vec![number; bytes];
                    let (header, domains) = (VirtioNetHeader::default(), Domains::None);
                    let frame = LateFrame { from, to, domains, header, bytes, logged: None };
                    self.queue.hold(frame, legs, (at, taken));
                }
                Err(reason) => self.lost.push(reason.name()),
            }
        }

        /// Takes all that has arrived, each at the time at which it is due.
        fn run(&mut self, until_ms: u32) {
            let until = self.start + MS * until_ms;
            while let Some(at) = self.queue.next_at().filter(|at| *at <= until) {
                while let Some(due) = self.queue.take_due(at) {
                    match due {
                        Due::Arrived(frame) => {
                            self.arrived.push(((at - self.start).as_millis(), frame.bytes[0]));
                        }
                        Due::Lost(_, reason) => self.lost.push(reason.name()),
                        Due::GoesOn => {}
                    }
                }
            }
        }

        fn is_empty(&self) -> bool {
            self.queue.next_at().is_none()
                && self.queue.held == Held::default()
                && self.queue.shares.is_empty()
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
        assert!(test.is_empty());
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
    fn a_change_lets_go_what_is_on_the_path_and_what_may_not_pass_any_more_is_lost() {
        let mut test = Test::new(&[path("one", "9s", "0%", "8mbit"), path("two", "50ms", "0%", "unlimited")]);
        test.send(1, 1000, &["one", "two"], 0);
        test.send(2, 1000, &["one"], 0);
        test.queue.take_news();
        let two = path("two", "50ms", "0%", "unlimited");
        test.queue.set_paths([&two].into_iter(), &[PathId::of_name("one")], test.start + MS * 10);
        assert!(test.queue.take_news());
        test.run(100);
        assert_eq!(test.arrived, [(10, 2), (60, 1)]);
        for (number, ends) in [(3, (1, 2)), (4, (1, 3)), (5, (3, 2)), (6, (3, 1)), (7, (2, 1))] {
            test.send_by(ends, number, 1000, &["two"], 100);
        }
        let [one, two, three] = [1, 2, 3].map(|number| Port::new(number).unwrap());
        let lost = test.queue.lose(|frame| frame.to == two || frame.from == two);
        assert_eq!(lost, [(one, 1), (two, 1), (three, 1)].into_iter().collect());
        test.run(200);
        assert_eq!(test.arrived[2..], [(150, 4), (150, 6)]);
        assert!(test.is_empty());
    }

    #[test]
    fn each_step_is_one_piece_of_work() {
        let mut test =
            Test::new(&[path("one", "1ms", "0%", "unlimited"), path("all", "1ms", "100%", "unlimited")]);
        test.send(1, 100, &["one", "<one"], 0);
        test.send(2, 100, &["one", "all"], 0);
        let late = test.start + MS * 10;
        assert!(matches!(test.queue.take_due(late), Some(Due::GoesOn)));
        assert!(matches!(test.queue.take_due(late), Some(Due::Lost(..))));
        assert!(matches!(test.queue.take_due(late), Some(Due::Arrived(_))));
        assert!(test.queue.take_due(late).is_none());
    }

    #[test]
    fn memory_is_bounded_and_nobody_takes_what_is_others() {
        let mut test = Test::new(&[path("one", "10s", "0%", "unlimited")]);
        let share = SHARE_BYTES_MAX / (60_000 + FRAME_OVERHEAD_BYTES);
        for _ in 0..share + 10 {
            test.send(1, 60_000, &["one"], 0);
        }
        assert_eq!(test.lost, vec!["PathQueueFull"; 10]);
        test.send_by((3, 2), 3, 60_000, &["one"], 1);
        assert_eq!(test.lost.len(), 10, "one floods, and the other's pass");
        test.run(11_000);
        assert_eq!(test.arrived.len(), share + 1);
        assert!(test.is_empty());
        // Once they have arrived there is room again.
        test.send(4, 60_000, &["one"], 11_000);
        assert_eq!((test.lost.len(), test.queue.held.frames), (10, 1));

        // All hosts of the internet have more than one interface has.
        let mut test = Test::new(&[path("one", "10s", "0%", "unlimited")]);
        for _ in 0..SHARES_OF_MANY * share + 10 {
            test.send_by((Port::INTERNET.number(), 2), 1, 60_000, &["one"], 0);
        }
        assert!((5..=10).contains(&test.lost.len()), "{:?}", test.lost);

        // Small ones are few enough too.
        let mut test = Test::new(&[path("one", "10s", "0%", "unlimited")]);
        let small = SHARE_FRAMES_MAX.min(SHARE_BYTES_MAX / (60 + FRAME_OVERHEAD_BYTES));
        for _ in 0..small + 10 {
            test.send(1, 60, &["one"], 0);
        }
        assert_eq!(test.lost, vec!["PathQueueFull"; 10]);
        assert_eq!(test.queue.held.frames, small);
        assert!(test.queue.held.bytes <= SHARE_BYTES_MAX);

        // And so are those of all senders.
        let mut test = Test::new(&[path("one", "10s", "0%", "unlimited")]);
        for sender in 10..10 + BYTES_MAX / SHARE_BYTES_MAX + 2 {
            for _ in 0..share {
                test.send_by((u32::try_from(sender).unwrap(), 2), 1, 60_000, &["one"], 0);
            }
        }
        assert!(test.queue.held.bytes <= BYTES_MAX && test.queue.held.bytes > BYTES_MAX - 64_000);
        assert!(test.lost.len() > share && test.lost.iter().all(|name| *name == "PathQueueFull"));
    }
}
