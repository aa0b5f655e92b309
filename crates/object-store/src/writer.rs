//! Contents on their way in: hashed, sealed and staged block by block, in one pass and with one block in memory.

use std::sync::Arc;

use crate::blob::{Blob, Blobs, INLINE_BYTES};
use crate::bytes::StagedBytes;
use crate::format::{self, BLOCK_BYTES, MAX_BLOB_BYTES, SEALED_BLOCK_BYTES, Shape};
use crate::secret::{BlockHash, Purpose};
use crate::{Address, BlobError, BlobRef, BlobSecret};

/// How much space is left to removals and to what only changes rows: contents are refused when there is less.
pub const HEADROOM_BYTES: u64 = 16 << 20;

/// How often the space left is asked for, in blocks.
const BLOCKS_BETWEEN_LOOKS: usize = 8;

/// Takes one content. Dropped without [`BlobWriter::finish`], it leaves nothing.
pub struct BlobWriter {
    blobs: Arc<Blobs>,
    secret: BlobSecret,
    /// The newest part of the content, which is not sealed yet. Never empty when something was written.
    block: Vec<u8>,
    hashes: Vec<BlockHash>,
    sums: Vec<u32>,
    length_bytes: u64,
    staged: Option<Box<dyn StagedBytes>>,
    has_failed: bool,
}

impl BlobWriter {
    pub(crate) fn new(blobs: &Arc<Blobs>, secret: &BlobSecret) -> Self {
        Self {
            blobs: Arc::clone(blobs),
            secret: secret.clone(),
            block: Vec::new(),
            hashes: Vec::new(),
            sums: Vec::new(),
            length_bytes: 0,
            staged: None,
            has_failed: false,
        }
    }

    /// How much was written so far.
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// Takes more of the content.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Write`], [`BlobError::TooLong`]; nothing is left of the content then, and every
    /// further call is [`BlobError::Abandoned`].
    pub fn write(&mut self, content: &[u8]) -> Result<(), BlobError> {
        if self.has_failed {
            return Err(BlobError::Abandoned);
        }
        let taken = self.take(content);
        if taken.is_err() {
            self.has_failed = true;
            self.staged = None;
        }
        taken
    }

    fn take(&mut self, mut content: &[u8]) -> Result<(), BlobError> {
        if self.length_bytes + content.len() as u64 > MAX_BLOB_BYTES {
            return Err(BlobError::TooLong);
        }
        self.length_bytes += content.len() as u64;
        while !content.is_empty() {
            if self.block.len() == BLOCK_BYTES {
                self.seal_block()?;
            }
            let (now, later) = content.split_at(content.len().min(BLOCK_BYTES - self.block.len()));
            if now.len() + self.block.len() > INLINE_BYTES {
                self.block.reserve_exact(SEALED_BLOCK_BYTES - self.block.len());
            }
            self.block.extend_from_slice(now);
            content = later;
        }
        Ok(())
    }

    /// Makes the content durable, unless it is so small that the commit which refers to it does.
    ///
    /// # Errors
    /// As [`BlobWriter::write`], and [`BlobError::Read`] when it is not known whether the same content is there already.
    pub fn finish(mut self) -> Result<Blob, BlobError> {
        if self.has_failed {
            return Err(BlobError::Abandoned);
        }
        if self.length_bytes <= INLINE_BYTES as u64 { Ok(self.finish_inline()) } else { self.finish_bytes() }
    }

    fn finish_inline(mut self) -> Blob {
        let hashes =
            if self.block.is_empty() { Vec::new() } else { vec![self.secret.hash_of_block(&self.block)] };
        let address = self.secret.address(&hashes, self.length_bytes);
        let tag = self.secret.seal(Purpose::Inline(&address), &mut self.block);
        self.block.extend_from_slice(&tag);
        Blob::inline(&self.blobs, self.reference(address), format::inline(self.secret.id(), &self.block))
    }

    fn finish_bytes(&mut self) -> Result<Blob, BlobError> {
        self.seal_block()?;
        let shape = Shape::of(self.length_bytes).ok_or(BlobError::TooLong)?;
        let address = self.secret.address(&self.hashes, self.length_bytes);
        // From here on nobody removes it. What is there under the address is replaced by the same content: nobody knows
        // whether its bytes are still what they were, and those that were just written are.
        let pinned = self.pin(address, shape);
        let mut list = self.hashes.as_flattened().to_vec();
        let tag = self.secret.seal(Purpose::List(&address), &mut list);
        list.extend_from_slice(&tag);
        let mut staged = self.staged.take().expect("a block was written");
        staged.write(&format::tail(shape, &list, &self.sums)).map_err(BlobError::write)?;
        staged.publish(&address).map_err(BlobError::write)?;
        Ok(pinned)
    }

    fn pin(&self, address: Address, shape: Shape) -> Blob {
        self.blobs.pins.pin(address);
        Blob::pinned(&self.blobs, self.reference(address), shape.stored_bytes())
    }

    fn reference(&self, address: Address) -> BlobRef {
        BlobRef { address, length_bytes: self.length_bytes }
    }

    fn seal_block(&mut self) -> Result<(), BlobError> {
        if self.hashes.len().is_multiple_of(BLOCKS_BETWEEN_LOOKS) {
            self.look_for_space()?;
        }
        if self.staged.is_none() {
            let mut staged = self.blobs.bytes.stage().map_err(BlobError::write)?;
            staged.write(&format::head(self.secret.id())).map_err(BlobError::write)?;
            self.staged = Some(staged);
        }
        let hash = self.secret.hash_of_block(&self.block);
        let tag = self.secret.seal(Purpose::Block(&hash), &mut self.block);
        self.block.extend_from_slice(&tag);
        self.hashes.push(hash);
        self.sums.push(format::check_sum(&self.block));
        let staged = self.staged.as_mut().expect("it was made above");
        staged.write(&self.block).map_err(BlobError::write)?;
        self.block.clear();
        Ok(())
    }

    fn look_for_space(&self) -> Result<(), BlobError> {
        let free_bytes = self.blobs.bytes.free_bytes().map_err(BlobError::write)?;
        let wanted_bytes = HEADROOM_BYTES + (BLOCKS_BETWEEN_LOOKS * BLOCK_BYTES) as u64;
        if free_bytes.is_some_and(|free| free < wanted_bytes) { Err(BlobError::Full) } else { Ok(()) }
    }
}
