//! What the kernel says about processes: families, processor time, memory.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    time::Duration,
};

/// Linux shows times to programs in hundredths of a second whatever its own tick is.
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug)]
struct Stat {
    parent: u32,
    own: Duration,
    waited_for: Duration,
}

fn stat(pid: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count from its end.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    Some(Stat {
        parent: ticks(1)?,
        own: TICK * (ticks(11)? + ticks(12)?),
        waited_for: TICK * (ticks(13)? + ticks(14)?),
    })
}

/// Processor time of the children that this program has waited for.
pub fn waited_for() -> Duration {
    stat("self").map_or(Duration::ZERO, |stat| stat.waited_for)
}

/// A process and everything below it.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(stat) = stat(&pid.to_string()) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// Processor time of some processes and of children that they waited for.
pub fn cpu(pids: &[u32]) -> Duration {
    pids.iter().filter_map(|pid| stat(&pid.to_string())).map(|stat| stat.own + stat.waited_for).sum()
}

/// Resident memory in KiB.
pub fn rss_kib(pid: u32) -> u64 {
    field_kib(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Proportional set size in KiB: pages shared by n processes count for a n-th.
pub fn pss_kib(pid: u32) -> u64 {
    field_kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

fn field_kib(path: &str, field: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The processes of a tree that run in a PID namespace of their own, by namespace.
pub fn sandboxes(root: u32) -> BTreeMap<String, Vec<u32>> {
    let namespace = |pid: u32| {
        let link = fs::read_link(Path::new("/proc").join(pid.to_string()).join("ns/pid")).ok()?;
        Some(link.to_string_lossy().into_owned())
    };
    let host = namespace(std::process::id());
    let mut found: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for pid in tree(root) {
        match namespace(pid) {
            Some(own) if Some(&own) != host.as_ref() => found.entry(own).or_default().push(pid),
            _ => {}
        }
    }
    found
}

/// Whether something is mounted at a path as this process sees it.
pub fn has_mount(pid: u32, at: &str) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    text.lines().any(|line| line.split(' ').nth(4) == Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_tree_holds_its_children() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        assert!(tree(std::process::id()).contains(&child.id()));
        assert!(rss_kib(child.id()) > 0);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!tree(std::process::id()).contains(&child.id()));
    }
}
