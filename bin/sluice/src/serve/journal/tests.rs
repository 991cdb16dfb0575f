use super::{file, file::Target, *};
use sluice_decide::{PoolId, PoolSpec, RequestSeq, State, Trigger, step};
use sluice_domain::{AccountId, Profile, QuotaProfile, Region};
use sluice_journal::{Fault, Reader, Replay, Trouble};
use std::io::{self, Write};

/// A disk of limited size that can be made to wait.
#[derive(Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: Option<usize>,
    held: Arc<Mutex<()>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _held = self.held.lock().unwrap();
        let mut content = self.bytes.lock().unwrap();
        let room = self.room.map_or(usize::MAX, |room| room - content.len());
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fits = bytes.len().min(room);
        content.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Disk {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().truncate(length as usize);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A scope that decides, as the engine would have it.
struct Decider {
    state: State,
    tape: Box<dyn Tape>,
    commands: Vec<Command>,
    now: Millis,
}

impl Decider {
    fn new(journal: &Journal, number: u64) -> Self {
        let scope = Scope { account: AccountId::from("1"), region: Region::from("r") };
        let limits = Limits::from(&QuotaProfile::named(Profile::Scf128));
        let tape = journal.tape(number, &scope, Dialect::Scf, &limits);
        let mut decider = Self { state: State::new(limits, number), tape, commands: Vec::new(), now: 1000 };
        let spec = PoolSpec {
            namespace: "default".into(),
            function: "f".into(),
            name: "f".into(),
            version: "$LATEST".into(),
            memory_mb: 128,
            concurrency: 1,
            replaces: None,
        };
        decider.step(Event::PoolOpened { pool: PoolId(0), spec });
        decider
    }

    fn step(&mut self, event: Event) {
        self.commands.clear();
        self.now += 1;
        self.tape.event(self.now, &event);
        step(&mut self.state, self.now, event, &mut self.commands);
        self.tape.commands(&self.commands);
    }

    /// A call and its end: two steps, and one more when an instance comes up.
    fn call(&mut self, number: u64) {
        let (pool, trigger) = (PoolId(0), Trigger::Http);
        self.step(Event::Arrived { request: RequestSeq(number), pool, rule: None, trigger, free_mib: 9000 });
        if let [Command::Start { instance, .. }] = self.commands[..] {
            self.step(Event::Ready { instance });
        }
        let [Command::Dispatch { instance, .. }] = self.commands[..] else { panic!("{:?}", self.commands) };
        self.step(Event::Done { instance, reusable: true });
    }
}

fn replayed(bytes: &[u8]) -> Result<u64, Box<Fault>> {
    let mut reader = Reader::new(bytes)?;
    let mut replay = Replay::default();
    while let Some(entry) = reader.next() {
        replay.apply(&entry?, || reader.place())?;
    }
    Ok(replay.totals().records)
}

#[test]
fn what_happens_is_recorded_in_order() {
    let disk = Disk::default();
    let journal = Journal::start(disk.clone()).unwrap();
    let mut deciders = [1, 2, 3].map(|number| Decider::new(&journal, number));
    for number in 0..20_000 {
        deciders[number as usize % 2].call(number);
    }
    journal.finish();
    // What comes after the end is nobody's.
    deciders[0].call(20_000);
    Decider::new(&journal, 4).call(1);
    assert_eq!(replayed(&disk.bytes.lock().unwrap()).unwrap(), 40_000 + 2 + 3);
}

#[test]
fn a_full_disk_leaves_a_journal_that_says_so() {
    for room in [100_000, 123_457, 200_001] {
        let disk = Disk { room: Some(room), ..Disk::default() };
        let journal = Journal::start(disk.clone()).unwrap();
        let mut decider = Decider::new(&journal, 1);
        for number in 0..40_000 {
            decider.call(number);
        }
        journal.finish();
        let fault = replayed(&disk.bytes.lock().unwrap()).unwrap_err();
        let Trouble::Lost(reason) = &fault.trouble else { panic!("{fault}") };
        assert!(reason.starts_with("cannot write: "), "{reason}");
        assert!(fault.place.record > 1000, "{fault}");
    }
}

#[test]
fn a_disk_that_is_too_slow_leaves_a_journal_that_says_so() {
    let disk = Disk::default();
    let journal = Journal::start(disk.clone()).unwrap();
    let mut decider = Decider::new(&journal, 1);
    let held = disk.held.lock().unwrap();
    let mut number = 0;
    while !journal.shared.is_over() {
        decider.call(number);
        number += 1;
        assert!(number < 10_000_000, "the queue has no end");
    }
    drop(held);
    journal.finish();
    let fault = replayed(&disk.bytes.lock().unwrap()).unwrap_err();
    assert!(matches!(&fault.trouble, Trouble::Lost(reason) if reason == "its writer could not keep up"), "{fault}");
    assert!(fault.place.record > 1000, "{fault}");
}

#[test]
fn a_journal_that_is_there_is_kept_and_anything_else_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decisions");
    let first = Journal::create(&path).unwrap();
    let refused = Journal::create(&path).err().unwrap();
    assert!(format!("{refused:#}").contains("another server may be writing it"), "{refused:#}");
    first.finish();
    let begun = std::fs::read(&path).unwrap();
    Journal::create(&path).unwrap().finish();
    Journal::create(&path).unwrap().finish();
    assert_eq!(std::fs::read(folder.path().join("decisions.1")).unwrap(), begun);
    assert_eq!(replayed(&std::fs::read(folder.path().join("decisions.2")).unwrap()).unwrap(), 0);

    std::fs::write(&path, "dear diary").unwrap();
    let refused = format!("{:#}", file::create(&path).unwrap_err());
    assert!(refused.contains("is not a journal"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), b"dear diary");
}
