//! How long a call may take: real time, and what a test clock adds to it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Time that has passed for the calls of one instance beyond what the host's clock shows.
#[derive(Debug, Default)]
pub struct Ageing {
    micros: AtomicU64,
    added: Notify,
}

/// The time of one call, from its beginning.
#[derive(Debug)]
pub struct Allowance<'a> {
    ageing: &'a Ageing,
    began: Instant,
    before: Duration,
    limit: Duration,
}

/// When a call has gone on for long enough to say so. Then ever more seldom, down to the last pause.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_millis(500);

impl Ageing {
    /// Makes the running calls older.
    pub fn add(&self, by: Duration) {
        self.micros.fetch_add(by.as_micros() as u64, Ordering::AcqRel);
        self.added.notify_waiters();
    }

    /// Begins a call.
    pub fn allow(&self, limit: Duration) -> Allowance<'_> {
        Allowance { ageing: self, began: Instant::now(), before: self.total(), limit }
    }

    fn total(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Acquire))
    }
}

impl Allowance<'_> {
    /// Returns when the time is over; says now and then that it is not.
    pub async fn over(&self, mut goes_on: impl FnMut()) {
        let (mut look, mut pause) = (FIRST_LOOK, FIRST_LOOK);
        loop {
            // Before the total is read, so that nothing is added unseen.
            let added = self.ageing.added.notified();
            let Some(left) = self.limit.checked_sub(self.aged()) else { return };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until((self.began + left.min(look)).into()) => {
                    if left <= look {
                        return;
                    }
                    goes_on();
                    pause = (2 * pause).min(LAST_PAUSE);
                    look = self.began.elapsed() + pause;
                }
                () = added => {}
            }
        }
    }

    /// What has passed, and no more than what is allowed.
    pub fn spent(&self) -> Duration {
        (self.began.elapsed() + self.aged()).min(self.limit.max(Duration::from_millis(1)))
    }

    fn aged(&self) -> Duration {
        self.ageing.total() - self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_that_are_aged_past_their_limit_are_over_and_others_are_not() {
        let ageing = Ageing::default();
        ageing.add(Duration::from_secs(1000));
        let (short, long) = (ageing.allow(Duration::from_secs(60)), ageing.allow(Duration::from_secs(7200)));
        let aged = async { ageing.add(Duration::from_secs(61)) };
        tokio::select! {
            biased;
            () = long.over(|| {}) => panic!("the long call is over"),
            () = short.over(|| {}) => {}
            () = async { aged.await; std::future::pending().await } => {}
        }
        assert_eq!(short.spent(), Duration::from_secs(60));
        assert!(long.spent() >= Duration::from_secs(61) && long.spent() < Duration::from_secs(120));
        // Later calls are as old as they are.
        assert!(ageing.allow(Duration::from_secs(60)).spent() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn that_a_call_goes_on_is_said_ever_more_seldom() {
        let ageing = Ageing::default();
        let call = ageing.allow(Duration::from_secs(60));
        let (mut said, enough) = (0, Notify::new());
        let goes_on = || {
            said += 1;
            if said == 3 {
                enough.notify_one();
            }
        };
        tokio::select! {
            () = call.over(goes_on) => panic!("the call is over"),
            () = enough.notified() => {}
        }
        assert!(call.spent() >= 7 * FIRST_LOOK, "after one, two and four times the first pause");
    }

    #[tokio::test]
    async fn real_time_counts_too() {
        let ageing = Ageing::default();
        let call = ageing.allow(Duration::from_secs(60));
        ageing.add(Duration::from_millis(59_995));
        call.over(|| {}).await;
        assert_eq!(call.spent(), Duration::from_secs(60));
    }
}
