//! A recording that is watched while it is still written: what its session's person sees, a moment later.
//!
//! A watcher reads the recording's file behind its writer, up to what was written whole, so that it can neither slow the
//! session nor miss anything, however late it comes or slow it is. While somebody watches, the writer writes sooner.
//! Invariant: as in a replay, nothing of the session reaches a watcher's terminal but as drawn cells, and one call feeds
//! at most [`SLICE_BYTES`]. It blocks on the file; who may watch is decided elsewhere.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::emulator::Emulator;
use crate::record::asciicast::decode::DecodeError;
use crate::record::asciicast::{EventKind, TerminalSize};
use crate::record::recording::Recording;
use crate::record::replay::paint::Painter;
use crate::record::replay::status::{clock, fit};
use crate::record::replay::{ENTER, EVENT_COST, SLICE_BYTES, blank, dimensions};

/// Most people who watch one session.
pub const WATCHERS: usize = 16;

/// How much of a recording's file is whole lines, and whether that is all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    bytes: u64,
    over: bool,
}

/// What the writer of a recording and its watchers share.
#[derive(Debug)]
pub(in crate::record) struct Audience {
    written: watch::Sender<Written>,
    /// Each watcher has one more of these.
    seat: Arc<()>,
}

impl Audience {
    pub(in crate::record) fn new() -> Self {
        Self {
            written: watch::Sender::default(),
            seat: Arc::new(()),
        }
    }

    /// Whether anybody watches.
    pub(in crate::record) fn is_there(&self) -> bool {
        Arc::strong_count(&self.seat) > 1
    }

    /// The file has so many bytes now.
    pub(in crate::record) fn written(&self, bytes: u64) {
        self.written.send_modify(|written| written.bytes = bytes);
    }

    /// Nothing more will be written.
    pub(in crate::record) fn over(&self) {
        self.written.send_modify(|written| written.over = true);
    }
}

/// The way to a recording that is still written. Clones are the same way.
#[derive(Debug, Clone)]
pub struct Live {
    path: PathBuf,
    audience: Arc<Audience>,
}

impl Live {
    pub(in crate::record) fn new(path: PathBuf, audience: Arc<Audience>) -> Self {
        Self { path, audience }
    }

    /// Wakes whenever more was written.
    pub fn grows(&self) -> watch::Receiver<Written> {
        self.audience.written.subscribe()
    }

    /// Takes a seat before the session's screen, on a terminal of that size.
    ///
    /// # Errors
    /// When the recording cannot be read, or [`WATCHERS`] watch it already.
    pub fn watch(&self, view: TerminalSize) -> Result<Watching, DecodeError> {
        if Arc::strong_count(&self.audience.seat) > WATCHERS {
            let full = format!("{WATCHERS} people watch it already");
            return Err(io::Error::other(full).into());
        }
        let written = self.grows();
        let limit = Arc::new(AtomicU64::new(written.borrow().bytes));
        let tail = Tail {
            file: File::open(&self.path)?,
            at: 0,
            limit: Arc::clone(&limit),
        };
        Ok(Watching {
            screen: LiveScreen::new(Recording::new(tail)?, view),
            limit,
            written,
            _seat: Arc::clone(&self.audience.seat),
        })
    }
}

/// One watcher's seat. The writer hurries as long as it is taken.
pub struct Watching {
    screen: LiveScreen<Tail>,
    /// How far the file may be read.
    limit: Arc<AtomicU64>,
    written: watch::Receiver<Written>,
    _seat: Arc<()>,
}

impl Watching {
    /// Shows what was written until now, or a part of it.
    ///
    /// # Errors
    /// When the recording cannot be read any more.
    pub fn advance(&mut self, now: Timestamp) -> Result<LiveStep, DecodeError> {
        // Copied out: no lock is held while the file is read, or the writer would wait for its watchers.
        let written = *self.written.borrow();
        self.limit.store(written.bytes, Ordering::Relaxed);
        self.screen.advance(now, written.over)
    }

    /// The watcher's terminal got another size.
    pub fn resize(&mut self, view: TerminalSize) {
        self.screen.resize(view);
    }
}

/// A file up to what was written whole.
#[derive(Debug)]
struct Tail {
    file: File,
    at: u64,
    limit: Arc<AtomicU64>,
}

impl Read for Tail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.limit.load(Ordering::Relaxed).saturating_sub(self.at);
        let read = (&mut self.file).take(left).read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Tail {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

/// What to do after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStep {
    /// To be written to the watcher's terminal.
    pub bytes: Vec<u8>,
    /// What is to come.
    pub then: Then,
}

/// What a watcher waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// There is more already: call again at once.
    More,
    /// All that was written is shown.
    Wait,
    /// The session has ended; its last screen stays.
    Over,
}

/// The session's screen as a watcher has it, apart from where it is read.
struct LiveScreen<S> {
    recording: Recording<S>,
    emulator: Emulator,
    painter: Painter,
    view: TerminalSize,
    /// Output that there was no room for in the last call.
    rest: String,
    /// When the session's last event was, since it began.
    at: Duration,
    marker: Option<String>,
    ended: Option<String>,
    entered: bool,
    /// Whether the screen was shown as it stood: from then on it is shown however much more comes.
    caught_up: bool,
}

impl<S: Read + Seek> LiveScreen<S> {
    fn new(recording: Recording<S>, view: TerminalSize) -> Self {
        Self {
            emulator: blank(recording.header().size),
            recording,
            painter: Painter::new(view),
            view,
            rest: String::new(),
            at: Duration::ZERO,
            marker: None,
            ended: None,
            entered: false,
            caught_up: false,
        }
    }

    fn resize(&mut self, view: TerminalSize) {
        self.view = view;
        self.painter = Painter::new(view);
    }

    /// Shows what there is; `over` was seen before it was looked for.
    fn advance(&mut self, now: Timestamp, over: bool) -> Result<LiveStep, DecodeError> {
        let then = match self.feed()? {
            Then::Wait if over => Then::Over,
            then => then,
        };
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.entered, true) {
            bytes.extend_from_slice(ENTER);
        }
        let status = self.status(then, now);
        match then {
            Then::More if !self.caught_up => self.painter.paint_status(&status, &mut bytes),
            Then::More | Then::Wait | Then::Over => {
                self.caught_up = true;
                self.painter
                    .paint(self.emulator.screen(), &status, &mut bytes);
            }
        }
        Ok(LiveStep { bytes, then })
    }

    fn feed(&mut self) -> Result<Then, DecodeError> {
        let mut fed = 0;
        while fed < SLICE_BYTES {
            if !self.rest.is_empty() {
                let text = std::mem::take(&mut self.rest);
                fed += self.output(text, SLICE_BYTES - fed);
                continue;
            }
            let Some(event) = self.recording.next_event()? else {
                // More may be written later.
                self.recording.resume();
                return Ok(Then::Wait);
            };
            self.at = event.at;
            fed += EVENT_COST;
            match event.kind {
                EventKind::Output(text) => {
                    fed += self.output(text, SLICE_BYTES - fed.min(SLICE_BYTES))
                }
                EventKind::Resize(size) => {
                    let (rows, cols) = dimensions(size);
                    fed += self.emulator.resize(rows, cols);
                }
                EventKind::Marker(text) => self.marker = Some(text),
                EventKind::Exit(status) => self.ended = Some(status),
                EventKind::Other(_) => {}
            }
        }
        Ok(Then::More)
    }

    /// Feeds output, as much as there is room for, and gives what that cost.
    fn output(&mut self, mut text: String, room: usize) -> usize {
        let fed = self.emulator.feed(text.as_bytes(), room);
        let (cost, left) = (fed.cost, fed.rest.len());
        if left > 0 {
            self.rest = text.split_off(text.len() - left);
        }
        cost
    }

    fn status(&self, then: Then, now: Timestamp) -> String {
        let header = self.recording.header();
        let (state, length) = match (&self.ended, then) {
            (Some(status), Then::Over) => (format!("ended ({status})"), self.at),
            (None, Then::Over) => ("cut off".to_owned(), self.at),
            (Some(_) | None, Then::More) => ("catching up".to_owned(), self.at),
            (Some(_) | None, Then::Wait) => {
                let since = header.started.map(|started| now.duration_since(started));
                let since = since.and_then(|since| Duration::try_from(since).ok());
                ("live".to_owned(), since.unwrap_or(self.at))
            }
        };
        let whose = match &header.origin {
            Some(origin) => format!("{} → {}", origin.person, origin.destination),
            None => header.title.clone().unwrap_or_default(),
        };
        let marker = self.marker.as_deref().unwrap_or_default();
        let line = format!(" {state} {}  {whose}  q leaves  {marker}", clock(length));
        fit(&line, usize::from(self.view.cols()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "{\"version\":3,\"term\":{\"cols\":40,\"rows\":5},\"timestamp\":0}\n";

    fn view() -> TerminalSize {
        TerminalSize::near(40, 6)
    }

    struct Stage {
        file: tempfile::NamedTempFile,
        audience: Arc<Audience>,
        length: u64,
    }

    impl Stage {
        fn new() -> Self {
            let mut stage = Self {
                file: tempfile::NamedTempFile::new().unwrap(),
                audience: Arc::new(Audience::new()),
                length: 0,
            };
            stage.write(HEAD.as_bytes());
            stage
        }

        fn put(&mut self, bytes: &[u8]) {
            self.file.write_all(bytes).unwrap();
            self.length += bytes.len() as u64;
        }

        fn write(&mut self, bytes: &[u8]) {
            self.put(bytes);
            self.audience.written(self.length);
        }

        fn watch(&self) -> Watching {
            let live = Live::new(self.file.path().to_owned(), Arc::clone(&self.audience));
            live.watch(view()).unwrap()
        }
    }

    fn shown(watching: &mut Watching) -> (String, Then) {
        let step = watching.advance(Timestamp::UNIX_EPOCH).unwrap();
        (String::from_utf8(step.bytes).unwrap(), step.then)
    }

    #[test]
    fn a_watcher_sees_the_screen_as_it_stands_then_what_is_added_then_the_end() {
        let mut stage = Stage::new();
        stage.write(b"[0.1,\"o\",\"before\\r\\n\"]\n");
        let mut watching = stage.watch();
        let (screen, then) = shown(&mut watching);
        assert!(
            screen.contains("before") && screen.contains("live"),
            "{screen:?}"
        );
        assert_eq!(then, Then::Wait);
        // A line of which only a part is in the file is not looked at.
        stage.put(b"[0.1,\"o\",\"aft");
        assert_eq!(shown(&mut watching).1, Then::Wait);
        stage.write(b"er\"]\n");
        assert!(shown(&mut watching).0.contains("after"));
        stage.write(b"[0.1,\"x\",\"3\"]\n");
        stage.audience.over();
        let (screen, then) = shown(&mut watching);
        assert!(screen.contains("ended (3)"), "{screen:?}");
        assert_eq!(then, Then::Over);
    }

    #[test]
    fn a_recording_that_was_cut_off_ends_for_its_watchers() {
        let stage = Stage::new();
        let mut watching = stage.watch();
        stage.audience.over();
        let (screen, then) = shown(&mut watching);
        assert!(screen.contains("cut off"), "{screen:?}");
        assert_eq!(then, Then::Over);
    }

    #[test]
    fn the_writer_hurries_only_while_somebody_watches() {
        let stage = Stage::new();
        assert!(!stage.audience.is_there());
        let watching = stage.watch();
        assert!(stage.audience.is_there());
        drop(watching);
        assert!(!stage.audience.is_there());
    }

    #[test]
    fn neither_the_writer_nor_a_watcher_ever_waits_for_the_other_for_good() {
        let mut stage = Stage::new();
        let mut watching = stage.watch();
        let (done, ended) = std::sync::mpsc::channel();
        let finished = done.clone();
        std::thread::spawn(move || {
            for _ in 0..5_000 {
                stage.write(b"[0,\"o\",\"a line of output\\r\\n\"]\n");
            }
            stage.audience.over();
            // The file lives as long as its reader.
            done.send(Some(stage)).unwrap();
        });
        std::thread::spawn(move || {
            while shown(&mut watching).1 != Then::Over {}
            finished.send(None).unwrap();
        });
        let wait = Duration::from_secs(60);
        let both = [ended.recv_timeout(wait), ended.recv_timeout(wait)];
        assert!(both.iter().all(Result::is_ok), "one of them stands still");
    }

    #[test]
    fn a_session_has_room_for_so_many_watchers_and_no_more() {
        let stage = Stage::new();
        let live = Live::new(stage.file.path().to_owned(), Arc::clone(&stage.audience));
        let seats: Vec<_> = (0..WATCHERS).map(|_| live.watch(view()).unwrap()).collect();
        assert!(live.watch(view()).is_err());
        drop(seats);
        assert!(live.watch(view()).is_ok());
    }

    #[test]
    fn a_late_watcher_catches_up_in_slices() {
        let mut stage = Stage::new();
        let line = format!("[0,\"o\",\"{}\"]\n", "x".repeat(10_000));
        for _ in 0..100 {
            stage.write(line.as_bytes());
        }
        let mut watching = stage.watch();
        let (screen, then) = shown(&mut watching);
        assert!(screen.contains("catching up"), "{screen:?}");
        assert_eq!(then, Then::More);
        let calls = (0..100).take_while(|_| shown(&mut watching).1 == Then::More);
        assert!((1..20).contains(&calls.count()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_shown_or_refused(pieces: Vec<Vec<u8>>) {
            let mut stage = Stage::new();
            let mut watching = stage.watch();
            for piece in pieces {
                stage.write(&piece);
                if watching.advance(Timestamp::UNIX_EPOCH).is_err() {
                    break;
                }
            }
        }
    }
}
