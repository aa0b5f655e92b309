//! What `x-amz-content-sha256` says of a body in chunks.

/// How a body in chunks is covered by signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each chunk is signed.
    Signed,
    /// Each chunk is signed, and the trailer.
    SignedTrailer,
    /// No chunk is signed, and there is a trailer, usually with a checksum.
    UnsignedTrailer,
}

impl Mode {
    /// The mode of a value of `x-amz-content-sha256`, if that is of a body in chunks.
    pub fn of_header(value: &str) -> Option<Self> {
        match value {
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Self::Signed),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(Self::SignedTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Self::UnsignedTrailer),
            _ => None,
        }
    }

    /// Whether chunks are signed.
    pub fn is_signed(self) -> bool {
        self != Self::UnsignedTrailer
    }

    /// Whether a trailer may follow.
    pub fn has_trailer(self) -> bool {
        self != Self::Signed
    }
}
