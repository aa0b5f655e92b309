//! NTP in server mode (RFC 5905): the answer depends on the query and the time alone.
//!
//! ```text
//!  0: leap (2 bits), version (3), mode (3)   1: stratum   2: poll   3: precision
//!  4: root delay      8: root dispersion    12: reference id
//! 16: reference timestamp   24: origin timestamp   32: receive timestamp   40: transmit timestamp
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

/// The length of a packet without extension fields (RFC 5905, section 7.3).
pub const PACKET_BYTES: usize = 48;

/// The newest version; older ones have the same packet, and an answer has the version of its query.
const VERSION_MAX: u8 = 4;
/// A query.
const MODE_CLIENT: u8 = 3;
/// An answer.
const MODE_SERVER: u8 = 4;
/// The distance to a reference clock that the service of AWS names too.
const STRATUM: u8 = 3;
/// A microsecond, as a power of two of seconds.
const PRECISION_LOG2_SECS: i8 = -20;
/// A millisecond, in units of 2^-16 s: how far the host's clock may be off by what is known here. Clients add it to
/// their own estimate.
const ROOT_DISPERSION: u32 = 0x0000_0042;
/// For clocks beyond stratum 1 the id is the address of what they follow. This is how daemons name the local clock.
const REFERENCE_ID: [u8; 4] = [127, 127, 1, 1];
/// From the beginning of 1900 to that of 1970 (RFC 5905, figure 4).
const UNIX_EPOCH_IN_NTP_SECS: u64 = 2_208_988_800;
/// Where a client writes what it wants to see again as the origin timestamp.
const TRANSMIT_AT: usize = 40;

/// The answer to a packet, when it is a client's query. What follows the packet, extension fields or a signature, is
/// not looked at: an answer without a signature is what those who signed without agreed keys get (section 9.2).
pub fn answer(packet: &[u8], now: SystemTime) -> Option<[u8; PACKET_BYTES]> {
    let query = packet.first_chunk::<PACKET_BYTES>()?;
    let (version, mode) = (query[0] >> 3 & 7, query[0] & 7);
    // Everything that may follow comes in words (section 7.5).
    if mode != MODE_CLIENT || !(1..=VERSION_MAX).contains(&version) || !packet.len().is_multiple_of(4) {
        return None;
    }
    let now = timestamp(now);
    let mut reply = [0; PACKET_BYTES];
    // The leap indicator stays 0: leap seconds are smeared or stepped by whoever keeps the host's clock.
    reply[0] = version << 3 | MODE_SERVER;
    reply[1] = STRATUM;
    reply[2] = query[2];
    reply[3] = PRECISION_LOG2_SECS.cast_unsigned();
    reply[8..12].copy_from_slice(&ROOT_DISPERSION.to_be_bytes());
    reply[12..16].copy_from_slice(&REFERENCE_ID);
    // The host's clock is taken as it is, so it was set when this second began.
    reply[16..20].copy_from_slice(&now[..4]);
    reply[24..32].copy_from_slice(&query[TRANSMIT_AT..]);
    // There is nothing between the two that would take time.
    reply[32..40].copy_from_slice(&now);
    reply[TRANSMIT_AT..].copy_from_slice(&now);
    Some(reply)
}

/// Seconds since 1900, of which the upper bits are the era and are not sent, and a fraction of 2^-32 s (section 6).
fn timestamp(time: SystemTime) -> [u8; 8] {
    // A host whose clock is before 1970 has no time to give; it gives the beginning of 1970.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let secs = since.as_secs().wrapping_add(UNIX_EPOCH_IN_NTP_SECS) as u32;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((u64::from(secs) << 32) | fraction).to_be_bytes()
}
