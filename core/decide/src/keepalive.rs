//! How long an idle instance is worth its memory, learned from the gaps between a function's calls.
//!
//! A starting point is the hybrid histogram of Shahrad et al. ("Serverless in the Wild", ATC 2020): keep an instance
//! while the next call is likely, end it, and start one again shortly before the next likely time. What differs:
//!
//! - **Levels.** A function that runs many requests at once needs its tenth instance less often than its first. With
//!   the most recently used instance served first, the tenth is needed exactly when ten requests run at once, so
//!   [`Habits`] learns from the time between leaving ten and coming back to ten, whatever was kept.
//! - **Worth.** Not a percentile, but a price: keeping goes on as long as the cold starts that it can be expected to
//!   save are worth more than the memory it takes. One knob for all functions, [`Fixed::keep_ms`]: the longer, the
//!   fewer cold starts and the more memory.
//! - **Timers** are recognised from their even gaps; for them nothing is kept, and an instance started in time.
//!
//! Integers only, no clock: the same calls give the same windows. Costs: tens of nanoseconds per call; 80 bytes for
//! each level that was left and reached again, and no allocation once a level is known.

mod gaps;
mod period;
#[cfg(test)]
mod tests;
mod why;

use crate::Millis;
use gaps::Gaps;
use period::Period;
use serde::{Deserialize, Serialize};

pub use why::Why;

/// Gaps to be seen before they count for more than the fixed window.
const ENOUGH_GAPS: u32 = 2;
/// Levels up to this have a histogram each: the fortieth instance is needed much less often than the thirty-fifth.
const EXACT: u32 = 128;
/// How long a start takes while none was seen.
const START_MS: u32 = 1_000;
/// One cold start is worth so many thousandths of a GB kept for the length of the fixed window: with the usual five
/// minutes, 128 MB for a little over three. The less a cold start is worth, the more memory is saved for each one more:
/// against the fixed window with as many cold starts, a fifth at a worth of one GB, three tenths here.
const WORTH_THOUSANDTHS: u64 = 80;
/// Of an instance beyond the first, while too little is known of when it is needed: this part of the fixed window.
const DEEPER_PART: Millis = 10;

/// What is known of one function's calls.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    in_flight: u32,
    last_arrival: Millis,
    last_end: Millis,
    start_ms: u32,
    period: Period,
    /// By [`slot`]: one for every level up to [`EXACT`], then four for each doubling.
    levels: Vec<Level>,
}

/// The times at which so many requests ran at once.
#[derive(Clone, Debug, Default)]
struct Level {
    /// When there were fewer again, unless there are as many now.
    left: Option<Millis>,
    gaps: Gaps,
}

/// What a window depends on besides the calls.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The window while too little is known, and how generous to be in all.
    pub keep_ms: Millis,
    pub memory_mb: u64,
}

/// What to do with an idle instance. Times count from when it became idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// End it after this.
    pub keep_ms: Millis,
    /// Start another one after this, counted from [`Habits::last_end`].
    pub prewarm_after_ms: Option<Millis>,
    /// And end that one after this, counted likewise, if no call came.
    pub prewarm_until_ms: Millis,
    pub why: Why,
}

impl Habits {
    /// A request came while `in_flight` others ran or waited.
    pub fn arrived(&mut self, now: Millis, in_flight: u32) {
        if in_flight == 0 && self.last_arrival > 0 {
            self.period.add(now.saturating_sub(self.last_arrival));
        }
        if in_flight == 0 {
            self.last_arrival = now.max(1);
        }
        self.in_flight = in_flight.saturating_add(1);
        let Some(slot) = tracked(self.in_flight) else { return };
        if let Some(level) = self.levels.get_mut(slot)
            && let Some(left) = level.left.take()
        {
            level.gaps.add(now.saturating_sub(left));
        }
    }

    /// A request ended, and `in_flight` others still run.
    pub fn ended(&mut self, now: Millis, in_flight: u32) {
        self.in_flight = in_flight;
        self.last_end = now;
        let Some(slot) = tracked(in_flight.saturating_add(1)) else { return };
        if slot >= self.levels.len() {
            self.levels.reserve_exact(slot + 1 - self.levels.len());
            self.levels.resize_with(slot + 1, Level::default);
        }
        self.levels[slot].left = Some(now);
    }

    /// An instance took this long to start.
    pub fn started(&mut self, took_ms: Millis) {
        let took = u32::try_from(took_ms).unwrap_or(u32::MAX).max(1);
        self.start_ms = if self.start_ms == 0 { took } else { self.start_ms - self.start_ms / 4 + took / 4 };
    }

    /// When a request ended last; what times of starting ahead count from.
    pub fn last_end(&self) -> Millis {
        self.last_end
    }

    /// How long to keep the `depth`-th most recently used idle instance, counted from 1.
    pub fn window(&self, depth: u32, fixed: &Fixed) -> Window {
        let level = self.in_flight.saturating_add(depth.max(1));
        if level == 1
            && let Some(window) = self.for_period(fixed)
        {
            return window;
        }
        let first = level == 1;
        let most = if first { fixed.keep_ms } else { fixed.keep_ms / DEEPER_PART };
        let known = self.levels.get(slot(level).min(self.levels.len().saturating_sub(1)));
        match known {
            Some(known) if known.gaps.seen() >= ENOUGH_GAPS => {
                let mut window = self.for_gaps(&known.gaps, fixed);
                if !first && known.gaps.long() < ENOUGH_GAPS {
                    // While a rush ebbs away, calls come and go by the second. That says little of the time after it.
                    window.keep_ms = window.keep_ms.min(most);
                }
                window
            }
            known => Window {
                keep_ms: most,
                prewarm_after_ms: None,
                prewarm_until_ms: 0,
                why: Why::Unknown { gaps: known.map_or(0, |level| level.gaps.seen()) },
            },
        }
    }

    /// See [`State::touch`](crate::State::touch).
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let level = self.levels.first().map_or(0, |level| level.left.unwrap_or(0) ^ u64::from(level.gaps.seen()));
        self.last_end ^ self.last_arrival ^ level
    }

    /// Bytes that this takes, with what it allocated.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.levels.capacity() * size_of::<Level>()
    }

    fn for_gaps(&self, gaps: &Gaps, fixed: &Fixed) -> Window {
        let chosen = gaps.choose(price(fixed), self.start());
        Window {
            keep_ms: chosen.keep_ms,
            prewarm_after_ms: chosen.again.map(|(from, _)| from),
            prewarm_until_ms: chosen.again.map_or(0, |(_, to)| to),
            why: Why::Gaps { gaps: gaps.seen(), percent: chosen.percent, under_ms: chosen.keep_ms },
        }
    }

    /// Nothing until shortly before the next call, if that pays.
    fn for_period(&self, fixed: &Fixed) -> Option<Window> {
        let (every, within) = self.period.found()?;
        let (price, start) = (price(fixed), self.start());
        let since = self.last_end.saturating_sub(self.last_arrival);
        let from = every.saturating_sub(within + start + since);
        let to = (every + within * 3 / 2).saturating_sub(since);
        // A call may always come off its time: waiting for it must be worth a part of a cold start less than keeping.
        let saved = price.of(from).saturating_sub(price.of(start));
        let pays = from > 2 * start + 1_000 && saved > gaps::WHOLE / 50 && price.of(to - from) < gaps::WHOLE * 9 / 10;
        let why = Why::Period { every_ms: every, within_ms: within };
        pays.then_some(Window { keep_ms: 0, prewarm_after_ms: Some(from), prewarm_until_ms: to, why })
    }

    fn start(&self) -> Millis {
        Millis::from(if self.start_ms == 0 { START_MS } else { self.start_ms })
    }
}

/// What keeping costs, measured in cold starts.
#[derive(Clone, Copy, Debug)]
struct Price {
    memory_mb: u64,
    /// MB times milliseconds that one cold start is worth.
    worth: u64,
}

impl Price {
    /// Of keeping for this long, in parts of [`gaps::WHOLE`].
    fn of(self, span: Millis) -> u64 {
        let kept = u128::from(span) * u128::from(self.memory_mb) * u128::from(gaps::WHOLE);
        u64::try_from(kept / u128::from(self.worth)).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
    }
}

fn price(fixed: &Fixed) -> Price {
    Price {
        memory_mb: fixed.memory_mb.max(1),
        worth: fixed.keep_ms.saturating_mul(1024 * WORTH_THOUSANDTHS / 1_000).max(1),
    }
}

/// Where a level is kept.
fn slot(level: u32) -> usize {
    let level = level.max(1);
    if level <= EXACT {
        return level as usize - 1;
    }
    let doubling = u32::BITS - 1 - level.leading_zeros();
    (EXACT + (doubling - EXACT.ilog2()) * 4 + ((level >> (doubling - 2)) & 3)) as usize
}

/// The slot of a level that stands for its neighbours; they are not looked at.
fn tracked(level: u32) -> Option<usize> {
    if level > EXACT {
        let doubling = u32::BITS - 1 - level.leading_zeros();
        if level & ((1 << (doubling - 2)) - 1) != 0 {
            return None;
        }
    }
    Some(slot(level))
}
