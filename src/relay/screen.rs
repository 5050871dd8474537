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
/// How long after it said so a shell takes to draw its prompt and to read keys as its line editor does.
const PROMPTING: Duration = Duration::from_millis(30);
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
    /// When the last prompt was announced.
    prompted: Instant,
    /// Whether a key in the shell wants to submit the line.
    enter: bool,
    /// Whether the line is asked for because of that.
    by_shell: bool,
    /// Nobody waits for a hello any more.
    hello_missed: bool,
    reserved: Reserved,
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
                prompted: now,
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
        let (shown, told) = self.with(|watched| watched.output(bytes));
        if told {
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

    /// The prompt with the line as it stands, to be drawn anew below a notice.
    pub fn redrawn(&self) -> Vec<u8> {
        self.with(|watched| watched.tracker.redrawn())
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
        let hello = self.until(|watched| watched.hello.take());
        let other = async {
            tokio::select! {
                () = tokio::time::sleep(HELLO) => {}
                () = self.other_output() => tokio::time::sleep(HELLO_BEHIND).await,
            }
        };
        let shell = tokio::select! {
            biased;
            shell = hello => shell,
            () = other => {
                self.with(|watched| watched.hello_missed = true);
                return None;
            }
        };
        self.with(|watched| {
            let text = watched.widget.as_ref()?.installation(&shell);
            (!text.is_empty()).then(|| Bytes::from(text))
        })
    }

    /// Waits until the target showed anything.
    async fn other_output(&self) {
        while !self.with(|watched| watched.shown) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the shell wants something. One at a time may wait for what the shell says.
    pub async fn wish(&self) -> Wish {
        self.until(Watched::wish).await
    }

    /// Gets ready to ask the line editor for its line, and gives the key that asks.
    pub async fn ask(&self) -> Option<Vec<u8>> {
        let ready = self.with(|watched| watched.prompted) + PROMPTING;
        tokio::time::sleep_until(ready).await;
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

    /// The line as it stands now.
    pub fn line_now(&self) -> Line {
        self.with(|watched| watched.tracker.read())
    }

    /// Waits until the output that followed a submitted line has settled; where the shell tells of its prompts, for the
    /// next one.
    pub async fn settled(&self) {
        let patience = Instant::now() + SETTLE_PATIENCE;
        loop {
            let (reader, changed, prompted) =
                self.with(|watched| (watched.reader(), watched.last_change, watched.prompted));
            let settled = match reader {
                Reader::Unknown => changed + SETTLED,
                Reader::Editor => prompted + PROMPTING,
                Reader::Program => patience,
            };
            let settled = settled.min(patience);
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
    fn reader(&self) -> Reader {
        let widget = self.widget.as_ref();
        widget.map_or(Reader::Unknown, Widget::reader)
    }

    fn output(&mut self, bytes: &Bytes) -> (Bytes, bool) {
        self.last_change = Instant::now();
        let Some(widget) = &mut self.widget else {
            self.tracker.output(bytes);
            return (bytes.clone(), false);
        };
        let (shown, said) = widget.output(bytes);
        self.shown |= !shown.is_empty();
        let told = !said.is_empty();
        self.tracker.output(&shown);
        for said in said {
            match said {
                Said::Hello(shell) => self.hello = Some(shell),
                Said::Prompt => {
                    self.prompted = self.last_change;
                    self.tracker.prompted();
                }
                Said::Enter => self.enter = true,
                Said::Line => {}
            }
        }
        (shown, told)
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
