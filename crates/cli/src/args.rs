//! The command line's grammar.

mod account;
mod events;
mod identity_provider;
mod s3;
mod why_denied;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ::internet::HostName;
use aws_types::{AccountId, AvailabilityZone, Region};
use clap::{Args, Parser, Subcommand};
use ipnet::Ipv4Net;
use node::{Bandwidth, Latency, Loss, RootKey};

pub(crate) use account::*;
pub(crate) use events::EventsOptions;
pub(crate) use identity_provider::*;
pub(crate) use s3::*;
pub(crate) use why_denied::WhyDeniedOptions;

use account::{account_id, account_name, email};

/// An AWS-compatible cloud on this machine, whose network is real.
#[derive(Debug, Parser)]
#[command(name = "brume", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  brume demo                     see two instances kept apart and let through, then nothing left behind
  brume up --detach              start a cloud and return
  eval \"$(brume env)\"            point the AWS CLI and SDKs of this shell at it
  brume exec i-0123… -- ip addr  run a command inside an instance
  brume internet add example.org 198.51.100.7 --http hello
                                 give the simulated internet a host
  brume down                     stop it; the data stays

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not running (`brume status`), no way (`brume trace`), not as expected (`brume
assert`), not known (`brume why-denied`) or damaged (`brume s3`), 4 disagreement (`brume trace --live`); `brume exec` passes on the exit code of its command.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a cloud and keep it running
    Up(UpOptions),
    /// Print the export lines that point AWS clients at a cloud
    Env(EnvOptions),
    /// Make, list, close and reopen accounts
    Account(AccountOptions),
    /// Give the keys that tokens of an OpenID Connect issuer are verified with
    #[command(after_help = identity_provider::EXAMPLES)]
    IdentityProvider(IdentityProviderOptions),
    /// Declare hosts of the simulated internet
    Internet(InternetOptions),
    /// Run a command, or a shell, inside an instance
    Exec(ExecOptions),
    /// Show what runs, where, and since when
    Status(StatusOptions),
    /// Look into the network: what is dropped and why, and which connections there are; make ways slow or lossy
    Net(NetOptions),
    /// Capture the packets of an interface, both ways, as a pcap file
    #[command(after_help = FILTERS)]
    Tcpdump(TcpdumpOptions),
    /// Tell whether a packet would get there, along what, and what stops it; nothing is sent
    #[command(after_help = TRACES)]
    Trace(TraceOptions),
    /// Check a list of who is expected to reach whom; nothing is sent
    #[command(after_help = ASSERTIONS)]
    Assert(AssertOptions),
    /// Tell why a request was denied: which policies have a say, which statement decided, what would have to change
    #[command(after_help = why_denied::EXAMPLES)]
    WhyDenied(WhyDeniedOptions),
    /// List the revisions of the network's configuration that are kept, and what each changed
    Revisions(RevisionsOptions),
    /// Tell who reaches whom in one revision of the configuration and not in another
    #[command(after_help = DIFFS)]
    Diff(DiffOptions),
    /// Show who called what, and what came of it: the events of CloudTrail, of all accounts and regions
    #[command(after_help = events::EXAMPLES)]
    Events(EventsOptions),
    /// Count, verify and check the objects of S3
    #[command(after_help = s3::EXAMPLES)]
    S3(S3Options),
    /// Stop a cloud and remove all of its state from the host; its data stays
    Down(DownOptions),
    /// Start a throw-away cloud, walk through the first recipes, and leave nothing behind
    Demo(DemoOptions),
    /// Measure on this machine
    Bench(BenchOptions),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DataDirOption {
    /// Where the cloud keeps its data [default: /var/lib/brume for root, else the XDG data directory]
    #[arg(long, value_name = "DIR", env = "BRUME_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDirOption {
    /// The data directory asked for, or the default one.
    pub(crate) fn resolve(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(node::default_data_dir)
    }
}

/// The same option of a command whose cloud does not outlive it. `BRUME_DATA_DIR` names a cloud that does, and so does not
/// count here.
#[derive(Clone, Debug, Args)]
pub(crate) struct ThrowawayDirOption {
    /// Where this command's files are until it ends; must be empty, or not there yet [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UpOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Where AWS clients connect, over HTTP and HTTPS on the same port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4566")]
    pub(crate) listen: SocketAddr,
    /// The id of the first account; only used when the data directory is new [default: random]
    #[arg(long, value_name = "N", value_parser = account_id)]
    pub(crate) account_id: Option<AccountId>,
    /// What to call the first account, in 1 to 50 characters [default: as before, or Brume]
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    pub(crate) account_name: Option<String>,
    /// The e-mail address of its root user [default: as before, or one that leads nowhere]
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    pub(crate) account_email: Option<String>,
    /// An access key of the account's root user, beside the one made at first start and in place of one given before
    #[arg(long, value_name = "ID:SECRET", env = "BRUME_ROOT_KEY", hide_env_values = true)]
    pub(crate) root_key: Option<RootKey>,
    /// Return when the cloud is ready, and leave it running
    #[arg(long)]
    pub(crate) detach: bool,
    /// Do not enforce AWS's default quotas
    #[arg(long)]
    pub(crate) no_quotas: bool,
    /// Let states such as `pending` last as long as they do on AWS
    #[arg(long)]
    pub(crate) realistic_timing: bool,
    /// Carry every packet through user space, without eBPF
    #[arg(long, env = "BRUME_NO_EBPF", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) no_ebpf: bool,
    /// Tell Prometheus how the network does, at http://127.0.0.1:PORT/metrics
    #[arg(long, value_name = "PORT")]
    pub(crate) metrics_port: Option<std::num::NonZeroU16>,
    /// A file (TOML or JSON) with hosts of the simulated internet to declare; those of the same names are replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) internet: Option<PathBuf>,
    /// The public IPv4 addresses that a region gives, /16 to /28; can be there for several regions, and stays until another
    /// range is given, which is refused while any address of the one before is given. Best of those reserved for documentation
    /// (198.51.100.0/24, 203.0.113.0/24) or benchmarks (198.18.0.0/15): of any other range, this machine does not reach the real
    /// hosts while the cloud is up [default: 2,046 of 198.18.0.0/15 each]
    #[arg(long, value_name = "REGION=CIDR", value_parser = public_addresses)]
    pub(crate) public_addresses: Vec<(Region, Ipv4Net)>,
    /// An address of this machine on the simulated internet, at most one IPv4 and one IPv6 [default: 192.0.2.1 and
    /// 2001:db8:ffff::1]
    #[arg(long, value_name = "ADDRESS", value_parser = internet_address)]
    pub(crate) workstation_address: Vec<IpAddr>,
    /// Do not link this machine to the simulated internet: make no device and no routes here
    #[arg(long, conflicts_with = "workstation_address")]
    pub(crate) no_workstation: bool,
    /// Log as JSON lines
    #[arg(long)]
    pub(crate) log_json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EnvOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Name the HTTPS endpoint, and the certificate to trust for it, which only root can read
    #[arg(long)]
    pub(crate) tls: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InternetOptions {
    #[command(subcommand)]
    pub(crate) what: InternetCommand,
}

const INTERNET_HELP: &str = "\
Every host answers pings, echoes what comes to port 7 over TCP and UDP, and serves HTTP and HTTPS. `/whoami` answers the
address and port that a request came from, as they arrived. HTTPS has a certificate of the cloud's authority, which is
tls/ca.pem in the data directory. The internet's DNS server is 192.0.2.53 and 2001:db8:ffff::53.

Addresses can be any public ones that are not the cloud's; 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and
2001:db8::/32 are meant for such use.

Examples:
  brume internet add example.org 198.51.100.7 --http hello
  brume internet add files.example 198.51.100.8 2001:db8::8 --http-dir ./site
  curl http://198.51.100.7/whoami";

#[derive(Debug, Subcommand)]
pub(crate) enum InternetCommand {
    /// Add a host, which stays until it is removed
    #[command(after_help = INTERNET_HELP)]
    Add(AddHostOptions),
    /// Show the hosts
    List(ListHostsOptions),
    /// Remove a host with all of its addresses
    Remove(RemoveHostOptions),
}

#[derive(Debug, Args)]
pub(crate) struct AddHostOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Its name in the public DNS, such as example.org
    pub(crate) name: HostName,
    /// Its addresses, IPv4 or IPv6
    #[arg(required = true, value_name = "ADDRESS", num_args = 1..=::internet::MAX_ADDRESSES, value_parser = internet_address)]
    pub(crate) addresses: Vec<IpAddr>,
    /// What its web server answers [default: its name]
    #[arg(long, value_name = "TEXT", conflicts_with = "http_dir")]
    pub(crate) http: Option<String>,
    /// The directory whose files its web server answers
    #[arg(long, value_name = "DIR")]
    pub(crate) http_dir: Option<PathBuf>,
    /// How long packets to it and from it take one way, in milliseconds; `brume net set internet` sets more
    #[arg(long, value_name = "MS", value_parser = latency_ms)]
    pub(crate) latency: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListHostsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveHostOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Its name
    pub(crate) name: HostName,
}

fn internet_address(text: &str) -> Result<IpAddr, String> {
    let address = text.parse().map_err(|_| "it is no IPv4 or IPv6 address".to_owned())?;
    ::internet::check_address(address).map_err(|error| error.to_string())?;
    Ok(address)
}

/// Whole milliseconds, with their unit or without, as other commands take them.
fn latency_ms(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("ms").unwrap_or(text).parse().ok();
    number.filter(|&latency_ms| latency_ms <= ::internet::MAX_LATENCY_MS).ok_or_else(|| {
        format!("it is a whole number of milliseconds up to {}, such as 20ms", ::internet::MAX_LATENCY_MS)
    })
}

fn public_addresses(text: &str) -> Result<(Region, Ipv4Net), String> {
    let (region, block) = text.split_once('=').ok_or("write it as us-east-1=203.0.113.0/24")?;
    let region = region.parse().map_err(|_| format!("{region} is no region"))?;
    let block = block.parse().map_err(|_| format!("{block} is no IPv4 range such as 203.0.113.0/24"))?;
    Ok((region, block))
}

#[derive(Debug, Args)]
pub(crate) struct ExecOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The instance, such as i-0123456789abcdef0
    pub(crate) instance: String,
    /// The command and its arguments; a shell when there is none
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

const TRACES: &str = "\
Examples:
  brume trace i-0123… i-4567… --tcp 22       whether the one can open an SSH connection to the other
  brume trace eni-0123… 198.51.100.7         whether a ping gets out to an address of the internet
  brume trace workstation i-0123… --tcp 80   whether this machine reaches a web server, by its public address

Each line is something that the packet meets: o an interface or a gateway, | what lets it pass or leads it on, x what refuses
it. After a refusal comes what it would meet if that were not. The packet is shown where it is another than before.

With --live the sender's own kernel also sends the real packet, from a port that nobody there uses, and it is watched where it
comes out. Its receiver answers as it would answer anybody; a connection that is accepted is given up at once. What the network
did and what the trace says must agree; where they do not, that is a defect of Brume, and the file that is named has what is
needed to try again.

Exit codes: 0 it gets there and its reply comes back, 3 it does not, 4 the real packet did not do what the trace says, 1 it cannot
be told.";

#[derive(Debug, Args)]
pub(crate) struct TraceOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Where it begins: an instance, a network interface, `workstation`, or a host of the internet by name or address
    pub(crate) from: String,
    /// Where it is to go: the same, or any address
    pub(crate) to: String,
    /// A TCP connection to this port [default: a ping]
    #[arg(long, value_name = "PORT", conflicts_with = "udp")]
    pub(crate) tcp: Option<u16>,
    /// A UDP datagram to this port
    #[arg(long, value_name = "PORT")]
    pub(crate) udp: Option<u16>,
    /// Its source port [default: 40000, or of a real packet one that is free]
    #[arg(long, value_name = "PORT")]
    pub(crate) from_port: Option<u16>,
    /// Send the real packet, too, and compare
    #[arg(long)]
    pub(crate) live: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const ASSERTIONS: &str = "\
A line of the file is an assertion, a comment after #, or empty:

  web -> db tcp/5432 allow                      by the tag Name
  tag:Role=web -> \"the db\" tcp/5000-5999 deny   by another tag; names with spaces are in quotes
  i-0123… -> 10.0.1.5 udp/53 deny               by id (instance, interface, subnet, VPC, group) or address
  internet -> web tcp/443 allow                 from all of the internet; also workstation, host:NAME
  web -> 198.51.100.7 ping allow                tcp, udp, ping, all, protocol/NUMBER

An assertion is about every pair of those who are meant, every port, and replies; docs/assertions.md says it exactly, and how
to write it as JSON.

Exit codes: 0 all hold, 3 some do not, 2 the file is wrong, 1 it cannot be told.";

#[derive(Debug, Args)]
pub(crate) struct AssertOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The file; one whose name ends in .json is JSON, and - is standard input
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevisionsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// How many, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub(crate) last: usize,
    /// Print JSON, with all of them
    #[arg(long, conflicts_with = "last")]
    pub(crate) json: bool,
}

const DIFFS: &str = "\
Examples:
  brume revisions                         which revisions there are
  brume diff 17 23                        what gets through in 23 and not in 17 (+), or in 17 and not in 23 (-)
  brume diff 17 23 --port tcp/22 --port ping

Every pair of interfaces whose ways can have changed is compared, and each with the internet and this machine, both ways, for
all packets that a client opens connections with (source ports 1024 to 65535); nothing is sent.

Exit codes: 0 it was compared, whether anything changed or not, 1 it was not: a revision is not kept, for example.";

#[derive(Debug, Args)]
pub(crate) struct DiffOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The revision that is compared with
    pub(crate) from: u64,
    /// The revision that is compared
    pub(crate) to: u64,
    /// Only this: tcp/22, udp/5000-5999, tcp, ping, protocol/47; can be there several times [default: all TCP and UDP ports, pings,
    /// and protocols that rules name]
    #[arg(long, value_name = "PROTOCOL[/PORT[-PORT]]")]
    pub(crate) port: Vec<assertions::Traffic>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NetOptions {
    #[command(subcommand)]
    pub(crate) what: NetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NetCommand {
    /// Show the packets that were dropped, by interface and reason
    ///
    /// A packet is counted at the interface that sent it, whichever rule, route or gateway on its way dropped it: what the
    /// receiver's rules refuse is found at the sender.
    Drops(NetDropsOptions),
    /// Show the live connections, as each interface sees them
    ///
    /// Those that are tracked, as on AWS: a flow that rules allow from and to everywhere in both directions is not, and is not
    /// shown.
    Flows(NetFlowsOptions),
    /// Make the way between zones, between regions or to a host of the internet slow, narrow or lossy
    #[command(after_help = CONDITIONS_HELP)]
    Set(NetSetOptions),
    /// Show the ways that were made so
    Conditions(NetConditionsOptions),
}

const CONDITIONS_HELP: &str = "\
Conditions stay until they are cleared. What is not named stays as it is. Each holds for both directions by itself, so a
round trip takes twice the latency, and each direction has the whole bandwidth; within one zone both directions share it.
A way that takes several of them, such as one to another zone's NAT gateway and on to a host, takes each once in each
direction: latencies add up. A packet that its sender has still to segment is lost or kept as a whole.

Packets of such ways are carried through user space, without the eBPF flow cache: that bounds what passes to what one
interface may send by it, whatever the bandwidth is set to. What waits for a bandwidth is dropped beyond a fifth of a
second, or beyond 128 KiB where that is more; `brume net drops` counts it, and what is lost. Of one sender, 4,096 packets or 4 MiB may be under way at once, with
some memory for each; of all declared hosts together four times that. When rules change, what they concern and is under way is dropped.

The services of AWS that the cloud answers for (DNS, instance metadata, time, S3, DynamoDB) have no condition.

Examples:
  brume net set zones us-east-1a us-east-1b --latency 2ms --loss 0.5%
  brume net set zones us-east-1a us-east-1a --bandwidth 100mbit
  brume net set regions us-east-1 eu-west-1 --latency 38ms
  brume net set internet example.org --latency 20ms --bandwidth 10mbit
  brume net set internet example.org --clear";

#[derive(Debug, Args)]
pub(crate) struct NetSetOptions {
    #[command(subcommand)]
    pub(crate) what: NetSetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NetSetCommand {
    /// Between two zones of a region, or within one
    #[command(after_help = CONDITIONS_HELP)]
    Zones(NetSetZonesOptions),
    /// Between two regions: from any zone of one to any of the other
    #[command(after_help = CONDITIONS_HELP)]
    Regions(NetSetRegionsOptions),
    /// Between a declared host of the internet and all others
    #[command(after_help = CONDITIONS_HELP)]
    Internet(NetSetInternetOptions),
}

#[derive(Debug, Args)]
pub(crate) struct NetSetZonesOptions {
    /// A zone, such as us-east-1a
    #[arg(value_name = "ZONE")]
    pub(crate) one: AvailabilityZone,
    /// Another one of the region, or the same for what stays within it
    #[arg(value_name = "ZONE")]
    pub(crate) other: AvailabilityZone,
    #[command(flatten)]
    pub(crate) how: NetSetHow,
}

#[derive(Debug, Args)]
pub(crate) struct NetSetRegionsOptions {
    /// A region, such as us-east-1
    #[arg(value_name = "REGION")]
    pub(crate) one: Region,
    /// Another one
    #[arg(value_name = "REGION")]
    pub(crate) other: Region,
    #[command(flatten)]
    pub(crate) how: NetSetHow,
}

#[derive(Debug, Args)]
pub(crate) struct NetSetInternetOptions {
    /// The host's name, as `brume internet list` shows it
    pub(crate) name: HostName,
    #[command(flatten)]
    pub(crate) how: NetSetHow,
}

#[derive(Debug, Args)]
pub(crate) struct NetSetHow {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    #[command(flatten)]
    pub(crate) condition: ConditionOptions,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ConditionOptions {
    /// How long packets take one way, 10s at most; a round trip takes it twice
    #[arg(long, value_name = "TIME")]
    pub(crate) latency: Option<Latency>,
    /// How many packets are lost, such as 0.5%
    #[arg(long, value_name = "SHARE")]
    pub(crate) loss: Option<Loss>,
    /// How much passes in a second in each direction, such as 100mbit, or unlimited
    #[arg(long, value_name = "BITS")]
    pub(crate) bandwidth: Option<Bandwidth>,
    /// Take all of it away
    #[arg(long, conflicts_with_all = ["latency", "loss", "bandwidth"])]
    pub(crate) clear: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NetConditionsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NetDropsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Show them anew every second, until it is interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON; with --watch, a line of it every second
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NetFlowsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Only those of one interface, or of the interfaces of one instance
    #[arg(long, value_name = "ENI|INSTANCE")]
    pub(crate) interface: Option<String>,
    /// Show them anew every second, until it is interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON; with --watch, a line of it every second
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a filter of a capture may say.
const FILTERS: &str = "\
Filters are a part of pcap's language: ip, ip6, arp, tcp, udp, icmp, icmp6; [src|dst] host ADDRESS, net BLOCK, port NUMBER,
behind ip, ip6, tcp or udp too; and, or, not and parentheses. As there, `and` and `or` go from left to right.

Examples:
  brume tcpdump i-0123… -w web.pcap 'tcp port 80 and not host 10.0.0.7'
  brume tcpdump eni-0123… icmp | tcpdump -n -r -";

#[derive(Debug, Args)]
pub(crate) struct TcpdumpOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The interface, or the instance whose primary one is meant
    #[arg(value_name = "INTERFACE|INSTANCE")]
    pub(crate) target: String,
    /// Which packets; all where there is none
    pub(crate) filter: Vec<String>,
    /// Where to write [default: standard output]
    #[arg(short = 'w', long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// End after so many packets
    #[arg(short = 'c', long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct DownOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Delete the cloud's data too
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    #[command(flatten)]
    pub(crate) data_dir: ThrowawayDirOption,
    /// Carry every packet through user space, without eBPF
    #[arg(long, env = "BRUME_NO_EBPF", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) no_ebpf: bool,
    /// Keep the cloud's files when the demo fails
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    #[command(subcommand)]
    pub(crate) what: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// The data plane, in interleaved runs against a bare veth pair and a Linux router with nftables
    Network(MeasureOptions),
    /// Cold start, memory, and how long instances take until they are reached
    Launch(MeasureOptions),
    /// How fast the API answers on one and on many connections, and what records take of memory
    Api(MeasureOptions),
    /// Objects: how fast they are stored, read and listed, large ones against cp and sha256sum, and what the daemon takes of memory
    S3(MeasureS3Options),
}

#[derive(Debug, Args)]
pub(crate) struct MeasureOptions {
    #[command(flatten)]
    pub(crate) data_dir: ThrowawayDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Carry every packet through user space, without eBPF
    #[arg(long, env = "BRUME_NO_EBPF", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) no_ebpf: bool,
}
