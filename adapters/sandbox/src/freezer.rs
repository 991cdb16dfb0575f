//! Freezing idle instances: one at a time, by a thread of its own that pauses after each.
//!
//! The kernel wakes each process of an instance to have it stop, which takes about as long as a call. When hundreds of
//! instances become idle in the same moment, calls to others must not wait until the last of them has stopped.

use std::{
    io,
    sync::{Arc, Weak, mpsc},
    thread,
    time::Duration,
};

/// What can be frozen while it is idle.
pub trait Sleeper: Send + Sync {
    /// Without effect on one that was woken since it was to fall asleep.
    fn fall_asleep(&self);
}

/// Where the sleepers queue. The thread ends with it.
pub struct Freezer(mpsc::Sender<Weak<dyn Sleeper>>);

/// Between two of them: a short call meets at most one. The thread has the priority of all others, because a call may
/// wait for the lock of the instance that is being frozen.
const PAUSE: Duration = Duration::from_micros(500);

impl Freezer {
    pub fn start() -> io::Result<Self> {
        let (queue, sleepers) = mpsc::channel();
        thread::Builder::new().name("freezer".into()).spawn(move || freeze(&sleepers))?;
        Ok(Self(queue))
    }

    pub fn queue(&self, sleeper: &Arc<dyn Sleeper>) {
        if self.0.send(Arc::downgrade(sleeper)).is_err() {
            tracing::warn!("the thread that freezes instances is gone");
            sleeper.fall_asleep();
        }
    }
}

fn freeze(sleepers: &mpsc::Receiver<Weak<dyn Sleeper>>) {
    while let Ok(sleeper) = sleepers.recv() {
        if let Some(sleeper) = sleeper.upgrade() {
            sleeper.fall_asleep();
            drop(sleeper);
            thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    struct Told(u32, mpsc::Sender<u32>);

    impl Sleeper for Told {
        fn fall_asleep(&self) {
            self.1.send(self.0).unwrap();
        }
    }

    impl Sleeper for Barrier {
        fn fall_asleep(&self) {
            self.wait();
        }
    }

    #[test]
    fn those_who_are_left_fall_asleep_in_turn() {
        let freezer = Freezer::start().unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let first: Arc<dyn Sleeper> = barrier.clone();
        freezer.queue(&first);
        let (tell, told) = mpsc::channel();
        let mut sleepers: Vec<Arc<dyn Sleeper>> =
            (0..5).map(|number| Arc::new(Told(number, tell.clone())) as _).collect();
        sleepers.iter().for_each(|sleeper| freezer.queue(sleeper));
        drop((sleepers.remove(2), tell, freezer));
        barrier.wait();
        let order: Vec<u32> = (0..4).map(|_| told.recv_timeout(Duration::from_secs(60)).unwrap()).collect();
        assert_eq!(order, [0, 1, 3, 4]);
    }
}
