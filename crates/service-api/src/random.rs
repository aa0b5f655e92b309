//! Where the random part of ids comes from.

/// A source of random bits. Tests bring a counting one, so that ids are the same in every run.
pub trait IdSource: Send + Sync + 'static {
    /// 128 random bits.
    fn bits(&self) -> u128;
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl IdSource for OsRandom {
    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .expect("Linux has had getrandom(2) since 3.17 and it does not fail after boot");
        u128::from_ne_bytes(bytes)
    }
}
