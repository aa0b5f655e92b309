//! Packets that somebody follows: what was decided about each of them, apart from all others.
//!
//! Owns who is followed, and the first decision about each. Refuses to know who asks, and whether the frame arrived.

use vpc_engine::frame::parse;
use vpc_engine::reach::Ends;
use vpc_engine::{Delivery, DropReason, Packet};
use vpc_model::{Port, Protocol};

use crate::clock::CacheTime;
use crate::packet_loop::Shared;

/// Packets that are followed at one time, at most.
const FOLLOWED_MAX: usize = 64;
/// Events of the cache that are heard for a look, at most: the others wait for the upkeep, and frames do not wait for them.
const EVENTS_AT_ONCE: usize = 16;

/// As many packets are followed as can be at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} packets are followed already, and that is as many as can be at one time: try again later",
    FOLLOWED_MAX
)]
pub struct TooManyFollowed;

/// A packet, as it comes in by its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The port.
    pub from: Port,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its addresses and ports.
    pub ends: Ends,
}

/// What was decided about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was dropped.
    Dropped(DropReason),
    /// It was sent on.
    Sent {
        /// By that port.
        to: Port,
        /// Its addresses and ports there.
        ends: Ends,
        /// Whether its way has conditions, by which it may come late or go missing.
        has_conditions: bool,
    },
}

/// Follows a packet until it is dropped.
pub struct Following<'p> {
    shared: &'p Shared,
    number: u64,
}

impl<'p> Following<'p> {
    pub(crate) fn begin(shared: &'p Shared, followed: Followed) -> Result<Self, TooManyFollowed> {
        let number = shared.decider.lock().follows.begin(followed)?;
        Ok(Self { shared, number })
    }

    /// What was decided about the first such packet since the beginning; none if there was no decision: what belongs to a
    /// connection that is known may have been carried by the flow cache.
    ///
    /// Frames that are to be decided wait meanwhile: not to be asked without a pause.
    pub fn fate(&self) -> Option<Fate> {
        let mut decider = self.shared.decider.lock();
        decider.hear_some(EVENTS_AT_ONCE, CacheTime::now());
        decider.follows.fate(self.number)
    }
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.shared.decider.lock().follows.end(self.number);
    }
}

/// Everybody who is followed.
#[derive(Default)]
pub(crate) struct Follows {
    followed: Vec<(u64, Followed, Option<Fate>)>,
    last: u64,
}

impl Follows {
    fn begin(&mut self, followed: Followed) -> Result<u64, TooManyFollowed> {
        if self.followed.len() >= FOLLOWED_MAX {
            return Err(TooManyFollowed);
        }
        self.last += 1;
        self.followed.push((self.last, followed, None));
        Ok(self.last)
    }

    fn fate(&self, number: u64) -> Option<Fate> {
        self.followed.iter().find(|(held, ..)| *held == number).and_then(|(.., fate)| *fate)
    }

    fn end(&mut self, number: u64) {
        self.followed.retain(|(held, ..)| *held != number);
    }

    /// The packet that a frame is, if somebody follows it. Before the frame is rewritten.
    pub(crate) fn look(&self, from: Port, frame: &[u8]) -> Option<Packet> {
        if self.followed.is_empty() {
            return None;
        }
        parse(frame).ok().filter(|packet| self.followed.iter().any(|(_, held, _)| held.is(from, packet)))
    }

    /// Notes what was decided about a packet of [`Self::look`].
    pub(crate) fn note(
        &mut self,
        from: Port,
        packet: Option<&Packet>,
        decided: Result<&Delivery, DropReason>,
    ) {
        let Some(packet) = packet else { return };
        let decided = match decided {
            Err(reason) => Fate::Dropped(reason),
            Ok(delivery) => Fate::Sent {
                to: delivery.to,
                ends: Ends::delivered(packet, delivery),
                has_conditions: !delivery.legs.is_empty(),
            },
        };
        for (_, _, fate) in self.followed.iter_mut().filter(|(_, held, _)| held.is(from, packet)) {
            fate.get_or_insert(decided);
        }
    }
}

impl Followed {
    fn is(&self, from: Port, packet: &Packet) -> bool {
        let is_whole = packet.fragment.is_none();
        is_whole && self.from == from && self.protocol == packet.protocol && self.ends == Ends::of(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_forgotten_for_another() {
        let address = "10.0.0.4".parse().unwrap();
        let ends = Ends { source: address, source_port: 1, destination: address, destination_port: 2 };
        let followed = Followed { from: Port::INTERNET, protocol: Protocol::UDP, ends };
        let mut follows = Follows::default();
        let numbers: Vec<_> = (0..FOLLOWED_MAX).map(|_| follows.begin(followed).unwrap()).collect();
        assert_eq!(follows.begin(followed), Err(TooManyFollowed));
        let held: Vec<_> = follows.followed.iter().map(|(number, ..)| *number).collect();
        assert_eq!(held, numbers);
        follows.end(numbers[3]);
        assert!(follows.begin(followed).is_ok_and(|number| !numbers.contains(&number)));
        assert_eq!(follows.begin(followed), Err(TooManyFollowed));
    }
}
