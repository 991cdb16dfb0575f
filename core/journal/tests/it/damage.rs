//! Nothing that happens to a file goes unseen.

use crate::made;
use sluice_journal::{Entry, Fault, Reader, Replay, Trouble};

/// Replays as far as possible; what was wrong then, if anything.
pub fn replayed(bytes: &[u8]) -> Result<Replay, Box<Fault>> {
    let mut reader = Reader::new(bytes)?;
    let mut replay = Replay::default();
    let mut ended = false;
    while let Some(entry) = reader.next() {
        let entry = entry?;
        ended = matches!(entry, Entry::Closing(_));
        replay.apply(&entry, || reader.place())?;
    }
    assert!(ended, "a reader that stops without an end says why");
    Ok(replay)
}

#[test]
fn damage_to_any_byte_is_found() {
    let whole = made::journal(3, 30);
    assert!(replayed(&whole).is_ok());
    for index in 0..whole.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[index] ^= bits;
            let Err(fault) = replayed(&bytes) else { panic!("byte {index} changed by {bits:#x} is not found") };
            assert!(!fault.trouble.is_unfinished(), "byte {index}: {fault}");
            assert!(index < 20 || fault.place.byte <= index as u64, "byte {index}: {fault}");
        }
    }
}

#[test]
fn a_cut_at_any_byte_is_found() {
    let whole = made::journal(4, 30);
    let header = sluice_journal::Writer::header(0, "sluice test").len();
    for length in 0..whole.len() {
        let Err(fault) = replayed(&whole[..length]) else { panic!("a cut at {length} is not found") };
        assert_eq!(fault.trouble.is_unfinished(), length >= header, "{length}: {fault}");
    }
}

#[test]
fn bytes_after_the_end_are_found() {
    let mut bytes = made::journal(5, 5);
    bytes.push(0);
    let fault = replayed(&bytes).err().unwrap();
    assert!(matches!(fault.trouble, Trouble::Trailing(1)), "{fault}");
}

/// Where each block begins, and the end of the file.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let mut at = sluice_journal::Writer::header(0, "sluice test").len();
    let mut found = vec![at];
    while at < bytes.len() {
        at += 33 + u32::from_le_bytes(bytes[at + 21..at + 25].try_into().unwrap()) as usize;
        found.push(at);
    }
    found
}

#[test]
fn blocks_cannot_be_left_out_or_change_places() {
    let whole = made::journal(6, 100);
    let at = blocks(&whole);
    assert!(at.len() > 6, "several blocks");
    for index in 0..at.len() - 2 {
        let without = [&whole[..at[index]], &whole[at[index + 1]..]].concat();
        let fault = replayed(&without).err().unwrap();
        assert!(matches!(fault.trouble, Trouble::Misplaced { .. }), "{index}: {fault}");
        assert_eq!(fault.place.block, index as u64);
    }
    let swapped = [&whole[..at[1]], &whole[at[2]..at[3]], &whole[at[1]..at[2]], &whole[at[3]..]].concat();
    let fault = replayed(&swapped).err().unwrap();
    assert!(matches!(fault.trouble, Trouble::Misplaced { expected: 1, found: 2 }), "{fault}");
}

#[test]
fn the_fault_names_its_place() {
    let whole = made::journal(7, 100);
    let at = blocks(&whole);
    let mut bytes = whole.clone();
    bytes[at[2] + 40] ^= 1;
    let fault = replayed(&bytes).err().unwrap();
    assert_eq!((fault.place.block, fault.place.byte, fault.place.record), (2, at[2] as u64, 51));
    assert!(fault.to_string().starts_with("record 51 (block 2 at byte "), "{fault}");
    assert!(fault.to_string().ends_with("): the block, of 50 records, is damaged"), "{fault}");
}

#[test]
fn a_journal_that_lost_something_says_from_where() {
    let mut file = made::Made::new();
    let mut recorder = file.open(1);
    recorder.step(&mut file, made::START, sluice_decide::Event::Tick);
    recorder.flush(&mut file);
    file.bytes.extend_from_slice(file.writer.lost("no space left on device"));
    let fault = replayed(&file.bytes).err().unwrap();
    assert!(fault.trouble.is_unfinished());
    assert!(fault.to_string().ends_with("the journal is incomplete from here: no space left on device"), "{fault}");
    assert_eq!(fault.place.record, 2);
}
