//! Bodies of answers: in memory, or read as the client takes them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use service_api::{Content, ServiceError};
use tokio::task::JoinHandle;

use crate::handler::bucket_log::BucketLog;

/// How much content is read together with the answer's head, rather than as the client takes it.
pub(crate) const READ_AT_ONCE_BYTES: u64 = 256 << 10;

/// A body of an answer.
pub(crate) struct Outgoing {
    source: Source,
    /// What is told of it when it was sent, or when nobody takes the rest.
    log: Option<Box<BucketLog>>,
}

enum Source {
    /// In memory.
    Whole(Option<Bytes>),
    /// To be read, piece by piece.
    Streamed(Streaming),
}

/// Content, and the piece of it that is being read on a thread that may block.
struct Streaming {
    left: u64,
    reading: Option<JoinHandle<Read>>,
}

type Read = (Box<dyn Content>, Result<Option<Bytes>, ServiceError>);

impl Outgoing {
    /// All of these bytes.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { source: Source::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())), log: None }
    }

    /// All of this content.
    pub(crate) fn of(content: Box<dyn Content>) -> Self {
        let left = content.length();
        let streaming = Streaming { left, reading: (left > 0).then(|| read(content)) };
        Self { source: Source::Streamed(streaming), log: None }
    }

    /// The same, of which the log of a bucket is told.
    pub(crate) fn logged(self, log: Option<Box<BucketLog>>) -> Self {
        Self { log, ..self }
    }
}

/// Begins to read the next piece.
fn read(mut content: Box<dyn Content>) -> JoinHandle<Read> {
    tokio::task::spawn_blocking(move || {
        let piece = content.next();
        (content, piece)
    })
}

/// Reads content that is short.
///
/// # Errors
/// What its reader says, or that it is not as long as it was to be.
pub(crate) fn collect(mut content: Box<dyn Content>) -> Result<Bytes, ServiceError> {
    let length = content.length();
    let Some(first) = content.next()? else { return whole(Bytes::new(), length) };
    if first.len() as u64 == length {
        return Ok(first);
    }
    let mut all = first.to_vec();
    while let Some(piece) = content.next()? {
        all.extend_from_slice(&piece);
    }
    whole(all.into(), length)
}

fn whole(bytes: Bytes, length: u64) -> Result<Bytes, ServiceError> {
    if bytes.len() as u64 == length {
        return Ok(bytes);
    }
    Err(ServiceError::internal(format!("{} of {length} bytes were read", bytes.len())))
}

impl Streaming {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read_piece = match Pin::new(reading).poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(read_piece) => read_piece,
        };
        self.reading = None;
        Poll::Ready(match read_piece {
            Err(error) => Some(Err(io::Error::other(error))),
            Ok((_, Err(error))) => {
                // The head is gone; all that can be told is that the rest does not come.
                tracing::error!(code = %error.code, cause = error.message, "an answer was cut off");
                Some(Err(io::Error::other(error.message)))
            }
            Ok((_, Ok(None))) => {
                (self.left > 0).then(|| Err(io::Error::other(format!("{} bytes are missing", self.left))))
            }
            Ok((content, Ok(Some(piece)))) => match self.left.checked_sub(piece.len() as u64) {
                None => Some(Err(io::Error::other("there are more bytes than there should be"))),
                Some(left) => {
                    self.left = left;
                    self.reading = (left > 0).then(|| read(content));
                    Some(Ok(piece))
                }
            },
        })
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { source, log } = self.get_mut();
        let piece = match source {
            Source::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Source::Streamed(streaming) => streaming.poll(context),
        };
        if let (Poll::Ready(Some(Ok(piece))), Some(log)) = (&piece, log) {
            log.sent(piece.len());
        }
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(bytes) => bytes.is_none(),
            Source::Streamed(streaming) => streaming.reading.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.source {
            Source::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Source::Streamed(streaming) => streaming.left,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::BodyExt as _;

    use super::*;

    /// Pieces, and how many bytes they claim to have.
    struct Pieces(u64, VecDeque<Result<Bytes, ServiceError>>);

    impl Content for Pieces {
        fn length(&self) -> u64 {
            self.0
        }

        fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
            self.1.pop_front().transpose()
        }
    }

    fn pieces(length: u64, pieces: &[&str]) -> Box<dyn Content> {
        let pieces = pieces.iter().map(|piece| match *piece {
            "!" => Err(ServiceError::internal("broken")),
            text => Ok(Bytes::copy_from_slice(text.as_bytes())),
        });
        Box::new(Pieces(length, pieces.collect()))
    }

    #[tokio::test]
    async fn content_is_given_whole_or_cut_off() {
        let read = async |length, parts: &[&str]| {
            let collected = Outgoing::of(pieces(length, parts)).collect().await;
            let at_once = collect(pieces(length, parts));
            assert_eq!(collected.is_ok(), at_once.is_ok(), "{parts:?}");
            collected.ok().map(|all| (all.to_bytes(), at_once.unwrap()))
        };
        for (length, parts, expected) in
            [(0, &[][..], ""), (3, &["abc"], "abc"), (5, &["ab", "c", "de"], "abcde")]
        {
            let (streamed, at_once) = read(length, parts).await.unwrap();
            assert_eq!((&streamed[..], &at_once[..]), (expected.as_bytes(), expected.as_bytes()));
        }
        for (length, parts) in [(3, &["ab"][..]), (3, &["ab", "!"]), (3, &["ab", "cd"]), (3, &[])] {
            assert_eq!(read(length, parts).await, None, "{parts:?}");
        }
    }

    #[test]
    fn whole_bodies_say_how_long_they_are() {
        let body = Outgoing::whole(Bytes::from_static(b"abc"));
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
        let body = Outgoing::whole(Bytes::new());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    }
}
