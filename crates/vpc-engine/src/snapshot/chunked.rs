//! Persistent tables that are read on the path of every packet.
//!
//! Owns a vector and a hash map in chunks behind shared pointers: a lookup follows two pointers whatever the size, and a
//! change copies one chunk and the list of chunks. Deeper trees would copy less and be read slower; reads are what counts.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap};

/// Things by dense number.
pub(crate) struct Slots<T>(Arc<Vec<Arc<[Option<T>]>>>);

const CHUNK: usize = 256;

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Arc::new(Vec::new()))
    }
}

impl<T: Clone> Slots<T> {
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index / CHUNK)?[index % CHUNK].as_ref()
    }

    /// Puts a thing at a number, or takes it away.
    pub(crate) fn set(&mut self, index: usize, value: Option<T>) {
        let chunks = Arc::make_mut(&mut self.0);
        while chunks.len() <= index / CHUNK {
            chunks.push(std::iter::repeat_n(None, CHUNK).collect());
        }
        Arc::make_mut(&mut chunks[index / CHUNK])[index % CHUNK] = value;
    }
}

/// A hash map. Its keys are chosen by the intent, not by packets.
pub(crate) struct ChunkedMap<K, V> {
    /// A power of two of them, each with the keys whose hash ends in its index.
    chunks: Arc<Vec<Arc<FxHashMap<K, V>>>>,
    len: usize,
}

/// How many keys a chunk has on average before there are twice as many chunks.
const KEYS_OF_A_CHUNK: usize = 128;

impl<K, V> Clone for ChunkedMap<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K, V> Default for ChunkedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::new(vec![Arc::default()]), len: 0 }
    }
}

impl<K: Copy + Eq + Hash, V: Copy> ChunkedMap<K, V> {
    /// The chunk of a key. The map within a chunk uses the low and the high bits of the same hash.
    fn chunk(&self, key: &K) -> usize {
        (FxBuildHasher.hash_one(key) >> 24) as usize & (self.chunks.len() - 1)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.chunks[self.chunk(key)].get(key).copied()
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.len >= self.chunks.len() * KEYS_OF_A_CHUNK {
            self.double();
        }
        let chunk = self.chunk(&key);
        let before = Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[chunk]).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, key: &K) {
        let chunk = self.chunk(key);
        let removed = Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[chunk]).remove(key);
        self.len -= usize::from(removed.is_some());
    }

    fn double(&mut self) {
        let before = std::mem::take(self);
        let mut chunks = vec![FxHashMap::default(); before.chunks.len() * 2];
        self.len = before.len;
        self.chunks = Arc::new(vec![Arc::default(); chunks.len()]);
        for (&key, &value) in before.chunks.iter().flat_map(|chunk| chunk.iter()) {
            chunks[self.chunk(&key)].insert(key, value);
        }
        self.chunks = Arc::new(chunks.into_iter().map(Arc::new).collect());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_chunked_map_is_a_map_and_old_versions_stay(
            operations in prop::collection::vec((any::<bool>(), 0_u32..2_000, any::<u8>()), 0..3_000),
        ) {
            let (mut map, mut model) = (ChunkedMap::default(), HashMap::new());
            let mut kept = None;
            for (step, (insert, key, value)) in operations.into_iter().enumerate() {
                if step == 500 {
                    kept = Some((map.clone(), model.clone()));
                }
                if insert {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    map.remove(&key);
                    model.remove(&key);
                }
            }
            for (map, model) in kept.into_iter().chain([(map, model)]) {
                prop_assert_eq!(map.len, model.len());
                prop_assert!((0..2_000).all(|key| map.get(&key) == model.get(&key).copied()));
            }
        }
    }
}
