//! Which addresses must not be removed at the moment, because somebody holds a blob that is in no row yet.
//!
//! ```text
//! absent --pin--> pinned by n --last release--> absent   (looked at again if a removal was refused, or nothing refers to it)
//! absent --begin_removal--> being removed --end--> absent        (who wants to pin it waits)
//! ```

use std::collections::HashMap;

use parking_lot::{Condvar, Mutex};

use crate::Address;

#[derive(Debug, Default)]
pub(crate) struct Pins {
    states: Mutex<HashMap<Address, State>>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Pinned {
        by: usize,
        /// Whether somebody wanted to remove it meanwhile.
        was_refused: bool,
    },
    BeingRemoved,
}

/// The right to remove the bytes of an address, until this is dropped.
pub(crate) struct Removal<'a> {
    pins: &'a Pins,
    address: Address,
}

impl Pins {
    /// Pins an address; waits for a removal that has begun.
    pub(crate) fn pin(&self, address: Address) {
        let mut states = self.states.lock();
        loop {
            match states.get_mut(&address) {
                Some(State::Pinned { by, .. }) => *by += 1,
                Some(State::BeingRemoved) => {
                    self.changed.wait(&mut states);
                    continue;
                }
                None => {
                    states.insert(address, State::Pinned { by: 1, was_refused: false });
                }
            }
            return;
        }
    }

    /// Releases it. Says whether this was the last pin and a removal was refused for it.
    pub(crate) fn release(&self, address: Address) -> Released {
        let mut states = self.states.lock();
        match states.get_mut(&address) {
            Some(State::Pinned { by, .. }) if *by > 1 => {
                *by -= 1;
                Released::StillPinned
            }
            Some(State::Pinned { was_refused, .. }) => {
                let was_refused = *was_refused;
                states.remove(&address);
                Released::Last { was_refused }
            }
            Some(State::BeingRemoved) | None => unreachable!("who releases a pin has one"),
        }
    }

    /// Begins to remove an address, unless it is pinned or being removed.
    pub(crate) fn begin_removal(&self, address: Address) -> Option<Removal<'_>> {
        let mut states = self.states.lock();
        match states.get_mut(&address) {
            Some(State::Pinned { was_refused, .. }) => {
                *was_refused = true;
                None
            }
            Some(State::BeingRemoved) => None,
            None => {
                states.insert(address, State::BeingRemoved);
                Some(Removal { pins: self, address })
            }
        }
    }
}

/// What a release left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    StillPinned,
    Last { was_refused: bool },
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.pins.states.lock().remove(&self.address);
        self.pins.changed.notify_all();
    }
}
