//! Journals to test with: a small engine that obeys the core and records what it tells it.

use sluice_decide::{
    Command, Event, Limits, Millis, PoolId, PoolSpec, ProvisionId, RequestSeq, RuleId, State, Trigger, step,
};
use sluice_domain::{Dialect, Profile, ProvisionConfig, QuotaProfile, ScheduledAction};
use sluice_journal::{Encoder, Opening, Writer, fingerprint};
use std::collections::BTreeMap;

pub const START: Millis = 1_760_000_000_000;
const WORD: &str = "sluice test";

/// The same numbers for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

pub fn spec(name: &str, memory_mb: u64) -> PoolSpec {
    PoolSpec {
        namespace: "default".into(),
        function: format!("id-{name}"),
        name: name.into(),
        version: "$LATEST".into(),
        memory_mb,
        concurrency: 1,
        replaces: None,
    }
}

pub fn opening() -> Opening {
    let quota =
        QuotaProfile { concurrency_mb: Some(1024), burst_per_min: Some(6), ..QuotaProfile::named(Profile::Scf128) };
    Opening {
        account: "1250000000".into(),
        region: "ap-guangzhou".into(),
        dialect: Dialect::Scf,
        limits: Limits::from(&quota),
    }
}

pub fn provision(target: u64) -> ProvisionConfig {
    let action = ScheduledAction {
        name: "morning".into(),
        expression: "0 */2 * * * * *".into(),
        target: target + 1,
        from: None,
        until: None,
        time_zone: None,
    };
    ProvisionConfig { target, actions: vec![action], ..ProvisionConfig::default() }
}

/// One scope of a journal being made.
pub struct Recorder {
    pub scope: u64,
    pub state: State,
    pub encoder: Encoder,
    pub commands: Vec<Command>,
    pub steps: Vec<u8>,
    pub records: u32,
    /// How many more steps are in a block.
    pub per_block: u32,
}

impl Recorder {
    pub fn new(scope: u64) -> Self {
        let state = State::new(opening().limits, scope);
        let (commands, steps) = (Vec::new(), Vec::new());
        Self { scope, state, encoder: Encoder::new(scope), commands, steps, records: 0, per_block: 50 }
    }

    pub fn step(&mut self, file: &mut Made, now: Millis, event: Event) -> Vec<Command> {
        self.encoder.event(now, &event);
        step(&mut self.state, now, event, &mut self.commands);
        assert_eq!(fingerprint(&self.commands).is_none(), self.commands.is_empty());
        self.steps.extend_from_slice(self.encoder.commands(&self.commands));
        self.records += 1;
        if self.records == self.per_block {
            self.flush(file);
        }
        std::mem::take(&mut self.commands)
    }

    pub fn flush(&mut self, file: &mut Made) {
        if self.records > 0 {
            file.bytes.extend_from_slice(file.writer.steps(self.scope, self.records, &self.steps));
        }
        self.steps.clear();
        self.records = 0;
    }
}

/// A journal being made.
pub struct Made {
    pub bytes: Vec<u8>,
    pub writer: Writer,
}

impl Made {
    pub fn new() -> Self {
        Self { bytes: Writer::header(START as i64, WORD), writer: Writer::default() }
    }
    pub fn open(&mut self, scope: u64) -> Recorder {
        self.bytes.extend_from_slice(self.writer.opening(scope, &opening()));
        Recorder::new(scope)
    }
    pub fn close(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(self.writer.closing(START as i64 + 1));
        self.bytes
    }
}

/// What the small engine has to tell the core later.
#[derive(Default)]
struct Later {
    events: BTreeMap<(Millis, u64), Event>,
    count: u64,
}

impl Later {
    fn put(&mut self, at: Millis, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }
}

/// A journal of `calls` random calls, with refusals, failures, settings and their changes.
pub fn journal(seed: u64, calls: u64) -> Vec<u8> {
    let mut file = Made::new();
    let mut dice = Dice::new(seed);
    for scope in 1..=2 {
        let mut recorder = file.open(scope);
        drive(&mut file, &mut recorder, &mut dice, calls);
        recorder.flush(&mut file);
    }
    file.close()
}

fn drive(file: &mut Made, recorder: &mut Recorder, dice: &mut Dice, calls: u64) {
    let mut later = Later::default();
    for (index, memory) in [128, 256, 128].into_iter().enumerate() {
        let spec = spec(&format!("f{index}"), memory);
        later.put(START, Event::PoolOpened { pool: PoolId(index as u32), spec });
    }
    later.put(START, Event::WallClock { ahead_ms: 5 });
    let mut now = START;
    for number in 0..calls {
        now += dice.below(400);
        let rule = (dice.below(4) == 0).then_some(RuleId(1));
        let trigger = if dice.below(5) == 0 { Trigger::Other } else { Trigger::Http };
        let (request, pool) = (RequestSeq(number), PoolId(dice.below(3) as u32));
        later.put(now, Event::Arrived { request, pool, rule, trigger, free_mib: 900 + dice.below(100) });
        if dice.below(20) == 0 {
            later.put(now, setting(dice));
        }
    }
    let end = now + 10_000;
    loop {
        let due = recorder.state.next_due().filter(|due| *due <= end);
        let next = later.events.keys().next().copied();
        let (now, event) = match (due, next) {
            (Some(due), next) if next.is_none_or(|(at, _)| due < at) => (due, Event::Tick),
            (_, Some(key)) => (key.0, later.events.remove(&key).expect("it is the first")),
            (_, None) => break,
        };
        for command in recorder.step(file, now, event) {
            obey(&mut later, dice, now, command);
        }
    }
}

fn obey(later: &mut Later, dice: &mut Dice, now: Millis, command: Command) {
    match command {
        Command::Dispatch { instance, .. } => {
            later.put(now + 1 + dice.below(900), Event::Done { instance, reusable: dice.below(10) > 0 });
        }
        Command::Start { instance, .. } if dice.below(8) == 0 => {
            later.put(now + 1 + dice.below(50), Event::StartFailed { instance });
        }
        Command::Start { instance, .. } => later.put(now + 1 + dice.below(300), Event::Ready { instance }),
        _ => {}
    }
}

fn setting(dice: &mut Dice) -> Event {
    match dice.below(6) {
        0 => {
            let reserved_mb = [None, Some(0), Some(256), Some(512)][dice.below(4) as usize];
            Event::FunctionChanged { function: "id-f1".into(), reserved_mb, debug: dice.below(4) == 0 }
        }
        1 => Event::RuleChanged { rule: RuleId(1), instances: [None, Some(1), Some(3)][dice.below(3) as usize] },
        2 => {
            let (provision, since) = (ProvisionId(1), START as i64);
            Event::ProvisionChanged { provision, pool: PoolId(2), config: self::provision(dice.below(3)), since }
        }
        3 => Event::ProvisionRemoved { provision: ProvisionId(1) },
        4 => Event::WallClock { ahead_ms: dice.below(1000) as i64 - 500 },
        _ => {
            let mut limits = opening().limits;
            limits.concurrency_mb = [None, Some(512), Some(1024)][dice.below(3) as usize];
            limits.namespace_mb = [("default".to_owned(), 768)].into_iter().take(dice.below(2) as usize).collect();
            limits.queue_depth = dice.below(3);
            limits.queue_ms = 500;
            Event::LimitsChanged(Box::new(limits))
        }
    }
}
