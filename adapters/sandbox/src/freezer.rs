//! What is done to idle instances: one at a time, by a thread of its own that pauses after each.
//!
//! The kernel wakes each process of an instance to have it stop, which takes about as long as a call, and so does moving
//! it to another control group. When hundreds of instances become idle in the same moment, calls to others must not wait
//! until the last of them has stopped.

use std::{
    collections::BTreeMap,
    io,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// What can be frozen while it is idle.
pub trait Sleeper: Send + Sync {
    /// Without effect on one that was woken since it was to fall asleep. `review` is done before, if nobody has looked at it
    /// since then.
    fn fall_asleep(&self, review: &dyn Fn()) -> Done;
}

/// What came of a chore.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// It may have kept others from the processor.
    pub took_time: bool,
    /// When it is to be done once more.
    pub again: Option<Instant>,
}

type Chore = Box<dyn FnMut() -> Done + Send>;

/// Where the chores queue. The thread ends with it.
pub struct Freezer(mpsc::Sender<Chore>);

/// Between two of them: a short call meets at most one. The thread has the priority of all others, because a call may
/// wait for the lock of the instance that is being frozen.
const PAUSE: Duration = Duration::from_micros(500);

impl Freezer {
    pub fn start() -> io::Result<Self> {
        let (queue, chores) = mpsc::channel();
        thread::Builder::new().name("freezer".into()).spawn(move || work(&chores))?;
        Ok(Self(queue))
    }

    /// `chore` must not keep alive what it is about.
    pub fn queue(&self, chore: impl FnMut() -> Done + Send + 'static) {
        if let Err(mpsc::SendError(mut chore)) = self.0.send(Box::new(chore)) {
            tracing::warn!("the thread that freezes instances is gone");
            chore();
        }
    }
}

fn work(chores: &mpsc::Receiver<Chore>) {
    let mut later = Later::default();
    loop {
        if let Some(chore) = later.due(Instant::now()) {
            later.work(chore);
        }
        match chores.recv_timeout(later.pause(Instant::now())) {
            Ok(chore) => later.work(chore),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What is to be done once more, by the time for which it is meant.
#[derive(Default)]
struct Later {
    chores: BTreeMap<(Instant, u64), Chore>,
    /// Tells apart those that are meant for the same time.
    next: u64,
}

impl Later {
    fn work(&mut self, mut chore: Chore) {
        let done = chore();
        if let Some(at) = done.again {
            self.chores.insert((at, self.next), chore);
            self.next += 1;
        }
        if done.took_time {
            thread::sleep(PAUSE);
        }
    }

    fn due(&mut self, now: Instant) -> Option<Chore> {
        self.chores.first_entry().filter(|first| first.key().0 <= now).map(|first| first.remove())
    }

    /// Until the next one is due.
    fn pause(&self, now: Instant) -> Duration {
        self.chores.keys().next().map_or(Duration::MAX, |(at, _)| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[test]
    fn what_is_queued_is_done_in_turn_and_to_the_end() {
        let freezer = Freezer::start().unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let waiting = barrier.clone();
        freezer.queue(move || Done { took_time: waiting.wait().is_leader(), again: None });
        let (tell, told) = mpsc::channel();
        for number in 0..5 {
            let tell = tell.clone();
            freezer.queue(move || Done { took_time: tell.send(number).is_ok_and(|()| number % 2 == 0), again: None });
        }
        drop((tell, freezer));
        barrier.wait();
        assert_eq!(told.iter().collect::<Vec<u32>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_is_to_be_done_again_is_done_when_it_is_due_and_others_meanwhile() {
        let freezer = Freezer::start().unwrap();
        let (tell, told) = mpsc::channel();
        let (both, soon) = (Arc::new(Barrier::new(2)), Duration::from_millis(200));
        let (again, queued) = (tell.clone(), both.clone());
        let mut due = None;
        freezer.queue(move || {
            again.send(due).unwrap();
            if due.is_some() {
                return Done::default();
            }
            queued.wait();
            due = Some(Instant::now() + soon);
            Done { took_time: false, again: due }
        });
        freezer.queue(move || {
            tell.send(None).unwrap();
            Done::default()
        });
        both.wait();
        // Until the last of them is dropped.
        let told: Vec<Option<Instant>> = told.iter().collect();
        assert!(matches!(told[..], [None, None, Some(due)] if due <= Instant::now()), "{told:?}");
    }

    #[test]
    fn what_is_due_at_one_time_is_done_in_the_order_it_came() {
        let (mut later, now) = (Later::default(), Instant::now());
        let (tell, told) = mpsc::channel();
        for (number, at) in [(0, 2), (1, 1), (2, 1), (3, 9)] {
            let tell = tell.clone();
            let mut again = Some(now + Duration::from_secs(at));
            later.work(Box::new(move || {
                tell.send(number).unwrap();
                Done { took_time: false, again: again.take() }
            }));
        }
        assert_eq!(told.try_iter().count(), 4);
        assert_eq!(later.pause(now), Duration::from_secs(1));
        assert!(later.due(now).is_none());
        let then = now + Duration::from_secs(2);
        while let Some(chore) = later.due(then) {
            later.work(chore);
        }
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(later.pause(then), Duration::from_secs(7));
        assert_eq!(Later::default().pause(now), Duration::MAX);
    }
}
