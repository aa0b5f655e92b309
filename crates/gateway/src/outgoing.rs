//! Bodies of answers: in memory, or read as the client takes them.
//!
//! Owns how long a client may take nothing of a long one. Then its content is let go, for whoever holds content holds what it was
//! of, such as a snapshot of a store; and the connection counts as idle.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use service_api::{Content, ServiceError};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::handler::bucket_log::BucketLog;
use crate::idle::Running;

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

/// Content that is read a little before the client takes it.
struct Streaming {
    left: u64,
    /// What nobody has begun to read.
    content: Option<Box<dyn Content>>,
    pieces: Option<mpsc::Receiver<Piece>>,
}

type Piece = Result<Bytes, ServiceError>;

impl Outgoing {
    /// All of these bytes.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { source: Source::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())), log: None }
    }

    /// All of this content. Nothing of it is read before [`Outgoing::begin`].
    pub(crate) fn of(content: Box<dyn Content>) -> Self {
        let streaming = Streaming { left: content.length(), content: Some(content), pieces: None };
        Self { source: Source::Streamed(streaming), log: None }
    }

    /// The same, of which the log of a bucket is told.
    pub(crate) fn logged(self, log: Option<Box<BucketLog>>) -> Self {
        Self { log, ..self }
    }

    /// Begins to read what is not in memory. The request is running until the client has nearly all of it, or has taken nothing
    /// for so long.
    pub(crate) fn begin(&mut self, timeout: Duration, running: Running) {
        let Source::Streamed(streaming) = &mut self.source else { return };
        let Some(content) = streaming.content.take().filter(|_| streaming.left > 0) else { return };
        let (sender, pieces) = mpsc::channel(1);
        tokio::spawn(give(content, sender, timeout, running));
        streaming.pieces = Some(pieces);
    }
}

/// Reads piece after piece on threads that may block, as they are taken.
async fn give(
    mut content: Box<dyn Content>,
    pieces: mpsc::Sender<Piece>,
    timeout: Duration,
    running: Running,
) {
    let mut left = content.length();
    while left > 0 {
        let read = spawn_blocking(move || {
            let piece = content.next();
            (content, piece)
        });
        let Ok((rest, Some(piece))) = read.await.map(|(rest, piece)| (rest, piece.transpose())) else {
            break;
        };
        content = rest;
        left = piece.as_ref().map_or(0, |piece| left.saturating_sub(piece.len() as u64));
        match tokio::time::timeout(timeout, pieces.send(piece)).await {
            Ok(Ok(())) => {}
            // The client is gone.
            Ok(Err(_)) => break,
            Err(_) => {
                tracing::debug!("a client took nothing of its answer in time");
                break;
            }
        }
    }
    drop(running);
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
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        let piece = ready!(pieces.poll_recv(context));
        let left = self.left;
        let given = match piece {
            None => (left > 0).then(|| Err(io::Error::other(format!("{left} bytes are missing")))),
            Some(Err(error)) => {
                // The head is gone; all that can be told is that the rest does not come.
                tracing::error!(code = %error.code, cause = error.message, "an answer was cut off");
                Some(Err(io::Error::other(error.message)))
            }
            Some(Ok(piece)) => Some(match left.checked_sub(piece.len() as u64) {
                None => Err(io::Error::other("there are more bytes than there should be")),
                Some(left) => {
                    self.left = left;
                    Ok(piece)
                }
            }),
        };
        if self.left == 0 || !matches!(given, Some(Ok(_))) {
            self.pieces = None;
        }
        Poll::Ready(given)
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
            Source::Streamed(streaming) => streaming.pieces.is_none() && streaming.left == 0,
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
    use crate::idle::{Idleness, Requests};

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

    /// A body that is being taken, and what tells whether its request is running.
    fn begun(content: Box<dyn Content>, timeout_millis: u64) -> (Outgoing, Requests, Idleness) {
        let (requests, idleness) = Requests::none_yet();
        let mut body = Outgoing::of(content);
        body.begin(Duration::from_millis(timeout_millis), requests.begin());
        (body, requests, idleness)
    }

    /// Pieces of one byte, as many as one wants, that somebody watches.
    struct Watched(#[allow(dead_code, reason = "it is there to be dropped")] std::sync::Arc<()>);

    impl Content for Watched {
        fn length(&self) -> u64 {
            1000
        }

        fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
            Ok(Some(Bytes::from_static(b"a")))
        }
    }

    #[tokio::test]
    async fn content_that_nobody_takes_is_let_go() {
        let watch = std::sync::Arc::new(());
        let (mut body, _requests, mut idleness) =
            begun(Box::new(Watched(std::sync::Arc::clone(&watch))), 300);
        // Somebody slow has all of the time for each piece.
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(std::sync::Arc::strong_count(&watch), 2);
        let begun = tokio::time::Instant::now();
        idleness.lasts(begun, Duration::from_millis(1)).await;
        assert!(begun.elapsed() > Duration::from_millis(200), "its request was running until then");
        assert_eq!(std::sync::Arc::strong_count(&watch), 1);
        assert!(body.collect().await.is_err(), "the answer is cut off");
    }

    #[tokio::test]
    async fn content_is_given_whole_or_cut_off() {
        let read = async |length, parts: &[&str]| {
            let (body, ..) = begun(pieces(length, parts), 10_000);
            let collected = body.collect().await;
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
