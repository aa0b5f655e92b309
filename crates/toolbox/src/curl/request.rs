//! Asking: from a URL to a response whose headers have been read.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::response::Response;
use super::url::Url;
use super::{Facts, Failure};

/// How long a connection is tried when nothing else was said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) method: String,
    /// Whole lines, as the user gave them.
    pub(super) headers: Vec<String>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) user_agent: String,
    pub(super) only_v4: bool,
    pub(super) only_v6: bool,
    pub(super) verbose: bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    pub(super) began: Instant,
}

/// A connection that gives up when the time of the whole transfer is over.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    deadline: Option<Instant>,
}

impl Request {
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|line| {
            line.split_once([':', ';']).is_some_and(|(given, _)| given.trim().eq_ignore_ascii_case(name))
        })
    }

    /// Becomes the request that a redirect asks for.
    pub(super) fn follow(&mut self, location: &str, status: u16) -> Result<(), Failure> {
        let next = self.url.join(location)?;
        if next.host != self.url.host {
            // Secrets for one host are not for another.
            self.headers.retain(|line| !line.to_ascii_lowercase().starts_with("authorization:"));
        }
        self.url = next;
        if status == 303 || (self.method == "POST" && (status == 301 || status == 302)) {
            self.method = "GET".to_owned();
            self.body = None;
        }
        Ok(())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.url.path);
        let mut add = |name: &str, value: &str| {
            if !self.has_header(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        add("Host", &self.url.authority());
        if let Some(credentials) = &self.url.credentials {
            add("Authorization", &format!("Basic {}", base64(credentials.as_bytes())));
        }
        add("User-Agent", &self.user_agent);
        add("Accept", "*/*");
        if let Some(body) = &self.body {
            add("Content-Length", &body.len().to_string());
        }
        add("Connection", "close");
        for line in &self.headers {
            match line.split_once(':') {
                // A header without a value takes the header out.
                Some((_, value)) if value.trim().is_empty() => {}
                Some(_) => text.push_str(&format!("{}\r\n", line.trim_end())),
                None => {
                    if let Some(name) = line.strip_suffix(';') {
                        text.push_str(&format!("{name}:\r\n"));
                    }
                }
            }
        }
        if self.verbose {
            for line in text.lines() {
                eprintln!("> {line}");
            }
            eprintln!(">");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    fn connect(&self, facts: &mut Facts) -> Result<Connection, Failure> {
        let Url { host, port, .. } = &self.url;
        let unresolved = || Failure::new(6, format!("Could not resolve host: {host}"));
        let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|_| unresolved())?;
        let wanted: Vec<SocketAddr> = addresses
            .filter(|address| (!self.only_v4 || address.is_ipv4()) && (!self.only_v6 || address.is_ipv6()))
            .collect();
        if wanted.is_empty() {
            return Err(unresolved());
        }
        let give_up = Instant::now() + self.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let mut problem = io::Error::from(io::ErrorKind::TimedOut);
        for address in wanted {
            let left = give_up.saturating_duration_since(Instant::now());
            if self.verbose {
                eprintln!("*   Trying {address}...");
            }
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => {
                    facts.remote = Some((address.ip(), address.port()));
                    facts.connected_after = self.began.elapsed();
                    if self.verbose {
                        eprintln!("* Connected to {host} ({}) port {port}", address.ip());
                    }
                    return Ok(Connection { stream, deadline: self.deadline });
                }
                Err(error) => problem = error,
            }
        }
        let millis = self.began.elapsed().as_millis();
        if problem.kind() == io::ErrorKind::TimedOut {
            return Err(Failure::new(28, format!("Connection timed out after {millis} milliseconds")));
        }
        let why = problem.raw_os_error().map_or_else(
            || problem.to_string(),
            |number| nix::errno::Errno::from_raw(number).desc().to_owned(),
        );
        Err(Failure::new(7, format!("Failed to connect to {host} port {port} after {millis} ms: {why}")))
    }
}

/// Sends a request and reads the headers of its response.
pub(super) fn exchange(
    request: &Request,
    facts: &mut Facts,
) -> Result<Response<BufReader<Connection>>, Failure> {
    let mut connection = request.connect(facts)?;
    let sent = connection.write_all(&request.bytes()).and_then(|()| connection.flush());
    // A server may answer and close before it has read everything; what it said counts.
    let _ = sent;
    let response = Response::read(BufReader::new(connection), &request.method, request.began)?;
    if request.verbose {
        for line in String::from_utf8_lossy(&response.head).lines() {
            eprintln!("< {line}");
        }
    }
    Ok(response)
}

impl Connection {
    fn prepare(&self) -> io::Result<()> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.set_write_timeout(Some(left))
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.prepare()?;
        self.stream.read(buffer)
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.prepare()?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| word << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }
}
