//! Whether a client asks again as soon as it has its answer.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// How long the next request is looked for without sleeping: about as long as two wake-ups take.
const LOOK: Duration = Duration::from_micros(100);
/// After so short a pause the next one may well be shorter than [`LOOK`]: this one had two wake-ups in it.
const PROMPT: Duration = Duration::from_micros(250);
/// Most prompt pauses that pass without a look, when looks are in vain.
const MOST_SKIPPED: u32 = 1023;

/// What the pauses of one connection were like. Only the task of the connection changes it.
#[derive(Debug, Default)]
pub(crate) struct Rhythm {
    looks: AtomicBool,
    /// Prompt pauses that are still to pass before the next look.
    skip: AtomicU32,
    /// How many were skipped after the last look in vain.
    skipped: AtomicU32,
}

impl Rhythm {
    /// The next request has come, so long after the last piece of the answer before it.
    pub fn paused(&self, pause: Duration) {
        if self.looks.load(Relaxed) {
            let skip = if pause < LOOK { 0 } else { (2 * self.skipped.load(Relaxed) + 1).min(MOST_SKIPPED) };
            self.skipped.store(skip, Relaxed);
            self.skip.store(skip, Relaxed);
        } else if pause < PROMPT {
            self.skip.store(self.skip.load(Relaxed).saturating_sub(1), Relaxed);
        }
        self.looks.store(pause < PROMPT && self.skip.load(Relaxed) == 0, Relaxed);
    }

    /// Whether the next request is worth looking for when the answer has been sent for so long.
    pub fn is_worth_a_look(&self, pause: Duration) -> bool {
        self.looks.load(Relaxed) && pause < LOOK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_micros(1);

    fn looks_after(rhythm: &Rhythm, pause: Duration) -> bool {
        rhythm.paused(pause);
        rhythm.is_worth_a_look(Duration::ZERO)
    }

    #[test]
    fn who_asked_again_at_once_is_expected_to_for_a_moment() {
        let rhythm = Rhythm::default();
        assert!(!rhythm.is_worth_a_look(Duration::ZERO), "nothing is known yet");
        assert!(!looks_after(&rhythm, PROMPT));
        assert!(looks_after(&rhythm, PROMPT - MOMENT));
        assert!(rhythm.is_worth_a_look(LOOK - MOMENT));
        assert!(!rhythm.is_worth_a_look(LOOK));
        assert!(looks_after(&rhythm, LOOK - MOMENT));
    }

    #[test]
    fn looks_in_vain_become_rare() {
        let rhythm = Rhythm::default();
        let looks = (0..10_000).filter(|_| looks_after(&rhythm, LOOK)).count();
        assert!((5..30).contains(&looks), "{looks}");
        for _ in 0..=MOST_SKIPPED {
            rhythm.paused(LOOK - MOMENT);
        }
        assert!((0..100).all(|_| looks_after(&rhythm, LOOK - MOMENT)), "it is forgiven");
        assert!(!looks_after(&rhythm, LOOK), "in vain");
        assert!(looks_after(&rhythm, LOOK), "but once is little");
    }
}
