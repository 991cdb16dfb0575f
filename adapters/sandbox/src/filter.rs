//! The packet filter: what code in a sandbox may reach.
//!
//! One nftables table per server, fixed at start; rules speak of the bridge as a whole, so that instances come
//! and go without touching it. Code may reach the public network and the name server on the bridge. It may not
//! reach the host's own addresses, other instances, or be reached by anyone.

use crate::netlink::{ACK, APPEND, Attributes, CREATE, Message, NETFILTER, REQUEST, Socket};
use std::{io, net::Ipv4Addr};

const SUBSYSTEM: u16 = 10 << 8;
const NEWTABLE: u16 = SUBSYSTEM;
const DELTABLE: u16 = SUBSYSTEM | 2;
const NEWCHAIN: u16 = SUBSYSTEM | 3;
const NEWRULE: u16 = SUBSYSTEM | 6;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

const IPV4: u8 = 2;
const HOOK_INPUT: u32 = 1;
const HOOK_FORWARD: u32 = 2;
const HOOK_POSTROUTING: u32 = 4;
const ACCEPT: u32 = 1;
const DROP: u32 = 0;

/// What the rules are about.
pub struct Plan<'a> {
    pub table: &'a str,
    pub bridge: &'a str,
    pub gateway: Ipv4Addr,
    pub network: Ipv4Addr,
    pub prefix: u8,
}

/// Where clouds answer questions about the host itself, its credentials among them.
const HOST_SERVICES: [(Ipv4Addr, u8); 2] =
    [(Ipv4Addr::new(169, 254, 0, 0), 16), (Ipv4Addr::new(100, 100, 100, 200), 32)];

/// Installs the table, replacing one of the same name.
pub fn install(plan: &Plan<'_>) -> io::Result<()> {
    let mut socket = Socket::open(NETFILTER)?;
    let _ = remove_with(&mut socket, plan.table);
    let table = |kind, flags| message(kind, flags).text(1, plan.table);
    let mut batch = vec![begin(), table(NEWTABLE, REQUEST | ACK | CREATE)];
    batch.push(chain(plan.table, "input", "filter", HOOK_INPUT, -10));
    batch.push(chain(plan.table, "forward", "filter", HOOK_FORWARD, -10));
    batch.push(chain(plan.table, "masquerade", "nat", HOOK_POSTROUTING, 100));
    for protocol in [17, 6] {
        let name_server = Rule::new()
            .interface(META_IIFNAME, plan.bridge, CMP_EQ)
            .destination(plan.gateway)
            .protocol(protocol)
            .port(53)
            .verdict(ACCEPT);
        batch.push(name_server.message(plan.table, "input"));
    }
    let from_bridge = || Rule::new().interface(META_IIFNAME, plan.bridge, CMP_EQ);
    let to_bridge = || Rule::new().interface(META_OIFNAME, plan.bridge, CMP_EQ);
    batch.push(from_bridge().verdict(DROP).message(plan.table, "input"));
    for (network, prefix) in HOST_SERVICES {
        batch.push(from_bridge().destination_in(network, prefix).verdict(DROP).message(plan.table, "forward"));
    }
    batch.push(from_bridge().interface(META_OIFNAME, plan.bridge, CMP_EQ).verdict(DROP).message(plan.table, "forward"));
    batch.push(to_bridge().established().verdict(ACCEPT).message(plan.table, "forward"));
    batch.push(to_bridge().verdict(DROP).message(plan.table, "forward"));
    let masquerade = Rule::new()
        .source(plan.network, plan.prefix)
        .interface(META_OIFNAME, plan.bridge, CMP_NEQ)
        .expression("masq", Attributes::new());
    batch.push(masquerade.message(plan.table, "masquerade"));
    batch.push(end());
    socket.batch(batch)
}

/// Removes the table; that it is not there is no error.
pub fn remove(table: &str) -> io::Result<()> {
    match remove_with(&mut Socket::open(NETFILTER)?, table) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other,
    }
}

fn remove_with(socket: &mut Socket, table: &str) -> io::Result<()> {
    socket.batch(vec![begin(), message(DELTABLE, REQUEST | ACK).text(1, table), end()])
}

fn message(kind: u16, flags: u16) -> Message {
    Message::new(kind, flags).raw(&[IPV4, 0, 0, 0])
}

fn begin() -> Message {
    Message::new(BATCH_BEGIN, REQUEST).raw(&[0, 0, 0, 10])
}

fn end() -> Message {
    Message::new(BATCH_END, REQUEST).raw(&[0, 0, 0, 10])
}

fn chain(table: &str, name: &str, kind: &str, hook: u32, priority: i32) -> Message {
    let hook = Attributes::new().attribute(1, &hook.to_be_bytes()).attribute(2, &priority.to_be_bytes());
    message(NEWCHAIN, REQUEST | ACK | CREATE).text(1, table).text(3, name).nest(4, hook).text(7, kind)
}

const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const META_L4PROTO: u32 = 16;
const CMP_EQ: u32 = 0;
const CMP_NEQ: u32 = 1;
const REGISTER: u32 = 1;

/// A list of expressions: each loads something into a register or compares it.
struct Rule(Attributes);

impl Rule {
    fn new() -> Self {
        Self(Attributes::new())
    }

    fn expression(self, name: &str, data: Attributes) -> Self {
        Self(self.0.nest(1, Attributes::new().text(1, name).nest(2, data)))
    }

    fn compare(self, operator: u32, value: &[u8]) -> Self {
        let data = Attributes::new()
            .attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &operator.to_be_bytes())
            .nest(3, Attributes::new().attribute(1, value));
        self.expression("cmp", data)
    }

    fn interface(self, key: u32, name: &str, operator: u32) -> Self {
        let load = Attributes::new().attribute(2, &key.to_be_bytes()).attribute(1, &REGISTER.to_be_bytes());
        let mut padded = [0u8; 16];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        self.expression("meta", load).compare(operator, &padded)
    }

    fn protocol(self, number: u8) -> Self {
        let load = Attributes::new().attribute(2, &META_L4PROTO.to_be_bytes()).attribute(1, &REGISTER.to_be_bytes());
        self.expression("meta", load).compare(CMP_EQ, &[number])
    }

    /// Loads bytes of a packet: base 1 is the network header, 2 the transport header.
    fn payload(self, base: u32, offset: u32, length: u32) -> Self {
        let load = Attributes::new()
            .attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &base.to_be_bytes())
            .attribute(3, &offset.to_be_bytes())
            .attribute(4, &length.to_be_bytes());
        self.expression("payload", load)
    }

    fn destination(self, address: Ipv4Addr) -> Self {
        self.payload(1, 16, 4).compare(CMP_EQ, &address.octets())
    }

    fn source(self, network: Ipv4Addr, prefix: u8) -> Self {
        self.payload(1, 12, 4).within(network, prefix)
    }

    fn destination_in(self, network: Ipv4Addr, prefix: u8) -> Self {
        self.payload(1, 16, 4).within(network, prefix)
    }

    fn within(self, network: Ipv4Addr, prefix: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        self.mask(&mask.to_be_bytes()).compare(CMP_EQ, &network.octets())
    }

    fn port(self, port: u16) -> Self {
        self.payload(2, 2, 2).compare(CMP_EQ, &port.to_be_bytes())
    }

    fn mask(self, mask: &[u8; 4]) -> Self {
        let data = Attributes::new()
            .attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &REGISTER.to_be_bytes())
            .attribute(3, &4u32.to_be_bytes())
            .nest(4, Attributes::new().attribute(1, mask))
            .nest(5, Attributes::new().attribute(1, &[0; 4]));
        self.expression("bitwise", data)
    }

    /// Packets of connections that were opened from the other side.
    fn established(self) -> Self {
        let load = Attributes::new().attribute(2, &0u32.to_be_bytes()).attribute(1, &REGISTER.to_be_bytes());
        let established_or_related: u32 = 2 | 4;
        self.expression("ct", load).mask(&established_or_related.to_ne_bytes()).compare(CMP_NEQ, &[0; 4])
    }

    fn verdict(self, verdict: u32) -> Self {
        let value = Attributes::new().nest(2, Attributes::new().attribute(1, &verdict.to_be_bytes()));
        let data = Attributes::new().attribute(1, &0u32.to_be_bytes()).nest(2, value);
        self.expression("immediate", data)
    }

    fn message(self, table: &str, chain: &str) -> Message {
        message(NEWRULE, REQUEST | ACK | CREATE | APPEND).text(1, table).text(2, chain).nest(4, self.0)
    }
}
