//! Processes that are killed, and folders copied from under a running writer.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::usage::v1::outcome::Kind;

use super::{copy, event, intent, open, progress, read_all};
use crate::Journal;

const CHILD: &str = "LLMG_TEST_EVENTS_CHILD";

/// Calls of one thread, without end: every fourth is left open.
fn calls(journal: &Journal, thread: u64, stop: &AtomicBool, mut acknowledge: impl FnMut(char, u64)) {
    for n in (thread << 32).. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        journal.intent(&intent(n)).unwrap();
        acknowledge('i', n);
        journal.progress(&progress(n, 2)).unwrap();
        if n % 4 != 0 {
            journal.settle(&mut event(n)).unwrap();
            acknowledge('s', n);
        }
    }
}

/// Not a test by itself: the process that is killed.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let dir = Path::new(&dir);
    let (journal, _) = open(dir);
    let forever = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 1..=2 {
            let (journal, forever) = (&journal, &forever);
            let mut told = File::create(dir.join(format!("told-{thread}-{}", journal.epoch().0))).unwrap();
            let base = thread + journal.epoch().0 * 10;
            scope.spawn(move || {
                calls(journal, base, forever, |what, n| told.write_all(format!("{what} {n}\n").as_bytes()).unwrap());
            });
        }
    });
}

fn told(dir: &Path, what: char) -> BTreeSet<u64> {
    let mut told = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with("told-") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            told.extend(whole.lines().filter_map(|line| line.strip_prefix(what)?.trim().parse::<u64>().ok()));
        }
    }
    told
}

#[test]
fn a_killed_process_loses_nothing_and_ends_each_call_once() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::crash::child"])
            .env(CHILD, OsString::from(dir.path()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(120 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (journal, recovered) = open(dir.path());
    assert!(!recovered.is_empty());
    drop(journal);
    let seen = read_all(dir.path());
    seen.assert_contiguous();
    assert!(seen.corrupt.is_empty());
    let kinds = seen.kinds();
    let (begun, settled) = (told(dir.path(), 'i'), told(dir.path(), 's'));
    assert!(settled.len() > 100, "only {} calls", settled.len());
    assert!(begun.iter().all(|id| kinds.contains_key(id)), "an intent without an end");
    assert!(settled.iter().all(|id| kinds[id] == Kind::Settled), "an acknowledged end was lost");
}

#[test]
fn a_copy_taken_at_any_moment_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let stop = AtomicBool::new(false);
    let mut copies = Vec::new();
    std::thread::scope(|scope| {
        for thread in 1..=2 {
            let (journal, stop) = (&journal, &stop);
            scope.spawn(move || {
                calls(journal, thread, stop, |_, n| {
                    if n % 16 == 0 {
                        std::thread::sleep(Duration::from_micros(300));
                    }
                });
            });
        }
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(7));
            let at = tempfile::tempdir().unwrap();
            copy(dir.path(), at.path());
            copies.push(at);
        }
        stop.store(true, Ordering::Relaxed);
    });
    for at in copies {
        let (journal, recovered) = open(at.path());
        let totals = recovered[0].totals;
        drop(journal);
        let seen = read_all(at.path());
        seen.assert_contiguous();
        assert!(seen.corrupt.is_empty());
        assert_eq!(seen.kinds().len() as u64, totals.events);
        assert_eq!(seen.events.iter().map(|event| event.charged_nano_usd).sum::<i64>(), totals.charged_nano_usd);
        assert_eq!(seen.closed[0].totals, Some(totals));
    }
}
