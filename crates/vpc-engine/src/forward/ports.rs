//! The ports that a translated connection may have on its far side.
//!
//! Owns in which order they are tried. Refuses to know which are taken, and by whom.

/// The first port that is tried besides a connection's own (fact 42); the last is 65535.
pub(super) const FIRST_PORT: u16 = 1024;
/// How many ports there are from that one on.
pub(super) const PORTS: u32 = 65_536 - FIRST_PORT as u32;
/// Between the ports that are tried one after the other: coprime to their number, so that all are visited.
const STRIDE: u32 = 7919;

/// A connection's own port, then so many others from a place on that a number chooses.
pub(super) fn to_try(own: u16, place: u32, others: u32) -> impl Iterator<Item = u16> {
    let other = move |step: u32| FIRST_PORT + ((place % PORTS + step * STRIDE) % PORTS) as u16;
    std::iter::once(own).chain((0..others.min(PORTS)).map(other))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_port_is_tried_once_after_the_own_one() {
        let tried: Vec<u16> = to_try(7, u32::MAX, PORTS).collect();
        assert_eq!(tried[0], 7);
        let others: HashSet<u16> = tried[1..].iter().copied().collect();
        assert_eq!((tried.len() - 1, others.len()), (PORTS as usize, PORTS as usize));
        assert!(others.iter().all(|&port| port >= FIRST_PORT));
    }
}
