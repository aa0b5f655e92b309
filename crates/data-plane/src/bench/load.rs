//! The load: one byte stream, one ping-pong, and connections that ask once and close. Bounded in time; every socket has a
//! timeout, so that a path that loses everything ends in an error.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host_net::NetworkNamespace;
use socket2::{Domain, Protocol, Socket, Type};

/// How long anything may take before the path counts as broken.
const PATIENCE: Duration = Duration::from_secs(5);
const STREAM_BLOCK_BYTES: usize = 128 << 10;
/// Request and response of a short connection, bytes.
const REQUEST_BYTES: usize = 128;

/// The two ends of a path.
pub(super) struct Ends<'a> {
    pub(super) client: &'a NetworkNamespace,
    pub(super) server: &'a NetworkNamespace,
    pub(super) address: SocketAddr,
}

impl Ends<'_> {
    fn listen(&self) -> io::Result<TcpListener> {
        let listener = within(self.server, || {
            let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.bind(&self.address.into())?;
            socket.listen(1024)?;
            Ok(TcpListener::from(socket))
        })?;
        Ok(listener)
    }

    /// A connection and its other end.
    fn pair(&self) -> io::Result<(TcpStream, TcpStream)> {
        let listener = self.listen()?;
        let client = within(self.client, || TcpStream::connect_timeout(&self.address, PATIENCE))?;
        let (server, _) = listener.accept()?;
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
        }
        Ok((client, server))
    }

    /// Bytes per second of one connection.
    pub(super) fn throughput(&self, duration: Duration) -> io::Result<f64> {
        let (mut client, mut server) = self.pair()?;
        let received = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let sender = scope.spawn(move || -> io::Result<()> {
                let block = vec![0x5a; STREAM_BLOCK_BYTES];
                let until = Instant::now() + duration + duration / 4;
                while Instant::now() < until {
                    client.write_all(&block)?;
                }
                client.shutdown(Shutdown::Write)
            });
            let received = &received;
            let receiver = scope.spawn(move || -> io::Result<()> {
                let mut block = vec![0; 2 * STREAM_BLOCK_BYTES];
                loop {
                    match server.read(&mut block)? {
                        0 => return Ok(()),
                        length => received.fetch_add(length as u64, Ordering::Relaxed),
                    };
                }
            });
            // The window opens first.
            std::thread::sleep(duration / 8);
            let (start, before) = (Instant::now(), received.load(Ordering::Relaxed));
            std::thread::sleep(duration);
            let bytes = received.load(Ordering::Relaxed) - before;
            let rate = bytes as f64 / start.elapsed().as_secs_f64();
            joined(sender)?;
            joined(receiver)?;
            Ok(rate)
        })
    }

    /// The median time of one byte there and back, seconds.
    pub(super) fn round_trip(&self, duration: Duration) -> io::Result<f64> {
        let (mut client, mut server) = self.pair()?;
        std::thread::scope(|scope| {
            let echo = scope.spawn(move || -> io::Result<()> {
                let mut byte = [0];
                while server.read(&mut byte)? > 0 {
                    server.write_all(&byte)?;
                }
                Ok(())
            });
            let mut trips = Vec::with_capacity(1 << 16);
            let until = Instant::now() + duration;
            loop {
                let start = Instant::now();
                if start >= until {
                    break;
                }
                client.write_all(&[1])?;
                client.read_exact(&mut [0])?;
                trips.push(start.elapsed().as_secs_f64());
            }
            client.shutdown(Shutdown::Write)?;
            joined(echo)?;
            Ok(super::median(trips))
        })
    }

    /// Connections per second, one after the other, each with a request and a response and closed by the server.
    pub(super) fn connections(&self, duration: Duration) -> io::Result<f64> {
        let listener = self.listen()?;
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| -> io::Result<f64> {
            let is_over = &is_over;
            let server = scope.spawn(move || answer_all(&listener, is_over));
            let asked = within(self.client, || {
                let (start, mut made) = (Instant::now(), 0_u32);
                while start.elapsed() < duration {
                    ask(self.address)?;
                    made += 1;
                }
                Ok(f64::from(made) / start.elapsed().as_secs_f64())
            });
            is_over.store(true, Ordering::Release);
            // The server waits for one more connection before it looks.
            let last = within(self.client, || TcpStream::connect_timeout(&self.address, PATIENCE));
            joined(server)?;
            drop(last?);
            asked
        })
    }
}

fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[1; REQUEST_BYTES])?;
    let mut response = [0; REQUEST_BYTES + 1];
    let mut length = 0;
    loop {
        match stream.read(&mut response[length..])? {
            0 if length == REQUEST_BYTES => return Ok(()),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => length += more,
        }
    }
}

fn answer_all(listener: &TcpListener, is_over: &AtomicBool) -> io::Result<()> {
    let mut request = [0; REQUEST_BYTES];
    loop {
        let (mut stream, _) = listener.accept()?;
        if is_over.load(Ordering::Acquire) {
            return Ok(());
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read_exact(&mut request)?;
        stream.write_all(&request)?;
    }
}

fn within<T: Send>(
    namespace: &NetworkNamespace,
    action: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    namespace.run(action).map_err(io::Error::other)?
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
