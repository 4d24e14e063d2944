//! Readers beside live writers, and what they leave behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Epoch;

use super::{GATEWAY, NOW, Seen, event, intent, open, options, read_all, segment_file};
use crate::{Durability, Journal, OpenOptions, Position, Reader, Wake, journal_totals, segments_forget};

#[test]
fn eight_threads_leave_no_gap_and_a_follower_sees_each_event_once() {
    const EACH: u64 = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let done = AtomicU64::new(0);
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (journal, done) = (&journal, &done);
            scope.spawn(move || {
                for n in thread * EACH..(thread + 1) * EACH {
                    journal.intent(&intent(n)).unwrap();
                    let mut event = event(n);
                    let seq = journal.settle(&mut event).unwrap();
                    assert_eq!((event.seq, event.epoch, event.schema), (seq.0, 1, 1));
                }
                done.fetch_add(1, Ordering::Release);
            });
        }
        let mut reader = Reader::new(dir.path(), GATEWAY, Position::START);
        loop {
            let last = done.load(Ordering::Acquire) == 8;
            seen.read(&mut reader);
            // A reader that begins anew where this one stands goes on without loss.
            reader = Reader::new(dir.path(), GATEWAY, reader.position());
            if last {
                break;
            }
        }
        assert_eq!(reader.backlog_bytes().unwrap(), 0);
    });
    seen.assert_contiguous();
    assert!(seen.corrupt.is_empty());
    assert_eq!(seen.kinds().len() as u64, 8 * EACH);
    let totals = journal.totals();
    assert_eq!((totals.events, totals.input_tokens, totals.charged_nano_usd), (8 * EACH, 80 * EACH, 656 * 1_000 * 2));
    let live = journal_totals(dir.path()).unwrap();
    assert_eq!((live[0].totals, live[0].closed, live[0].open_calls), (totals, false, 0));
}

#[test]
fn a_reader_crosses_epochs_in_order_and_waits_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(dir.path(), GATEWAY, Position::START);
    assert!(reader.batch(10).unwrap().is_empty(), "no folder yet");
    let mut seen = Seen::default();
    for epoch in 1..=3 {
        let (journal, _) = open(dir.path());
        for n in 0..100 {
            journal.settle(&mut event(epoch * 1_000 + n)).unwrap();
        }
        if epoch == 2 {
            journal.close(NOW).unwrap();
        }
        seen.read(&mut reader);
        assert!(reader.batch(10).unwrap().is_empty());
    }
    seen.assert_contiguous();
    assert_eq!(seen.events.len(), 300);
    assert_eq!(seen.closed.iter().map(|closed| (closed.epoch, closed.recovered)).collect::<Vec<_>>(), [(1, true), (2, false)]);
    assert_eq!(read_all(dir.path()).events, seen.events);
}

#[test]
fn consumed_segments_go_and_the_rest_is_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for n in 0..600 {
        journal.settle(&mut event(n)).unwrap();
    }
    let mut reader = Reader::new(dir.path(), GATEWAY, Position::START);
    let batch = reader.batch(400).unwrap();
    let passed = batch.end;
    assert!(passed.segment > 2, "{passed}");
    assert_eq!(segments_forget(dir.path(), GATEWAY, passed).ok(), Some(passed.segment - 1));
    assert!(!segment_file(dir.path(), 1, passed.segment - 1).exists());
    let mut seen = Seen::default();
    seen.read(&mut Reader::new(dir.path(), GATEWAY, passed));
    assert_eq!(seen.events.len(), 200);
    let mut rest = Seen::default();
    rest.read(&mut Reader::new(dir.path(), GATEWAY, Position::START));
    assert!(rest.events.len() >= 200, "a reader without a position begins at the oldest segment");
    let end = Position { epoch: Epoch(1), segment: u64::MAX, offset: 0 };
    segments_forget(dir.path(), GATEWAY, end).unwrap();
    assert_eq!(crate::layout::segments(&dir.path().join(GATEWAY.to_string()).join("00000001")).unwrap().len(), 2);
    assert_eq!(journal_totals(dir.path()).unwrap()[0].totals, journal.totals());
}

#[tokio::test]
async fn an_append_is_on_disk_soon_and_wakes_a_follower() {
    let dir = tempfile::tempdir().unwrap();
    for durability in [Durability::Process, Durability::Power] {
        let (journal, _) = Journal::open(dir.path(), &OpenOptions { durability, ..options() }).unwrap();
        let mut wake = journal.wake(Duration::from_secs(60));
        journal.settle(&mut event(1)).unwrap();
        journal.durable().await.unwrap();
        journal.synced().await.unwrap();
        assert_eq!(journal.counters().unsynced_bytes, 0);
        wake.wait().await;
        journal.close(NOW).unwrap();
    }
    Wake::poll(Duration::from_millis(1)).wait().await;
}
