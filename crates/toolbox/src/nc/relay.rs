//! Standard input to a socket, the socket to standard output, until one of them has had enough.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use super::Plan;

const BUFFER_BYTES: usize = 16 * 1024;
/// No datagram is longer.
pub(super) const DATAGRAM_BYTES: usize = 65_536;

/// Copies both ways. A stream ends when the peer closes; both end when idle for the time of -w, or so long after the
/// end of input as -q says.
pub(super) fn relay(plan: &Plan, socket: Socket) -> io::Result<()> {
    let mut input_open = plan.read_input;
    let mut quit_at: Option<Instant> = None;
    let mut buffer = vec![0; if plan.udp { DATAGRAM_BYTES } else { BUFFER_BYTES }];
    loop {
        let stdin = io::stdin();
        let mut polled = vec![PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        if input_open {
            polled.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        let until_quit = quit_at.map(|at| at.saturating_duration_since(Instant::now()));
        let wait = [until_quit, plan.timeout].into_iter().flatten().min();
        let wait = wait.map_or(PollTimeout::NONE, |wait| {
            PollTimeout::try_from(wait.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32)
                .unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut polled, wait) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let ready = |index: usize| {
            polled.get(index).and_then(PollFd::revents).is_some_and(|events| !events.is_empty())
        };
        let (from_peer, from_input) = (ready(0), ready(1));
        if from_peer {
            let count = (&socket).read(&mut buffer)?;
            if count == 0 && !plan.udp {
                return Ok(());
            }
            show(&buffer[..count])?;
        }
        if from_input {
            let count = read_input(&mut buffer)?;
            if count > 0 {
                send_all(&socket, &buffer[..count])?;
                continue;
            }
            input_open = false;
            if plan.close_sending && !plan.udp {
                socket.shutdown(Shutdown::Write)?;
            }
            quit_at = plan.quit_after_input.map(|after| Instant::now() + after);
        }
    }
}

/// Writes to standard output.
pub(super) fn show(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn send_all(socket: &Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        bytes = &bytes[socket.send(bytes)?..];
    }
    Ok(())
}

/// Past the buffer of the standard library, which poll knows nothing of.
fn read_input(buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::read(io::stdin(), buffer) {
        Ok(count) => Ok(count),
        // The other side of a terminal or pipe has gone.
        Err(rustix::io::Errno::IO) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
