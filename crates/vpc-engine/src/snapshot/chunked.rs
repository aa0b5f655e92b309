//! Persistent tables that are read on the path of every packet.
//!
//! Owns a vector and a hash map in chunks behind shared pointers: a lookup follows two pointers whatever the size, and a
//! change copies one chunk and the list of chunks. Deeper trees would copy less and be read slower; reads are what counts.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

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
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

/// How many keys a chunk has on average before there are twice as many chunks.
const KEYS_OF_A_CHUNK: usize = 128;

impl<K, V> Clone for ChunkedMap<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K: Copy, V: Copy> Default for ChunkedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Arc::new(vec![Chunk::default()]), len: 0 }
    }
}

/// A hash of which all bits are good.
fn hash_of(key: &impl Hash) -> u64 {
    let product = u128::from(FxBuildHasher.hash_one(key)) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

impl<K: Copy + Eq + Hash, V: Copy> ChunkedMap<K, V> {
    /// The chunk of a key. Within it, the upper half of the hash counts.
    fn chunk(&self, hash: u64) -> usize {
        hash as usize & (self.chunks.len() - 1)
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let hash = hash_of(key);
        self.chunks[self.chunk(hash)].get(hash, key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.len >= self.chunks.len() * KEYS_OF_A_CHUNK {
            self.double();
        }
        let hash = hash_of(&key);
        let chunk = self.chunk(hash);
        let before = Arc::make_mut(&mut self.chunks)[chunk].insert(hash, key, value);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, key: &K) {
        let hash = hash_of(key);
        let chunk = self.chunk(hash);
        let removed = Arc::make_mut(&mut self.chunks)[chunk].remove(hash, key);
        self.len -= usize::from(removed);
    }

    fn double(&mut self) {
        let mut chunks = vec![Chunk::default(); self.chunks.len() * 2];
        let mask = chunks.len() - 1;
        for &(key, value) in self.chunks.iter().flat_map(Chunk::pairs) {
            let hash = hash_of(&key);
            chunks[hash as usize & mask].insert(hash, key, value);
        }
        self.chunks = Arc::new(chunks);
    }
}

/// Keys and values side by side, each at the place that its hash names or in the next free one after it, so that a lookup
/// reads one line of memory as a rule.
#[derive(Clone)]
struct Chunk<K, V> {
    /// A power of two of them, at least one of them free.
    places: Arc<[Option<(K, V)>]>,
    len: usize,
}

impl<K: Copy, V: Copy> Default for Chunk<K, V> {
    fn default() -> Self {
        Self::with_places(2)
    }
}

impl<K: Copy, V: Copy> Chunk<K, V> {
    fn with_places(count: usize) -> Self {
        Self { places: std::iter::repeat_n(None, count).collect(), len: 0 }
    }

    fn pairs(&self) -> impl Iterator<Item = &(K, V)> {
        self.places.iter().flatten()
    }

    /// The place that a hash names.
    fn home(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.places.len() - 1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }
}

impl<K: Copy + Eq + Hash, V: Copy> Chunk<K, V> {
    /// Where a key is, or where it would be.
    fn find(&self, hash: u64, key: &K) -> usize {
        let mut at = self.home(hash);
        while self.places[at].as_ref().is_some_and(|(other, _)| other != key) {
            at = self.after(at);
        }
        at
    }

    fn get(&self, hash: u64, key: &K) -> Option<V> {
        self.places[self.find(hash, key)].map(|(_, value)| value)
    }

    fn insert(&mut self, hash: u64, key: K, value: V) -> Option<V> {
        // Three in four at most: then runs of taken places stay short.
        if (self.len + 1) * 4 > self.places.len() * 3 {
            let mut larger = Self::with_places(self.places.len() * 2);
            for &(key, value) in self.pairs() {
                larger.insert(hash_of(&key), key, value);
            }
            *self = larger;
        }
        let at = self.find(hash, &key);
        let before = Arc::make_mut(&mut self.places)[at].replace((key, value));
        self.len += usize::from(before.is_none());
        before.map(|(_, value)| value)
    }

    /// Answers whether the key was there. What stands behind it is put in anew: the gap may be its
    /// place.
    fn remove(&mut self, hash: u64, key: &K) -> bool {
        let gap = self.find(hash, key);
        if Arc::make_mut(&mut self.places)[gap].take().is_none() {
            return false;
        }
        self.len -= 1;
        let mut at = self.after(gap);
        while let Some((key, value)) = Arc::make_mut(&mut self.places)[at].take() {
            self.len -= 1;
            self.insert(hash_of(&key), key, value);
            at = self.after(at);
        }
        true
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
