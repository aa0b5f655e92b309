//! The memory that request bodies may take up, and who may take how much of it.
//!
//! Owns the shares: one of all requests whose head names a key that exists, one of all others, and within the first one
//! of each peer that has proved nothing yet. Room is taken as bytes arrive, so what a head announces costs nothing.
//! Refuses to know HTTP.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use sigv4::SignatureError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Limits;
use crate::body::BodyError;
use crate::by_peer::ByPeer;

/// What one permit of a share stands for.
pub(crate) const UNIT_BYTES: usize = 1 << 10;

/// What the head of a request tells of who sent it, before its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The head says what the body's digest is, or that it is unsigned, and with that the signature is right.
    Proven,
    /// It names a key that exists and a time that is now. Whether the signature is right depends on the body.
    Claimed,
    /// Whatever the body is, the request will be refused, for this reason.
    Refused(SignatureError),
}

/// All the room for bodies.
pub(crate) struct Rooms {
    known: Arc<Semaphore>,
    refused: Arc<Semaphore>,
    by_peer: ByPeer<Semaphore>,
    limits: Limits,
}

impl Rooms {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            known: Arc::new(permits(limits.max_bodies_bytes)),
            refused: Arc::new(permits(limits.max_refused_bodies_bytes)),
            by_peer: ByPeer::default(),
            limits: limits.clone(),
        }
    }

    /// Room for one body, with nothing in it.
    pub(crate) fn open(&self, standing: &Standing, peer: IpAddr) -> Room {
        let limits = &self.limits;
        let (pool, of_peer, limit_bytes) = match standing {
            Standing::Proven => (&self.known, None, limits.max_body_bytes),
            Standing::Claimed => (&self.known, Some(self.of_peer(peer)), limits.max_body_bytes),
            Standing::Refused(_) => {
                (&self.refused, None, limits.max_refused_body_bytes.min(limits.max_body_bytes))
            }
        };
        Room {
            limit_bytes,
            pool: Share::of(Arc::clone(pool)),
            of_peer: of_peer.map(Share::of),
            is_proven: *standing == Standing::Proven,
            wait: limits.body_wait,
        }
    }

    /// The share of a peer, which lives as long as a body has part in it.
    fn of_peer(&self, peer: IpAddr) -> Arc<Semaphore> {
        self.by_peer.get(network_of(peer), || permits(self.limits.max_peer_bodies_bytes))
    }
}

/// Whoever has one IPv6 address usually has the 2^64 of its network.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn permits(bytes: usize) -> Semaphore {
    Semaphore::new(bytes.div_ceil(UNIT_BYTES).min(Semaphore::MAX_PERMITS))
}

/// What one body takes up, given back when this is dropped.
pub(crate) struct Room {
    /// How large the body may be.
    pub(crate) limit_bytes: usize,
    pool: Share,
    of_peer: Option<Share>,
    is_proven: bool,
    /// How long to wait for other bodies to be done with.
    wait: Duration,
}

impl Room {
    /// Before a body comes of which this length was announced: a proven one gets all of its room at once, so that two
    /// halves do not wait for each other. The others' word is worth nothing.
    ///
    /// # Errors
    /// There is no room, and there was none in the time that a body waits.
    pub(crate) async fn expect(&mut self, announced_bytes: usize) -> Result<(), BodyError> {
        if self.is_proven { self.grow_to(announced_bytes).await } else { Ok(()) }
    }

    /// Makes room for so many bytes in all.
    ///
    /// # Errors
    /// There is no room, and there was none in the time that a body waits.
    pub(crate) async fn grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        let Self { pool, of_peer, wait, .. } = self;
        let grown = tokio::time::timeout(*wait, async {
            // The peer's own share first, so that it waits for itself without holding what others could have.
            if let Some(of_peer) = of_peer {
                of_peer.grow_to(bytes).await?;
            }
            pool.grow_to(bytes).await
        });
        grown.await.unwrap_or(Err(BodyError::Busy))
    }

    /// The peer has proved who it is: what it holds is no longer of its share of the unproven.
    pub(crate) fn take_peer_share(&mut self) -> Option<Share> {
        self.of_peer.take()
    }
}

/// Part of a share.
pub(crate) struct Share {
    of: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Share {
    fn of(of: Arc<Semaphore>) -> Self {
        Self { of, taken: None }
    }

    async fn grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        let held = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(UNIT_BYTES).saturating_sub(held);
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| BodyError::Busy)?;
        let more = Arc::clone(&self.of).acquire_many_owned(missing).await.map_err(|_| BodyError::Busy)?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const SECOND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn rooms() -> Rooms {
        Rooms::new(&Limits {
            max_body_bytes: 4 * UNIT_BYTES,
            max_bodies_bytes: 10 * UNIT_BYTES,
            max_peer_bodies_bytes: 4 * UNIT_BYTES,
            max_refused_body_bytes: UNIT_BYTES,
            max_refused_bodies_bytes: 2 * UNIT_BYTES,
            body_wait: Duration::from_millis(20),
            ..Limits::default()
        })
    }

    async fn check(room: &mut Room, bytes: usize, expect: Result<(), BodyError>) {
        assert_eq!(room.grow_to(bytes).await, expect, "{bytes} bytes");
    }

    #[tokio::test]
    async fn a_peer_that_proved_nothing_has_a_share_of_its_own() {
        let rooms = rooms();
        let mut held = rooms.open(&Standing::Claimed, FIRST);
        check(&mut held, 3 * UNIT_BYTES, Ok(())).await;
        let mut more = rooms.open(&Standing::Claimed, FIRST);
        check(&mut more, UNIT_BYTES, Ok(())).await;
        check(&mut more, UNIT_BYTES + 1, Err(BodyError::Busy)).await;
        let mut others = rooms.open(&Standing::Claimed, SECOND);
        check(&mut others, 4 * UNIT_BYTES, Ok(())).await;
        let mut proven = rooms.open(&Standing::Proven, FIRST);
        check(&mut proven, 2 * UNIT_BYTES, Ok(())).await;
        check(&mut proven, 3 * UNIT_BYTES, Err(BodyError::Busy)).await;
        drop(others);
        check(&mut proven, 4 * UNIT_BYTES, Ok(())).await;
        // Once it is known who the first is, the peer's share is free again and the room is still taken.
        drop(held.take_peer_share());
        check(&mut more, 2 * UNIT_BYTES, Ok(())).await;
        assert_eq!(rooms.known.available_permits(), 10 - 3 - 2 - 4);
        drop((held, more, proven));
        assert_eq!(rooms.known.available_permits(), 10);
        drop(rooms.open(&Standing::Claimed, "192.0.2.3".parse().unwrap()));
        assert_eq!(rooms.by_peer.len(), 1, "shares nobody has part in are forgotten");
    }

    #[tokio::test]
    async fn those_who_will_be_refused_have_little_and_take_nothing_from_others() {
        let rooms = rooms();
        let refused = Standing::Refused(SignatureError::Missing);
        let mut held: Vec<_> = (0..3).map(|_| rooms.open(&refused, FIRST)).collect();
        assert_eq!(held[0].limit_bytes, UNIT_BYTES);
        check(&mut held[0], UNIT_BYTES, Ok(())).await;
        check(&mut held[1], UNIT_BYTES, Ok(())).await;
        check(&mut held[2], 1, Err(BodyError::Busy)).await;
        assert_eq!(rooms.known.available_permits(), 10);
    }

    #[tokio::test]
    async fn only_the_proven_get_room_for_what_they_announce() {
        let rooms = rooms();
        for (standing, taken) in
            [(Standing::Proven, 4), (Standing::Claimed, 0), (Standing::Refused(SignatureError::Missing), 0)]
        {
            let mut room = rooms.open(&standing, FIRST);
            room.expect(4 * UNIT_BYTES).await.unwrap();
            assert_eq!(rooms.known.available_permits(), 10 - taken, "{standing:?}");
        }
    }

    #[test]
    fn an_ipv6_peer_is_its_network() {
        let check = |address: &str, expect: &str| {
            assert_eq!(network_of(address.parse().unwrap()), expect.parse::<IpAddr>().unwrap());
        };
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
    }
}
