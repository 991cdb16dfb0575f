//! Everything decided once more, from the inputs alone.

use crate::{Entry, Fault, Opening, Place, Step, Trouble, fingerprint};
use serde::Serialize;
use sluice_decide::{Command, Event, Millis, State, step};
use sluice_domain::{ColdReason, Throttle};
use std::collections::{BTreeMap, HashMap};

/// The states of all scopes, as far as the journal was read.
#[derive(Default)]
pub struct Replay {
    scopes: HashMap<u64, State>,
    commands: Vec<Command>,
    totals: Totals,
}

/// What a journal was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    pub scopes: u64,
    pub records: u64,
    /// By kind.
    pub events: BTreeMap<&'static str, u64>,
    pub commands: BTreeMap<&'static str, u64>,
    /// Starts of instances, by their reason.
    pub starts: HashMap<ColdReason, u64>,
    /// Refused requests, by the limit.
    pub refusals: HashMap<Throttle, u64>,
    /// On the core's clock, near milliseconds since the Unix epoch.
    pub from: Option<Millis>,
    pub until: Option<Millis>,
}

impl Totals {
    /// Milliseconds from the first record to the last.
    pub fn covered(&self) -> Millis {
        self.until.unwrap_or(0).saturating_sub(self.from.unwrap_or(0))
    }

    fn count(&mut self, now: Millis, event: &Event, commands: &[Command]) {
        self.records += 1;
        self.from = Some(self.from.map_or(now, |from| from.min(now)));
        self.until = Some(self.until.map_or(now, |until| until.max(now)));
        *self.events.entry(kind_of(event)).or_default() += 1;
        for command in commands {
            *self.commands.entry(kind_of_command(command)).or_default() += 1;
            match command {
                Command::Start { cause, .. } => *self.starts.entry(cause.reason).or_default() += 1,
                Command::Refuse { refusal, .. } => *self.refusals.entry(refusal.throttle).or_default() += 1,
                _ => {}
            }
        }
    }
}

impl Replay {
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What followed from the last step.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    pub fn open(&mut self, scope: u64, opening: &Opening) {
        self.totals.scopes += 1;
        self.scopes.insert(scope, State::new(opening.limits.clone(), scope));
    }

    /// Decides a step again. The fault is that the decision is another than the recorded one; `place` is asked then.
    pub fn step(&mut self, scope: u64, recorded: &Step, place: impl FnOnce() -> Place) -> Result<(), Box<Fault>> {
        self.commands.clear();
        let Some(state) = self.scopes.get_mut(&scope) else {
            return Err(Box::new(Fault { place: place(), trouble: Trouble::Scope("never opened") }));
        };
        step(state, recorded.now, recorded.event.clone(), &mut self.commands);
        let actual = fingerprint(&self.commands);
        if actual != recorded.commands {
            let trouble = Trouble::Difference {
                event: format!("{:?}", recorded.event),
                expected: shown_print(recorded.commands),
                actual: format!("{}{}", shown_print(actual), shown(&self.commands)),
            };
            return Err(Box::new(Fault { place: place(), trouble }));
        }
        self.totals.count(recorded.now, &recorded.event, &self.commands);
        Ok(())
    }

    /// The same for any entry.
    pub fn apply(&mut self, entry: &Entry, place: impl FnOnce() -> Place) -> Result<(), Box<Fault>> {
        match entry {
            Entry::Opening { scope, opening } => self.open(*scope, opening),
            Entry::Step { scope, step } => self.step(*scope, step, place)?,
            Entry::Closing(_) => {}
        }
        Ok(())
    }
}

fn shown_print(print: Option<u32>) -> String {
    print.map_or_else(|| "no commands".to_owned(), |print| format!("commands {print:08x}"))
}

/// The first few commands, for people.
fn shown(commands: &[Command]) -> String {
    const FEW: usize = 5;
    let mut text = String::new();
    for (index, command) in commands.iter().take(FEW).enumerate() {
        text += if index == 0 { ", which are " } else { "; " };
        text += &format!("{command:?}");
    }
    if commands.len() > FEW {
        text += &format!("; and {} more", commands.len() - FEW);
    }
    text
}

fn kind_of(event: &Event) -> &'static str {
    match event {
        Event::PoolOpened { .. } => "pool_opened",
        Event::PoolRetired { .. } => "pool_retired",
        Event::FunctionChanged { .. } => "function_changed",
        Event::FunctionRemoved { .. } => "function_removed",
        Event::RuleChanged { .. } => "rule_changed",
        Event::ProvisionChanged { .. } => "provision_changed",
        Event::ProvisionRemoved { .. } => "provision_removed",
        Event::LimitsChanged(_) => "limits_changed",
        Event::WallClock { .. } => "wall_clock",
        Event::Arrived { .. } => "arrived",
        Event::Ready { .. } => "ready",
        Event::StartFailed { .. } => "start_failed",
        Event::Done { .. } => "done",
        Event::Died { .. } => "died",
        Event::GaveUp { .. } => "gave_up",
        Event::Tick => "tick",
    }
}

fn kind_of_command(command: &Command) -> &'static str {
    match command {
        Command::Dispatch { .. } => "dispatch",
        Command::Start { .. } => "start",
        Command::Wait { .. } => "wait",
        Command::Refuse { .. } => "refuse",
        Command::Redirect { .. } => "redirect",
        Command::Fail { .. } => "fail",
        Command::Stop { .. } => "stop",
        Command::Freeze { .. } => "freeze",
    }
}
