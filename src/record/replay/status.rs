//! The status line of a replay: one row of plain text, cut to the viewer's width.

use std::time::Duration;

use unicode_width::UnicodeWidthChar;

use crate::record::asciicast::{Header, TerminalSize};
use crate::record::drawable;
use crate::record::recording::{Ending, Marker, Survey};

const KEYS: &str = "space pause · . , speed · ← → seek · n p marker · q quit";
const QUIT: &str = "q quit";
/// Who is new to it sees the keys for so long; afterwards they show where they fit and while it is paused.
const KEYS_SHOWN: Duration = Duration::from_secs(4);

/// Whether the screen shows the playhead's moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Shown,
    /// A seek has not come there yet.
    Behind,
}

/// What the status line tells.
pub(super) struct Status<'a> {
    pub(super) header: &'a Header,
    pub(super) survey: &'a Survey,
    pub(super) playing: bool,
    pub(super) progress: Progress,
    pub(super) position: Duration,
    pub(super) speed: f64,
    pub(super) marker: Option<&'a Marker>,
    pub(super) clipped: Option<TerminalSize>,
}

impl Status<'_> {
    /// The line, exactly `cols` columns wide.
    pub(super) fn line(&self, cols: u16) -> String {
        let cols = usize::from(cols);
        let mut head = format!(
            " {} {}x {}/{}",
            self.state(),
            self.speed,
            clock(self.position),
            clock(self.survey.played)
        );
        if let Some(size) = self.clipped {
            head.push_str(&format!("  clipped: recorded {size}"));
        }
        let mut all = head.clone();
        for part in [self.whose(), self.marker.map(|marker| marker.text.clone())] {
            if let Some(part) = part.filter(|part| !part.is_empty()) {
                all.push_str("  ");
                all.push_str(&part);
            }
        }
        let hint = !self.playing || self.position < KEYS_SHOWN;
        for (text, keys) in [(&all, KEYS), (&head, if hint { KEYS } else { "" })] {
            let line = format!("{text}  {keys}");
            if !keys.is_empty() && width(&line) < cols {
                return fit(&line, cols);
            }
        }
        let line = format!("{all}  {QUIT}");
        fit(if width(&line) < cols { &line } else { &all }, cols)
    }

    fn state(&self) -> &'static str {
        let at_end = self.position >= self.survey.played;
        match (self.progress, self.playing, &self.survey.ending) {
            (Progress::Behind, ..) => "seek",
            (Progress::Shown, true, _) => "play",
            (Progress::Shown, false, Ending::Exit(_)) if at_end => "end",
            (Progress::Shown, false, Ending::Open) if at_end => "end so far",
            (Progress::Shown, false, Ending::Exit(_) | Ending::Open) => "pause",
        }
    }

    fn whose(&self) -> Option<String> {
        match &self.header.origin {
            Some(origin) => Some(format!("{} → {}", origin.person, origin.destination)),
            None => self.header.title.clone(),
        }
    }
}

/// `mm:ss`, or `h:mm:ss`.
pub(in crate::record) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The text in exactly so many columns.
pub(in crate::record) fn fit(text: &str, cols: usize) -> String {
    let mut line = String::new();
    let mut used = 0;
    for c in text.chars().filter(|c| drawable(*c)) {
        let wide = c.width().unwrap_or(0);
        if used + wide > cols {
            break;
        }
        used += wide;
        line.push(c);
    }
    line.extend(std::iter::repeat_n(' ', cols - used));
    line
}
