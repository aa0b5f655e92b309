//! Sets of small numbers, a bit each.
//!
//! Owns unions and intersections of them. Refuses to know what the numbers are.

use std::ops::Range;

/// A set of numbers below one that all sets of an answer share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bits(Box<[u64]>);

/// A set of few numbers: the words that are not empty, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse(Vec<(u32, u64)>);

impl Bits {
    /// No numbers, of those below one.
    pub(super) fn new(limit: usize) -> Self {
        Self(vec![0; limit.div_ceil(64)].into())
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
    }

    pub(super) fn add(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(super) fn remove(&mut self, number: usize) {
        self.0[number / 64] &= !(1 << (number % 64));
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let numbers = std::iter::successors(Some(word), |word| Some(word & word.wrapping_sub(1)));
            numbers.take_while(|word| *word != 0).map(move |word| at * 64 + word.trailing_zeros() as usize)
        })
    }

    /// Takes in a range.
    pub(super) fn fill(&mut self, range: Range<usize>) {
        words(&range).for_each(|(at, mask)| self.0[at] |= mask);
    }

    /// Takes in another set.
    pub(super) fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Takes in another set.
    pub(super) fn join_sparse(&mut self, other: &Sparse) {
        other.0.iter().for_each(|&(at, word)| self.0[at as usize] |= word);
    }

    /// Takes in what two others have in common, in a range.
    pub(super) fn join_common(&mut self, one: &Self, other: &Self, range: Range<usize>) {
        let at = |bits: &Self, at: usize| bits.0.get(at).copied().unwrap_or_default();
        words(&range).for_each(|(place, mask)| self.0[place] |= at(one, place) & at(other, place) & mask);
    }
}

impl Sparse {
    /// Takes in a number, not less than all others.
    pub(super) fn add(&mut self, number: usize) {
        let (at, bit) = ((number / 64) as u32, 1 << (number % 64));
        match self.0.last_mut().filter(|last| last.0 == at) {
            Some(last) => last.1 |= bit,
            None => self.0.push((at, bit)),
        }
    }
}

/// The words of a range, and which bits of each.
fn words(range: &Range<usize>) -> impl Iterator<Item = (usize, u64)> + use<> {
    let Range { start, end } = *range;
    (start / 64..end.div_ceil(64)).map(move |at| {
        let low = u64::MAX << start.saturating_sub(at * 64).min(63);
        let high = u64::MAX >> ((at + 1) * 64).saturating_sub(end).min(63);
        (at, low & high)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_their_numbers() {
        for range in [0..0, 0..1, 3..64, 63..65, 64..128, 5..200, 199..200] {
            let mut bits = Bits::new(200);
            bits.fill(range.clone());
            assert_eq!(bits.iter().collect::<Vec<_>>(), range.clone().collect::<Vec<_>>());
            assert_eq!(bits.count() as usize, range.len());
            let mut sparse = Sparse::default();
            range.clone().for_each(|number| sparse.add(number));
            let mut joined = Bits::new(200);
            joined.join_sparse(&sparse);
            assert_eq!(joined, bits);
            let (mut all, mut common) = (Bits::new(200), Bits::new(200));
            all.fill(0..200);
            common.join_common(&all, &bits, 64..199);
            let inside = range.filter(|number| (64..199).contains(number));
            assert_eq!(common.iter().collect::<Vec<_>>(), inside.collect::<Vec<_>>());
        }
    }
}
