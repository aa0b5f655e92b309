//! Reading request bodies, within bounds.

use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::Limits;
use crate::room::Room;

/// Why a body was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("The request body is larger than the {limit_bytes} bytes that are allowed.")]
    TooLarge { limit_bytes: usize },
    #[error("The request body ended early, or its framing is malformed.")]
    Incomplete,
    #[error("The request body was not sent within the time allowed.")]
    TimedOut,
    #[error("Too many large requests are being read; retry later.")]
    Busy,
    #[error("The Content-Encoding {0} is not supported; send the body as it is, or compressed by gzip.")]
    UnknownEncoding(String),
    #[error("The request body is not what its Content-Encoding says: {0}.")]
    BadEncoding(String),
}

/// A body, and the room that it takes up.
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) room: Room,
}

/// Reads a body to its end, as it is on the wire.
pub(crate) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    limits: &Limits,
    mut room: Room,
) -> Result<Held, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let limit_bytes = room.limit_bytes;
    let announced: Option<usize> = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse().ok());
    if announced.is_some_and(|announced| announced > limit_bytes) {
        return Err(BodyError::TooLarge { limit_bytes });
    }
    if let Some(announced) = announced {
        room.expect(announced).await?;
    }
    let read = tokio::time::timeout(limits.body_deadline, read_frames(body, limits.body_timeout, &mut room));
    let bytes = read.await.map_err(|_| BodyError::TimedOut)??;
    Ok(Held { bytes, room })
}

/// Frame after frame, with room made for each.
async fn read_frames<B>(mut body: B, timeout: Duration, room: &mut Room) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut read = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(timeout, body.frame()).await.map_err(|_| BodyError::TimedOut)?;
        match frame {
            None => return Ok(read.freeze()),
            Some(Err(_)) => return Err(BodyError::Incomplete),
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else { continue };
                let length = read.len() + data.len();
                if length > room.limit_bytes {
                    return Err(BodyError::TooLarge { limit_bytes: room.limit_bytes });
                }
                room.grow_to(length).await?;
                read.extend_from_slice(data);
            }
        }
    }
}

/// Whether the body says that it is encoded.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_ENCODING)
}

/// Undoes the content encoding.
pub(crate) fn decode(headers: &HeaderMap, bytes: &Bytes, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let encoding = headers
        .get(CONTENT_ENCODING)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    match encoding.as_deref().map(str::trim) {
        None | Some("" | "identity") => Ok(bytes.clone()),
        Some("gzip" | "x-gzip") => {
            let mut decoded = Vec::new();
            // One byte more than allowed, to tell a body of just the limit from one beyond it.
            let mut reader = MultiGzDecoder::new(&bytes[..]).take(limit_bytes as u64 + 1);
            reader.read_to_end(&mut decoded).map_err(|error| BodyError::BadEncoding(error.to_string()))?;
            if decoded.len() > limit_bytes {
                return Err(BodyError::TooLarge { limit_bytes });
            }
            Ok(decoded.into())
        }
        Some(other) => Err(BodyError::UnknownEncoding(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http_body_util::Full;

    use super::*;
    use crate::room::{Rooms, Standing};

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn check(encoding: &str, bytes: &Bytes, expect: Result<&[u8], BodyError>) {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, encoding.parse().unwrap())]);
        match (decode(&headers, bytes, 1000), expect) {
            (Err(BodyError::BadEncoding(_)), Err(BodyError::BadEncoding(_))) => {}
            (found, expect) => assert_eq!(found.as_deref(), expect.as_deref(), "{encoding}"),
        }
    }

    #[test]
    fn encodings_are_undone_within_the_limit() {
        check("gzip", &gzip(b"hello"), Ok(b"hello"));
        check("GZIP ", &gzip(&[0; 1000]), Ok(&[0; 1000]));
        check("gzip", &gzip(&[0; 1001]), Err(BodyError::TooLarge { limit_bytes: 1000 }));
        check("gzip", &gzip(b"hello").slice(..10), Err(BodyError::BadEncoding(String::new())));
        check("gzip", &Bytes::from_static(b"hello"), Err(BodyError::BadEncoding(String::new())));
        check("identity", &Bytes::from_static(b"hello"), Ok(b"hello"));
        check("br", &Bytes::new(), Err(BodyError::UnknownEncoding("br".to_owned())));
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit() {
        let limits = Limits { max_body_bytes: 4096, ..Limits::default() };
        let rooms = Rooms::new(&limits);
        let open = || rooms.open(&Standing::Claimed, std::net::Ipv4Addr::LOCALHOST.into());
        let headers = |length: usize| HeaderMap::from_iter([(CONTENT_LENGTH, length.into())]);
        let body = |length| Full::new(Bytes::from(vec![0; length]));
        let held = read(&headers(4096), body(4096), &limits, open()).await;
        assert_eq!(held.map(|held| held.bytes.len()), Ok(4096));
        for length in [4097, 100_000_000] {
            let error = read(&headers(length), body(length.min(5000)), &limits, open()).await.err();
            assert_eq!(error, Some(BodyError::TooLarge { limit_bytes: 4096 }));
            let error = read(&HeaderMap::new(), body(5000), &limits, open()).await.err();
            assert_eq!(error, Some(BodyError::TooLarge { limit_bytes: 4096 }), "without a length");
        }
    }
}
