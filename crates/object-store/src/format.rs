//! How a blob is stored.
//!
//! | in a file | bytes | what |
//! | --- | --- | --- |
//! | head | 32 | magic (8), format (2), zero (2), id of the secret (16), check sum of these (4) |
//! | blocks | 1 MiB + 16 each | sealed content and tag; the last block is shorter |
//! | list | 32 for each block + 16 | hashes of the blocks' contents, sealed, and tag |
//! | check sums | 4 for each block | CRC-32 of each sealed block with its tag |
//! | foot | 24 | length of the content (8), number of blocks (4), check sum of everything behind the blocks (4), magic (8) |
//!
//! A content of up to [`INLINE_BYTES`](crate::INLINE_BYTES) has no file. It is in the index as format (1), id of the secret
//! (16), check sum of all the rest (4), sealed content, tag (16).
//!
//! Whoever has the secret trusts tags alone. The check sums are for a scrub of what is sealed under a secret that only its
//! owner has. Numbers are little-endian.

use crate::secret::{BlockHash, HASH_BYTES, KEY_ID_BYTES, KeyId, TAG_BYTES};

/// How much content a block has. What is read, verified and given out is a block.
pub const BLOCK_BYTES: usize = 1 << 20;

/// How long the content of one blob may be: the list of its blocks is in memory while it is written or read.
pub const MAX_BLOB_BYTES: u64 = 64 << 30;

/// A block as it is stored.
pub(crate) const SEALED_BLOCK_BYTES: usize = BLOCK_BYTES + TAG_BYTES;

/// The format that this build writes, and the newest that it reads.
const FORMAT: u16 = 1;
const INLINE_FORMAT: u8 = 1;

const MAGIC: [u8; 8] = *b"\x89blob\r\n\x1a";
pub(crate) const HEAD_BYTES: usize = 32;
pub(crate) const FOOT_BYTES: usize = 24;
const CHECK_BYTES: usize = 4;
const INLINE_HEAD_BYTES: usize = 1 + KEY_ID_BYTES + CHECK_BYTES;

/// Stored bytes are not of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatError {
    /// They are nothing that any build wrote.
    Damaged,
    /// They are whole, and a newer build wrote them.
    Newer,
}

/// The check sum of bytes that are sealed.
pub(crate) fn check_sum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

pub(crate) fn head(secret: KeyId) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    head[8..10].copy_from_slice(&FORMAT.to_le_bytes());
    head[12..28].copy_from_slice(&secret.0);
    let sum = check_sum(&head[..28]);
    head[28..].copy_from_slice(&sum.to_le_bytes());
    head
}

pub(crate) fn read_head(head: &[u8; HEAD_BYTES]) -> Result<KeyId, FormatError> {
    if head[..8] != MAGIC || head[28..] != check_sum(&head[..28]).to_le_bytes() {
        return Err(FormatError::Damaged);
    }
    if u16::from_le_bytes([head[8], head[9]]) > FORMAT {
        return Err(FormatError::Newer);
    }
    Ok(KeyId(array(&head[12..28])))
}

/// How long contents and their parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) length_bytes: u64,
    pub(crate) blocks: u32,
}

impl Shape {
    /// Of a content of this length; `None` when it is too long.
    pub(crate) fn of(length_bytes: u64) -> Option<Self> {
        let blocks = length_bytes.div_ceil(BLOCK_BYTES as u64);
        (length_bytes <= MAX_BLOB_BYTES)
            .then_some(Self { length_bytes, blocks: u32::try_from(blocks).unwrap_or(u32::MAX) })
    }

    pub(crate) fn offset_of_block(block: u32) -> u64 {
        HEAD_BYTES as u64 + u64::from(block) * SEALED_BLOCK_BYTES as u64
    }

    /// How long a block is as it is stored.
    pub(crate) fn sealed_block_bytes(self, block: u32) -> usize {
        let before = u64::from(block) * BLOCK_BYTES as u64;
        let content = (self.length_bytes - before).min(BLOCK_BYTES as u64);
        usize::try_from(content).unwrap_or(BLOCK_BYTES) + TAG_BYTES
    }

    pub(crate) fn offset_of_list(self) -> u64 {
        HEAD_BYTES as u64 + self.length_bytes + u64::from(self.blocks) * TAG_BYTES as u64
    }

    pub(crate) fn sealed_list_bytes(self) -> usize {
        self.blocks as usize * HASH_BYTES + TAG_BYTES
    }

    /// How long list, check sums and foot are together.
    pub(crate) fn tail_bytes(self) -> usize {
        self.sealed_list_bytes() + self.blocks as usize * CHECK_BYTES + FOOT_BYTES
    }

    pub(crate) fn stored_bytes(self) -> u64 {
        self.offset_of_list() + self.tail_bytes() as u64
    }
}

/// The end of a file: sealed list, check sums, foot.
pub(crate) fn tail(shape: Shape, sealed_list: &[u8], sums: &[u32]) -> Vec<u8> {
    let mut tail = Vec::with_capacity(shape.tail_bytes());
    tail.extend_from_slice(sealed_list);
    tail.extend(sums.iter().flat_map(|sum| sum.to_le_bytes()));
    tail.extend_from_slice(&shape.length_bytes.to_le_bytes());
    tail.extend_from_slice(&shape.blocks.to_le_bytes());
    let sum = check_sum(&tail);
    tail.extend_from_slice(&sum.to_le_bytes());
    tail.extend_from_slice(&MAGIC);
    tail
}

/// What the foot of a file with this many bytes says of it.
pub(crate) fn read_foot(foot: &[u8; FOOT_BYTES], stored_bytes: u64) -> Result<Shape, FormatError> {
    let shape = Shape::of(u64::from_le_bytes(array(&foot[..8]))).ok_or(FormatError::Damaged)?;
    let blocks = u32::from_le_bytes(array(&foot[8..12]));
    let is_right = foot[16..] == MAGIC && shape.blocks == blocks && shape.stored_bytes() == stored_bytes;
    if is_right { Ok(shape) } else { Err(FormatError::Damaged) }
}

/// Whether the tail is what was written, as far as its own check sum tells.
pub(crate) fn is_tail_whole(tail: &[u8]) -> bool {
    let checked = tail.len() - FOOT_BYTES + 12;
    tail[checked..checked + CHECK_BYTES] == check_sum(&tail[..checked]).to_le_bytes()
}

pub(crate) fn hashes(list: &[u8]) -> Vec<BlockHash> {
    list.chunks_exact(HASH_BYTES).map(array).collect()
}

/// The check sums of the blocks, out of a whole tail.
pub(crate) fn sums(shape: Shape, tail: &[u8]) -> Vec<u32> {
    let sums = &tail[shape.sealed_list_bytes()..tail.len() - FOOT_BYTES];
    sums.chunks_exact(CHECK_BYTES).map(|sum| u32::from_le_bytes(array(sum))).collect()
}

/// A small content as it is in the index.
pub(crate) fn inline(secret: KeyId, sealed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(INLINE_HEAD_BYTES + sealed.len());
    bytes.push(INLINE_FORMAT);
    bytes.extend_from_slice(&secret.0);
    let sum = inline_sum(&bytes, sealed);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(sealed);
    bytes
}

fn inline_sum(head: &[u8], sealed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(sealed);
    hasher.finalize()
}

/// The id of the secret, and the sealed content with its tag.
pub(crate) fn read_inline(bytes: &[u8]) -> Result<(KeyId, &[u8]), FormatError> {
    let (head, sealed) = bytes.split_at_checked(INLINE_HEAD_BYTES).ok_or(FormatError::Damaged)?;
    let (checked, sum) = head.split_at(1 + KEY_ID_BYTES);
    if sum != inline_sum(checked, sealed).to_le_bytes() || sealed.len() < TAG_BYTES {
        return Err(FormatError::Damaged);
    }
    if head[0] > INLINE_FORMAT {
        return Err(FormatError::Newer);
    }
    Ok((KeyId(array(&checked[1..])), sealed))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_add_up() {
        for (length_bytes, blocks) in
            [(1, 1), (BLOCK_BYTES as u64, 1), (BLOCK_BYTES as u64 + 1, 2), (MAX_BLOB_BYTES, 65_536)]
        {
            let shape = Shape::of(length_bytes).unwrap();
            assert_eq!(shape.blocks, blocks);
            let last = blocks - 1;
            let end = Shape::offset_of_block(last) + shape.sealed_block_bytes(last) as u64;
            assert_eq!(end, shape.offset_of_list(), "{length_bytes}");
            let list = vec![0; shape.sealed_list_bytes()];
            let tail = tail(shape, &list, &vec![7; blocks as usize]);
            assert_eq!(tail.len(), shape.tail_bytes());
            assert!(is_tail_whole(&tail));
            let foot = tail[tail.len() - FOOT_BYTES..].try_into().unwrap();
            assert_eq!(read_foot(foot, shape.stored_bytes()), Ok(shape));
            assert_eq!(read_foot(foot, shape.stored_bytes() + 1), Err(FormatError::Damaged));
            assert_eq!(sums(shape, &tail), vec![7; blocks as usize]);
        }
        assert_eq!(Shape::of(MAX_BLOB_BYTES + 1), None);
    }

    #[test]
    fn every_flipped_bit_of_a_head_is_seen() {
        let head = head(KeyId([9; KEY_ID_BYTES]));
        assert_eq!(read_head(&head), Ok(KeyId([9; KEY_ID_BYTES])));
        for bit in 0..head.len() * 8 {
            let mut flipped = head;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_head(&flipped), Err(FormatError::Damaged), "bit {bit}");
        }
    }
}
