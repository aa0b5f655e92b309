//! What is wrong with a body in chunks.

/// What is wrong with a body in chunks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The framing is broken: what was expected there.
    #[error("The request body is not aws-chunked: {0} was expected")]
    Malformed(&'static str),
    /// A chunk that others follow is too short.
    #[error("Only the last chunk is allowed to have a size less than 8192 bytes")]
    TooShort {
        /// Which one, from 1.
        chunk: u64,
        /// How long it is.
        size: u64,
    },
    /// There is more than the request said, or than is allowed.
    #[error("The body is longer than x-amz-decoded-content-length says")]
    TooLong,
    /// It ends before its end, or has less than the request said.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    Incomplete,
    /// A chunk or the trailer has another signature than it should.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )]
    Signature,
    /// A trailer that the request did not announce.
    #[error("The trailing header {0} was not declared in x-amz-trailer")]
    Undeclared(String),
    /// A trailer that the request announced and that did not come.
    #[error("The trailing header {0}, which x-amz-trailer declares, is missing")]
    MissingTrailer(String),
}
