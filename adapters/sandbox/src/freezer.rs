//! What is done to idle instances: one at a time, by a thread of its own that pauses after each.
//!
//! The kernel wakes each process of an instance to have it stop, which takes about as long as a call, and so does moving
//! it to another control group. When hundreds of instances become idle in the same moment, calls to others must not wait
//! until the last of them has stopped.

use std::{io, sync::mpsc, thread, time::Duration};

/// What can be frozen while it is idle.
pub trait Sleeper: Send + Sync {
    /// Without effect on one that was woken since it was to fall asleep.
    fn fall_asleep(&self);
}

/// Something to be done, which says whether it may have kept others from the processor.
type Chore = Box<dyn FnOnce() -> bool + Send>;

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
    pub fn queue(&self, chore: impl FnOnce() -> bool + Send + 'static) {
        if let Err(mpsc::SendError(chore)) = self.0.send(Box::new(chore)) {
            tracing::warn!("the thread that freezes instances is gone");
            chore();
        }
    }
}

fn work(chores: &mpsc::Receiver<Chore>) {
    while let Ok(chore) = chores.recv() {
        if chore() {
            thread::sleep(PAUSE);
        }
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
        freezer.queue(move || waiting.wait().is_leader());
        let (tell, told) = mpsc::channel();
        for number in 0..5 {
            let tell = tell.clone();
            freezer.queue(move || tell.send(number).is_ok_and(|()| number % 2 == 0));
        }
        drop((tell, freezer));
        barrier.wait();
        assert_eq!(told.iter().collect::<Vec<u32>>(), [0, 1, 2, 3, 4]);
    }
}
