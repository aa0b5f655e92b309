//! A terminal of the guest, shown on the terminal of whoever runs an interactive command.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::termios::{self, SetArg, Termios};

use super::syscalls;

/// The caller's terminal in raw mode, put back when dropped.
pub(super) struct RawMode {
    saved: Termios,
}

impl RawMode {
    pub(super) fn enter() -> nix::Result<Self> {
        let saved = termios::tcgetattr(io::stdin())?;
        let mut raw = saved.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self { saved })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.saved);
    }
}

/// The host's end of a guest terminal.
pub(super) struct GuestTerminal {
    master: File,
    input_open: bool,
    buffer: Vec<u8>,
}

impl GuestTerminal {
    /// Opens a terminal of the guest, whose namespaces the process must have entered; gives the guest's end too.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (master, slave, _) = syscalls::open_terminal(std::path::Path::new("/dev/ptmx"))?;
        let terminal = Self { master: master.into(), input_open: true, buffer: vec![0; 16 * 1024] };
        terminal.follow_size();
        Ok((terminal, slave))
    }

    /// Takes over the size of the caller's terminal.
    pub(super) fn follow_size(&self) {
        if let Ok(size) = syscalls::window_size(io::stdin()) {
            let _ = syscalls::set_window_size(&self.master, size);
        }
    }

    pub(super) fn master(&self) -> impl AsFd + '_ {
        self.master.as_fd()
    }

    pub(super) fn input_open(&self) -> bool {
        self.input_open
    }

    /// Moves what the guest wrote to the caller. `false`: there will be no more.
    pub(super) fn show_output(&mut self) -> bool {
        match self.master.read(&mut self.buffer) {
            Ok(0) => false,
            Ok(count) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.buffer[..count]).and_then(|()| stdout.flush()).is_ok()
            }
            // EIO: nobody in the guest has the terminal open any more.
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    /// Moves what the caller typed to the guest.
    pub(super) fn take_input(&mut self) {
        match rustix::io::read(io::stdin(), &mut self.buffer[..]) {
            Ok(0) => self.input_open = false,
            Ok(count) => {
                if self.master.write_all(&self.buffer[..count]).is_err() {
                    self.input_open = false;
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => self.input_open = false,
        }
    }
}
