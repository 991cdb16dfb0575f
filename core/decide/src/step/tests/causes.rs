//! Why instances are started.

use super::*;
use sluice_domain::{ColdReason, StartCause};

fn cause(commands: &[Command]) -> StartCause {
    let of = |command: &Command| match command {
        Command::Start { cause, .. } => Some(*cause),
        _ => None,
    };
    commands.iter().find_map(of).expect("a start")
}

#[test]
fn the_first_call_and_the_first_of_a_version() {
    let mut world = World::new(limits());
    world.open(0, spec("f", "1", 128));
    world.open(1, spec("f", "2", 128));
    assert_eq!(cause(&world.arrive(0)), ColdReason::FirstCall.into());
    assert_eq!(cause(&world.arrive(1)), ColdReason::NewVersion.into());
}

#[test]
fn all_busy_says_how_many() {
    let mut world = World::with_functions(limits(), 1);
    world.run(0);
    world.arrive(0);
    let all_busy = StartCause { reason: ColdReason::AllBusy, busy: 2, idle_ms: None };
    assert_eq!(cause(&world.arrive(0)), all_busy);
}

#[test]
fn reclaimed_says_after_how_long() {
    let mut world = World::with_functions(limits(), 1);
    let instance = world.run(0);
    world.now = 500;
    world.done(instance);
    world.until(5000);
    let reclaimed = StartCause { reason: ColdReason::Reclaimed, busy: 0, idle_ms: Some(1000) };
    assert_eq!(cause(&world.arrive(0)), reclaimed);
}

#[test]
fn crashed_whether_busy_idle_or_starting() {
    let mut world = World::with_functions(limits(), 1);
    let busy = world.run(0);
    world.feed(Event::Done { instance: busy, reusable: false });
    assert_eq!(cause(&world.arrive(0)), ColdReason::Crashed.into());
    let starting = world.starting[0];
    world.start_fails(starting);
    assert_eq!(cause(&world.arrive(0)), ColdReason::StartFailed.into());
    let idle = world.starting[0];
    world.ready(idle);
    world.done(idle);
    world.feed(Event::Died { instance: idle });
    assert_eq!(cause(&world.arrive(0)), ColdReason::Crashed.into());
}

#[test]
fn evicted_for_memory() {
    let mut world = World::with_functions(limits(), 2);
    let idle = world.run(0);
    world.done(idle);
    world.free_mib = 0;
    world.arrive(1);
    world.ready_all();
    world.free_mib = PLENTY;
    assert_eq!(cause(&world.arrive(0)), ColdReason::Evicted.into());
}

#[test]
fn scaled_from_zero_after_a_release() {
    let mut world = World::with_functions(limits(), 1);
    world.provide(1, 0, fixed(1));
    world.ready_all();
    world.feed(Event::ProvisionRemoved { provision: ProvisionId(1) });
    assert_eq!(cause(&world.arrive(0)), ColdReason::ScaledFromZero.into());
}

#[test]
fn provisioned_by_a_setting() {
    let mut world = World::with_functions(limits(), 1);
    assert_eq!(cause(&world.provide(1, 0, fixed(1))), ColdReason::Provisioned.into());
}

#[test]
fn expected_by_habit() {
    let mut world = World::with_functions(limits(), 1);
    world.state.pool_mut(0).expected_until = 9000;
    world.state.arm(crate::pool::Timer::Expected, 0, 5000);
    world.now = 5000;
    let commands = world.feed(Event::Tick);
    assert_eq!(cause(&commands), ColdReason::Expected.into());
    let instance = world.starting[0];
    world.ready(instance);
    assert_eq!((world.state.busy_mb(), world.serve(0)), (0, (instance, false)));
    world.done(instance);
    // It is kept until the call was expected at the latest, though that is longer than usual.
    assert_eq!(stopped(&world.until(8999)), []);
    assert_eq!(stopped(&world.until(9000)).len(), 1);
}
