//! The pcap file format, with times in nanoseconds.
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>

use std::io::{self, Write};

use host_net::Passed;

/// Tells times in nanoseconds and the machine's byte order, in which it is written.
const MAGIC: u32 = 0xa1b2_3c4d;
/// Ethernet.
const LINK_TYPE: u32 = 1;
/// The longest frame that is kept, in bytes: the largest segmented one.
pub(super) const FRAME_BYTES_MAX: usize = 256 * 1024;

/// What a file begins with.
pub(super) fn write_header(output: &mut impl Write) -> io::Result<()> {
    let (major, minor) = (2_u16, 4_u16);
    output.write_all(&MAGIC.to_ne_bytes())?;
    output.write_all(&major.to_ne_bytes())?;
    output.write_all(&minor.to_ne_bytes())?;
    output.write_all(&[0; 8])?;
    output.write_all(&(FRAME_BYTES_MAX as u32).to_ne_bytes())?;
    output.write_all(&LINK_TYPE.to_ne_bytes())
}

/// One frame.
pub(super) fn write_frame(output: &mut impl Write, passed: &Passed, frame: &[u8]) -> io::Result<()> {
    let lengths =
        [frame.len(), passed.original_length].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
    for word in [passed.at.as_secs() as u32, passed.at.subsec_nanos(), lengths[0], lengths[1]] {
        output.write_all(&word.to_ne_bytes())?;
    }
    output.write_all(frame)
}
