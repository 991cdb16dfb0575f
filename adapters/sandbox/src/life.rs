//! What instances have in common, however they take their calls: whether they work, sleep or are done for.

use crate::{
    freezer::{Done, Sleeper},
    limit::{Ageing, Allowance},
    log::Limits,
    share::Occasion,
    start,
};
use sluice_domain::{Failure, FailureKind, InstanceId};
use sluice_ports::InstanceSpec;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What an instance's processes live in. Dropping it ends them.
pub trait Enclosure: Send + Sync + 'static {
    /// Ends the whole process tree at once. Twice is no error.
    fn kill(&self);
    fn set_frozen(&self, frozen: bool);
    /// As far as can be seen from outside, nothing happens in it before it is called again.
    fn is_quiet(&self) -> bool {
        false
    }
    /// No process and no thread was added to the one that takes the calls: a part of being quiet, told at less cost.
    fn is_alone(&self) -> bool {
        false
    }
    /// Has an idle instance fall asleep, now or when there is time for it, and again when it is said to: at once and
    /// only once where nobody is quiet.
    fn put_to_sleep(self: Arc<Self>, sleeper: Arc<dyn Sleeper>) {
        sleeper.fall_asleep(&|| ());
    }
    /// Has it looked at whose share of the processor it is to use, when there is time for it.
    fn review_share(self: Arc<Self>, _occasion: Occasion) {}
    /// The most memory it has held, in bytes.
    fn memory_peak(&self) -> u64;
    /// Kills for want of memory up to now are not the reason of a later end.
    fn note_oom_kills(&self);
    /// Why the process went without an answer.
    fn cause_of_death(&self) -> Failure;
}

/// Calls under way in this process.
static RUNNING: AtomicU64 = AtomicU64::new(0);

/// One of them, until it is dropped.
pub struct Running(());

impl Running {
    pub fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    pub fn is_only_one() -> bool {
        RUNNING.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

pub struct Life<E> {
    pub id: InstanceId,
    pub enclosure: Arc<E>,
    pub log_limits: Limits,
    pub ageing: Ageing,
    activity: Mutex<Activity>,
    usable: AtomicBool,
    served: AtomicBool,
    memory_seen: AtomicU64,
}

/// Thaws what is frozen when it is dropped.
#[must_use]
pub struct Thaw<'a, E: Enclosure> {
    frozen: Option<&'a E>,
    /// How long nobody has called it.
    pub rest: Duration,
}

impl<E: Enclosure> Drop for Thaw<'_, E> {
    fn drop(&mut self) {
        if let Some(enclosure) = self.frozen {
            enclosure.set_frozen(false);
        }
    }
}

/// Whether it works or sleeps. One lock over both, because a freeze and a call may come at the same instant.
struct Activity {
    calls: u32,
    rest: Rest,
    /// When its share of the processor was looked at, or it was woken since.
    reviewed: Instant,
    /// When the last call ended.
    called: Instant,
    /// When the freezer comes again, or has come, to one that was quiet when it last looked.
    appointed: Option<Instant>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Rest {
    #[default]
    Awake,
    /// To be frozen, unless a call comes first.
    Drowsy,
    /// It does nothing by itself, so it is frozen only if no call comes for long.
    Quiet,
    Frozen,
}

/// How long an instance is awake between two looks at its share of the processor.
const TURN: Duration = Duration::from_secs(4);
/// How long after its last call an instance that is quiet is frozen as well. To freeze and thaw it takes about as long as
/// a short call; but that it is quiet was seen from outside, and code may find a way around what is looked at.
const LONG_IDLE: Duration = Duration::from_secs(10);

impl<E: Enclosure> Life<E> {
    pub fn new(spec: &InstanceSpec, enclosure: Arc<E>) -> Self {
        let now = Instant::now();
        Self {
            id: spec.id,
            enclosure,
            log_limits: start::log_limits(spec),
            ageing: Ageing::default(),
            activity: Mutex::new(Activity { calls: 0, rest: Rest::Awake, reviewed: now, called: now, appointed: None }),
            usable: AtomicBool::new(true),
            served: AtomicBool::new(false),
            memory_seen: AtomicU64::new(0),
        }
    }

    /// Marks the start of a call. The instance may be frozen until the [`Thaw`] is dropped, which is for when the request
    /// was sent: a process that wakes and finds nothing goes back to sleep, and has to be woken twice.
    pub fn begin(&self) -> Thaw<'_, E> {
        let mut activity = self.activity.lock().expect("activity lock");
        activity.calls += 1;
        let before = std::mem::take(&mut activity.rest);
        let has_slept = matches!(before, Rest::Quiet | Rest::Frozen);
        let now = Instant::now();
        let (is_due, rest) = (now - activity.reviewed >= TURN, now - activity.called);
        if has_slept || is_due {
            activity.reviewed = now;
        }
        drop(activity);
        // Who sleeps was looked at before that.
        if is_due && !has_slept {
            self.enclosure.clone().review_share(Occasion::Turn);
        }
        Thaw { frozen: (before == Rest::Frozen).then_some(&*self.enclosure), rest }
    }

    /// Marks the end of a call. True if no other is running.
    pub fn end(&self) -> bool {
        let mut activity = self.activity.lock().expect("activity lock");
        activity.calls -= 1;
        activity.called = Instant::now();
        self.served.store(true, Ordering::Relaxed);
        activity.calls == 0
    }

    /// Returns when the time of a call is over.
    pub async fn over(&self, time: &Allowance<'_>) {
        time.over(|| self.enclosure.clone().review_share(Occasion::LongCall)).await;
    }

    /// No call has ended yet.
    pub fn is_new(&self) -> bool {
        !self.served.load(Ordering::Relaxed)
    }

    pub fn is_idle(&self) -> bool {
        self.activity.lock().expect("activity lock").calls == 0
    }

    pub fn freeze(self: &Arc<Self>) {
        {
            // The decision to freeze may be older than a call that has begun since: then it is void.
            let mut activity = self.activity.lock().expect("activity lock");
            if activity.calls > 0 || activity.rest != Rest::Awake {
                return;
            }
            activity.rest = Rest::Drowsy;
            // It was quiet not long ago, and will be looked at again anyway.
            if activity.appointed.is_some_and(|at| at > Instant::now()) && self.enclosure.is_alone() {
                return;
            }
        }
        self.enclosure.clone().put_to_sleep(self.clone());
    }

    pub fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Acquire)
    }

    /// Ends the whole process tree at once.
    pub fn condemn(&self) {
        self.usable.store(false, Ordering::Release);
        // A freeze that has begun must be over first: what freezes after it was killed may never end.
        drop(self.activity.lock().expect("activity lock"));
        self.enclosure.kill();
    }

    /// The peak so far. A call of less than a millisecond cannot have touched enough memory to be worth a look:
    /// at more than a microsecond a page, it is less than 4 MB.
    pub fn memory_used(&self, duration: Duration, is_last: bool) -> u64 {
        let known = self.memory_seen.load(Ordering::Relaxed);
        if known != 0 && duration < Duration::from_millis(1) {
            return known;
        }
        let seen = self.enclosure.memory_peak();
        // While other calls run, a kill may be the end of theirs.
        if is_last {
            self.enclosure.note_oom_kills();
        }
        self.memory_seen.store(seen, Ordering::Relaxed);
        seen
    }
}

impl<E: Enclosure> Sleeper for Life<E> {
    fn fall_asleep(&self, review: &dyn Fn()) -> Done {
        let mut activity = self.activity.lock().expect("activity lock");
        let called = activity.called;
        let due = called + LONG_IDLE;
        let mut is_quiet = activity.rest == Rest::Quiet;
        let is_look = activity.rest == Rest::Drowsy;
        if is_look {
            activity.reviewed = Instant::now();
            // A call need not wait for the look.
            drop(activity);
            review();
            is_quiet = Instant::now() < due && self.enclosure.is_quiet();
            activity = self.activity.lock().expect("activity lock");
        }
        // A call wakes it, also one that is over again.
        if !matches!(activity.rest, Rest::Drowsy | Rest::Quiet) || activity.called != called || !self.is_usable() {
            return Done { took_time: is_look, again: None };
        }
        let now = Instant::now();
        if is_quiet && now < due {
            activity.rest = Rest::Quiet;
            let again = if activity.appointed.is_some_and(|at| at > now) { None } else { Some(due) };
            activity.appointed = again.or(activity.appointed);
            return Done { took_time: is_look, again };
        }
        activity.rest = Rest::Frozen;
        // That it was quiet once is not relied upon any more.
        activity.appointed = None;
        self.enclosure.set_frozen(true);
        Done { took_time: true, again: None }
    }
}

pub fn too_large(size: usize, limit: usize) -> Failure {
    Failure::new(FailureKind::ResponseTooLarge, format!("the response is {size} bytes; at most {limit} are allowed"))
}

pub fn timed_out(limit: Duration) -> Failure {
    Failure::new(FailureKind::TimedOut, format!("Invoking task timed out after {} seconds", limit.as_secs()))
}

pub fn process_exited() -> Failure {
    Failure::new(FailureKind::ProcessExited, "User process exit when running")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::tests::spec;

    #[derive(Default)]
    struct Cell {
        quiet: AtomicBool,
        alone: AtomicBool,
        frozen: AtomicBool,
        changes: AtomicU64,
        /// Turns that were asked for.
        turns: AtomicU64,
        /// Happens while it is looked at.
        meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }

    impl Enclosure for Cell {
        fn kill(&self) {}
        fn set_frozen(&self, frozen: bool) {
            self.frozen.store(frozen, Ordering::Relaxed);
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        fn is_quiet(&self) -> bool {
            if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
                meanwhile();
            }
            self.quiet.load(Ordering::Relaxed)
        }
        fn is_alone(&self) -> bool {
            self.alone.load(Ordering::Relaxed)
        }
        // The tests are the freezer.
        fn put_to_sleep(self: Arc<Self>, _: Arc<dyn Sleeper>) {}
        fn review_share(self: Arc<Self>, _: Occasion) {
            self.turns.fetch_add(1, Ordering::Relaxed);
        }
        fn memory_peak(&self) -> u64 {
            0
        }
        fn note_oom_kills(&self) {}
        fn cause_of_death(&self) -> Failure {
            process_exited()
        }
    }

    impl Life<Cell> {
        fn open(quiet: bool) -> Arc<Self> {
            let cell = Cell { quiet: AtomicBool::new(quiet), ..Cell::default() };
            Arc::new(Self::new(&spec(1), Arc::new(cell)))
        }

        fn pass(&self, time: Duration) {
            let mut activity = self.activity.lock().unwrap();
            activity.called -= time;
            activity.reviewed -= time;
            activity.appointed = activity.appointed.map(|at| at - time);
        }

        fn is_frozen(&self) -> bool {
            self.enclosure.frozen.load(Ordering::Relaxed)
        }

        fn is_awake(&self) -> bool {
            self.activity.lock().unwrap().rest == Rest::Awake
        }

        fn call(&self) {
            drop(self.begin());
            self.end();
        }

        fn meanwhile(&self, act: impl FnOnce() + Send + 'static) {
            *self.enclosure.meanwhile.lock().unwrap() = Some(Box::new(act));
        }

        /// When the freezer is to come again, and whether it has frozen it.
        fn visit(&self) -> (Option<Instant>, bool) {
            (self.fall_asleep(&|| ()).again, self.is_frozen())
        }

        fn is_drowsy(&self) -> bool {
            self.activity.lock().unwrap().rest == Rest::Drowsy
        }

        /// When it is frozen if no call comes.
        fn due(&self) -> Option<Instant> {
            Some(self.activity.lock().unwrap().called + LONG_IDLE)
        }
    }

    #[test]
    fn who_is_quiet_is_frozen_only_when_no_call_comes_for_long() {
        let life = Life::open(true);
        life.freeze();
        assert_eq!(life.visit(), (life.due(), false));
        life.freeze();
        assert_eq!(life.visit(), (None, false), "the freezer comes anyway");
        life.pass(LONG_IDLE);
        assert_eq!(life.visit(), (None, true));
        life.call();
        assert!(!life.is_frozen());
        // Others are frozen at once.
        life.enclosure.quiet.store(false, Ordering::Relaxed);
        life.freeze();
        assert_eq!(life.visit(), (None, true));
    }

    #[test]
    fn who_was_quiet_is_not_looked_at_again_before_the_freezer_comes_anyway() {
        let life = Life::open(true);
        life.enclosure.alone.store(true, Ordering::Relaxed);
        life.freeze();
        life.visit();
        life.pass(LONG_IDLE / 2);
        life.call();
        life.meanwhile(|| panic!("a look"));
        life.freeze();
        life.meanwhile(|| {});
        assert!(life.is_drowsy() && !life.is_frozen());
        life.enclosure.quiet.store(false, Ordering::Relaxed);
        life.pass(LONG_IDLE / 2);
        assert_eq!(life.visit(), (None, true), "not quiet any more");
    }

    #[test]
    fn who_was_not_quiet_the_last_time_is_looked_at() {
        let life = Life::open(true);
        life.freeze();
        life.visit();
        life.call();
        life.enclosure.quiet.store(false, Ordering::Relaxed);
        life.freeze();
        assert_eq!(life.visit(), (None, true), "it was not alone");
        life.call();
        life.enclosure.alone.store(true, Ordering::Relaxed);
        life.freeze();
        assert_eq!(life.activity.lock().unwrap().appointed, None, "the time before that does not count");
    }

    #[test]
    fn a_call_wakes_the_quiet_for_nothing_and_puts_off_the_freeze() {
        let life = Life::open(true);
        life.freeze();
        life.visit();
        life.pass(LONG_IDLE / 2);
        life.call();
        assert!(life.is_awake());
        life.freeze();
        life.pass(LONG_IDLE / 2);
        assert_eq!(life.visit(), (life.due(), false), "it was called in between");
        life.pass(LONG_IDLE / 2);
        life.call();
        assert_eq!(life.visit(), (None, false), "awake");
        assert_eq!(life.enclosure.changes.load(Ordering::Relaxed), 0);
        life.freeze();
        life.pass(LONG_IDLE);
        life.condemn();
        assert_eq!(life.visit(), (None, false), "what is killed is not frozen after that");
    }

    #[test]
    fn a_call_or_the_end_during_the_look_makes_it_void() {
        for quiet in [true, false] {
            let life = Life::open(quiet);
            let looked_at = |act: fn(&Arc<Life<Cell>>)| {
                life.freeze();
                let it = life.clone();
                life.meanwhile(move || act(&it));
                assert_eq!(life.visit(), (None, false));
            };
            looked_at(|life| drop(life.begin()));
            assert!(life.is_awake() && !life.is_idle());
            life.end();
            looked_at(|life| life.call());
            assert!(life.is_awake());
            looked_at(|life| {
                life.call();
                life.freeze();
            });
            assert!(life.is_drowsy(), "the freezer has been told once more");
            looked_at(|life| life.condemn());
            assert_eq!(life.enclosure.changes.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn who_rests_is_reviewed_before_it_sleeps_and_who_is_awake_by_turns() {
        let life = Life::open(true);
        life.enclosure.alone.store(true, Ordering::Relaxed);
        let (reviews, pause) = (std::cell::Cell::new(0), Duration::from_millis(500));
        // As the freezer would, for each gap between calls; the first visit is the one that the rest queues.
        for gap in [6, 6, 6, 3, 3, 3, 3, 3].map(Duration::from_secs) {
            life.call();
            life.pass(pause);
            let appointed = life.activity.lock().unwrap().appointed;
            life.freeze();
            let visits = match appointed {
                Some(at) if at > Instant::now() => (at - Instant::now() < gap - pause).then_some(at - Instant::now()),
                _ => Some(Duration::ZERO),
            };
            let rest = visits.unwrap_or_default();
            life.pass(rest);
            if visits.is_some() {
                life.fall_asleep(&|| reviews.set(reviews.get() + 1));
            }
            life.pass(gap - pause - rest);
        }
        let turns = life.enclosure.turns.load(Ordering::Relaxed);
        assert_eq!((reviews.get(), turns), (5, 1));
    }
}
