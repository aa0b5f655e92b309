//! Persistent building blocks of a snapshot: dense numbers for ids, and sets by key.

use std::hash::Hash;

use imbl::shared_ptr::DefaultSharedPtr;
use rustc_hash::FxBuildHasher;

/// A persistent hash map without randomness. Its keys are chosen by the intent, not by packets.
pub(crate) type Map<K, V> = imbl::GenericHashMap<K, V, FxBuildHasher, DefaultSharedPtr>;

/// Dense numbers for ids while somebody mentions them.
#[derive(Clone)]
pub(crate) struct Numbers<K> {
    /// The number of each id and how often it is mentioned.
    ids: Map<K, (u32, u32)>,
    free: imbl::Vector<u32>,
    next: u32,
}

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self { ids: Map::default(), free: imbl::Vector::new(), next: 0 }
    }
}

impl<K: Clone + Eq + Hash> Numbers<K> {
    /// Mentions an id; answers its number, and whether this is the first mention.
    pub(crate) fn mention(&mut self, id: &K) -> (u32, bool) {
        if let Some((number, mentions)) = self.ids.get_mut(id) {
            *mentions += 1;
            return (*number, false);
        }
        let number = self.free.pop_back().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.ids.insert(id.clone(), (number, 1));
        (number, true)
    }

    /// Takes a mention back; answers the number when it was the last.
    pub(crate) fn unmention(&mut self, id: &K) -> Option<u32> {
        let (number, mentions) = self.ids.get_mut(id)?;
        *mentions -= 1;
        let (number, last) = (*number, *mentions == 0);
        if last {
            self.ids.remove(id);
            self.free.push_back(number);
        }
        last.then_some(number)
    }

    /// The number of an id that somebody mentions.
    pub(crate) fn get(&self, id: &K) -> Option<u32> {
        self.ids.get(id).map(|&(number, _)| number)
    }
}

/// A set of values for each key.
#[derive(Clone)]
pub(crate) struct Index<K, V: Ord>(Map<K, imbl::OrdSet<V>>);

impl<K, V: Ord> Default for Index<K, V> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone + Ord> Index<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.0.entry(key).or_default().insert(value);
    }

    pub(crate) fn remove(&mut self, key: &K, value: &V) {
        if let Some(values) = self.0.get_mut(key) {
            values.remove(value);
            if values.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// How many values a key has.
    pub(crate) fn count(&self, key: &K) -> usize {
        self.0.get(key).map_or(0, imbl::OrdSet::len)
    }

    pub(crate) fn values(&self, key: &K) -> impl Iterator<Item = &V> {
        self.0.get(key).into_iter().flat_map(imbl::OrdSet::iter)
    }
}
