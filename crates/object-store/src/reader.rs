//! Contents on their way out: any range, block by block, each verified before a byte of it is given out.
//!
//! A block is opened under the key that follows from its hash, and the list of hashes under the key that follows from the
//! address. So a tag that is right says that the block is the one that was written, at its place, in this blob.

use std::io;
use std::ops::Range;

use crate::blob::INLINE_BYTES;
use crate::bytes::{ByteStore, StoredBytes};
use crate::format::{self, BLOCK_BYTES, FOOT_BYTES, FormatError, HEAD_BYTES, Shape};
use crate::secret::{BlockHash, KeyId, Purpose};
use crate::{Address, BlobError, BlobRef, BlobSecret, Place};

/// A content that is being read. It stays readable when it is removed meanwhile.
pub struct BlobReader {
    reference: BlobRef,
    source: Source,
    /// What is still to be given out.
    rest: Range<u64>,
}

enum Source {
    /// All of it, verified.
    Small(Vec<u8>),
    Blocks(Box<Blocks>),
}

struct Blocks {
    secret: BlobSecret,
    file: SealedFile,
    hashes: Vec<BlockHash>,
    buffer: Vec<u8>,
    /// Which block is in the buffer, opened.
    buffered: Option<u32>,
}

/// A blob's bytes, as far as they can be understood without the secret.
pub(crate) struct SealedFile {
    address: Address,
    stored: Box<dyn StoredBytes>,
    pub(crate) secret: KeyId,
    pub(crate) shape: Shape,
    /// List, check sums and foot.
    tail: Vec<u8>,
}

impl SealedFile {
    pub(crate) fn open(reference: BlobRef, bytes: &dyn ByteStore) -> Result<Self, BlobError> {
        let address = reference.address;
        let damaged = |place| BlobError::Damaged { address, place };
        let stored = bytes.open(&address).map_err(BlobError::read(address))?;
        let stored_bytes = stored.length_bytes().map_err(BlobError::read(address))?;
        let read = |out: &mut [u8], offset_bytes, place| {
            let outcome = stored.read_at(out, offset_bytes);
            outcome.map_err(|error| reading(error, address, place))
        };
        if stored_bytes < (HEAD_BYTES + FOOT_BYTES) as u64 {
            return Err(damaged(Place::Head));
        }
        let mut head = [0; HEAD_BYTES];
        read(&mut head, 0, Place::Head)?;
        let secret = format::read_head(&head).map_err(|error| unreadable(error, address, Place::Head))?;
        let mut foot = [0; FOOT_BYTES];
        read(&mut foot, stored_bytes - FOOT_BYTES as u64, Place::List)?;
        let shape = format::read_foot(&foot, stored_bytes);
        let shape = shape.map_err(|error| unreadable(error, address, Place::List))?;
        if shape.length_bytes != reference.length_bytes {
            return Err(damaged(Place::List));
        }
        let mut tail = vec![0; shape.tail_bytes()];
        read(&mut tail, shape.offset_of_list(), Place::List)?;
        if !format::is_tail_whole(&tail) {
            return Err(damaged(Place::List));
        }
        Ok(Self { address, stored, secret, shape, tail })
    }

    /// Reads a block as it is stored.
    fn read_block(&self, block: u32, buffer: &mut Vec<u8>) -> Result<(), BlobError> {
        buffer.resize(self.shape.sealed_block_bytes(block), 0);
        let outcome = self.stored.read_at(buffer, Shape::offset_of_block(block));
        outcome.map_err(|error| reading(error, self.address, Place::Block(block)))
    }

    /// Compares every block with its check sum, which is what can be done without the secret.
    pub(crate) fn check_sums(&self, mut pace: impl FnMut(usize) -> bool) -> Result<(), BlobError> {
        let mut buffer = Vec::new();
        for (block, sum) in (0_u32..).zip(format::sums(self.shape, &self.tail)) {
            self.read_block(block, &mut buffer)?;
            if format::check_sum(&buffer) != sum {
                return Err(BlobError::Damaged { address: self.address, place: Place::Block(block) });
            }
            if !pace(buffer.len()) {
                break;
            }
        }
        Ok(())
    }

    fn hashes(&self, secret: &BlobSecret) -> Result<Vec<BlockHash>, BlobError> {
        let mut list = self.tail[..self.shape.sealed_list_bytes()].to_vec();
        let list = secret.open(Purpose::List(&self.address), &mut list);
        let damaged = |_| BlobError::Damaged { address: self.address, place: Place::List };
        Ok(format::hashes(list.map_err(damaged)?))
    }
}

impl BlobReader {
    pub(crate) fn of_inline(
        reference: BlobRef,
        stored: &[u8],
        secret: &BlobSecret,
    ) -> Result<Self, BlobError> {
        let address = reference.address;
        let damaged = BlobError::Damaged { address, place: Place::Head };
        let (id, sealed) =
            format::read_inline(stored).map_err(|error| unreadable(error, address, Place::Head))?;
        if id != secret.id() {
            return Err(BlobError::OtherSecret(address));
        }
        let mut content = sealed.to_vec();
        let length = match secret.open(Purpose::Inline(&address), &mut content) {
            Ok(opened) if opened.len() as u64 == reference.length_bytes => opened.len(),
            _ => return Err(damaged),
        };
        content.truncate(length);
        Ok(Self { reference, source: Source::Small(content), rest: 0..reference.length_bytes })
    }

    pub(crate) fn of_bytes(
        reference: BlobRef,
        bytes: &dyn ByteStore,
        secret: &BlobSecret,
    ) -> Result<Self, BlobError> {
        Self::of_file(reference, SealedFile::open(reference, bytes)?, secret)
    }

    pub(crate) fn of_file(
        reference: BlobRef,
        file: SealedFile,
        secret: &BlobSecret,
    ) -> Result<Self, BlobError> {
        if file.secret != secret.id() {
            return Err(BlobError::OtherSecret(reference.address));
        }
        let hashes = file.hashes(secret)?;
        let blocks = Blocks { secret: secret.clone(), file, hashes, buffer: Vec::new(), buffered: None };
        Ok(Self { reference, source: Source::Blocks(Box::new(blocks)), rest: 0..reference.length_bytes })
    }

    /// How long the content is, whatever range of it is read.
    pub fn length_bytes(&self) -> u64 {
        self.reference.length_bytes
    }

    /// What is read from now on; what of it is beyond the content's end is left out.
    pub fn set_range(&mut self, range: Range<u64>) {
        let end = range.end.min(self.reference.length_bytes);
        self.rest = range.start.min(end)..end;
    }

    /// The next part of the range, verified; `None` at its end. What was given out is forgotten with the next call.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] with the block, [`BlobError::Read`].
    pub fn next_part(&mut self) -> Result<Option<&[u8]>, BlobError> {
        self.part(usize::MAX)
    }

    fn part(&mut self, at_most: usize) -> Result<Option<&[u8]>, BlobError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (content, first) = match &mut self.source {
            Source::Small(content) => (content.as_slice(), 0),
            Source::Blocks(blocks) => {
                let block = self.rest.start / BLOCK_BYTES as u64;
                let number = u32::try_from(block).expect("a blob has fewer blocks");
                (blocks.opened(number)?, block * BLOCK_BYTES as u64)
            }
        };
        let place = |at: u64| usize::try_from(at - first).unwrap_or(usize::MAX).min(content.len());
        let (start, end) = (place(self.rest.start), place(self.rest.end));
        let part = &content[start..end.min(start.saturating_add(at_most))];
        self.rest.start += part.len() as u64;
        Ok(Some(part))
    }
}

impl Blocks {
    fn opened(&mut self, block: u32) -> Result<&[u8], BlobError> {
        if self.buffered != Some(block) {
            self.buffered = None;
            self.file.read_block(block, &mut self.buffer)?;
            let hash = &self.hashes[block as usize];
            let opened = self.secret.open(Purpose::Block(hash), &mut self.buffer);
            let address = self.file.address;
            let length =
                opened.map_err(|_| BlobError::Damaged { address, place: Place::Block(block) })?.len();
            self.buffer.truncate(length);
            self.buffered = Some(block);
        }
        Ok(&self.buffer)
    }
}

/// The same as bytes of a stream. A [`BlobError`] is inside the [`io::Error`].
impl io::Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let part = self.part(out.len()).map_err(io::Error::other)?.unwrap_or_default();
        out[..part.len()].copy_from_slice(part);
        Ok(part.len())
    }
}

/// Whether a content of this length may be in the index.
pub(crate) fn may_be_inline(reference: BlobRef) -> bool {
    reference.length_bytes <= INLINE_BYTES as u64
}

fn unreadable(error: FormatError, address: Address, place: Place) -> BlobError {
    match error {
        FormatError::Damaged => BlobError::Damaged { address, place },
        FormatError::Newer => BlobError::NewerFormat(address),
    }
}

/// A disk that cannot read a place any more is damage there, as is a file that ends too soon.
fn reading(error: io::Error, address: Address, place: Place) -> BlobError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BlobError::Damaged { address, place },
        _ => BlobError::read(address)(error),
    }
}
