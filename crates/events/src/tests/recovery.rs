//! What a start finds after a crash, at every byte.

use std::fs::{self, File};

use domain::Epoch;
use proto::usage::v1::outcome::Kind;

use super::{GATEWAY, NOW, copy, event, intent, open, options, progress, read_all, segment_file};
use crate::{Journal, OpenError, epoch_forget, journal_totals, orphans_list, quarantine_list};

#[test]
fn an_orphan_is_billed_to_its_last_progress_and_one_without_progress_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for n in 1..=4 {
        journal.intent(&intent(n)).unwrap();
    }
    journal.progress(&progress(1, 3)).unwrap();
    journal.progress(&progress(1, 7)).unwrap();
    journal.settle(&mut event(2)).unwrap();
    let mut own_key = intent(4);
    own_key.facts.as_mut().unwrap().lease_id.clear();
    journal.intent(&own_key).unwrap();
    journal.progress(&progress(4, 1)).unwrap();
    let counters = journal.counters();
    assert_eq!((counters.open_calls, counters.open_hold_nano_usd), (3, 5_000));
    drop(journal);

    let (journal, recovered) = open(dir.path());
    assert_eq!((journal.epoch(), recovered.len(), recovered[0].orphans), (Epoch(2), 1, 3));
    let seen = read_all(dir.path());
    seen.assert_contiguous();
    assert!(seen.closed[0].recovered);
    assert_eq!(seen.closed[0].totals, Some(recovered[0].totals));
    let ends: Vec<_> = [1, 3, 4].map(|n| seen.events.iter().find(|event| event.request_id == super::id(n)).unwrap()).into();
    assert!(ends.iter().all(|event| event.outcome.as_ref().unwrap().kind() == Kind::Orphaned && event.ended_at_us == NOW.0));
    // 10 × 2.5 + 7 × 10 micro-USD = 95,000 nano-USD, and 10 % on top.
    assert_eq!((ends[0].cost_nano_usd, ends[0].charged_nano_usd, ends[0].hold_nano_usd), (95_000, 104_500, 2_000));
    assert_eq!((ends[0].price_version, ends[0].usage.unwrap().output), (3, 7));
    assert_eq!((ends[1].cost_nano_usd, ends[1].charged_nano_usd, ends[1].usage.unwrap().input), (0, 0, 0));
    assert_eq!((ends[2].cost_nano_usd, ends[2].charged_nano_usd), (35_000, 0), "own keys pay themselves");
    let listed = orphans_list(dir.path()).unwrap();
    assert_eq!(listed.iter().map(|orphan| orphan.event.cost_nano_usd).collect::<Vec<_>>(), [95_000, 0, 35_000]);
    assert_eq!(listed[0].intent, intent(1));
}

#[test]
fn a_torn_tail_at_every_byte_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for n in 1..=5 {
        journal.intent(&intent(n)).unwrap();
        journal.settle(&mut event(n)).unwrap();
    }
    let path = segment_file(dir.path(), 1, 1);
    let before = fs::metadata(&path).unwrap().len();
    journal.intent(&intent(6)).unwrap();
    journal.progress(&progress(6, 2)).unwrap();
    journal.settle(&mut event(6)).unwrap();
    let after = fs::metadata(&path).unwrap().len();
    for len in before..=after {
        let at = tempfile::tempdir().unwrap();
        copy(dir.path(), at.path());
        File::options().write(true).open(segment_file(at.path(), 1, 1)).unwrap().set_len(len).unwrap();
        let (_journal, recovered) = open(at.path());
        let seen = read_all(at.path());
        seen.assert_contiguous();
        assert!(seen.corrupt.is_empty(), "{len}");
        let kinds = seen.kinds();
        assert_eq!(kinds.len() as u64, 5 + recovered[0].orphans + u64::from(len == after), "{len}");
        assert_eq!(recovered[0].totals.events, kinds.len() as u64, "{len}");
    }
}

#[test]
fn recovery_that_died_at_any_byte_ends_each_call_once() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for n in 1..=5 {
        journal.intent(&intent(n)).unwrap();
    }
    journal.progress(&progress(3, 9)).unwrap();
    drop(journal);
    let path = segment_file(dir.path(), 1, 1);
    let before = fs::metadata(&path).unwrap().len();
    drop(open(dir.path()));
    let after = fs::metadata(&path).unwrap().len();
    let whole = journal_totals(dir.path()).unwrap();
    for len in (before..=after).step_by(7) {
        let at = tempfile::tempdir().unwrap();
        copy(dir.path(), at.path());
        fs::remove_dir_all(at.path().join(GATEWAY.to_string()).join("00000002")).unwrap();
        File::options().write(true).open(segment_file(at.path(), 1, 1)).unwrap().set_len(len).unwrap();
        drop(open(at.path()));
        let seen = read_all(at.path());
        seen.assert_contiguous();
        assert_eq!(seen.kinds().values().filter(|kind| **kind == Kind::Orphaned).count(), 5, "{len}");
        assert_eq!(journal_totals(at.path()).unwrap()[0], whole[0], "{len}");
        assert_eq!(orphans_list(at.path()).unwrap().len(), 5, "{len}");
    }
}

#[test]
fn a_corrupt_frame_in_the_middle_is_kept_apart_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let path = segment_file(dir.path(), 1, 1);
    let mut starts = Vec::new();
    for n in 1..=6 {
        starts.push(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
        journal.settle(&mut event(n)).unwrap();
    }
    drop(journal);
    // In the middle of the third event's frame, and in the fifth's length.
    let mut bytes = fs::read(&path).unwrap();
    bytes[starts[2] + 40] ^= 0x80;
    bytes[starts[4] + 7] ^= 0x40;
    fs::write(&path, bytes).unwrap();

    let (_journal, recovered) = open(dir.path());
    assert_eq!((recovered[0].quarantined, recovered[0].torn_bytes, recovered[0].totals.events), (2, 0, 4));
    let kept = quarantine_list(dir.path(), GATEWAY).unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].reason.contains("checksum") && kept[0].bytes > 40, "{kept:?}");
    let seen = read_all(dir.path());
    assert_eq!(seen.kinds().into_keys().collect::<Vec<_>>(), [1, 2, 4, 6]);
    assert_eq!(seen.corrupt.len(), 2);
    assert_eq!(seen.corrupt[0].bytes.len() as u64, kept[0].bytes);
}

#[test]
fn open_calls_move_on_with_the_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    journal.intent(&intent(1_000_000)).unwrap();
    journal.progress(&progress(1_000_000, 4)).unwrap();
    for n in 1..=500 {
        journal.intent(&intent(n)).unwrap();
        journal.settle(&mut event(n)).unwrap();
    }
    let totals = journal.totals();
    drop(journal);
    let mut kept = 0;
    for segment in 1.. {
        let path = segment_file(dir.path(), 1, segment);
        if !path.exists() {
            break;
        }
        kept = segment;
    }
    assert!(kept > 5, "{kept} segments");
    for segment in 1..=kept - 2 {
        fs::remove_file(segment_file(dir.path(), 1, segment)).unwrap();
    }
    let (_journal, recovered) = open(dir.path());
    assert_eq!((recovered[0].orphans, recovered[0].totals.events), (1, totals.events + 1));
    assert_eq!(recovered[0].totals.cost_nano_usd, totals.cost_nano_usd + 65_000);
}

#[test]
fn a_newest_segment_that_a_power_cut_left_blank_loses_no_call() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    journal.intent(&intent(7)).unwrap();
    journal.progress(&progress(7, 1)).unwrap();
    let totals = journal.totals();
    drop(journal);
    for len in [0, 100, 600, 5_000] {
        let at = tempfile::tempdir().unwrap();
        copy(dir.path(), at.path());
        fs::write(segment_file(at.path(), 1, 2), vec![0; len]).unwrap();
        let (_journal, recovered) = open(at.path());
        assert_eq!((recovered[0].orphans, recovered[0].totals.events), (1, totals.events + 1), "{len}");
        assert_eq!(read_all(at.path()).kinds().len(), 1, "{len}");
    }
}

#[test]
fn a_clean_stop_leaves_nothing_to_recover_and_epochs_are_never_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, recovered) = open(dir.path());
    assert!(recovered.is_empty());
    assert!(matches!(Journal::open(dir.path(), &options()), Err(OpenError::Locked { .. })), "a second writer");
    journal.intent(&intent(1)).unwrap();
    assert!(epoch_forget(dir.path(), GATEWAY, Epoch(1)).is_err(), "not closed yet");
    assert!(!crate::scan::is_closed(segment_file(dir.path(), 1, 1).parent().unwrap()).unwrap());
    let closed = journal.close(NOW).unwrap();
    assert_eq!((closed.epoch, closed.orphans, closed.totals.events), (Epoch(1), 1, 1));
    assert!(matches!(journal.settle(&mut event(2)), Err(crate::JournalError::Closed)));
    assert_eq!(journal.close(NOW).unwrap().totals, closed.totals);
    drop(journal);
    assert!(crate::scan::is_closed(segment_file(dir.path(), 1, 1).parent().unwrap()).unwrap());
    assert_eq!(epoch_forget(dir.path(), GATEWAY, Epoch(1)).ok(), Some(true));
    assert_eq!(epoch_forget(dir.path(), GATEWAY, Epoch(1)).ok(), Some(false));
    let (journal, recovered) = open(dir.path());
    assert_eq!((journal.epoch(), recovered.len()), (Epoch(2), 0));
}
