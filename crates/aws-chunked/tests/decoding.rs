//! Bodies in chunks: AWS's own example, what is wrong with them, and any way that bytes may come.

#![allow(clippy::unwrap_used)]

use aws_chunked::{ChunkError, Decoder, LINE_BYTES_MAX, Mode, TRAILER_FIELDS_MAX, Trailer};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use sigv4::{ChunkSignatures, CredentialScope, Place, Presented, SigningTime};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The request of AWS's example, whose signature is that of its head.
fn presented() -> Presented {
    Presented {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        scope: CredentialScope {
            date: "20130524".to_owned(),
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
        },
        signed_headers: Vec::new(),
        signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9".to_owned(),
        time: SigningTime::parse_basic("20130524T000000Z").unwrap(),
        session_token: None,
        place: Place::Header,
    }
}

fn decoder(mode: Mode, expected: u64, declared: &[&str]) -> Decoder {
    let signatures = mode.is_signed().then(|| ChunkSignatures::after(&presented(), SECRET));
    Decoder::new(mode, expected, declared.iter().map(|name| (*name).to_owned()), signatures)
}

fn decode(mut decoder: Decoder, body: &[u8]) -> Result<(Vec<u8>, Trailer), ChunkError> {
    let mut decoded = Vec::new();
    decoder.decode(body, |data| decoded.extend_from_slice(data))?;
    Ok((decoded, decoder.finish()?))
}

/// A signed body of these chunks, and a trailer of these fields where the mode has one.
fn signed(mode: Mode, chunks: &[&[u8]], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut signatures = ChunkSignatures::after(&presented(), SECRET);
    let mut body = Vec::new();
    for chunk in chunks.iter().copied().chain([&[][..]]) {
        let signature = signatures.of_chunk(Sha256::new_with_prefix(chunk));
        body.extend(format!("{:x};chunk-signature={signature}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        if !chunk.is_empty() {
            body.extend(b"\r\n");
        }
    }
    if mode == Mode::SignedTrailer {
        let text: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let signature = signatures.of_trailer(&text);
        body.extend(fields.iter().flat_map(|(name, value)| format!("{name}:{value}\r\n").into_bytes()));
        body.extend(format!("x-amz-trailer-signature:{signature}\r\n").bytes());
    }
    body.extend(b"\r\n");
    body
}

/// The example of "Signature calculations for the Authorization header: transferring payload in multiple chunks".
#[test]
fn the_published_example_is_decoded() {
    let mut body =
        b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
            .to_vec();
    body.extend([b'a'; 65536]);
    body.extend(
        b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
    );
    body.extend([b'a'; 1024]);
    body.extend(
        b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
    );
    let (decoded, trailer) = decode(decoder(Mode::Signed, 66560, &[]), &body).unwrap();
    assert_eq!((decoded, trailer), (vec![b'a'; 66560], Vec::new()));
    for at in [100, 66000, body.len() - 20] {
        let mut other = body.clone();
        other[at] ^= 1;
        assert_eq!(decode(decoder(Mode::Signed, 66560, &[]), &other), Err(ChunkError::Signature), "{at}");
    }
}

#[test]
fn trailers_are_given_as_they_were_declared_and_signed() {
    let sum = ("x-amz-checksum-crc32", "AAAAAA==");
    let unsigned = b"3\r\nabc\r\n0\r\nX-Amz-Checksum-CRC32: AAAAAA== \r\n\r\n";
    let expected = Ok((b"abc".to_vec(), vec![(sum.0.to_owned(), sum.1.to_owned())]));
    assert_eq!(decode(decoder(Mode::UnsignedTrailer, 3, &["x-amz-checksum-crc32"]), unsigned), expected);
    let body = signed(Mode::SignedTrailer, &[b"abc"], &[sum]);
    assert_eq!(decode(decoder(Mode::SignedTrailer, 3, &[sum.0]), &body), expected);
    // Another value than was signed, and none that is signed.
    let text = String::from_utf8(body).unwrap();
    for other in [
        text.replace("AAAAAA==", "BAAAAA=="),
        text.split("x-amz-trailer").next().unwrap().to_owned() + "\r\n",
        text.split("x-amz-checksum").next().unwrap().to_owned() + "\r\n",
    ] {
        let refused = decode(decoder(Mode::SignedTrailer, 3, &[sum.0]), other.as_bytes());
        assert_eq!(refused, Err(ChunkError::Signature), "{other}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let check = |body: &[u8], expected: ChunkError| {
        let found = decode(decoder(Mode::UnsignedTrailer, 3, &["a"]), body);
        assert_eq!(found, Err(expected), "{}", String::from_utf8_lossy(body));
    };
    let size = || ChunkError::Malformed("the size of a chunk");
    for bad in ["", "g", "-1", " 3", "0x3", "+3", "11111111111111111"] {
        check(format!("{bad}\r\nabc\r\n0\r\n\r\n").as_bytes(), size());
    }
    check(b"3\nabc\r\n0\r\n\r\n", ChunkError::Malformed("the end of a line"));
    check(b"3\r\nabcd\r\n0\r\n\r\n", ChunkError::Malformed("the end of a chunk"));
    check(b"3\r\nabc\n0\r\n\r\n", ChunkError::Malformed("the end of a chunk"));
    check(b"4\r\nabcd\r\n0\r\n\r\n", ChunkError::TooLong);
    check(b"ffffffffffffffff\r\nabc", ChunkError::TooLong);
    check(b"3\r\nabc\r\n0\r\n\r\nx", ChunkError::Malformed("the end of the body"));
    check(b"3\r\nabc\r\n0\r\nb:1\r\n\r\n", ChunkError::Undeclared("b".to_owned()));
    check(b"3\r\nabc\r\n0\r\na\r\n\r\n", ChunkError::Malformed("a trailing header"));
    check(b"3\r\nabc\r\n0\r\na:1\r\na:2\r\n\r\n", ChunkError::Malformed("the end of the trailer"));
    check(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", ChunkError::TooShort { chunk: 1, size: 1 });
    check(b"2\r\nab\r\n0\r\n\r\n", ChunkError::Incomplete);
    for cut in ["3", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", "3\r\nabc\r\n0\r\na:1\r\n"] {
        check(cut.as_bytes(), ChunkError::Incomplete);
    }
    check(&[b'0'; LINE_BYTES_MAX + 1], ChunkError::Malformed("a shorter line"));
    let unsigned = decode(decoder(Mode::Signed, 3, &[]), b"3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(unsigned, Err(ChunkError::Malformed("the signature of a chunk")));
}

#[test]
fn a_trailer_has_a_limit() {
    let names: Vec<_> = (0..=TRAILER_FIELDS_MAX).map(|number| format!("n{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let fields = |count: usize| names[..count].iter().map(|name| format!("{name}:1\r\n")).collect::<String>();
    let body = |count| format!("0\r\n{}\r\n", fields(count));
    let all = decode(decoder(Mode::UnsignedTrailer, 0, &names[1..]), body(0).as_bytes());
    assert_eq!(all, Err(ChunkError::MissingTrailer("n1".to_owned())), "it was announced");
    let few = &names[..TRAILER_FIELDS_MAX];
    let all = decode(decoder(Mode::UnsignedTrailer, 0, few), body(TRAILER_FIELDS_MAX).as_bytes());
    assert_eq!(all.map(|(_, trailer)| trailer.len()), Ok(TRAILER_FIELDS_MAX));
    let more = decode(decoder(Mode::UnsignedTrailer, 0, &names), body(TRAILER_FIELDS_MAX + 1).as_bytes());
    assert_eq!(more, Err(ChunkError::Malformed("the end of the trailer")));
}

proptest! {
    #[test]
    fn how_bytes_come_does_not_matter(
        data in prop::collection::vec(any::<u8>(), 0..40_000),
        pieces in prop::collection::vec(1usize..9000, 1..40),
        mode in prop::sample::select(vec![Mode::Signed, Mode::SignedTrailer]),
    ) {
        let chunks: Vec<&[u8]> = data.chunks(8192).collect();
        let body = signed(mode, &chunks, &[("a", "1")]);
        let mut decoder = decoder(mode, data.len() as u64, &["a"]);
        let (mut decoded, mut rest) = (Vec::new(), &body[..]);
        for piece in pieces.iter().cycle() {
            let (part, behind) = rest.split_at((*piece).min(rest.len()));
            decoder.decode(part, |data| decoded.extend_from_slice(data)).unwrap();
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(decoder.finish().map(|trailer| trailer.len()), Ok(usize::from(mode.has_trailer())));
        prop_assert_eq!(decoded, data);
    }

    #[test]
    fn nothing_panics(body in prop::collection::vec(prop::sample::select(b"0123af;:\r\n-x".to_vec()), 0..60)) {
        for mode in [Mode::Signed, Mode::SignedTrailer, Mode::UnsignedTrailer] {
            drop(decode(decoder(mode, 10, &["a"]), &body));
        }
    }
}
