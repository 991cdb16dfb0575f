//! The memory that could be taken from the host without pushing anything out, as `MemAvailable` has it.
//!
//! It is counted here because reading `/proc/meminfo` also counts the pages of all block devices, and each sandbox has
//! one, for its `/tmp`: with a thousand of them that takes over a millisecond, for which the next call on that processor
//! has to wait. The counters it is made of cost a few hundredths of that.

use crate::sys;
use std::{
    fs, io,
    os::unix::fs::FileExt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Until then a value is as good as a new one.
const FRESH_MS: u64 = 50;
/// What one processor can use up in a millisecond: as much as it can clear.
const FASTEST_MIB_PER_MS: u64 = 10;
/// The kernel did not tell: then the host decides, not we.
const UNKNOWN: u64 = u64::MAX;
/// The largest instance of any cloud.
const LARGEST_MIB: u64 = 14_336;
/// However much there is: some take memory without clearing it, as when a virtual machine gives it back to its host.
const AMPLE_MAX_MS: u64 = 1000;
/// The counters that matter are among the first lines of `/proc/vmstat`.
const HEAD_BYTES: usize = 4096;

pub struct FreeMemory {
    vmstat: fs::File,
    reserve: Reserve,
    later: Option<Later>,
    epoch: Instant,
    headroom_mib: u64,
    fastest_mib_per_ms: u64,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    mib: u64,
    at_ms: u64,
}

impl FreeMemory {
    /// `headroom_mib` of it are left to the host.
    pub fn open(headroom_mib: u64) -> io::Result<Self> {
        let vmstat = fs::File::open("/proc/vmstat")?;
        let zoneinfo = fs::read_to_string("/proc/zoneinfo")?;
        let free = Self {
            reserve: Reserve::of(&zoneinfo),
            later: read(&vmstat).and_then(|counters| Later::find(counters.free, managed(&zoneinfo))),
            vmstat,
            epoch: Instant::now(),
            headroom_mib,
            fastest_mib_per_ms: FASTEST_MIB_PER_MS * sys::processors(),
            seen: Mutex::new(Seen { mib: UNKNOWN, at_ms: 0 }),
        };
        free.look();
        Ok(free)
    }

    pub fn mib(&self) -> u64 {
        let seen = *self.seen.lock().expect("free memory lock");
        if self.now_ms().saturating_sub(seen.at_ms) < FRESH_MS + self.ample_ms(seen.mib) {
            return seen.mib;
        }
        self.look()
    }

    /// How long there will still be room for any function, whatever processes do: a look takes a tenth of a millisecond in
    /// the midst of a start.
    fn ample_ms(&self, mib: u64) -> u64 {
        match mib {
            UNKNOWN => 0,
            known => (known.saturating_sub(LARGEST_MIB) / self.fastest_mib_per_ms).min(AMPLE_MAX_MS),
        }
    }

    fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    fn look(&self) -> u64 {
        // Before it is counted: a thread that is held up then has an old value and says so.
        let at_ms = self.now_ms();
        let mib = self.count().map_or(UNKNOWN, |free| free.saturating_sub(self.headroom_mib));
        let mut seen = self.seen.lock().expect("free memory lock");
        if at_ms >= seen.at_ms {
            *seen = Seen { mib, at_ms };
        }
        seen.mib
    }

    fn count(&self) -> Option<u64> {
        let mut counters = read(&self.vmstat)?;
        if let Some(later) = &self.later {
            let managed = managed(&fs::read_to_string("/proc/zoneinfo").ok()?);
            counters.free += later.pages(counters.free, managed, self.now_ms())?;
        }
        Some((self.reserve.available(&counters) * page_bytes()) >> 20)
    }
}

fn read(vmstat: &fs::File) -> Option<Counters> {
    let mut head = [0u8; HEAD_BYTES];
    let size = vmstat.read_at(&mut head, 0).ok()?;
    Counters::of(std::str::from_utf8(&head[..size]).ok()?)
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// Free memory that is in no zone yet, and so not among the free pages of `/proc/vmstat`: some kernels, as those of small
/// virtual machines, set a part of the memory up only when it is wanted. `/proc/meminfo` has it, but is dear.
struct Later {
    /// Pages in zones, and those that are not set up yet: they move from one to the other.
    both: AtomicU64,
    at_ms: AtomicU64,
}

/// Less than that is what changed between two looks.
const LEAST_MIB: u64 = 64;
/// How long until it is looked at anew whether both have changed, as when a host takes memory from a virtual machine.
const CHANGES_MS: u64 = 10_000;

impl Later {
    /// None on a kernel that has set all up, given the free pages in zones, and all pages in zones.
    fn find(free: u64, managed: u64) -> Option<Self> {
        let outside = outside(free)?;
        ((outside * page_bytes()) >> 20 >= LEAST_MIB)
            .then(|| Self { both: AtomicU64::new(outside + managed), at_ms: AtomicU64::new(0) })
    }

    /// Given the same.
    fn pages(&self, free: u64, managed: u64, now_ms: u64) -> Option<u64> {
        if now_ms.saturating_sub(self.at_ms.load(Ordering::Relaxed)) >= CHANGES_MS {
            self.both.store(outside(free)? + managed, Ordering::Relaxed);
            self.at_ms.store(now_ms, Ordering::Relaxed);
        }
        Some(self.both.load(Ordering::Relaxed).saturating_sub(managed))
    }
}

/// Free pages that are in no zone, given those that are.
fn outside(free: u64) -> Option<u64> {
    Some(free_of_kernel(&fs::read_to_string("/proc/meminfo").ok()?)?.saturating_sub(free))
}

/// Free pages, from the text of `/proc/meminfo`.
fn free_of_kernel(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemFree:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024 / page_bytes())
}

/// Pages in its zones, from the text of `/proc/zoneinfo`.
fn managed(zoneinfo: &str) -> u64 {
    zoneinfo.lines().filter_map(|line| line.trim_start().strip_prefix("managed ")?.trim().parse::<u64>().ok()).sum()
}

/// Pages that the kernel keeps for itself. They follow from the size of the host and from settings that an
/// administrator rarely touches, and are read once.
#[derive(Debug, PartialEq, Eq)]
struct Reserve {
    /// Never given to processes.
    held: u64,
    /// Below this much it takes back what caches have.
    low: u64,
}

impl Reserve {
    /// From the text of `/proc/zoneinfo`.
    fn of(zoneinfo: &str) -> Self {
        let mut reserve = Self { held: 0, low: 0 };
        for zone in zoneinfo.split("\nNode ") {
            let number = |name: &str| {
                let mut lines = zone.lines().map(str::split_ascii_whitespace);
                lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse::<u64>().ok())?)
            };
            let protected = zone
                .lines()
                .find_map(|line| line.trim_start().strip_prefix("protection: ("))
                .and_then(|list| list.trim_end_matches(')').split(", ").filter_map(|pages| pages.parse().ok()).max());
            // What it keeps in addition for a moment, when memory has become scattered.
            let boost = number("boost").unwrap_or(0);
            let mark = |name: &str| number(name).unwrap_or(0).saturating_sub(boost);
            let held = mark("high") + protected.unwrap_or(0);
            reserve.held += held.min(number("managed").unwrap_or(0));
            reserve.low += mark("low");
        }
        reserve
    }

    fn available(&self, counters: &Counters) -> u64 {
        // Half of a cache, or as much as the kernel wants free, is left to it.
        let beyond = |pages: u64| pages - self.low.min(pages / 2);
        (counters.free + beyond(counters.files) + beyond(counters.reclaimable)).saturating_sub(self.held)
    }
}

/// Pages of the host.
#[derive(Debug, PartialEq, Eq)]
struct Counters {
    free: u64,
    files: u64,
    reclaimable: u64,
}

impl Counters {
    /// From the text of `/proc/vmstat`.
    fn of(vmstat: &str) -> Option<Self> {
        let mut counters = Self { free: 0, files: 0, reclaimable: 0 };
        let mut seen = 0;
        for line in vmstat.lines() {
            let Some((name, pages)) = line.split_once(' ') else { continue };
            let counter = match name {
                "nr_free_pages" => &mut counters.free,
                "nr_active_file" | "nr_inactive_file" => &mut counters.files,
                "nr_slab_reclaimable" | "nr_kernel_misc_reclaimable" => &mut counters.reclaimable,
                _ => continue,
            };
            *counter += pages.parse::<u64>().ok()?;
            seen += 1;
        }
        (seen >= 4).then_some(counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What the kernel itself says, in MiB.
    fn kernels_own() -> u64 {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
        let kib = |name: &str| -> u64 {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        kib("MemAvailable:") / 1024
    }

    #[test]
    fn agrees_with_the_kernel() {
        // Other processes take and give back meanwhile: the nearest of many looks counts.
        let difference = || FreeMemory::open(0).unwrap().mib().abs_diff(kernels_own());
        let nearest = (0..50).map(|_| difference()).min().unwrap();
        assert!(nearest <= 8, "{nearest} MiB from what the kernel says");
    }

    /// One that has run for some seconds, and that many milliseconds ago saw so much.
    fn seen(age_ms: u64, mib: u64) -> FreeMemory {
        let mut free = FreeMemory::open(0).unwrap();
        free.fastest_mib_per_ms = 8;
        free.epoch = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
        *free.seen.get_mut().unwrap() = Seen { mib, at_ms: free.epoch.elapsed().as_millis() as u64 - age_ms };
        free
    }

    #[test]
    fn a_value_is_looked_at_again_when_it_is_old() {
        assert_eq!(seen(0, 7).mib(), 7, "as good as new");
        assert_ne!(seen(5000, 7).mib(), 7);
        assert_ne!(seen(5000, UNKNOWN).mib(), UNKNOWN);
    }

    #[test]
    fn a_value_is_good_while_nothing_can_have_used_it_up() {
        let is_good = |age_ms: u64, mib: u64| seen(age_ms, mib).mib() == mib;
        assert!(is_good(400, LARGEST_MIB + 8 * 600), "room for any function is left after 0.6 s");
        assert!(!is_good(700, LARGEST_MIB + 8 * 600));
        assert!(!is_good(400, LARGEST_MIB));
        assert!(!is_good(AMPLE_MAX_MS + FRESH_MS + 1, UNKNOWN - 1), "for so long, though it were endless");
    }

    #[test]
    fn a_look_that_was_held_up_does_not_replace_a_newer_one() {
        let mut free = seen(0, 7);
        free.seen.get_mut().unwrap().at_ms = u64::MAX;
        assert_eq!(free.look(), 7);
    }

    #[test]
    fn the_headroom_is_not_free() {
        let all = FreeMemory::open(0).unwrap().mib();
        let difference = || FreeMemory::open(all / 2).unwrap().mib().abs_diff(all - all / 2);
        let nearest = (0..50).map(|_| difference()).min().unwrap();
        assert!(nearest < 256, "{nearest} MiB");
        assert_eq!(FreeMemory::open(u64::MAX).unwrap().mib(), 0);
    }

    #[test]
    fn what_is_not_set_up_is_counted_until_it_is_in_a_zone() {
        let later = Later { both: AtomicU64::new(9000), at_ms: AtomicU64::new(0) };
        assert_eq!(later.pages(0, 8000, CHANGES_MS - 1), Some(1000));
        assert_eq!(later.pages(0, 9100, CHANGES_MS - 1), Some(0));
        // Looked at anew: as no page is said to be free in a zone, all that the kernel calls free is outside.
        assert!(later.pages(0, 9000, CHANGES_MS).unwrap() > 1000);
        assert!(later.pages(0, 9500, 2 * CHANGES_MS - 1).unwrap() > 500, "as it was seen a moment ago");
        assert_eq!(later.pages(u64::MAX, 8000, 2 * CHANGES_MS), Some(0));
    }

    #[test]
    fn reads_the_kernels_texts() {
        let zoneinfo = "Node 0, zone DMA\n  pages free 9\n        low      13\n        high     16\n        managed  3840\n        \
             protection: (0, 3019, 23115, 23115)\n  pagesets\n    cpu: 0\n              high:  0\n\
             Node 0, zone DMA32\n        low      2977\n        high     3749\n        managed  772918\n        \
             protection: (0, 0, 20096, 20096)\nNode 0, zone Normal\n        boost    100\n        low      19923\n        high     25067\n        \
             managed  5144576\n        protection: (0, 0, 0, 0)\n";
        let reserve = Reserve::of(zoneinfo);
        assert_eq!(managed(zoneinfo), 3840 + 772_918 + 5_144_576);
        assert_eq!(free_of_kernel("MemTotal: 9000 kB\nMemFree:    4096 kB\n"), Some(4096 * 1024 / page_bytes()));
        assert_eq!(reserve, Reserve { held: 3840 + 23845 + 24967, low: 22813 }, "a zone holds no more than it has");

        let vmstat = "nr_free_pages 1000000\nnr_zone_active_file 5\nnr_inactive_file 200000\nnr_active_file 100000\n\
                      nr_slab_reclaimable 30000\nnr_kernel_misc_reclaimable 0\nnr_dirty 4\n";
        let counters = Counters::of(vmstat).unwrap();
        assert_eq!(counters, Counters { free: 1_000_000, files: 300_000, reclaimable: 30_000 });
        assert_eq!(reserve.available(&counters), 1_000_000 - 52_652 + (300_000 - 22_813) + 15_000);
        assert_eq!(Counters::of("nr_free_pages 1000000\nnr_inac"), None);
    }
}
