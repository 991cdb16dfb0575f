//! What is compared after each event.

use super::*;
use sluice_domain::{Refusal, Throttle};

impl Checked {
    pub(super) fn check_arrival(&self, expected: &Expected, event: &Event, out: &[Command]) {
        let Event::Arrived { request, .. } = event else { return };
        let mine: Vec<&Command> = out.iter().filter(|command| names(command, *request)).collect();
        let Some(seat) = &expected.seat else {
            return assert!(matches!(mine.as_slice(), [Command::Redirect { .. }]), "{mine:?}");
        };
        let depth = self.naive.limits.queue_depth;
        if expected.queued > 0 {
            let room = depth > 0 && expected.queued < depth + expected.unbound;
            let waits = matches!(mine.first(), Some(Command::Wait { .. }));
            return assert_eq!(waits, room, "{} in the queue: {mine:?}", expected.queued);
        }
        match (seat, mine.as_slice()) {
            (Seat::OneOf(fit), [Command::Dispatch { instance, .. }]) => {
                assert!(fit.contains(instance), "{instance:?} rather than one of {fit:?}");
            }
            (Seat::Ride, [Command::Wait { .. }]) => {}
            (Seat::Denied(throttle), [Command::Refuse { refusal, .. }]) => {
                assert_eq!(*throttle, refusal.throttle);
                assert!(depth == 0 || refusal.retry == sluice_domain::Retry::Never);
                self.check_receipt(refusal);
            }
            (Seat::Denied(_), [Command::Wait { .. }, ..]) => assert!(depth > 0, "waits though there is no queue"),
            (Seat::Nothing, [Command::Start { cause, .. }]) => {
                assert_eq!((expected.start, depth), (None, 0));
                assert_ne!(cause.reason, ColdReason::Provisioned);
            }
            (Seat::Nothing, [Command::Refuse { refusal, .. }]) => {
                assert_eq!(expected.start, Some(refusal.throttle));
                assert!(depth == 0 || refusal.retry == sluice_domain::Retry::Never);
                self.check_receipt(refusal);
            }
            (Seat::Nothing, [Command::Wait { .. }, ..]) => {
                assert!(depth > 0, "waits though there is no queue");
                let starts = out.iter().any(|command| matches!(command, Command::Start { .. }));
                let spare = expected.unbound > 0;
                assert!(
                    starts == (expected.start.is_none() && !spare),
                    "{expected:?} {out:?}",
                    expected = expected.start
                );
            }
            (seat, mine) => panic!("{seat:?} was to be expected: {mine:?}"),
        }
    }

    fn check_receipt(&self, refusal: &Refusal) {
        let Refusal { throttle, limit, used, holders, .. } = refusal;
        assert!(holders.len() <= Refusal::HOLDERS);
        assert!(holders.is_sorted_by(|a, b| a.used >= b.used), "{holders:?}");
        let held: u64 = holders.iter().map(|holder| holder.used).sum();
        // Starts of a minute in which a namespace got a budget of its own count under two.
        let loose = matches!(throttle, Throttle::StartInterval | Throttle::HostMemory | Throttle::Burst);
        assert!(loose || held <= *used, "{refusal:?}");
        let counted = matches!(throttle, Throttle::RegionInstances | Throttle::FunctionInstances | Throttle::Burst);
        assert!(!counted || used >= limit, "{refusal:?}");
        assert_eq!(refusal.waited_ms, 0);
    }

    /// No limit is exceeded by what this event let in.
    pub(super) fn check_charges(&self, event: &Event) {
        let naive = &self.naive;
        for id in &self.charged_now {
            let Some(instance) = naive.instances.get(id).filter(|instance| instance.charged) else { continue };
            let spec = naive.spec(instance.pool);
            let (reserved, debug) = naive.settings(&spec.function);
            let used = naive.function_mb(&spec.function);
            assert!(!debug || used <= spec.memory_mb, "debugged on more than one: {event:?}");
            match (reserved, naive.limits.concurrency_mb) {
                (Some(reserved), _) => assert!(used <= reserved, "{used} of {reserved} MB reserved: {event:?}"),
                (None, Some(total)) => {
                    let busy = naive.used_mb(|_| true);
                    assert!(busy <= total, "{busy} of {total} MB: {event:?}");
                    let left = total.saturating_sub(naive.reserved_mb());
                    assert!(naive.shared_mb() <= left, "{} of {left} MB shared: {event:?}", naive.shared_mb());
                }
                _ => {}
            }
            let in_namespace = naive.used_mb(|other| other.namespace == spec.namespace);
            assert!(naive.limits.namespace_mb.get(&spec.namespace).is_none_or(|limit| in_namespace <= *limit));
            if instance.provisioned {
                continue;
            }
            assert!(naive.limits.instances.is_none_or(|limit| naive.on_demand(|_| true) <= limit));
            if let Some(limit) = instance.rule.and_then(|rule| naive.rules.get(&rule)) {
                assert!(naive.on_demand(|other| other.rule == instance.rule) <= *limit, "alias: {event:?}");
            }
            if !instance.up {
                let own = naive.own_burst(instance.pool);
                let limit = match own {
                    Some(namespace) => naive.limits.namespace_burst_per_min.get(namespace).copied(),
                    None => naive.limits.burst_per_min,
                };
                assert!(limit.is_none_or(|limit| naive.started_in_minute(own) <= limit), "burst: {event:?}");
            }
        }
    }

    pub(super) fn check_sums(&self) {
        let naive = &self.naive;
        let busy = naive.used_mb(|_| true);
        assert_eq!(self.state.busy_mb(), busy);
        assert_eq!(self.state.reserved_mb(), naive.reserved_mb());
        assert_eq!(self.state.instance_count(), naive.instances.len());
        let mut functions = BTreeMap::new();
        for node in self.state.limit_tree(naive.now) {
            let used = match (node.kind, node.unit) {
                ("region", "MB") => busy,
                ("unreserved", _) => naive.shared_mb(),
                ("region", _) => naive.on_demand(|_| true),
                ("burst", _) => naive.started_in_minute(None),
                ("namespace_burst", _) => naive.started_in_minute(Some(&node.name)),
                ("provisioned_burst", _) => {
                    naive.provisioned_starts.iter().filter(|minute| **minute == naive.now / 60_000).count() as u64
                }
                ("namespace", _) => naive.used_mb(|spec| spec.namespace == node.name),
                ("alias", _) => {
                    let rule = sluice_decide::RuleId(node.name.parse().expect("a number"));
                    naive.on_demand(|instance| instance.rule == Some(rule))
                }
                ("function", _) => {
                    functions.insert(node.name.clone(), node.used);
                    node.used
                }
                other => panic!("unknown node {other:?}"),
            };
            assert_eq!(node.used, used, "{node:?}");
        }
        for pool in naive.pools.values() {
            let used = naive.function_mb(&pool.spec.function);
            assert_eq!(functions.get(&pool.spec.name).copied().unwrap_or(0), used, "{}", pool.spec.name);
        }
    }

    pub(super) fn check_pools(&self) {
        let views = self.state.pools();
        assert_eq!(views.len(), self.naive.pools.len(), "pools");
        for view in views {
            let pool = &self.naive.pools[&view.pool.0];
            let count = |of: &dyn Fn(&Instance) -> bool| {
                let mine = self.naive.instances.values().filter(|instance| instance.pool == view.pool.0);
                mine.filter(|instance| of(instance)).count() as u64
            };
            assert_eq!(view.alive, count(&|_| true));
            assert_eq!(view.starting, count(&|instance| !instance.up));
            assert_eq!(view.busy, count(&|instance| instance.charged));
            assert_eq!(view.idle, count(&|instance| instance.is_idle()));
            assert_eq!(view.waiting, pool.queue.len() as u64);
            let in_flight = |instance: &Instance| instance.pool == view.pool.0;
            let all = self.naive.instances.values().filter(|instance| in_flight(instance));
            assert_eq!(view.in_flight, all.map(|instance| u64::from(instance.seen_in_flight)).sum::<u64>());
            let bound = count(&|instance| instance.bound.is_some());
            let riding = |(wanted, phase): &&(Wanted, Phase)| wanted.pool == view.pool.0 && *phase == Phase::Riding;
            let riding = self.requests.values().filter(riding).count() as u64;
            let coming = self.naive.instances.values().filter(|instance| in_flight(instance) && !instance.up);
            assert_eq!(coming.map(|instance| u64::from(instance.seen_in_flight)).sum::<u64>(), bound + riding);
            if !pool.retired {
                assert!(view.provisioned <= view.provisioned_target, "more than are wanted: {view:?}");
                let ready = count(&|instance| instance.provisioned && instance.up && !instance.draining);
                assert_eq!(view.provisioned_ready, ready);
            }
        }
    }

    /// Nobody waits who could be served, and nobody longer than allowed.
    pub(super) fn check_queues(&self, event: &Event) {
        // What is due at this instant but not yet ticked may be in the way of either.
        if self.state.next_due().is_some_and(|due| due <= self.now()) {
            return;
        }
        for (index, pool) in &self.naive.pools {
            for request in &pool.queue {
                let Phase::Waiting { until, .. } = self.requests[request].1 else { panic!("in a queue, not waiting") };
                assert!(until > self.now(), "{request} waits until {until} at {}", self.now());
            }
            let Some(first) = pool.queue.front() else { continue };
            let wanted = &self.requests[first].0;
            match self.naive.seat(wanted) {
                Seat::Denied(_) => {}
                Seat::Nothing => {
                    let covered = self.unbound(*index) >= pool.queue.len() as u64;
                    let denied = self.naive.admit(*index, true, wanted.rule).is_some()
                        || self.naive.admit_start(wanted).is_some()
                        || wanted.free_mib < u64::from(u32::MAX);
                    assert!(covered || denied, "an instance could start for who waits: {event:?}");
                }
                seat => panic!("{first} waits although there is {seat:?} after {event:?}"),
            }
        }
    }

    /// After the ticks that are due: no idle instance is kept longer than it should, nor left unfrozen.
    pub fn check_idle(&self) {
        for (id, instance) in self.naive.instances.iter().filter(|(_, instance)| instance.is_idle()) {
            let idle = self.now() - instance.idle_since;
            assert!(instance.provisioned || idle < self.naive.limits.keep_alive_ms, "{id:?} idle for {idle}");
            if self.naive.limits.freeze_after_ms.is_some_and(|after| idle >= after) {
                assert_eq!(self.state.instance(*id).expect("an instance").state, "frozen");
            }
        }
    }

    /// When all is over: nothing is left of what was used.
    pub fn check_empty(&self) {
        assert!(self.requests.is_empty(), "left: {:?}", self.requests);
        assert_eq!(self.answered.iter().sum::<u64>(), self.next_request, "each has one answer: {:?}", self.answered);
        assert_eq!((self.state.instance_count(), self.state.busy_mb()), (0, 0));
        assert_eq!(self.state.pools().iter().map(|pool| pool.starting).sum::<u64>(), 0);
        assert!(!self.state.is_starting());
        let bursts = ["burst", "namespace_burst", "provisioned_burst"];
        for node in self.state.limit_tree(self.now()) {
            assert!(node.used == 0 || bursts.contains(&node.kind), "{node:?}");
        }
    }
}

fn names(command: &Command, of: RequestSeq) -> bool {
    match command {
        Command::Dispatch { request, .. }
        | Command::Wait { request }
        | Command::Refuse { request, .. }
        | Command::Redirect { request }
        | Command::Fail { request, .. } => *request == of,
        Command::Start { request, .. } => *request == Some(of),
        Command::Stop { .. } | Command::Freeze { .. } => false,
    }
}
