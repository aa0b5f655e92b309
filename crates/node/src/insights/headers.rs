//! Headers as answers tell of them: any of the values of each field, together.
//!
//! Owns how boxes of headers that go one way are put together again. Refuses to know ways.

use std::collections::BTreeMap;

use vpc_engine::reach::{FIELDS, Field, HeaderBox, Span};

/// Headers with any of some ranges of each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Headers([Vec<Span>; FIELDS]);

impl Headers {
    /// The ranges of a field, in order.
    pub(super) fn spans(&self, field: Field) -> &[Span] {
        &self.0[field as usize]
    }

    /// Boxes put together: those that differ in one field alone are one, whatever has cut them.
    pub(super) fn merged(boxes: impl IntoIterator<Item = HeaderBox>) -> Vec<Self> {
        let mut all: Vec<Self> =
            boxes.into_iter().map(|one| Self(one.spans.map(|span| vec![span]))).collect();
        let mut before = usize::MAX;
        while all.len() < before {
            before = all.len();
            for field in 0..FIELDS {
                let mut alike: BTreeMap<[Vec<Span>; FIELDS], Vec<Span>> = BTreeMap::new();
                for Self(mut spans) in all {
                    let own = std::mem::take(&mut spans[field]);
                    alike.entry(spans).or_default().extend(own);
                }
                let whole = alike.into_iter().map(|(mut spans, own)| {
                    spans[field] = united(own);
                    Self(spans)
                });
                all = whole.collect();
            }
        }
        all
    }
}

/// Ranges in order, those that touch as one.
fn united(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut united: Vec<Span> = Vec::new();
    for span in spans {
        match united.last_mut() {
            Some(last) if span.first <= last.last.saturating_add(1) => last.last = last.last.max(span.last),
            _ => united.push(span),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box_of(spans: [(u128, u128); FIELDS]) -> HeaderBox {
        HeaderBox { spans: spans.map(|(first, last)| Span { first, last }) }
    }

    #[test]
    fn boxes_that_were_cut_are_put_together() {
        let one = [(1, 1), (2, 2)];
        let [ports, all] = [(443, 443), (0, 65_535)];
        let cut = [
            box_of([(0, 9), one[0], all, ports]),
            box_of([(10, 19), one[0], all, ports]),
            box_of([(30, 39), one[0], all, ports]),
            box_of([(0, 9), one[1], all, ports]),
            box_of([(10, 19), one[1], all, ports]),
            box_of([(30, 39), one[1], all, ports]),
            // Another port: from elsewhere.
            box_of([(50, 59), one[1], all, (22, 22)]),
        ];
        let merged = Headers::merged(cut);
        assert_eq!(merged.len(), 2, "{merged:?}");
        let whole =
            merged.iter().find(|headers| headers.spans(Field::DestinationPort)[0].first == 443).unwrap();
        let spans = |field| whole.spans(field).iter().map(|span| (span.first, span.last)).collect::<Vec<_>>();
        assert_eq!(spans(Field::Source), [(0, 19), (30, 39)]);
        assert_eq!(spans(Field::Destination), [(1, 2)]);
    }
}
