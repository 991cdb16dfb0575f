//! What this host can and cannot enforce.

use crate::{cgroup::Hierarchy, netlink, runtimes::Runtimes, sys};
use serde::Serialize;
use std::{fs, io, path::Path};

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub ok: bool,
    /// Without it the server refuses to start.
    pub required: bool,
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<&'static str>,
}

/// Looks at everything. Changes nothing on the host.
pub fn doctor(bundles: Option<&Path>) -> Vec<Finding> {
    vec![
        root(),
        finding("control groups", true, cgroups(), "mount cgroup v2, or v1 with memory, cpu and pids"),
        finding(
            "namespaces",
            true,
            namespaces(),
            "a kernel with user, mount, pid, ipc, uts, net and cgroup namespaces",
        ),
        finding("loop devices", true, loop_devices(), "load the loop module: modprobe loop"),
        finding("mkfs.ext4", true, formatter(), "install the package e2fsprogs"),
        finding("packet filter", true, packet_filter(), "load the nf_tables module: modprobe nf_tables"),
        finding("veth and bridge", true, links(), "load the modules: modprobe veth bridge"),
        finding("detached mounts", true, detached_mounts(), "Linux 5.12 or newer"),
        finding("seccomp", true, seccomp(), "a kernel with CONFIG_SECCOMP_FILTER"),
        finding("landlock", false, landlock(), "boot with landlock in lsm=; mounts confine writes without it"),
        finding("memory accounting of swap", false, swap(), "boot with swapaccount=1, or run without swap"),
        finding("runtimes", false, runtimes(bundles), "install python3 and nodejs"),
    ]
}

fn finding(name: &'static str, required: bool, result: Result<String, String>, remedy: &'static str) -> Finding {
    let ok = result.is_ok();
    let detail = result.unwrap_or_else(|error| error);
    Finding { name, ok, required, detail, remedy: (!ok).then_some(remedy) }
}

fn root() -> Finding {
    let is_root = rustix::process::geteuid().is_root();
    let detail = if is_root { "running as root" } else { "not running as root" };
    finding(
        "root",
        true,
        if is_root { Ok(detail.into()) } else { Err(detail.into()) },
        "run as root: sandboxes need it",
    )
}

fn cgroups() -> Result<String, String> {
    Hierarchy::find("sluice").map(|found| found.describe()).map_err(|error| error.to_string())
}

fn namespaces() -> Result<String, String> {
    let missing: Vec<&str> = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"]
        .into_iter()
        .filter(|kind| !Path::new("/proc/self/ns").join(kind).exists())
        .collect();
    let none_allowed = fs::read_to_string("/proc/sys/user/max_user_namespaces").is_ok_and(|text| text.trim() == "0");
    match (missing.as_slice(), none_allowed) {
        ([], false) => Ok("all kinds".into()),
        ([], true) => Err("user.max_user_namespaces is 0".into()),
        (missing, _) => Err(format!("missing: {}", missing.join(", "))),
    }
}

fn loop_devices() -> Result<String, String> {
    exists("/dev/loop-control")
}

fn formatter() -> Result<String, String> {
    let places = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/bin/mkfs.ext4"];
    let found = places.iter().find(|place| Path::new(place).exists());
    found.map(|place| (*place).to_owned()).ok_or_else(|| "not found".into())
}

fn packet_filter() -> Result<String, String> {
    netlink::Socket::open(netlink::NETFILTER).map(|_| "nftables".into()).map_err(|error| error.to_string())
}

fn links() -> Result<String, String> {
    netlink::Socket::open(netlink::ROUTE).map(|_| "rtnetlink".into()).map_err(|error| error.to_string())
}

fn detached_mounts() -> Result<String, String> {
    let try_it = || -> io::Result<()> {
        let mount = sys::clone_mount(Path::new("/usr"))?;
        sys::set_mount_flags(&mount, sys::RDONLY)
    };
    try_it().map(|()| "supported".into()).map_err(|error| error.to_string())
}

fn seccomp() -> Result<String, String> {
    exists("/proc/sys/kernel/seccomp/actions_avail")
}

fn landlock() -> Result<String, String> {
    match crate::entry::landlock_version() {
        Ok(version) if version > 0 => Ok(format!("interface version {version}")),
        _ => Err("not active in this kernel".into()),
    }
}

fn swap() -> Result<String, String> {
    let swap = fs::read_to_string("/proc/swaps").unwrap_or_default().lines().count() > 1;
    let accounted = Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists()
        || Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    match (swap, accounted) {
        (false, _) => Ok("no swap".into()),
        (true, true) => Ok("accounted".into()),
        (true, false) => Err("swap is on and not accounted: a function may use it beyond its memory".into()),
    }
}

fn runtimes(bundles: Option<&Path>) -> Result<String, String> {
    let statuses = Runtimes::discover(bundles).statuses();
    let mut found: Vec<String> = statuses
        .iter()
        .filter_map(|status| Some(format!("{} {}", status.family.as_str(), status.version.as_ref()?)))
        .collect();
    found.sort();
    found.dedup();
    if found.is_empty() { Err("none found".into()) } else { Ok(found.join(", ")) }
}

fn exists(path: &str) -> Result<String, String> {
    if Path::new(path).exists() { Ok(path.into()) } else { Err(format!("{path} is missing")) }
}
