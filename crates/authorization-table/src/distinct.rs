//! Lists in which each thing is once.
//!
//! Owns that a long one costs a time that grows with its length, whatever a request puts into it.

use std::hash::{BuildHasher as _, Hash, RandomState};

use hashbrown::HashTable;

/// As long as there are no more, they are compared one by one.
const COMPARED_MAX: usize = 16;

/// Things in the order in which they came, each once.
#[derive(Debug)]
pub struct Distinct<T> {
    things: Vec<T>,
    /// Where each is, by its hash, once there are many.
    places: HashTable<usize>,
    hashes: RandomState,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { things: Vec::new(), places: HashTable::new(), hashes: RandomState::new() }
    }
}

impl<T: Eq + Hash> Distinct<T> {
    /// Adds a thing at the end, if it is not there.
    pub fn push(&mut self, thing: T) {
        let Self { things, places, hashes } = self;
        if things.len() < COMPARED_MAX {
            if !things.contains(&thing) {
                things.push(thing);
            }
            return;
        }
        let hash_of = |place: &usize| hashes.hash_one(&things[*place]);
        if places.is_empty() {
            for place in 0..things.len() {
                places.insert_unique(hash_of(&place), place, hash_of);
            }
        }
        let hash = hashes.hash_one(&thing);
        if places.find(hash, |place| things[*place] == thing).is_none() {
            places.insert_unique(hash, things.len(), hash_of);
            things.push(thing);
        }
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// The things in their order.
    pub fn into_vec(self) -> Vec<T> {
        self.things
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_once_and_in_its_place() {
        let mut found = Distinct::default();
        for number in (0..100).chain(0..200).chain([7, 300]) {
            found.push(number);
        }
        let expected: Vec<i32> = (0..200).chain([300]).collect();
        assert_eq!(found.into_vec(), expected);
    }
}
