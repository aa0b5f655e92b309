//! The short form: every seed, whole, cut off anywhere, and with bytes changed, goes through its target.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

/// How often each seed is changed.
const CHANGES: u64 = 500;

/// A linear congruential generator (Knuth's MMIX): the same changes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

#[test]
fn every_seed_is_swallowed_in_any_shape() {
    for (name, target) in fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let mut seeds = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            let seed = fs::read(&path).unwrap();
            eprintln!("{}", path.display());
            target(&seed);
            (0..seed.len()).for_each(|length| target(&seed[..length]));
            let mut random = Random(seed.len() as u64);
            for _ in 0..CHANGES {
                let mut changed = seed.clone();
                for _ in 0..=random.below(4) {
                    let at = random.below(changed.len());
                    if let Some(byte) = changed.get_mut(at) {
                        *byte = random.below(256) as u8;
                    }
                }
                target(&changed);
            }
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seed");
    }
}
