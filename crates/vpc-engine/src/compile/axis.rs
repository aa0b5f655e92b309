//! One dimension of a classification: the intervals between all bounds, and per interval a row of bits.

/// A point of a dimension.
pub(crate) trait Point: Copy + Ord {
    const MIN: Self;
    fn next(self) -> Option<Self>;
    /// The point before one that is not the least.
    fn previous(self) -> Self;
}

macro_rules! points {
    ($($integer:ty),*) => {$(
        impl Point for $integer {
            const MIN: Self = Self::MIN;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Self {
                self - 1
            }
        }
    )*};
}

points!(u8, u16, u32, u128);

/// An inclusive range and the rule that covers it.
pub(crate) struct Cover<T> {
    pub(crate) first: T,
    pub(crate) last: T,
    pub(crate) rule: usize,
}

/// The bounds between which the same spans hold, beginning with the least point.
pub(crate) fn bounds<T: Point>(spans: impl Iterator<Item = (T, T)>) -> Box<[T]> {
    let mut starts = vec![T::MIN];
    for (first, last) in spans {
        starts.push(first);
        starts.extend(last.next());
    }
    starts.sort_unstable();
    starts.dedup();
    starts.into()
}

/// The interval that a point is in.
pub(crate) fn interval<T: Point>(starts: &[T], point: T) -> usize {
    // The first bound is the least point, so there is always one at or below.
    starts.partition_point(|&start| start <= point) - 1
}

/// One bit per rule.
pub(crate) type Row = [u64];

/// How many words a row of so many rules has.
pub(crate) fn words(rules: usize) -> usize {
    rules.div_ceil(64)
}

/// Sets the bit of a rule.
pub(crate) fn set(row: &mut Row, rule: usize) {
    row[rule / 64] |= 1 << (rule % 64);
}

/// A compiled dimension.
#[derive(Debug)]
pub(crate) struct Axis<T> {
    starts: Box<[T]>,
    rows: Box<[u64]>,
    words: usize,
}

impl<T: Point> Axis<T> {
    /// Compiles the spans of so many rules.
    pub(crate) fn new(rules: usize, spans: &[Cover<T>]) -> Self {
        let words = words(rules);
        let starts = bounds(spans.iter().map(|span| (span.first, span.last)));
        let mut rows = vec![0; starts.len() * words].into_boxed_slice();
        for span in spans {
            for interval in interval(&starts, span.first)..=interval(&starts, span.last) {
                set(&mut rows[interval * words..][..words], span.rule);
            }
        }
        Self { starts, rows, words }
    }

    /// The points around one that the same rules cover: the first of them, and the last unless it is the greatest point.
    pub(crate) fn around(&self, point: T) -> (T, Option<T>) {
        let interval = interval(&self.starts, point);
        (self.starts[interval], self.starts.get(interval + 1).map(|&next| next.previous()))
    }

    /// Every interval, ascending: its first point, its last unless that is the greatest, and the rules that cover it.
    pub(crate) fn intervals(&self) -> impl Iterator<Item = (T, Option<T>, &Row)> {
        self.starts.iter().enumerate().map(|(at, &first)| {
            let last = self.starts.get(at + 1).map(|&next| next.previous());
            (first, last, &self.rows[at * self.words..][..self.words])
        })
    }

    /// The rules that cover a point.
    pub(crate) fn row(&self, point: T) -> &Row {
        &self.rows[interval(&self.starts, point) * self.words..][..self.words]
    }
}
