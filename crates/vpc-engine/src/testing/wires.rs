//! Wires on which the packets of a [`World`](super::world::World) are sent for real, beside the engine's own decision.
//!
//! Owns when they are used. Refuses to know what they are made of.

use std::cell::RefCell;

use vpc_model::{Delta, Port};

use crate::FrameAction;

/// A network that is to do what the engine says.
pub trait Wires {
    /// A new world begins: nothing is there any more.
    fn begin(&mut self);
    /// Something changes in it.
    fn apply(&mut self, deltas: &[Delta]);
    /// A frame is sent at a port. Panics when something else becomes of it than the engine's `action`.
    fn send(&mut self, from: Port, frame: &[u8], action: &FrameAction);
    /// The rows are at their end.
    fn end(self: Box<Self>);
}

#[derive(Default)]
struct Used {
    wires: Option<Box<dyn Wires>>,
    is_paused: bool,
}

thread_local! {
    static USED: RefCell<Used> = RefCell::default();
}

/// Plays rows with the packets of their worlds on wires.
pub fn play(wires: Box<dyn Wires>, rows: &[fn()]) {
    USED.set(Used { wires: Some(wires), is_paused: true });
    rows.iter().for_each(|row| row());
    if let Some(wires) = USED.take().wires {
        wires.end();
    }
}

/// Wires have no time that could be turned on: what follows in this world is the engine's alone.
pub(super) fn pause() {
    USED.with_borrow_mut(|used| used.is_paused = true);
}

pub(super) fn begin() {
    USED.with_borrow_mut(|used| {
        used.is_paused = false;
        if let Some(wires) = &mut used.wires {
            wires.begin();
        }
    });
}

/// Does something with the wires, where there are any and they are used.
pub(super) fn with<T>(act: impl FnOnce(&mut dyn Wires) -> T) -> Option<T> {
    USED.with_borrow_mut(|used| match &mut used.wires {
        Some(wires) if !used.is_paused => Some(act(wires.as_mut())),
        _ => None,
    })
}
