//! `nc`: connections by hand. Options and messages as OpenBSD's netcat has them, which most scripts are written for.

mod listen;
mod relay;
mod scan;

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use crate::options::{self, Flag, Options, flag, valued};

const HELP: &str =
    "usage: nc [-46dklNnuvz] [-p source_port] [-q seconds] [-s source] [-w seconds] [destination] [port]

Connects to a port and copies standard input to it and what comes back to standard output.

  -4, -6      use IPv4, or IPv6, only
  -d          do not read standard input
  -k          keep listening after a connection ends (with -l)
  -l          listen instead of connecting: nc -l [source] port
  -N          close the sending side when standard input ends
  -n          no name or service lookups
  -p PORT     source port, or the port to listen on
  -q SECONDS  end so long after standard input has ended
  -s ADDRESS  source address
  -u          UDP instead of TCP
  -v          tell what happens, on standard error
  -w SECONDS  give up connecting, or an idle connection, after this time
  -z          connect, send nothing, and report; ports may be a range: 20-30

Exit code: 0 when connected (with -z: to any of the ports), 1 otherwise.
";

const FLAGS: [Flag; 15] = [
    flag('4', ""),
    flag('6', ""),
    flag('d', ""),
    flag('h', "help"),
    flag('k', ""),
    flag('l', ""),
    flag('N', ""),
    flag('n', ""),
    valued('p', ""),
    valued('q', ""),
    valued('s', ""),
    flag('u', ""),
    flag('v', ""),
    valued('w', ""),
    flag('z', ""),
];

/// What was asked for.
#[derive(Clone, Debug)]
struct Plan {
    family: Family,
    read_input: bool,
    keep_listening: bool,
    close_sending: bool,
    numeric: bool,
    source: Option<IpAddr>,
    source_port: u16,
    quit_after_input: Option<Duration>,
    udp: bool,
    verbose: bool,
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Any,
    V4,
    V6,
}

pub(crate) fn main(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("nc: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[OsString]) -> Result<bool, String> {
    let options = options::parse(args, &FLAGS)?;
    if options.has('h') {
        print!("{HELP}");
        return Ok(true);
    }
    let plan = plan(&options)?;
    let rest: Vec<&str> = options.rest.iter().map(String::as_str).collect();
    if options.has('l') {
        return listen(&plan, &options, &rest);
    }
    if options.has('p') && rest.len() < 2 {
        return Err("a destination and a port are needed".to_owned());
    }
    match rest[..] {
        [host, ports] => scan::connect(&plan, host, &ports_of(ports)?, options.has('z')),
        [] => {
            eprint!("{HELP}");
            Ok(false)
        }
        _ => Err("a destination and a port are needed".to_owned()),
    }
}

fn plan(options: &Options) -> Result<Plan, String> {
    Ok(Plan {
        family: match (options.has('4'), options.has('6')) {
            (true, false) => Family::V4,
            (false, true) => Family::V6,
            _ => Family::Any,
        },
        read_input: !options.has('d'),
        keep_listening: options.has('k'),
        close_sending: options.has('N'),
        numeric: options.has('n'),
        source: options.parsed('s')?,
        source_port: options.parsed('p')?.unwrap_or(0),
        // A negative time is netcat's way to say never.
        quit_after_input: match options.value('q') {
            Some(value) if value.starts_with('-') => None,
            _ => options.seconds('q')?,
        },
        udp: options.has('u'),
        verbose: options.has('v'),
        timeout: options.seconds('w')?.filter(|timeout| !timeout.is_zero()),
    })
}

/// `nc -l port`, `nc -l source port` and `nc -l -p port [source]`.
fn listen(plan: &Plan, options: &Options, rest: &[&str]) -> Result<bool, String> {
    let port_of = |text: &str| text.parse::<u16>().map_err(|_| format!("port number invalid: {text}"));
    let address_of = |text: &str| plan.resolve(text, 0).map(|addresses| addresses[0].ip());
    let (source, port) = match (rest, options.has('p')) {
        ([], true) => (plan.source, plan.source_port),
        ([source], true) => (Some(address_of(source)?), plan.source_port),
        ([port], false) => (plan.source, port_of(port)?),
        ([source, port], false) => (Some(address_of(source)?), port_of(port)?),
        _ => return Err("a port to listen on is needed".to_owned()),
    };
    listen::listen(plan, source, port).map_err(|error| error.to_string())
}

/// `22`, `20-30`, and names of services.
fn ports_of(text: &str) -> Result<Vec<u16>, String> {
    let invalid = || format!("port number invalid: {text}");
    if let Some((first, last)) = text.split_once('-') {
        let first: u16 = first.parse().map_err(|_| invalid())?;
        let last: u16 = last.parse().map_err(|_| invalid())?;
        return Ok((first.min(last)..=first.max(last)).collect());
    }
    match text.parse() {
        Ok(port) => Ok(vec![port]),
        Err(_) => services(|name, port, _| (name == text).then_some(port))
            .map(|port| vec![port])
            .ok_or_else(invalid),
    }
}

impl Plan {
    /// Addresses of a host, of the wanted family. Never empty.
    fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let unknown = || format!("getaddrinfo for host \"{host}\" port {port}: Name or service not known");
        let addresses: Vec<SocketAddr> = if self.numeric {
            vec![SocketAddr::new(host.parse().map_err(|_| unknown())?, port)]
        } else {
            (host, port).to_socket_addrs().map_err(|_| unknown())?.collect()
        };
        let wanted = |address: &SocketAddr| match self.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        };
        let addresses: Vec<SocketAddr> = addresses.into_iter().filter(wanted).collect();
        if addresses.is_empty() { Err(unknown()) } else { Ok(addresses) }
    }

    fn protocol(&self) -> &'static str {
        if self.udp { "udp" } else { "tcp" }
    }

    /// The name of a port, or `*`.
    fn service(&self, port: u16) -> String {
        let protocol = self.protocol();
        let found =
            || services(|name, number, kind| (number == port && kind == protocol).then(|| name.to_owned()));
        if self.numeric { None } else { found() }.unwrap_or_else(|| "*".to_owned())
    }
}

/// Goes through `/etc/services` until `pick` takes an entry: name, port, protocol.
fn services<T>(pick: impl Fn(&str, u16, &str) -> Option<T>) -> Option<T> {
    let text = std::fs::read_to_string("/etc/services").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split('#').next()?.split_ascii_whitespace();
        let name = fields.next()?;
        let (port, protocol) = fields.next()?.split_once('/')?;
        pick(name, port.parse().ok()?, protocol)
    })
}

/// Whether an error means that time ran out.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// An error as C programs print it, without Rust's number in parentheses.
fn plain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_and_ranges() {
        assert_eq!(ports_of("22"), Ok(vec![22]));
        assert_eq!(ports_of("20-22"), Ok(vec![20, 21, 22]));
        assert_eq!(ports_of("22-20"), Ok(vec![20, 21, 22]));
        assert_eq!(ports_of("65535-65535"), Ok(vec![65535]));
        assert!(ports_of("70000").is_err());
        assert!(ports_of("1-").is_err());
        assert!(ports_of("no-such").is_err());
    }
}
