//! What can happen, drawn at random.

use super::{checked::Checked, naive::Wanted, random::Random};
use sluice_decide::{Command, Event, Limits, PoolId, PoolSpec, ProvisionId, RuleId, Trigger};
use sluice_domain::{Dialect, InstanceId, ProvisionConfig, ScheduledAction, TrackingPolicy, TrackingStep};
use std::collections::BTreeMap;

pub const PLENTY: u64 = 1 << 40;
const FUNCTIONS: u64 = 4;

pub fn limits(random: &mut Random) -> Limits {
    let queue_depth = random.one_of(&[0, 0, 1, 3, 10]);
    let mut limits = Limits {
        dialect: random.one_of(&[Dialect::Scf, Dialect::Fc]),
        concurrency_mb: random.maybe(&[256, 640, 1024, 4096]),
        namespace_mb: BTreeMap::new(),
        instances: random.maybe(&[1, 3, 8, 20]),
        burst_per_min: random.maybe(&[0, 2, 7, 30]),
        namespace_burst_per_min: BTreeMap::new(),
        start_interval_http_ms: None,
        start_interval_other_ms: None,
        provisioned_burst_per_min: random.maybe(&[1, 3, 10]),
        provisioned_burst_adaptive: random.one_in(4),
        keep_alive_ms: random.one_of(&[500, 5000, 60_000]),
        keep_alive_adaptive: false,
        freeze_after_ms: Some(100),
        queue_depth,
        queue_ms: random.one_of(&[0, 50, 1000, 90_000]),
        schedule_tz: random.one_of(&["UTC", "Asia/Shanghai"]).to_owned(),
        tracking_tick_s: random.one_of(&[10, 60]),
        tracking_in_window_s: random.one_of(&[0, 600]),
        tracking_in_step: random.one_of(&[TrackingStep::Full, TrackingStep::Gradual]),
    };
    if random.one_in(3) {
        limits.namespace_mb.insert("a".to_owned(), random.one_of(&[128, 512]));
    }
    if random.one_in(3) {
        limits.namespace_burst_per_min.insert("b".to_owned(), random.one_of(&[0, 1, 5]));
    }
    if random.one_in(5) {
        limits.start_interval_http_ms = Some(1000);
        limits.start_interval_other_ms = Some(30_000);
    }
    limits
}

pub fn spec(random: &mut Random) -> PoolSpec {
    let function = random.below(FUNCTIONS);
    PoolSpec {
        namespace: random.one_of(&["a", "b"][function as usize % 2..=function as usize % 2]).to_owned(),
        function: format!("id-{function}"),
        name: format!("f{function}"),
        version: random.below(1000).to_string(),
        memory_mb: random.one_of(&[64, 128, 128, 256]),
        concurrency: random.one_of(&[1, 1, 1, 2, 5]),
        replaces: None,
    }
}

pub fn wanted(random: &mut Random, pool: u32) -> Wanted {
    Wanted {
        pool,
        rule: if random.one_in(2) { None } else { Some(RuleId(random.below(3) as u32)) },
        trigger: if random.one_in(5) { Trigger::Other } else { Trigger::Http },
        free_mib: if random.one_in(8) { random.below(400) } else { PLENTY },
    }
}

impl Checked {
    pub fn open_pools(&self) -> Vec<u32> {
        self.naive.pools.iter().filter(|(_, pool)| !pool.retired).map(|(index, _)| *index).collect()
    }

    pub fn starting(&self) -> Vec<InstanceId> {
        self.naive.instances.iter().filter(|(_, instance)| !instance.up).map(|(id, _)| *id).collect()
    }

    pub fn busy(&self) -> Vec<InstanceId> {
        self.naive.instances.iter().filter(|(_, one)| !one.requests.is_empty()).map(|(id, _)| *id).collect()
    }

    pub fn open(&mut self, next_pool: &mut u32, random: &mut Random) -> Vec<Command> {
        let pool = PoolId(*next_pool);
        *next_pool += 1;
        self.event(Event::PoolOpened { pool, spec: spec(random) })
    }

    /// A change of some setting.
    pub fn change(&mut self, next_pool: &mut u32, random: &mut Random) -> Vec<Command> {
        let open = self.open_pools();
        let event = match random.below(12) {
            0 => return self.open(next_pool, random),
            1 if open.len() > 1 => Event::PoolRetired { pool: PoolId(random.one_of(&open)) },
            2 | 3 => Event::FunctionChanged {
                function: format!("id-{}", random.below(FUNCTIONS)),
                reserved_mb: random.maybe(&[0, 128, 256, 640]),
                debug: random.one_in(6),
            },
            4 => Event::FunctionRemoved { function: format!("id-{}", random.below(FUNCTIONS)) },
            5 | 6 => {
                let instances = random.maybe(&[0, 1, 2, 5]);
                Event::RuleChanged { rule: RuleId(random.below(3) as u32), instances }
            }
            7 | 8 if !open.is_empty() => Event::ProvisionChanged {
                provision: ProvisionId(random.below(4) as u32),
                pool: PoolId(random.one_of(&open)),
                config: provision(random, self.state.limits().dialect),
                since: self.now() as i64,
            },
            9 => Event::ProvisionRemoved { provision: ProvisionId(random.below(4) as u32) },
            10 => Event::LimitsChanged(Box::new(limits(random))),
            _ => Event::WallClock { ahead_ms: random.below(7_200_000) as i64 - 3_600_000 },
        };
        self.event(event)
    }

    /// Ends everything that runs, and lets time pass until nothing more will happen by itself.
    pub fn wind_down(&mut self) {
        for provision in 0..4 {
            self.event(Event::ProvisionRemoved { provision: ProvisionId(provision) });
        }
        let mut limits = self.state.limits().clone();
        (limits.burst_per_min, limits.provisioned_burst_per_min) = (None, None);
        self.event(Event::LimitsChanged(Box::new(limits)));
        for _ in 0..100_000 {
            if let Some(instance) = self.starting().first() {
                self.event(Event::Ready { instance: *instance });
            } else if let Some(instance) = self.busy().first() {
                self.done(*instance, 0, true);
            } else if let Some(due) = self.state.next_due() {
                self.advance(due.max(self.now()));
            } else {
                return self.check_empty();
            }
        }
        panic!("it does not end");
    }
}

fn provision(random: &mut Random, dialect: Dialect) -> ProvisionConfig {
    let target = random.below(6);
    match random.below(4) {
        0 => ProvisionConfig {
            tracking: vec![TrackingPolicy {
                name: "track".to_owned(),
                metric: "ProvisionedConcurrencyUtilization".to_owned(),
                utilization_ppm: random.one_of(&[300_000, 800_000]),
                min: 1,
                max: 1 + random.below(8),
                from: None,
                until: None,
            }],
            ..ProvisionConfig::default()
        },
        1 => {
            let action = |minutes: u64, target| ScheduledAction {
                name: format!("every {minutes}"),
                expression: match dialect {
                    Dialect::Scf => format!("0 */{minutes} * * * * *"),
                    Dialect::Fc => format!("cron(0 */{minutes} * * * *)"),
                },
                target,
                from: None,
                until: None,
                time_zone: None,
            };
            let actions = vec![action(2, random.below(5)), action(3, random.below(5))];
            ProvisionConfig { actions, target, ..ProvisionConfig::default() }
        }
        _ => ProvisionConfig { target, always_allocate_cpu: false, ..ProvisionConfig::default() },
    }
}
