//! The reports of a shell within its output: found, taken off, and read.
//!
//! A report is `OSC 7878 ; NONCE ; KIND … BEL` with control characters spelled `%XX`. Invariant: nothing that begins
//! with the nonce of the session comes out, whatever the pieces it came in; anything else comes out as it came.

use std::fmt;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use super::mask::Mask;
use crate::domain::command::PARSED_BYTES;

const ESCAPE: u8 = 0x1b;
const END: u8 = 0x07;
const INTRODUCER: &[u8] = b"\x1b]7878;";
const HELLO: &[u8] = b"hello;";
/// Most bytes of a report: each of a line that is still parsed may be spelled out in three. A longer one tells nothing.
const REPORT_BYTES: usize = 3 * PARSED_BYTES + 64;
/// Most bytes of a hello. It has no nonce yet, so that anybody may write one: it must not swallow output.
const HELLO_BYTES: usize = 128;
/// Bytes of the secret.
const NONCE_BYTES: usize = 16;

/// What tells the reports of a session's own shell from whatever else its terminal shows, and the bastion's keys and
/// texts from whatever else it reads.
#[derive(Clone)]
pub struct Nonce {
    report: Zeroizing<String>,
    digits: Zeroizing<String>,
    token: Zeroizing<String>,
}

impl Nonce {
    /// A new one; `None` when the system gives no random bytes.
    pub fn random() -> Option<Self> {
        let mut bytes = [0; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let report = Zeroizing::new(hex::encode(bytes));
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let token = Zeroizing::new(hex::encode(bytes));
        let mut key = [0; 8];
        aws_lc_rs::rand::fill(&mut key).ok()?;
        let digits = Zeroizing::new(format!("{:020}", u64::from_be_bytes(key)));
        Some(Self {
            report,
            digits,
            token,
        })
    }

    /// As it is written in a report.
    pub(super) fn as_str(&self) -> &str {
        &self.report
    }

    /// As it is written in a key of the bastion's.
    pub(super) fn digits(&self) -> &str {
        &self.digits
    }

    /// As it is written before a start text. Who looks at the target's processes can see it while the shell starts.
    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Report {
    /// The shell of the account waits for its start file.
    Hello(String),
    /// A prompt is about to be drawn.
    Prompt,
    /// A key wants to submit the line.
    Enter,
    /// The line, and the number of its key.
    Line {
        count: u64,
        ends: Ends,
        /// Whether it ended with Enter.
        entered: bool,
        /// As it stands in the editor.
        text: Vec<u8>,
    },
}

/// Whether a shell takes its line for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// It cannot tell.
    Unknown,
    /// It does.
    Here,
    /// More has to follow.
    Later,
}

/// Takes reports off a stream.
pub(super) struct Reports {
    nonce: Nonce,
    /// `OSC 7878 ; NONCE`
    ours: Vec<u8>,
    /// What may be the begin of a report, or is one whose end has not come.
    held: BytesMut,
    /// A shell says hello once.
    greeted: bool,
    /// What is shown may hold neither secret.
    masks: [Mask; 2],
}

/// What output begins with.
enum Beginning {
    /// A report with its end behind so many bytes.
    Report(usize),
    /// Perhaps a report.
    Unclear,
    /// Something else.
    Other,
}

impl Reports {
    pub(super) fn new(nonce: Nonce) -> Self {
        let ours = [INTRODUCER, nonce.as_str().as_bytes()].concat();
        Self {
            masks: [Mask::new(nonce.as_str()), Mask::new(nonce.digits())],
            nonce,
            ours,
            held: BytesMut::new(),
            greeted: false,
        }
    }

    pub(super) fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Gives the output without reports and secrets, and the reports.
    pub(super) fn take(&mut self, bytes: &Bytes) -> (Bytes, Vec<Report>) {
        let (shown, reports) = self.without_reports(bytes);
        let masked = self
            .masks
            .iter_mut()
            .fold(shown, |shown, mask| mask.take(shown));
        (masked, reports)
    }

    fn without_reports(&mut self, bytes: &Bytes) -> (Bytes, Vec<Report>) {
        if self.held.is_empty() && !bytes.contains(&ESCAPE) {
            return (bytes.clone(), Vec::new());
        }
        let mut left = std::mem::take(&mut self.held);
        left.extend_from_slice(bytes);
        let mut shown = BytesMut::with_capacity(left.len());
        let mut reports = Vec::new();
        while !left.is_empty() {
            let plain = left.iter().position(|byte| *byte == ESCAPE);
            shown.extend_from_slice(&left.split_to(plain.unwrap_or(left.len())));
            match self.beginning(&left) {
                Beginning::Report(length) => {
                    let report = left.split_to(length);
                    reports.extend(self.read(&report));
                }
                Beginning::Unclear => {
                    self.hold(left);
                    break;
                }
                Beginning::Other => {
                    let length = left.len().min(1);
                    shown.extend_from_slice(&left.split_to(length));
                }
            }
        }
        (shown.freeze(), reports)
    }

    fn beginning(&self, bytes: &[u8]) -> Beginning {
        let hello = [INTRODUCER, HELLO].concat();
        let starts = |known: &[u8]| bytes.starts_with(known);
        let greets = !self.greeted && starts(&hello) && bytes.len() < HELLO_BYTES;
        if starts(&self.ours) || greets {
            return match bytes.iter().position(|byte| *byte == END) {
                Some(end) => Beginning::Report(end + 1),
                None => Beginning::Unclear,
            };
        }
        let may_become =
            self.ours.starts_with(bytes) || (!self.greeted && hello.starts_with(bytes));
        if may_become && !bytes.is_empty() {
            Beginning::Unclear
        } else {
            Beginning::Other
        }
    }

    /// Keeps what is not whole. Of one that is too long only so much is kept as to find its end.
    fn hold(&mut self, mut begun: BytesMut) {
        if begun.len() > REPORT_BYTES {
            begun.truncate(REPORT_BYTES);
        }
        self.held = begun;
    }

    fn read(&mut self, report: &[u8]) -> Option<Report> {
        if report.len() > REPORT_BYTES {
            return None;
        }
        let inner = report.strip_suffix(&[END])?;
        if let Some(inner) = inner.strip_prefix(self.ours.as_slice()) {
            return parse(inner.strip_prefix(b";")?);
        }
        self.greeted = true;
        let name = inner.strip_prefix(INTRODUCER)?.strip_prefix(HELLO)?;
        Some(Report::Hello(String::from_utf8_lossy(name).into_owned()))
    }
}

fn parse(report: &[u8]) -> Option<Report> {
    match report {
        b"prompt" => return Some(Report::Prompt),
        b"enter" => return Some(Report::Enter),
        _ => {}
    }
    let mut fields = report.splitn(6, |byte| *byte == b';');
    let mut field = || std::str::from_utf8(fields.next()?).ok();
    let (kind, count, ends, entered, length) = (field()?, field()?, field()?, field()?, field()?);
    let text = fields.next()?;
    let ends = match ends {
        "" => Ends::Unknown,
        "here" => Ends::Here,
        "later" => Ends::Later,
        _ => return None,
    };
    // What ends before its length was cut by an end of its own: it is not the whole line. Fish counts characters.
    let whole = match ends {
        Ends::Unknown => text.len(),
        Ends::Here | Ends::Later => std::str::from_utf8(text).ok()?.chars().count(),
    };
    (kind == "line" && length.parse() == Ok(whole)).then_some(())?;
    Some(Report::Line {
        count: count.parse().ok()?,
        ends,
        entered: entered == "1",
        text: spelled(text)?,
    })
}

/// A text in which control characters and `%` are spelled `%XX`.
fn spelled(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text;
    while let Some((byte, rest)) = left.split_first() {
        left = rest;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (code, rest) = left.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()?);
        left = rest;
    }
    Some(bytes)
}
