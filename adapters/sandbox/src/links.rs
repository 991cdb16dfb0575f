//! Links, addresses and routes.

use crate::netlink::{ACK, Attributes, CREATE, EXCL, Message, REQUEST, ROUTE, Socket};
use std::{
    ffi::CString,
    io,
    net::Ipv4Addr,
    os::fd::{AsRawFd, BorrowedFd},
};

const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const NEWADDR: u16 = 20;
const DELADDR: u16 = 21;
const NEWROUTE: u16 = 24;

const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const INFO_SLAVE_KIND: u16 = 4;
const INFO_SLAVE_DATA: u16 = 5;
const BRPORT_ISOLATED: u16 = 33;
const VETH_PEER: u16 = 1;

const UP: u32 = 1;

/// Configures the network namespace of the thread that opened it.
pub struct Links(Socket);

fn header(family: u8, index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = family;
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..16].copy_from_slice(&change.to_ne_bytes());
    bytes
}

impl Links {
    pub fn open() -> io::Result<Self> {
        Socket::open(ROUTE).map(Self)
    }

    pub fn add_bridge(&mut self, name: &str) -> io::Result<u32> {
        let info = Attributes::new().text(INFO_KIND, "bridge");
        let message = Message::new(NEWLINK, REQUEST | ACK | CREATE | EXCL)
            .raw(&header(0, 0, UP, UP))
            .text(IFLA_IFNAME, name)
            .nest(IFLA_LINKINFO, info);
        self.0.call(message)?;
        index_of(name)
    }

    /// Makes a pair: one end here, on the bridge and cut off from its other ports; the other, `eth0`, in `netns`.
    pub fn add_pair(&mut self, name: &str, bridge: u32, netns: BorrowedFd<'_>) -> io::Result<()> {
        let peer = Attributes::new()
            .raw(&header(0, 0, 0, 0))
            .text(IFLA_IFNAME, "eth0")
            .attribute(IFLA_NET_NS_FD, &netns.as_raw_fd().to_ne_bytes());
        let info = Attributes::new().text(INFO_KIND, "veth").nest(INFO_DATA, Attributes::new().nest(VETH_PEER, peer));
        let message = Message::new(NEWLINK, REQUEST | ACK | CREATE | EXCL)
            .raw(&header(0, 0, UP, UP))
            .text(IFLA_IFNAME, name)
            .attribute(IFLA_MASTER, &bridge.to_ne_bytes())
            .nest(IFLA_LINKINFO, info);
        self.0.call(message)?;
        self.isolate(name)
    }

    /// Cuts a port of a bridge off from the bridge's other ports of this kind.
    fn isolate(&mut self, name: &str) -> io::Result<()> {
        let isolated = Attributes::new().attribute(BRPORT_ISOLATED, &[1]);
        let info = Attributes::new().text(INFO_SLAVE_KIND, "bridge").nest(INFO_SLAVE_DATA, isolated);
        let message =
            Message::new(NEWLINK, REQUEST | ACK).raw(&header(0, index_of(name)?, 0, 0)).nest(IFLA_LINKINFO, info);
        self.0.call(message)
    }

    /// Connects two bridges by a pair of links. On the first it is a port like any other, on the second the way out.
    pub fn add_cable(&mut self, names: [&str; 2], bridges: [u32; 2]) -> io::Result<()> {
        let peer = Attributes::new().raw(&header(0, 0, 0, 0)).text(IFLA_IFNAME, names[1]);
        let info = Attributes::new().text(INFO_KIND, "veth").nest(INFO_DATA, Attributes::new().nest(VETH_PEER, peer));
        let message = Message::new(NEWLINK, REQUEST | ACK | CREATE | EXCL)
            .raw(&header(0, 0, UP, UP))
            .text(IFLA_IFNAME, names[0])
            .nest(IFLA_LINKINFO, info);
        self.0.call(message)?;
        for (name, bridge) in names.into_iter().zip(bridges) {
            let message = Message::new(NEWLINK, REQUEST | ACK)
                .raw(&header(0, index_of(name)?, UP, UP))
                .attribute(IFLA_MASTER, &bridge.to_ne_bytes());
            self.0.call(message)?;
        }
        self.isolate(names[0])
    }

    pub fn delete(&mut self, name: &str) -> io::Result<()> {
        let message = Message::new(DELLINK, REQUEST | ACK).raw(&header(0, index_of(name)?, 0, 0));
        self.0.call(message)
    }

    pub fn up(&mut self, index: u32) -> io::Result<()> {
        self.0.call(Message::new(NEWLINK, REQUEST | ACK).raw(&header(0, index, UP, UP)))
    }

    pub fn add_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.0.call(address_message(NEWADDR, REQUEST | ACK | CREATE | EXCL, index, address, prefix))
    }

    /// Takes an address away, and with it every route that uses it.
    pub fn delete_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        self.0.call(address_message(DELADDR, REQUEST | ACK, index, address, prefix))
    }

    pub fn add_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
        // family, dst_len, src_len, tos, table (main), protocol (static), scope (universe), type (unicast), flags
        let fixed = [2, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        let message = Message::new(NEWROUTE, REQUEST | ACK | CREATE).raw(&fixed).attribute(5, &gateway.octets());
        self.0.call(message)
    }
}

fn address_message(kind: u16, flags: u16, index: u32, address: Ipv4Addr, prefix: u8) -> Message {
    let mut fixed = [2, prefix, 0, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    Message::new(kind, flags).raw(&fixed).attribute(2, &address.octets()).attribute(1, &address.octets())
}

/// The index of a link in the caller's network namespace.
pub fn index_of(name: &str) -> io::Result<u32> {
    let name = CString::new(name).map_err(io::Error::other)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call. rustix has no safe form of this by name
    // that works without a socket of the right family in the same namespace.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}
