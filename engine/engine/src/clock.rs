//! What time brings: the loop that tells the core, and moving a virtual clock.

use crate::{Engine, catalog::Inner};
use sluice_decide::Event;
use sluice_domain::{Error, ErrorKind, Field, Result, Timestamp};
use std::{sync::atomic::Ordering, time::Duration};

/// The longest time between two looks at what is due, and the pause between two rounds of looking for dead instances.
const LOOK: Duration = Duration::from_millis(250);
/// The shortest: deadlines closer together than this are met together.
const PAUSE: Duration = Duration::from_millis(20);
/// Between looks while nothing is due at all.
const IDLE: Duration = Duration::from_secs(1);
/// Instances that are looked at while calls wait.
const LOOKED_AT_AT_ONCE: usize = 32;
/// Between so many and the next.
const BREATH: Duration = Duration::from_millis(1);
/// How far the calendar's clock may part from the core's before the core is told.
const DRIFT_MS: i64 = 1000;
/// The longest way a virtual clock goes in one step.
const ADVANCE_MAX_S: u64 = 10 * 366 * 86_400;

/// What happens to running code when a virtual clock is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Running {
    /// Nothing: its limits count real time.
    #[default]
    Hold,
    /// It is as if it had run for that long.
    Age,
}

/// Moments that an advance goes through before it lets others have the thread.
const STEPS_AT_ONCE: u64 = 16;
/// The end of what dates can be written of: the year 9999.
const LATEST_MS: i64 = 253_402_300_799_000;

impl Engine {
    /// Wakes the ticker if it sleeps without a deadline.
    pub(crate) fn expect_tick(&self) {
        if self.inner.ticker_idle.load(Ordering::Relaxed) {
            self.inner.tick_soon.notify_one();
        }
    }

    pub fn clock_is_virtual(&self) -> bool {
        self.inner.deps.clock.is_virtual()
    }

    /// Moves a virtual clock, and answers once all that is due by then was decided and carried out.
    pub async fn advance(&self, seconds: u64, running: Running) -> Result<Timestamp> {
        let clock = &self.inner.deps.clock;
        if !clock.is_virtual() {
            let message = "the clock is real: start the server with --clock virtual to move it";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if seconds > ADVANCE_MAX_S {
            let message = format!("{seconds} seconds are too many: at most {ADVANCE_MAX_S} (ten years) at once");
            return Err(Error::invalid(Field::Other("seconds"), message));
        }
        let now = self.now();
        if now.0 + seconds as i64 * 1000 > LATEST_MS {
            let message = format!("{seconds} seconds from {} on is after the year 9999: move it less", now.rfc3339());
            return Err(Error::invalid(Field::Other("seconds"), message));
        }
        let _one_at_a_time = self.inner.advancing.lock().await;
        self.nothing_starts().await;
        if running == Running::Age {
            self.age_running(Duration::from_secs(seconds));
        }
        let target = self.inner.now_ms() + seconds * 1000;
        for step in 1_u64.. {
            // Others have their turn, and a caller that has gone away ends this.
            if step.is_multiple_of(STEPS_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            let due = self.all_scopes().iter().filter_map(|scope| scope.core().state.next_due()).min();
            let now = self.inner.now_ms();
            let next = due.map_or(target, |due| due.clamp(now, target));
            clock.advance(Duration::from_millis(next - now));
            self.tick_all();
            self.nothing_starts().await;
            if next == target && self.all_scopes().iter().all(|scope| self.nothing_due(scope, target)) {
                break;
            }
        }
        Ok(self.now())
    }

    fn nothing_due(&self, scope: &crate::scope::ScopeState, now: u64) -> bool {
        scope.core().state.next_due().is_none_or(|due| due > now)
    }

    fn age_running(&self, by: Duration) {
        for scope in self.all_scopes() {
            let instances: Vec<_> = scope.core().instances.values().map(|live| live.instance.clone()).collect();
            instances.iter().for_each(|instance| instance.age(by));
        }
    }

    /// Tells the scopes that have something due.
    fn tick_all(&self) {
        let now = self.inner.now_ms();
        for scope in self.all_scopes() {
            if !self.nothing_due(&scope, now) {
                self.tell(&scope, Event::Tick);
            }
        }
    }

    /// Instances whose process ended while nothing ran in them.
    async fn bury_dead(&self) {
        let mut looked_at = 0;
        for scope in self.all_scopes() {
            // There may be thousands, and calls wait for the lock. Without it none may be asked: an instance that is
            // being asked looks busy to a call that is to have it. Whoever takes a lock again at once gets it before
            // those who wait for it have woken: hence the pauses.
            let instances: Vec<_> = scope.core().instances.keys().copied().collect();
            for few in instances.chunks(LOOKED_AT_AT_ONCE) {
                let dead: Vec<_> = {
                    let core = scope.core();
                    few.iter().copied().filter(|instance| core.is_dead(*instance)).collect()
                };
                for instance in dead {
                    tracing::info!(%instance, "an idle instance died");
                    self.tell(&scope, Event::Died { instance });
                }
                looked_at += few.len();
                if looked_at >= LOOKED_AT_AT_ONCE {
                    looked_at = 0;
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    /// Tells the core when the calendar's clock was set.
    fn follow_calendar(&self, told: &mut i64) {
        let ahead = self.now().0 - self.inner.now_ms() as i64;
        if (ahead - *told).abs() >= DRIFT_MS {
            *told = ahead;
            tracing::warn!(ahead_ms = ahead, "the calendar's clock was set");
            for scope in self.all_scopes() {
                self.tell(&scope, Event::WallClock { ahead_ms: ahead });
            }
        }
    }

    /// How long until something is due; none if nothing is.
    fn until_due(&self) -> Option<Duration> {
        let due = self.all_scopes().iter().filter_map(|scope| scope.core().state.next_due()).min()?;
        Some(Duration::from_millis(due.saturating_sub(self.inner.now_ms())))
    }
}

pub async fn tick_loop(inner: std::sync::Weak<Inner>) {
    let mut told = 0;
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let engine = Engine { inner };
        if !engine.clock_is_virtual() {
            engine.follow_calendar(&mut told);
            engine.tick_all();
        }
        let due = engine.until_due();
        let pause = due.map_or(IDLE, |due| due.clamp(PAUSE, LOOK));
        if due.is_some() {
            drop(engine);
            tokio::time::sleep(pause).await;
        } else {
            engine.inner.ticker_idle.store(true, Ordering::Relaxed);
            // A missed wake-up costs at most this long.
            let _ = tokio::time::timeout(pause, engine.inner.tick_soon.notified()).await;
            engine.inner.ticker_idle.store(false, Ordering::Relaxed);
        }
    }
}

pub async fn bury_loop(inner: std::sync::Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = inner.upgrade() else { return };
        Engine { inner }.bury_dead().await;
    }
}

#[cfg(test)]
mod tests {
    use crate::{InvokeRequest, fixture::World};
    use sluice_domain::Dialect;

    #[tokio::test]
    async fn only_the_idle_instance_whose_process_ended_is_buried() {
        let world = World::of(Dialect::Scf).await;
        for name in ["lives", "dies"] {
            world.create(name).await;
            let (key, request_id) = (world.key(name), world.engine.request_id());
            let payload = bytes::Bytes::from_static(b"{}");
            let request = InvokeRequest { key, qualifier: String::new(), request_id, payload };
            assert!(world.engine.invoke(request).await.unwrap().is_success());
        }
        let scope = world.engine.all_scopes().remove(0);
        let dead =
            scope.core().instances.values().find(|live| live.serving.function.key.name == "dies").unwrap().clone();
        dead.instance.stop();
        world.engine.bury_dead().await;
        let left: Vec<_> = scope.core().instances.values().map(|live| live.serving.function.key.name.clone()).collect();
        assert_eq!(left, ["lives"]);
    }
}
