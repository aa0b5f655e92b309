//! The `aws-chunked` content encoding: decode and verify, pure.
//!
//! Owns the framing of bodies that are sent in chunks of their own, signed or not, with or without a trailer, and the limits on
//! what a peer may send. Refuses to know sockets, and what trailers mean. It is beside HTTP's own chunks, which are gone when
//! bytes come here.
//!
//! ```text
//! body    = *chunk last [trailer] CRLF
//! chunk   = size [";chunk-signature=" signature] CRLF data CRLF
//! last    = "0" [";chunk-signature=" signature] CRLF
//! trailer = *(name ":" value CRLF) ["x-amz-trailer-signature:" signature CRLF]
//! ```
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>

mod decoder;
mod error;
mod mode;

pub use decoder::{Decoder, Trailer};
pub use error::ChunkError;
pub use mode::Mode;

/// The shortest chunk that others may follow, in bytes.
pub const CHUNK_BYTES_MIN: u64 = 8 << 10;
/// The longest line: the head of a chunk, or a field of the trailer.
pub const LINE_BYTES_MAX: usize = 4 << 10;
/// How many fields a trailer has at most.
pub const TRAILER_FIELDS_MAX: usize = 32;
