//! Decoding as bytes come.

use sha2::{Digest as _, Sha256};
use sigv4::{ChunkSignatures, is_signature};

use crate::{CHUNK_BYTES_MIN, ChunkError, LINE_BYTES_MAX, Mode, TRAILER_FIELDS_MAX};

/// The field of a trailer that signs the others.
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// The fields behind a body, with names in lower case, in their order.
pub type Trailer = Vec<(String, String)>;

/// Decodes one body. It keeps a line at most, never data.
pub struct Decoder {
    mode: Mode,
    signatures: Option<ChunkSignatures>,
    /// The trailing fields that the request announced.
    declared: Vec<String>,
    /// How many bytes the body has when it is decoded.
    expected: u64,
    decoded: u64,
    chunks: u64,
    /// The size of a short chunk, behind which only the last one may come.
    short: Option<u64>,
    line: Vec<u8>,
    state: State,
    trailer: Trailer,
}

enum State {
    /// In the line that begins a chunk.
    Head,
    Data {
        left: u64,
        signature: Vec<u8>,
        hash: Sha256,
    },
    /// Behind data: how much of the line's end is there.
    DataEnd {
        has_return: bool,
    },
    Trailer,
    Done,
}

impl Decoder {
    /// For a body that has so many bytes when it is decoded. `declared` are the names in `x-amz-trailer`. Signatures are those
    /// after the request's; they are there exactly when the mode is signed.
    pub fn new(
        mode: Mode,
        expected: u64,
        declared: impl IntoIterator<Item = String>,
        signatures: Option<ChunkSignatures>,
    ) -> Self {
        debug_assert_eq!(mode.is_signed(), signatures.is_some());
        Self {
            mode,
            signatures,
            declared: declared.into_iter().map(|name| name.to_ascii_lowercase()).collect(),
            expected,
            decoded: 0,
            chunks: 0,
            short: None,
            line: Vec::new(),
            state: State::Head,
            trailer: Vec::new(),
        }
    }

    /// Takes the next bytes, and gives the data in them. A signature is checked behind its chunk's data: nothing that was
    /// given may be relied on before [`Decoder::finish`] has answered.
    ///
    /// # Errors
    /// What is wrong; there is nothing to go on with then.
    pub fn decode(&mut self, mut bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<(), ChunkError> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head => {
                    if let Some(line) = self.take_line(&mut bytes)? {
                        self.begin_chunk(&line)?;
                    }
                }
                State::Data { left, hash, .. } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (part, rest) = bytes.split_at(length);
                    *left -= length as u64;
                    let is_end = *left == 0;
                    if self.mode.is_signed() {
                        hash.update(part);
                    }
                    data(part);
                    bytes = rest;
                    if is_end {
                        self.end_chunk()?;
                        self.state = State::DataEnd { has_return: false };
                    }
                }
                State::DataEnd { has_return } => {
                    match (bytes[0], *has_return) {
                        (b'\r', false) => *has_return = true,
                        (b'\n', true) => self.state = State::Head,
                        _ => return Err(ChunkError::Malformed("the end of a chunk")),
                    }
                    bytes = &bytes[1..];
                }
                State::Trailer => {
                    if let Some(line) = self.take_line(&mut bytes)? {
                        self.take_field(&line)?;
                    }
                }
                State::Done => return Err(ChunkError::Malformed("the end of the body")),
            }
        }
        Ok(())
    }

    /// The trailer, once the body has ended.
    ///
    /// # Errors
    /// It has not, or is shorter than the request said.
    pub fn finish(self) -> Result<Trailer, ChunkError> {
        if !matches!(self.state, State::Done) || self.decoded != self.expected {
            return Err(ChunkError::Incomplete);
        }
        let has = |name: &str| self.trailer.iter().any(|(came, _)| came == name);
        if let Some(missing) = self.declared.iter().find(|name| self.mode.has_trailer() && !has(name)) {
            return Err(ChunkError::MissingTrailer(missing.clone()));
        }
        Ok(self.trailer)
    }

    /// A line without its end, once that is there.
    fn take_line(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, ChunkError> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        if self.line.len() + part.len() > LINE_BYTES_MAX {
            return Err(ChunkError::Malformed("a shorter line"));
        }
        self.line.extend_from_slice(part);
        *bytes = rest;
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\r\n") {
            return Err(ChunkError::Malformed("the end of a line"));
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        let line = std::str::from_utf8(line).map_err(|_| ChunkError::Malformed("the size of a chunk"))?;
        let (size, extension) = line.split_once(';').map_or((line, None), |(size, rest)| (size, Some(rest)));
        let is_size = (1..=16).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = is_size.then(|| u64::from_str_radix(size, 16).ok()).flatten();
        let size = size.ok_or(ChunkError::Malformed("the size of a chunk"))?;
        let signature = extension.and_then(|extension| extension.strip_prefix("chunk-signature="));
        if self.mode.is_signed() && signature.is_none() {
            return Err(ChunkError::Malformed("the signature of a chunk"));
        }
        if let (Some(short), 1..) = (self.short, size) {
            return Err(ChunkError::TooShort { chunk: self.chunks, size: short });
        }
        self.chunks += 1;
        self.short = (size < CHUNK_BYTES_MIN).then_some(size);
        self.decoded =
            self.decoded.checked_add(size).filter(|all| *all <= self.expected).ok_or(ChunkError::TooLong)?;
        let signature = signature.unwrap_or("").as_bytes().to_vec();
        self.state = State::Data { left: size, signature, hash: Sha256::new() };
        if size == 0 {
            self.end_chunk()?;
            self.state = State::Trailer;
        }
        Ok(())
    }

    /// Checks the signature of the chunk whose data is over.
    fn end_chunk(&mut self) -> Result<(), ChunkError> {
        let State::Data { signature, hash, .. } = &self.state else { return Ok(()) };
        let Some(signatures) = &mut self.signatures else { return Ok(()) };
        let expected = signatures.of_chunk(hash.clone());
        if is_signature(&expected, signature) { Ok(()) } else { Err(ChunkError::Signature) }
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        if line.is_empty() {
            return self.end_trailer();
        }
        let line = std::str::from_utf8(line).map_err(|_| ChunkError::Malformed("a trailing header"))?;
        let (name, value) = line.split_once(':').ok_or(ChunkError::Malformed("a trailing header"))?;
        let name = name.trim().to_ascii_lowercase();
        let is_expected =
            self.declared.contains(&name) || (name == TRAILER_SIGNATURE && self.mode == Mode::SignedTrailer);
        if !self.mode.has_trailer() || !is_expected {
            return Err(ChunkError::Undeclared(name));
        }
        if self.trailer.len() == TRAILER_FIELDS_MAX || self.trailer.iter().any(|(other, _)| *other == name) {
            return Err(ChunkError::Malformed("the end of the trailer"));
        }
        self.trailer.push((name, value.trim().to_owned()));
        Ok(())
    }

    fn end_trailer(&mut self) -> Result<(), ChunkError> {
        if self.mode == Mode::SignedTrailer {
            let at = self.trailer.iter().position(|(name, _)| name == TRAILER_SIGNATURE);
            let (_, presented) = self.trailer.remove(at.ok_or(ChunkError::Signature)?);
            let fields: String =
                self.trailer.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
            let signatures = self.signatures.as_mut().ok_or(ChunkError::Signature)?;
            if !is_signature(&signatures.of_trailer(&fields), presented.as_bytes()) {
                return Err(ChunkError::Signature);
            }
        }
        self.state = State::Done;
        Ok(())
    }
}
