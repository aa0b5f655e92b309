//! `httpd`: serves files, or one text, by HTTP. Options as busybox has them.

mod files;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::options::{self, Flag, flag, valued};

const HELP: &str = "usage: httpd [-fv] [-p [ADDRESS:]PORT] [-h DIRECTORY | -t TEXT]

Serves a directory by HTTP: its files, index.html for directories, or a list of what is in them.

  -f            stay in the foreground
  -h DIRECTORY  serve this directory (the current one)
  -p PORT       listen on this port (80), and address
  -t TEXT       answer every request with this text
  -v            tell each request on standard error
";

const FLAGS: [Flag; 6] =
    [flag('f', ""), flag('?', "help"), valued('h', ""), valued('p', ""), valued('t', ""), flag('v', "")];

/// Connections served at a time; more wait.
const MAX_CONNECTIONS: usize = 64;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// A client that says nothing for so long is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest request line and headers.
const MAX_HEAD_BYTES: u64 = 64 * 1024;
/// Set in the process that serves in the background.
const BACKGROUND_VARIABLE: &str = "BRUME_HTTPD_BACKGROUND";

/// What is served.
#[derive(Debug)]
enum Content {
    Directory(PathBuf),
    Text(String),
}

#[derive(Debug)]
struct Server {
    content: Content,
    verbose: bool,
    connections: AtomicUsize,
}

/// An answer to one request.
#[derive(Debug)]
struct Answer {
    status: (u16, &'static str),
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

pub(crate) fn main(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("httpd: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[OsString]) -> Result<(), String> {
    let options = options::parse(args, &FLAGS)?;
    if options.has('?') {
        print!("{HELP}");
        return Ok(());
    }
    if let Some(unknown) = options.rest.first() {
        return Err(format!("unexpected argument '{unknown}'"));
    }
    let content = match options.value('t') {
        Some(text) => Content::Text(text.to_owned()),
        None => {
            let directory = options.value('h').unwrap_or(".");
            let directory =
                std::fs::canonicalize(directory).map_err(|error| format!("{directory}: {error}"))?;
            Content::Directory(directory)
        }
    };
    let addresses = addresses_of(options.value('p').unwrap_or("80"))?;
    let listener = bind(&addresses).map_err(|error| format!("bind: {error}"))?;
    if !options.has('f') && std::env::var_os(BACKGROUND_VARIABLE).is_none() {
        // The port is known to be free; the process that stays takes it anew.
        drop(listener);
        return start_in_background(args).map_err(|error| error.to_string());
    }
    let server = Arc::new(Server { content, verbose: options.has('v'), connections: AtomicUsize::new(0) });
    server.accept(&listener).map_err(|error| error.to_string())
}

/// `80`, `10.0.0.5:80`, `[::]:80`. A port alone is for every address, IPv6 and IPv4.
fn addresses_of(text: &str) -> Result<Vec<SocketAddr>, String> {
    if let Ok(port) = text.parse::<u16>() {
        let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        return Ok(any.map(|address| SocketAddr::new(address, port)).to_vec());
    }
    text.parse().map(|address| vec![address]).map_err(|_| format!("bad address '{text}'"))
}

/// Listens on the first address that the system can.
fn bind(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut problem = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let bound = Socket::new(Domain::for_address(*address), Type::STREAM, None).and_then(|socket| {
            socket.set_reuse_address(true)?;
            if address.is_ipv6() {
                socket.set_only_v6(!address.ip().is_unspecified())?;
            }
            socket.bind(&SockAddr::from(*address))?;
            socket.listen(BACKLOG)?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => return Ok(socket.into()),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

/// Leaves a process of its own session behind, and is done.
fn start_in_background(args: &[OsString]) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    Command::new(std::env::current_exe()?)
        .arg0("httpd")
        .args(args)
        .env(BACKGROUND_VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(drop)
}

impl Server {
    fn accept(self: &Arc<Self>, listener: &TcpListener) -> io::Result<()> {
        loop {
            let connection = match listener.accept() {
                Ok((connection, _)) => connection,
                // The client gave up before it was served.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            while self.connections.load(Ordering::Acquire) >= MAX_CONNECTIONS {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.connections.fetch_add(1, Ordering::AcqRel);
            let server = Arc::clone(self);
            std::thread::spawn(move || {
                // A client that breaks off harms nobody but itself.
                let _ = server.serve(&connection);
                server.connections.fetch_sub(1, Ordering::AcqRel);
            });
        }
    }

    /// One connection, request by request.
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_read_timeout(Some(IDLE_TIMEOUT))?;
        connection.set_write_timeout(Some(IDLE_TIMEOUT))?;
        let mut reader = BufReader::new(connection);
        loop {
            let Some(request) = read_request(&mut reader)? else { return Ok(()) };
            let answer = self.answer(&request);
            if self.verbose {
                let peer = connection.peer_addr().map(|peer| peer.ip().to_canonical().to_string());
                eprintln!(
                    "{} {} {} {}",
                    peer.unwrap_or_default(),
                    request.method,
                    request.path,
                    answer.status.0
                );
            }
            answer.send(connection, &request)?;
            if !request.keep_open {
                return Ok(());
            }
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        match &self.content {
            _ if request.is_bad => Answer::error(400, "Bad Request"),
            Content::Text(text) => Answer::ok("text/plain; charset=utf-8", text.clone().into_bytes()),
            Content::Directory(_) if request.method != "GET" && request.method != "HEAD" => {
                Answer::error(501, "Not Implemented")
            }
            Content::Directory(directory) => files::answer(directory, &request.path),
        }
    }
}

impl Answer {
    fn ok(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: (200, "OK"), content_type, headers: Vec::new(), body }
    }

    fn error(status: u16, reason: &'static str) -> Self {
        let body = format!("{status} {reason}\n").into_bytes();
        Self { status: (status, reason), content_type: "text/plain", headers: Vec::new(), body }
    }

    fn send(&self, mut connection: &TcpStream, request: &Request) -> io::Result<()> {
        let mut bytes = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n",
            self.status.0,
            self.status.1,
            self.content_type,
            self.body.len(),
            if request.keep_open { "keep-alive" } else { "close" }
        );
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        if request.method != "HEAD" {
            bytes.extend(&self.body);
        }
        connection.write_all(&bytes)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: String,
    /// Without the query, as it came.
    path: String,
    keep_open: bool,
    is_bad: bool,
}

/// Reads one request with its body, which is not looked at. `None`: the client has nothing more to say.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = reader.take(MAX_HEAD_BYTES);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (method, target, version) = (words.next(), words.next(), words.next());
    let mut request = Request {
        method: method.unwrap_or_default(),
        path: target.unwrap_or_default().split('?').next().unwrap_or_default().to_owned(),
        keep_open: version.as_deref() == Some("HTTP/1.1"),
        is_bad: !version.is_some_and(|version| version.starts_with("HTTP/1.")),
    };
    let mut body_bytes = 0u64;
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            request.is_bad = true;
            break;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close") {
            request.keep_open = false;
        } else if name.eq_ignore_ascii_case("content-length") {
            body_bytes = value.trim().parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // Where the body ends is of no interest, so the connection ends with it.
            request.keep_open = false;
        }
    }
    request.keep_open &= !request.is_bad;
    io::copy(&mut head.into_inner().take(body_bytes), &mut io::sink())?;
    Ok(Some(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str, bool, bool)>) {
        let request = read_request(&mut text.as_bytes()).unwrap();
        let found = request.as_ref().map(|r| (r.method.as_str(), r.path.as_str(), r.keep_open, r.is_bad));
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn requests_are_read() {
        check("", None);
        check("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", Some(("GET", "/a", true, false)));
        check("GET / HTTP/1.0\r\n\r\n", Some(("GET", "/", false, false)));
        check("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", Some(("GET", "/", false, false)));
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", Some(("POST", "/", true, false)));
        check("nonsense\r\n\r\n", Some(("nonsense", "", false, true)));
        check("GET / HTTP/1.1\r\nHost", Some(("GET", "/", false, true)));
    }
}
