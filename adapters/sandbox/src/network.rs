//! The network that sandboxes get: a bridge on the host, and network namespaces plugged into it.
//!
//! The kernel allows a bridge 1,023 ports. When the first is full another is made, with one cable to the first, and so
//! on: to the packet filter, to routes and to code in the sandboxes it is all the first bridge.
//!
//! A [`Port`] is one namespace with its link and address. Making one takes about a millisecond, so ports are made
//! ahead; removing one takes twenty (the kernel waits for every processor), which it does by itself when nothing
//! refers to the namespace any more. A port serves one sandbox only.

use crate::{
    filter::{self, Plan},
    links::{Links, index_of},
};
use std::{
    collections::VecDeque,
    fs::File,
    io,
    net::Ipv4Addr,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

/// Addresses of one server: 4094, the first of which is the gateway.
pub const PREFIX: u8 = 20;

/// Ports that are used of a bridge. Not all, because the kernel takes its time to remove one.
const PORTS_PER_BRIDGE: u32 = 960;

/// The host's side.
pub struct Network {
    bridge: String,
    bridges: Mutex<Vec<Bridge>>,
    ports_per_bridge: u32,
    table: String,
    link_prefix: String,
    gateway: Ipv4Addr,
    network: Ipv4Addr,
    next_link: AtomicU32,
    /// Addresses that are free, least recently used first.
    numbers: Mutex<VecDeque<u32>>,
}

/// How long the kernel is waited for before links are deleted one by one.
const REMOVAL_TRIES: u32 = 500;
const REMOVAL_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

struct Bridge {
    index: u32,
    ports: u32,
}

/// One namespace with a link.
pub struct Port {
    pub netns: OwnedFd,
    /// Position of its bridge.
    bridge: usize,
    number: u32,
    address: Ipv4Addr,
    links: Mutex<Links>,
    index: u32,
}

impl Network {
    /// Makes the bridge and the packet filter. `tag` keeps servers apart, in names and in addresses.
    pub fn create(tag: &str) -> io::Result<Self> {
        Self::with(tag, PORTS_PER_BRIDGE)
    }

    fn with(tag: &str, ports_per_bridge: u32) -> io::Result<Self> {
        let number = u32::from_str_radix(tag, 16).unwrap_or(0);
        // 100.64.0.0/10 is set aside for address translation inside a provider's network: it is no one's public
        // address, and rarely anyone's private one. It holds 1,024 networks of this size.
        let network = Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 64, 0, 0)) | ((number % 1024) << 12));
        let gateway = Ipv4Addr::from(u32::from(network) + 1);
        let bridge = format!("sl{tag}");
        let table = format!("sluice_{tag}");
        let mut links = Links::open()?;
        let index = links.add_bridge(&bridge)?;
        links.add_address(index, gateway, PREFIX)?;
        filter::install(&Plan { table: &table, bridge: &bridge, gateway, network, prefix: PREFIX })?;
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        let link_prefix = format!("s{tag}n");
        Ok(Self {
            bridge,
            bridges: Mutex::new(vec![Bridge { index, ports: 0 }]),
            ports_per_bridge,
            table,
            link_prefix,
            gateway,
            network,
            next_link: AtomicU32::new(0),
            numbers: Mutex::new((2..(1 << (32 - u32::from(PREFIX))) - 1).collect()),
        })
    }

    /// Removes what an earlier run with this tag left.
    pub fn sweep(tag: &str) -> io::Result<()> {
        let mut links = Links::open()?;
        for name in links_named(&[&format!("sl{tag}"), &format!("s{tag}n")])? {
            let _ = links.delete(&name);
        }
        filter::remove(&format!("sluice_{tag}"))
    }

    pub fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    /// A new port. Blocks; call it off the request path.
    pub fn make(&self) -> io::Result<Port> {
        let number = self.numbers.lock().expect("numbers lock").pop_front();
        let number = number.ok_or_else(|| io::Error::other("all addresses of the sandbox network are in use"))?;
        let made = self.make_at(number);
        if made.is_err() {
            self.numbers.lock().expect("numbers lock").push_back(number);
        }
        made
    }

    fn make_at(&self, number: u32) -> io::Result<Port> {
        let address = Ipv4Addr::from(u32::from(self.network) + number);
        // Names are not those of addresses: the kernel takes its time to remove an old link.
        let link = format!("{}{:x}", self.link_prefix, self.next_link.fetch_add(1, Ordering::Relaxed) & 0xf_ffff);
        let (netns, inside) = in_new_namespace(|| {
            let mut links = Links::open()?;
            links.up(index_of("lo")?)?;
            let _ = std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
            Ok(links)
        })?;
        let bridge = self.plug_in(&link, &netns)?;
        let (gateway, at) = (self.gateway, &netns);
        let (links, index) = in_namespace(at, move || {
            let mut links = inside;
            let index = index_of("eth0")?;
            links.add_address(index, address, PREFIX)?;
            links.up(index)?;
            links.add_default_route(gateway)?;
            Ok((links, index))
        })?;
        Ok(Port { netns, bridge, number, address, links: Mutex::new(links), index })
    }

    /// Makes a link into a namespace from the first bridge with room; which one that is.
    fn plug_in(&self, link: &str, netns: &OwnedFd) -> io::Result<usize> {
        let mut links = Links::open()?;
        let mut bridges = self.bridges.lock().expect("bridges lock");
        loop {
            let position = match bridges.iter().position(|bridge| bridge.ports < self.ports_per_bridge) {
                Some(position) => position,
                None => {
                    let added = self.add_bridge(&mut links, bridges.len(), bridges[0].index)?;
                    bridges.push(added);
                    bridges.len() - 1
                }
            };
            let bridge = &mut bridges[position];
            match links.add_pair(link, bridge.index, netns.as_fd()) {
                // Old ports of it are still being removed.
                Err(error) if error.raw_os_error() == Some(libc::EXFULL) => bridge.ports = self.ports_per_bridge,
                Err(error) => return Err(error),
                Ok(()) => {
                    bridge.ports += 1;
                    return Ok(position);
                }
            }
        }
    }

    fn add_bridge(&self, links: &mut Links, position: usize, first: u32) -> io::Result<Bridge> {
        let index = links.add_bridge(&format!("{}b{position}", self.bridge))?;
        let ends = [format!("{}u{position}", self.bridge), format!("{}d{position}", self.bridge)];
        links.add_cable([&ends[0], &ends[1]], [first, index])?;
        Ok(Bridge { index, ports: 1 })
    }

    /// Takes back the address of a port once nothing runs in it. The namespace goes with everything in it: a
    /// connection that is still closing, a counter, a late packet are none of the next function's business.
    pub fn release(&self, port: Port) {
        let mut bridges = self.bridges.lock().expect("bridges lock");
        bridges[port.bridge].ports = bridges[port.bridge].ports.saturating_sub(1);
        drop(bridges);
        self.numbers.lock().expect("numbers lock").push_back(port.number);
    }
}

impl Network {
    /// Removes the bridges and the packet filter, and waits for the kernel to remove the links of namespaces that are
    /// gone: it does many at a time, and faster than they could be deleted one by one.
    pub fn clear(&self) {
        let _ = filter::remove(&self.table);
        if let Ok(mut links) = Links::open() {
            // Of a cable the second end goes with the first.
            for name in links_named(&[&self.bridge]).unwrap_or_default() {
                let _ = links.delete(&name);
            }
            let _ = self.await_removal(&mut links);
        }
    }
}

impl Network {
    fn await_removal(&self, links: &mut Links) -> io::Result<()> {
        let left = || links_named(&[&self.link_prefix]);
        for _ in 0..REMOVAL_TRIES {
            if left()?.is_empty() {
                return Ok(());
            }
            std::thread::sleep(REMOVAL_PAUSE);
        }
        left()?.iter().try_for_each(|name| links.delete(name))
    }
}

/// Links of this host whose names begin with one of these.
fn links_named(prefixes: &[&str]) -> io::Result<Vec<String>> {
    let entries = std::fs::read_dir("/sys/class/net")?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect())
}

impl Drop for Network {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Port {
    /// Leaves the namespace with nothing but its own loopback.
    pub fn go_offline(&mut self) -> io::Result<()> {
        self.links.lock().expect("links lock").delete_address(self.index, self.address, PREFIX)
    }
}

/// Runs `work` on a thread of its own inside a fresh network namespace.
fn in_new_namespace<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<(OwnedFd, T)> {
    on_own_thread(|| {
        // SAFETY: moves only this short-lived thread into a new network namespace; no memory is involved.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let netns = File::open("/proc/thread-self/ns/net")?.into();
        Ok((netns, work()?))
    })
}

fn in_namespace<T: Send>(netns: &OwnedFd, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    on_own_thread(|| {
        rustix::thread::move_into_link_name_space(netns.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))?;
        work()
    })
}

fn on_own_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    /// Needs root: it makes links on this host, named and addressed so that no server uses them.
    #[test]
    fn a_full_bridge_is_extended_and_all_ports_reach_the_gateway() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: making network links needs root");
            return;
        }
        let tag = "7e57ab1e";
        Network::sweep(tag).unwrap();
        let network = Network::with(tag, 2).unwrap();
        let name_server = UdpSocket::bind((network.gateway(), 53)).unwrap();
        name_server.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let ports: Vec<Port> = (0..5).map(|_| network.make().unwrap()).collect();
        assert_eq!(ports.iter().map(|port| port.bridge).collect::<Vec<_>>(), [0, 0, 1, 2, 3]);
        for port in &ports {
            let gateway = network.gateway();
            in_namespace(&port.netns, move || UdpSocket::bind("0.0.0.0:0")?.send_to(b"here", (gateway, 53))).unwrap();
            let (_, from) = name_server.recv_from(&mut [0; 8]).unwrap();
            assert_eq!(from.ip(), port.address);
        }
        let link = |name: &str| std::path::Path::new("/sys/class/net").join(name).exists();
        assert!(link(&format!("sl{tag}b3")) && link(&format!("sl{tag}u3")));
        drop(ports);
        drop(network);
        assert!(!link(&format!("sl{tag}")) && !link(&format!("sl{tag}b3")) && !link(&format!("sl{tag}d3")));
    }
}
