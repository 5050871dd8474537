use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc as blocking;

use super::*;
use crate::record::asciicast::decode::Decoder;
use crate::record::asciicast::{Event, EventKind};

const PATIENCE: Duration = Duration::from_secs(20);

fn start_time() -> Timestamp {
    "2026-07-14T23:59:59.5Z".parse().unwrap()
}

fn after(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(start_time().as_millisecond() + millis).unwrap()
}

fn opening() -> Opening {
    Opening {
        origin: Origin {
            session: SessionId::new(start_time(), [9; 10]),
            person: "alice@example.com".parse().unwrap(),
            destination: crate::domain::target::Destination {
                login: "deploy".parse().unwrap(),
                target: "db1".parse().unwrap(),
            },
            source: "192.0.2.7".parse().unwrap(),
            started: start_time(),
        },
        title: "deploy@db1".to_owned(),
        command: Some("cat /etc/motd".to_owned()),
        size: TerminalSize::USUAL,
        term: Some("xterm".to_owned()),
    }
}

/// A file in memory whose writes can be seen, held up and made to fail.
#[derive(Clone, Default)]
struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: Option<usize>,
    gate: Option<Arc<Mutex<blocking::Receiver<()>>>>,
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            let _ = gate.lock().unwrap().recv();
        }
        let mut kept = self.bytes.lock().unwrap();
        let room = self.room.map_or(bytes.len(), |room| room - kept.len());
        let taken = room.min(bytes.len());
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        kept.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Memory {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }

    fn events(&self) -> Vec<Event> {
        let text = self.text();
        let (_, events) = Decoder::open(text.as_bytes()).unwrap();
        events.map(Result::unwrap).collect()
    }
}

async fn record_to(memory: &Memory, limit: RecordLimit) -> Recorder {
    let sink = Box::new(memory.clone());
    Recorder::on(sink, PathBuf::new(), opening(), limit)
        .await
        .unwrap()
        .0
}

fn output(millis: u64, text: &str) -> Event {
    Event {
        at: Duration::from_millis(millis),
        kind: EventKind::Output(text.to_owned()),
    }
}

fn marker(millis: u64, text: &str) -> Event {
    Event {
        at: Duration::from_millis(millis),
        kind: EventKind::Marker(text.to_owned()),
    }
}

fn exit(millis: u64, status: &str) -> Event {
    Event {
        at: Duration::from_millis(millis),
        kind: EventKind::Exit(status.to_owned()),
    }
}

#[tokio::test]
async fn a_recording_lies_under_its_day_for_its_owner_only_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("recordings");
    let (recorder, live) = Recorder::start(&folder, opening(), RecordLimit::Everything)
        .await
        .unwrap();
    let session = opening().origin.session;
    assert_eq!(live.session(), session);
    let path = folder.join("2026-07-14").join(format!("{session}.cast"));
    let (header, _) = Decoder::open(io::BufReader::new(File::open(&path).unwrap())).unwrap();
    assert_eq!(header.origin, Some(opening().origin));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);

    let again = Recorder::start(&folder, opening(), RecordLimit::Everything).await;
    assert!(matches!(again, Err(RecordError::Start { .. })));

    recorder.output("hi".into(), after(10)).await.unwrap();
    let outcome = Outcome::Exited(0);
    let finished = recorder.finish(outcome.clone(), after(20)).await.unwrap();
    let file = std::fs::read(&path).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &file);
    assert_eq!(finished.bytes, file.len() as u64);
    assert_eq!(finished.sha256, hex::encode(digest));
    let twice = recorder.finish(outcome, after(30)).await;
    assert!(matches!(twice, Err(RecordError::Finished)));
}

#[tokio::test]
async fn everything_is_recorded_in_order_with_characters_joined() {
    let memory = Memory::default();
    let recorder = record_to(&memory, RecordLimit::Everything).await;
    let crab = "🦀".as_bytes();
    let size = TerminalSize::near(90, 30);
    recorder
        .output(Bytes::copy_from_slice(&crab[..2]), after(1))
        .await
        .unwrap();
    recorder.marker("$ sudo id", after(2)).await.unwrap();
    recorder
        .output(Bytes::copy_from_slice(&crab[2..]), after(3))
        .await
        .unwrap();
    recorder.resize(size, after(4)).await.unwrap();
    recorder
        .output(Bytes::from_static(b"\xff\xf0"), after(5))
        .await
        .unwrap();
    recorder
        .finish(
            Outcome::Cut("ended by carol@example.com".to_owned()),
            after(6),
        )
        .await
        .unwrap();
    let resize = Event {
        at: Duration::from_millis(4),
        kind: EventKind::Resize(size),
    };
    let expected = [
        marker(2, "$ sudo id"),
        output(3, "🦀"),
        resize,
        output(5, "\u{fffd}"),
        output(6, "\u{fffd}"),
        marker(6, "ended by carol@example.com"),
        exit(6, "254"),
    ];
    assert_eq!(memory.events(), expected);
}

#[tokio::test]
async fn beyond_the_limit_output_is_counted_and_a_marker_says_so() {
    let memory = Memory::default();
    let recorder = record_to(&memory, RecordLimit::Bytes(5)).await;
    for text in ["abc", "defg", "hij"] {
        recorder.output(text.into(), after(1)).await.unwrap();
    }
    recorder.finish(Outcome::Exited(0), after(2)).await.unwrap();
    let expected = [
        output(1, "abc"),
        output(1, "de"),
        marker(2, "5 more bytes of output were not recorded"),
        exit(2, "0"),
    ];
    assert_eq!(memory.events(), expected);
}

#[tokio::test]
async fn a_recorder_that_is_dropped_leaves_all_it_took_and_no_end() {
    let memory = Memory::default();
    let recorder = record_to(&memory, RecordLimit::Bytes(3)).await;
    recorder.output("abcd".into(), after(1)).await.unwrap();
    let mut state = recorder.state.clone();
    drop(recorder);
    let ended = state.wait_for(|state| matches!(state, State::Finished));
    tokio::time::timeout(PATIENCE, ended)
        .await
        .unwrap()
        .unwrap();
    let expected = [
        output(1, "abc"),
        marker(1, "1 more bytes of output were not recorded"),
    ];
    assert_eq!(memory.events(), expected);
}

#[tokio::test]
async fn a_full_disk_fails_every_later_call_and_tells_the_session() {
    let memory = Memory {
        room: Some(600),
        ..Memory::default()
    };
    let recorder = record_to(&memory, RecordLimit::Everything).await;
    let failed = recorder.failed();
    recorder
        .output(vec![b'x'; 4096].into(), after(1))
        .await
        .unwrap();
    let error = tokio::time::timeout(PATIENCE, failed).await.unwrap();
    let full = |error: &RecordError| matches!(error, RecordError::Write(error) if error.kind() == io::ErrorKind::StorageFull);
    assert!(full(&error), "{error:?}");
    let calls = [
        recorder.output("y".into(), after(2)).await,
        recorder.marker("m", after(2)).await,
        recorder.resize(TerminalSize::USUAL, after(2)).await,
        recorder
            .finish(Outcome::Exited(0), after(2))
            .await
            .map(|_| ()),
        recorder.output(Bytes::new(), after(3)).await,
    ];
    for call in calls {
        assert!(full(&call.unwrap_err()));
    }
}

#[tokio::test]
async fn no_session_starts_on_a_full_disk() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let refused = Recorder::on(
        Box::new(full),
        PathBuf::new(),
        opening(),
        RecordLimit::Everything,
    )
    .await;
    assert!(matches!(refused, Err(RecordError::Write(_))));
}

#[tokio::test]
async fn the_end_is_not_reported_when_it_could_not_be_written() {
    let memory = Memory::default();
    drop(record_to(&memory, RecordLimit::Everything).await);
    let header = memory.bytes.lock().unwrap().len();
    let memory = Memory {
        room: Some(header),
        ..Memory::default()
    };
    let recorder = record_to(&memory, RecordLimit::Everything).await;
    let end = recorder.finish(Outcome::Exited(0), after(1)).await;
    assert!(matches!(end, Err(RecordError::Write(_))), "{end:?}");
}

#[tokio::test]
async fn a_full_queue_makes_the_caller_wait_and_loses_nothing() {
    let (open, gate) = blocking::channel();
    let memory = Memory {
        gate: Some(Arc::new(Mutex::new(gate))),
        ..Memory::default()
    };
    open.send(()).unwrap();
    let recorder = Arc::new(record_to(&memory, RecordLimit::Everything).await);
    let total = 4 * QUEUE_BYTES;
    let calls = Arc::new(AtomicU64::new(0));
    let feeding = {
        let (recorder, calls) = (Arc::clone(&recorder), Arc::clone(&calls));
        tokio::spawn(async move {
            for _ in 0..total / 4096 {
                recorder
                    .output(vec![b'z'; 4096].into(), after(1))
                    .await
                    .unwrap();
                calls.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let waiting = async {
        while recorder.room.available_permits() >= 4096 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert!(calls.load(Ordering::SeqCst) < (total / 4096) as u64);
    assert!(!feeding.is_finished());
    drop(open);
    tokio::time::timeout(PATIENCE, feeding)
        .await
        .unwrap()
        .unwrap();
    recorder.finish(Outcome::Exited(0), after(2)).await.unwrap();
    assert_eq!(memory.text().matches('z').count(), total);
}

#[tokio::test]
async fn output_reaches_the_file_without_anything_following_it() {
    let memory = Memory::default();
    let recorder = record_to(&memory, RecordLimit::Everything).await;
    recorder.output("prompt$ ".into(), after(1)).await.unwrap();
    let written = async {
        while !memory.text().contains("prompt$ ") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.unwrap();
}
