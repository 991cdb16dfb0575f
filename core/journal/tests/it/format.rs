//! Bytes there and back.

use crate::made;
use proptest::prelude::*;
use sluice_decide::{Command, Event, PoolId, ProvisionId, RequestSeq, RuleId, StopReason, Trigger};
use sluice_domain::{
    ColdReason, Holder, InstanceId, Profile, QuotaProfile, Refusal, Retry, StartCause, Throttle, Timestamp,
    TrackingPolicy,
};
use sluice_journal::{Decoder, Encoder, Entry, FORMAT, Reader, Step, Trouble, Writer, fingerprint};

/// Small numbers and huge ones.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)
}

fn instance() -> impl Strategy<Value = InstanceId> {
    number().prop_map(InstanceId)
}

fn config() -> impl Strategy<Value = sluice_domain::ProvisionConfig> {
    (number(), any::<bool>(), any::<Option<i64>>()).prop_map(|(target, always_allocate_cpu, from)| {
        let tracking = vec![TrackingPolicy {
            name: "follow".into(),
            metric: "ProvisionedConcurrencyUtilization".into(),
            utilization_ppm: 500_000,
            min: 1,
            max: target,
            from: from.map(Timestamp),
            until: None,
        }];
        sluice_domain::ProvisionConfig { always_allocate_cpu, tracking, ..made::provision(target >> 1) }
    })
}

fn limits() -> impl Strategy<Value = sluice_decide::Limits> {
    let profiles = [Profile::Scf128, Profile::Scf64, Profile::CloudbaseEnterprise, Profile::Fc];
    (prop::sample::select(profiles.to_vec()), prop::collection::btree_map(".{0,8}", number(), 0..4)).prop_map(
        |(profile, namespaces)| {
            let mut limits = sluice_decide::Limits::from(&QuotaProfile::named(profile));
            limits.namespace_mb = namespaces.clone();
            limits.namespace_burst_per_min = namespaces;
            limits
        },
    )
}

fn arrived() -> impl Strategy<Value = Event> {
    (number(), any::<u32>(), any::<Option<u32>>(), any::<bool>(), number()).prop_map(
        |(request, pool, rule, http, free_mib)| Event::Arrived {
            request: RequestSeq(request),
            pool: PoolId(pool),
            rule: rule.map(RuleId),
            trigger: if http { Trigger::Http } else { Trigger::Other },
            free_mib,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => arrived(),
        4 => (instance(), any::<bool>()).prop_map(|(instance, reusable)| Event::Done { instance, reusable }),
        1 => instance().prop_map(|instance| Event::Ready { instance }),
        1 => instance().prop_map(|instance| Event::StartFailed { instance }),
        1 => instance().prop_map(|instance| Event::Died { instance }),
        1 => (number(), any::<u32>())
            .prop_map(|(request, pool)| Event::GaveUp { request: RequestSeq(request), pool: PoolId(pool) }),
        1 => Just(Event::Tick),
        1 => (any::<u32>(), ".{0,12}", number(), any::<Option<u32>>()).prop_map(|(pool, name, memory, replaces)| {
            let spec = sluice_decide::PoolSpec { replaces: replaces.map(PoolId), ..made::spec(&name, memory) };
            Event::PoolOpened { pool: PoolId(pool), spec }
        }),
        1 => any::<u32>().prop_map(|pool| Event::PoolRetired { pool: PoolId(pool) }),
        1 => (".{0,12}", any::<Option<u64>>(), any::<bool>())
            .prop_map(|(function, reserved_mb, debug)| Event::FunctionChanged { function, reserved_mb, debug }),
        1 => ".{0,12}".prop_map(|function| Event::FunctionRemoved { function }),
        1 => (any::<u32>(), any::<Option<u64>>())
            .prop_map(|(rule, instances)| Event::RuleChanged { rule: RuleId(rule), instances }),
        1 => (any::<u32>(), any::<u32>(), config(), any::<i64>()).prop_map(|(provision, pool, config, since)| {
            Event::ProvisionChanged { provision: ProvisionId(provision), pool: PoolId(pool), config, since }
        }),
        1 => any::<u32>().prop_map(|provision| Event::ProvisionRemoved { provision: ProvisionId(provision) }),
        1 => limits().prop_map(|limits| Event::LimitsChanged(Box::new(limits))),
        1 => any::<i64>().prop_map(|ahead_ms| Event::WallClock { ahead_ms }),
    ]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let one = (number(), number()).prop_map(|(request, instance)| Command::Dispatch {
        request: RequestSeq(request),
        instance: InstanceId(instance),
    });
    prop::collection::vec(one, 0..3)
}

proptest! {
    #[test]
    fn steps_come_back_as_they_went(
        scope in number(),
        steps in prop::collection::vec((number(), event(), commands()), 0..40),
    ) {
        let mut encoder = Encoder::new(scope);
        let mut bytes = Vec::new();
        for (now, event, commands) in &steps {
            encoder.event(*now, event);
            bytes.extend_from_slice(encoder.commands(commands));
        }
        let (mut decoder, mut rest) = (Decoder::new(scope), bytes.as_slice());
        for (now, event, commands) in steps {
            let step = Step { now, event, commands: fingerprint(&commands) };
            prop_assert_eq!(decoder.step(&mut rest), Some(step));
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
        let mut rest = bytes.as_slice();
        let mut decoder = Decoder::new(1);
        while decoder.step(&mut rest).is_some() {}
        let mut file = Writer::header(0, "");
        file.extend_from_slice(&bytes);
        let _ = Reader::new(bytes.as_slice());
        for entry in Reader::new(file.as_slice()).unwrap() {
            let _ = entry;
        }
    }
}

#[test]
fn what_is_frequent_is_small() {
    let mut encoder = Encoder::new(3);
    let mut sizes = Vec::new();
    for number in 0..100 {
        let at = made::START + number * 7;
        let instance = InstanceId(3 << 52 | (1000 + number) << 22 | 17);
        let request = RequestSeq(5_000_000 + number);
        let arrived = Event::Arrived {
            request,
            pool: PoolId(900),
            rule: None,
            trigger: Trigger::Http,
            free_mib: 20_000 + number,
        };
        let rest = [Event::Done { instance, reusable: true }, Event::Ready { instance }, Event::Tick];
        encoder.event(at, &arrived);
        let arrival = encoder.commands(&[Command::Dispatch { request, instance }]).len();
        let others = rest.map(|event| {
            encoder.event(at + 3, &event);
            encoder.commands(&[]).len()
        });
        sizes.push((arrival, others));
    }
    assert_eq!(sizes[99], (10, [5, 5, 2]));
}

#[test]
fn scopes_and_ends_come_back() {
    let bytes = made::journal(1, 20);
    let reader = Reader::new(bytes.as_slice()).unwrap();
    assert_eq!(reader.header().writer, "sluice test");
    assert_eq!((reader.header().format, reader.header().created), (FORMAT, made::START as i64));
    let entries: Vec<Entry> = reader.map(Result::unwrap).collect();
    let openings: Vec<u64> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Opening { scope, opening } if **opening == made::opening() => Some(*scope),
            _ => None,
        })
        .collect();
    assert_eq!(openings, [1, 2]);
    let Some(Entry::Closing(closing)) = entries.last() else { panic!("it has an end") };
    assert_eq!(closing.records, entries.len() as u64 - 3);
}

#[test]
fn another_format_is_named() {
    let mut bytes = Writer::header(0, "sluice 9.9");
    bytes[8] = 99;
    let body = bytes.len() - 4;
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    let fault = Reader::new(bytes.as_slice()).err().unwrap();
    assert!(matches!(fault.trouble, Trouble::Format(99)));
    assert!(fault.to_string().contains("has format 99, and this build reads format 1"), "{fault}");
}

#[test]
fn other_files_are_refused() {
    for bytes in [&b""[..], b"SLUICE", b"{\"not\": \"a journal\"}  ........"] {
        let fault = Reader::new(bytes).err().unwrap();
        assert!(matches!(fault.trouble, Trouble::NotAJournal), "{fault}");
    }
}

/// One of each command, for their compact form.
fn every_command() -> Vec<Command> {
    let (request, instance) = (RequestSeq(1), InstanceId(2));
    let cause = StartCause { reason: ColdReason::AllBusy, busy: 3, idle_ms: None };
    let refusal = Refusal {
        throttle: Throttle::Burst,
        scope: None,
        limit: 500,
        used: 500,
        holders: vec![Holder { name: "f".into(), used: 400 }],
        retry: Retry::After { after_ms: 1000 },
        waited_ms: 0,
    };
    vec![
        Command::Dispatch { request, instance },
        Command::Start { instance, pool: PoolId(4), request: Some(request), cause },
        Command::Start { instance, pool: PoolId(4), request: None, cause: StartCause { idle_ms: Some(5), ..cause } },
        Command::Wait { request },
        Command::Refuse { request, refusal: Box::new(refusal) },
        Command::Redirect { request },
        Command::Fail { request, instance },
        Command::Stop { instance, reason: StopReason::Idle { idle_ms: 6 } },
        Command::Freeze { instance },
    ]
}

#[test]
fn commands_have_a_compact_form() {
    let bytes = postcard::to_allocvec(&every_command()).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<Command>>(&bytes).unwrap(), every_command());
}

/// Journals that exist hold these bytes. Where a change of an event or a command changes them, raise `FORMAT`.
#[test]
fn the_format_is_what_its_number_says() {
    let limits = sluice_decide::Limits::from(&QuotaProfile::named(Profile::Fc));
    let config = made::provision(2);
    let events = [
        Event::PoolOpened { pool: PoolId(1), spec: made::spec("f", 128) },
        Event::FunctionChanged { function: "f".into(), reserved_mb: Some(1280), debug: false },
        Event::RuleChanged { rule: RuleId(1), instances: Some(10) },
        Event::ProvisionChanged { provision: ProvisionId(1), pool: PoolId(1), config, since: 7 },
        Event::LimitsChanged(Box::new(limits)),
        Event::WallClock { ahead_ms: -3 },
        Event::Arrived {
            request: RequestSeq(9),
            pool: PoolId(1),
            rule: Some(RuleId(1)),
            trigger: Trigger::Other,
            free_mib: 8,
        },
        Event::Ready { instance: InstanceId(1 << 52 | 1 << 22) },
        Event::Done { instance: InstanceId(1 << 52 | 1 << 22), reusable: true },
        Event::GaveUp { request: RequestSeq(10), pool: PoolId(1) },
        Event::Tick,
        Event::ProvisionRemoved { provision: ProvisionId(1) },
        Event::FunctionRemoved { function: "f".into() },
        Event::PoolRetired { pool: PoolId(1) },
    ];
    let mut encoder = Encoder::new(1);
    let mut bytes = Vec::new();
    for (index, event) in events.iter().enumerate() {
        encoder.event(index as u64, event);
        bytes.extend_from_slice(encoder.commands(if index == 0 {
            &[]
        } else {
            &[Command::Wait { request: RequestSeq(1) }]
        }));
    }
    let opening = postcard::to_allocvec(&made::opening()).unwrap();
    let sum = |bytes: &[u8]| crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes);
    assert_eq!(
        (FORMAT, sum(&bytes), sum(&opening), fingerprint(&every_command())),
        (1, 2_657_893_880, 2_074_882_437, Some(3_234_179_034))
    );
}
