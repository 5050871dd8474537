//! The screen behind an inspected terminal, and the shell's own reports where it makes some: what stands on the line
//! when a submitting key was pressed, and how long it may take to get there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::command::Unknown;
use crate::domain::gate::Reader;
use crate::domain::keystroke::Reserved;
use crate::inspect::line::{Line, LineTracker};
use crate::inspect::widget::{Input, Said, Told, Widget};

/// The echo counts as complete when nothing was sent or shown for so long.
const QUIET: Duration = Duration::from_millis(30);
/// A line that is not understood may still be on its way: so long at the most is waited for the rest of its echo.
const PATIENCE: Duration = Duration::from_millis(600);
/// How often an incomplete echo is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Output counts as settled when nothing was shown for so long, and is not waited for longer than a second.
const SETTLED: Duration = Duration::from_millis(60);
const SETTLE_PATIENCE: Duration = Duration::from_secs(1);
/// How long a line editor may take to tell its line, beside the way there and back.
const ANSWER: Duration = Duration::from_secs(3);
/// How long nothing was drawn of a prompt until it is whole, once its line editor reads keys.
const PROMPTING: Duration = Duration::from_millis(30);
/// The same where the line editor does not say that it reads keys.
const PROMPTING_UNSAID: Duration = Duration::from_millis(200);
/// How long a shell may take to draw a prompt that it announced.
const DRAWING: Duration = Duration::from_secs(3);
/// What line editors write once they read keys: pastes are to be marked, or not any more.
const MARKS: (&[u8], &[u8]) = (b"\x1b[?2004h", b"\x1b[?2004l");
/// How long a target may take to start the shell of an account, up to its hello; and how long once it showed something
/// else, which a command that is forced on the account does instead.
const HELLO: Duration = Duration::from_secs(20);
const HELLO_BEHIND: Duration = Duration::from_secs(2);

struct Watched {
    tracker: LineTracker,
    last_change: Instant,
    widget: Option<Widget>,
    /// The shell of the account, once it said hello.
    hello: Option<String>,
    /// Whether anything was shown at all.
    shown: bool,
    /// The last prompt that was announced.
    prompt: Prompt,
    /// Whether a full-screen program had the screen then.
    prompted_in_full: bool,
    /// Whether a key in the shell wants to submit the line.
    enter: bool,
    /// Whether the line is asked for because of that.
    by_shell: bool,
    /// Nobody waits for a hello any more.
    hello_missed: bool,
    reserved: Reserved,
}

/// How far a prompt is that the shell announced. Keys that come before its line editor reads them are echoed by the
/// terminal, so that the bastion's would be shown.
#[derive(Debug, Clone, Copy)]
enum Prompt {
    /// It was announced, and nothing is shown of it.
    Announced { at: Instant },
    /// Something is shown since, at last then; and whether the line editor said that it reads keys.
    Drawn {
        at: Instant,
        last: Instant,
        said: bool,
    },
    /// The line editor reads keys, and the prompt is whole.
    Ready,
}

impl Prompt {
    /// When its line editor reads keys, as far as that is known.
    fn ready(self) -> Option<Instant> {
        let (at, known) = match self {
            Self::Ready => return None,
            Self::Announced { at } => return Some(at + DRAWING),
            Self::Drawn { at, last, said } => {
                let quiet = if said { PROMPTING } else { PROMPTING_UNSAID };
                (at, last + quiet)
            }
        };
        Some(known.min(at + DRAWING))
    }

    /// After this was shown.
    fn shown(self, bytes: &[u8], now: Instant) -> Self {
        let (at, said) = match self {
            Self::Announced { at } => (at, false),
            Self::Drawn { at, said, .. } => (at, said),
            Self::Ready => return self,
        };
        if self.ready().is_some_and(|ready| ready <= now) {
            return Self::Ready;
        }
        if bytes.is_empty() {
            return self;
        }
        let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|it| it == mark);
        let said = said || last(MARKS.0) > last(MARKS.1);
        Self::Drawn {
            at,
            last: now,
            said,
        }
    }
}

/// What a shell wants of its own accord.
#[derive(Debug)]
pub enum Wish {
    /// A key in it wants to submit the line.
    Submit,
    /// It said hello when nobody waited for that any more: it gets this, and is a plain one.
    Start(Bytes),
}

/// A terminal's screen, fed from both directions of its channel.
pub struct Screen {
    watched: Mutex<Watched>,
    /// The shell said something.
    said: Notify,
}

impl Screen {
    /// An empty screen; with the widget of a shell that is started with it.
    pub fn new(rows: u16, columns: u16, widget: Option<Widget>) -> Self {
        let now = Instant::now();
        Self {
            watched: Mutex::new(Watched {
                tracker: LineTracker::new(rows, columns),
                last_change: now,
                widget,
                hello: None,
                shown: false,
                prompt: Prompt::Ready,
                prompted_in_full: false,
                enter: false,
                by_shell: false,
                hello_missed: false,
                reserved: Reserved::default(),
            }),
            said: Notify::new(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Watched) -> T) -> T {
        work(&mut self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The target wrote this to the terminal; gives what of it is for the client.
    pub fn output(&self, bytes: &Bytes) -> Bytes {
        let (shown, news) = self.with(|watched| watched.output(bytes));
        if news {
            self.said.notify_one();
        }
        shown
    }

    /// What of a client's bytes may go to a shell that takes keys of the bastion's.
    pub fn without_reserved(&self, bytes: Bytes) -> Bytes {
        self.with(|watched| match watched.widget {
            Some(_) => watched.reserved.without(bytes),
            None => bytes,
        })
    }

    /// Input that submits nothing was sent to the target.
    pub fn input(&self, bytes: &[u8]) {
        self.with(|watched| {
            // What a program reads is no line.
            if watched.reader() != Reader::Program {
                watched.tracker.input(bytes);
            }
            watched.last_change = Instant::now();
        });
    }

    /// The withheld key of a line was sent, which makes this of what is typed while it runs.
    pub fn submitted(&self, key: &[u8], input: Input) {
        self.with(|watched| {
            watched.tracker.submitted(key);
            watched.enter = false;
            watched.reserved.interrupted();
            watched.last_change = Instant::now();
            if let Some(widget) = &mut watched.widget {
                widget.submitted(input);
            }
        });
    }

    /// The terminal has another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.with(|watched| watched.tracker.resize(rows, columns));
    }

    /// The last lines that are not empty, safe to print.
    pub fn lines(&self, count: usize) -> Vec<String> {
        self.with(|watched| watched.tracker.screen_lines(count))
    }

    /// A notice with the prompt and the line as they stand below it, drawn anew.
    pub fn below(&self, notice: &[u8]) -> Bytes {
        let line = self.with(|watched| watched.tracker.redrawn());
        Bytes::from([notice, &line].concat())
    }

    /// Who reads what is typed, as far as the shell has proved it.
    pub fn reader(&self) -> Reader {
        self.with(|watched| watched.reader())
    }

    /// Waits for the hello of the account's shell, and gives what is to be sent to it; `None` where none is expected,
    /// or none came.
    pub async fn hello(&self) -> Option<Bytes> {
        if !self.with(|watched| watched.widget.is_some()) {
            return None;
        }
        let hello = || self.until(|watched| watched.hello.take());
        let first = self.until(|watched| (watched.hello.is_some() || watched.shown).then_some(()));
        let shell = match tokio::time::timeout(HELLO, first).await {
            Ok(()) => tokio::time::timeout(HELLO_BEHIND, hello()).await.ok(),
            Err(_) => None,
        };
        self.with(|watched| {
            watched.hello_missed = shell.is_none();
            let text = watched.widget.as_ref()?.installation(&shell?);
            (!text.is_empty()).then(|| Bytes::from(text))
        })
    }

    /// Waits until the shell wants something. One at a time may wait for what the shell says.
    pub async fn wish(&self) -> Wish {
        self.until(Watched::wish).await
    }

    /// Gets ready to ask the line editor for its line, and gives the key that asks.
    pub async fn ask(&self) -> Option<Vec<u8>> {
        while let Some(ready) = self.with(|watched| watched.prompt.ready()) {
            tokio::select! {
                () = tokio::time::sleep_until(ready) => break,
                () = self.said.notified() => {}
            }
        }
        self.with(|watched| {
            watched.enter = false;
            watched.reserved.interrupted();
            Some(watched.widget.as_mut()?.ask())
        })
    }

    /// Whether the line was asked for by the shell itself; once.
    pub fn asked_by_shell(&self) -> bool {
        self.with(|watched| std::mem::take(&mut watched.by_shell))
    }

    /// The key that goes on with a line that is not whole.
    pub fn newline(&self) -> Option<Vec<u8>> {
        self.with(|watched| Some(watched.widget.as_ref()?.newline()))
    }

    /// The key that empties the line of an editor that reports it.
    pub fn clear(&self) -> Option<Vec<u8>> {
        self.with(|watched| {
            watched.reserved.interrupted();
            let editing = watched.reader() == Reader::Editor;
            Some(watched.widget.as_ref().filter(|_| editing)?.clear())
        })
    }

    /// Waits for the line that was asked for; `None` when it did not come, or what is typed is read by somebody else.
    pub async fn told(&self) -> Option<Told> {
        let told = self.until(|watched| watched.told());
        let told = tokio::time::timeout(ANSWER, told).await.ok();
        if told.is_none() {
            self.with(|watched| {
                if let Some(widget) = &mut watched.widget {
                    widget.lost();
                }
            });
        }
        told
    }

    /// The line that was told is not to be submitted.
    pub fn looked_at(&self) {
        self.with(|watched| {
            if let Some(widget) = &mut watched.widget {
                widget.looked_at();
            }
        });
    }

    /// Reads the line when its echo is complete, or as it stands when that takes too long.
    pub async fn read_line(&self) -> Line {
        let patience = Instant::now() + PATIENCE;
        loop {
            let quiet = self.with(|watched| watched.last_change) + QUIET;
            tokio::time::sleep_until(quiet.min(patience)).await;
            let still = self.with(|watched| watched.last_change) + QUIET <= Instant::now();
            let line = self.line_now();
            if Instant::now() >= patience || (still && !line.reading.is_opaque()) {
                return line;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the shell drew what it has to draw of a line that it told, so that a notice is not drawn over.
    pub async fn drawn(&self) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let quiet = (self.with(|watched| watched.last_change) + QUIET).min(patience);
            if quiet <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(quiet).await;
        }
    }

    /// The line as it stands now.
    pub fn line_now(&self) -> Line {
        self.with(|watched| watched.tracker.read())
    }

    /// Waits until the output that followed a submitted line has settled; where the shell tells of its prompts, for the
    /// next one.
    pub async fn settled(&self) {
        let patience = Instant::now() + SETTLE_PATIENCE;
        loop {
            let (reader, changed, ready) = self.with(|watched| {
                let ready = watched.prompt.ready();
                (watched.reader(), watched.last_change, ready)
            });
            let settled = match reader {
                Reader::Unknown => Some(changed + SETTLED),
                Reader::Editor => ready,
                Reader::Program => Some(patience),
            };
            let Some(settled) = settled.map(|at| at.min(patience)) else {
                return;
            };
            if Instant::now() >= settled {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(settled) => {}
                () = self.said.notified() => {}
            }
        }
    }

    /// Waits until what the shell said gives something.
    async fn until<T>(&self, mut look: impl FnMut(&mut Watched) -> Option<T>) -> T {
        loop {
            if let Some(found) = self.with(&mut look) {
                return found;
            }
            self.said.notified().await;
        }
    }
}

impl Watched {
    /// A full-screen program that opened since the prompt is no line editor, whatever key opened it.
    fn reader(&self) -> Reader {
        let reader = self.widget.as_ref().map_or(Reader::Unknown, Widget::reader);
        match reader {
            Reader::Editor if self.tracker.is_full() && !self.prompted_in_full => Reader::Unknown,
            Reader::Editor | Reader::Program | Reader::Unknown => reader,
        }
    }

    /// Gives what is shown, and whether there is something that somebody may wait for.
    fn output(&mut self, bytes: &Bytes) -> (Bytes, bool) {
        self.last_change = Instant::now();
        let Some(widget) = &mut self.widget else {
            self.tracker.output(bytes);
            return (bytes.clone(), false);
        };
        let (shown, said) = widget.output(bytes);
        let first = !self.shown && !shown.is_empty();
        self.shown |= first;
        let mut news = first || !said.is_empty();
        self.tracker.output(&shown);
        for said in said {
            match said {
                Said::Hello(shell) => self.hello = Some(shell),
                Said::Prompt => {
                    self.prompt = Prompt::Announced {
                        at: self.last_change,
                    };
                    self.prompted_in_full = self.tracker.is_full();
                    self.tracker.prompted();
                }
                Said::Enter => self.enter = true,
                Said::Line => {}
            }
        }
        if self.prompt.ready().is_some() {
            self.prompt = self.prompt.shown(&shown, self.last_change);
            news = true;
        }
        (shown, news)
    }

    fn wish(&mut self) -> Option<Wish> {
        if self.hello_missed && self.hello.take().is_some() {
            let plain = self.widget.as_ref()?.plain();
            return Some(Wish::Start(plain.into()));
        }
        let enter = std::mem::take(&mut self.enter) && self.reader() == Reader::Editor;
        self.by_shell |= enter;
        enter.then_some(Wish::Submit)
    }

    fn told(&mut self) -> Option<Told> {
        let mut told = self.widget.as_mut()?.told()?;
        let text = String::from_utf8_lossy(&told.line.bytes);
        if self.tracker.contradicts(&text) {
            told.line.reading.unknowns.push(Unknown {
                reason: "the screen shows another line than the shell tells".to_owned(),
                span: None,
            });
        }
        Some(told)
    }
}
