//! Decisions made again.

use crate::{
    damage::replayed,
    made::{self, Made},
};
use proptest::prelude::*;
use sluice_decide::{Command, Event, PoolId, RequestSeq, StopReason, Trigger};
use sluice_domain::{ColdReason, InstanceId};
use sluice_journal::Trouble;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_recorded_is_decided_again(seed: u64) {
        let bytes = made::journal(seed, 200);
        let replay = replayed(&bytes).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        prop_assert_eq!(replay.totals().scopes, 2);
        prop_assert_eq!(replay.totals().events["arrived"], 400);
    }
}

#[test]
fn totals_tell_what_happened() {
    let bytes = made::journal(11, 2000);
    let replay = replayed(&bytes).unwrap_or_else(|fault| panic!("{fault}"));
    let totals = replay.totals();
    assert_eq!(totals.records, totals.events.values().sum::<u64>());
    assert_eq!(totals.starts.values().sum::<u64>(), totals.commands["start"]);
    assert_eq!(totals.refusals.values().sum::<u64>(), totals.commands["refuse"]);
    assert!(totals.starts[&ColdReason::FirstCall] > 0 && totals.refusals.len() > 1, "{totals:?}");
    for kind in ["ready", "start_failed", "done", "tick", "limits_changed", "provision_changed", "rule_changed"] {
        assert!(totals.events.get(kind).is_some_and(|count| *count > 0), "{kind}: {totals:?}");
    }
    assert!(totals.covered() > 200_000 && totals.from == Some(made::START));
}

/// A journal whose recorded decision on its third step is `commands`.
fn recorded(commands: &[Command]) -> Vec<u8> {
    let mut file = Made::new();
    let mut recorder = file.open(1);
    recorder.per_block = 1000;
    recorder.step(&mut file, made::START, Event::PoolOpened { pool: PoolId(0), spec: made::spec("f", 128) });
    recorder.step(&mut file, made::START + 5, Event::Tick);
    recorder.encoder.event(made::START + 10, &arrival(1));
    recorder.steps.extend_from_slice(recorder.encoder.commands(commands));
    recorder.records += 1;
    recorder.flush(&mut file);
    file.close()
}

fn arrival(request: u64) -> Event {
    let (request, pool, trigger) = (RequestSeq(request), PoolId(0), Trigger::Http);
    Event::Arrived { request, pool, rule: None, trigger, free_mib: 4096 }
}

#[test]
fn another_decision_is_found_and_shown() {
    let stop = Command::Stop { instance: InstanceId(1), reason: StopReason::Retired };
    for (commands, expected) in [(vec![stop], "Recorded: commands "), (vec![], "Recorded: no commands.")] {
        let fault = replayed(&recorded(&commands)).err().unwrap();
        assert!(matches!(fault.trouble, Trouble::Difference { .. }), "{fault}");
        assert_eq!(fault.place.record, 3);
        let text = fault.to_string();
        let place = "record 3 (block 1 at byte ";
        let when =
            ", scope 1 1250000000/ap-guangzhou/scf, 2025-10-09T08:53:20.01Z): the decision differs. Event: Arrived";
        assert!(text.starts_with(place) && text.contains(when) && text.contains(expected), "{text}");
        assert!(text.contains("Now: commands ") && text.contains("which are Start {"), "{text}");
    }
}
