//! A command that is about to run, and how well it was understood.
//!
//! The bytes are what the target would get; everything else is commentary on them. A [`Reading`] never claims
//! more than was understood: whatever could not be read has its [`Unknown`] with a reason.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::domain::id::SessionId;
use crate::domain::sudo::SudoFacts;
use crate::domain::target::Destination;

/// Longest command that inspection parses, in bytes; a longer one is opaque (it is still held and sent whole).
pub const PARSED_BYTES: usize = 16 * 1024;

/// Where in the session a command was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The opening of a target, before anything is asked for there.
    Connect,
    /// An exec request (RFC 4254 section 6.5).
    Exec,
    /// A line typed in an interactive shell.
    Line,
    /// A shell request without a command.
    Shell,
    /// A subsystem request, such as `sftp`.
    Subsystem,
    /// A port or socket forward, or the agent of one's own.
    Forward,
    /// One operation of a file transfer.
    Transfer,
    /// A sudo, as the target's own PAM module described it before it ran.
    Sudo,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Exec => "exec",
            Self::Line => "line",
            Self::Shell => "shell",
            Self::Subsystem => "subsystem",
            Self::Forward => "forward",
            Self::Transfer => "transfer",
            Self::Sudo => "sudo",
        })
    }
}

/// The place a command would run in. With the bytes it makes the digest that approvals are bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Login and target.
    pub destination: Destination,
    /// The session.
    pub session: SessionId,
    /// How many commands the session submitted before this one.
    pub ordinal: u64,
}

/// Exactly the bytes that would reach the target, with their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Where it would run.
    pub scope: Scope,
    /// Where it was seen.
    pub layer: Layer,
    /// The bytes.
    #[serde(with = "crate::domain::hexadecimal")]
    pub bytes: Vec<u8>,
    /// What stands on its standard input, where it takes that for commands and they are asked about with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Box<Script>>,
}

/// Most bytes of a script that are kept to be shown; all of it is sent, and its digest binds it.
pub const SCRIPT_SHOWN_BYTES: usize = PARSED_BYTES;

/// Commands on the standard input of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its beginning, for people.
    #[serde(with = "crate::domain::hexadecimal")]
    pub head: Vec<u8>,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub sha256: String,
}

impl Script {
    /// The script of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let head = bytes.get(..SCRIPT_SHOWN_BYTES).unwrap_or(bytes).to_vec();
        Self {
            head,
            length: bytes.len() as u64,
            sha256: hex::encode(digest(&SHA256, bytes)),
        }
    }

    /// How much of it there is, and its digest, in words.
    pub fn described(&self) -> String {
        let bytes = match self.length {
            1 => "1 byte".to_owned(),
            length => format!("{length} bytes"),
        };
        format!("{bytes} on standard input, SHA-256 {}", self.sha256)
    }
}

impl Command {
    /// The digest an approval is bound to: SHA-256 over every field, each with its length before it.
    pub fn digest(&self) -> CommandDigest {
        let mut context = Context::new(&SHA256);
        let mut field = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        field(b"countersign command v1");
        field(self.scope.destination.target.as_str().as_bytes());
        field(self.scope.destination.login.as_str().as_bytes());
        field(self.scope.session.to_string().as_bytes());
        field(&self.scope.ordinal.to_be_bytes());
        field(self.layer.to_string().as_bytes());
        field(&self.bytes);
        if let Some(script) = &self.script {
            field(&script.length.to_be_bytes());
            field(script.sha256.as_bytes());
        }
        CommandDigest(hex::encode(context.finish()))
    }

    /// The command for a screen, with everything spelled out that could hide or move the cursor.
    pub fn shown(&self) -> String {
        let bytes = visible(&self.bytes);
        match &self.script {
            None => bytes,
            Some(script) => {
                let head = visible(&script.head);
                format!("{bytes} < ({}) {head}", script.described())
            }
        }
    }
}

/// Bytes as text that is safe on any terminal: what does not show as itself is spelled out.
pub fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\u{0}'..='\u{1f}' => {
                    text.push('^');
                    text.push(char::from(c as u8 + 64));
                }
                c if shows_as_itself(c) => text.push(c),
                hidden => text.extend(hidden.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Whether a reader sees a character as what it is: none that steers a terminal or changes the order of text, and
/// none that is invisible or looks like the space that parts words and is another. Combining marks do show.
pub fn shows_as_itself(c: char) -> bool {
    let hidden = matches!(c,
        // Soft hyphen, grapheme joiner, Arabic letter mark.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
        // Fillers of Hangul, vowels of Khmer that are not drawn, the empty Braille pattern.
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}'
        // Variation selectors.
        | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}'
        // Zero width, joiners, marks and controls of direction.
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // Interlinear annotation, and what is reserved before it.
        | '\u{fff0}'..='\u{fffb}'
        // Format controls of hieroglyphs, shorthand and music.
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags, further variation selectors, and what is reserved about them.
        | '\u{e0000}'..='\u{e0fff}'
    );
    !hidden && !c.is_control() && (c == ' ' || !c.is_whitespace())
}

/// SHA-256 of a command with its place, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandDigest(String);

impl fmt::Display for CommandDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What inspection understood of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The simple commands it reaches, in order, wrappers unwrapped.
    pub commands: Vec<SimpleCommand>,
    /// The tools by which it asks for another user's rights: `sudo`, `su`, `doas`, ….
    pub elevation: BTreeSet<String>,
    /// Programs in it that can start a shell or run code of their own: editors, pagers, interpreters.
    pub escapes: BTreeSet<String>,
    /// Files it would write by redirection, paths of a file transfer, connections by `/dev/tcp`, and inputs whose name is
    /// computed.
    pub paths: Vec<String>,
    /// What could not be read, each with a reason. Not empty means opaque.
    pub unknowns: Vec<Unknown>,
    /// What a program in it makes of the client's own input.
    #[serde(default, skip_serializing_if = "StandardInput::is_data")]
    pub input: StandardInput,
    /// What the sudo gate knows beyond that, of a sudo that it was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo: Option<Box<SudoFacts>>,
}

/// What becomes of the bytes that a client sends to a command's standard input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandardInput {
    /// Nothing runs because of them, as far as is known.
    #[default]
    Data,
    /// A shell runs them.
    Commands,
    /// An interpreter or a database client runs them, in a language of its own.
    Code,
}

impl StandardInput {
    /// Whether nothing in it is run.
    pub fn is_data(&self) -> bool {
        *self == Self::Data
    }
}

impl Reading {
    /// A reading of which nothing was understood, for one reason.
    pub fn opaque(reason: impl Into<String>) -> Self {
        Self {
            unknowns: vec![Unknown {
                reason: reason.into(),
                span: None,
            }],
            ..Self::default()
        }
    }

    /// Whether anything in it could not be read.
    pub fn is_opaque(&self) -> bool {
        !self.unknowns.is_empty()
    }

    /// Names of the programs it reaches, each once, as [`SimpleCommand::program`] has them.
    pub fn programs(&self) -> BTreeSet<String> {
        self.commands.iter().map(|c| c.program.clone()).collect()
    }
}

/// One program that a command reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimpleCommand {
    /// The program's name, without its folder when that is one of the system's. Another keeps its path: an allowlist
    /// that names `ls` must not be fooled by `/tmp/ls`.
    pub program: String,
    /// All words as they would be passed, the program first.
    pub words: Vec<String>,
    /// The programs it runs through (`env`, `nice`, `sh -c`, …), outermost first.
    pub wrappers: Vec<String>,
}

/// Something in a command that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Why, for people: `a program name that is computed`.
    pub reason: String,
    /// Where in the text, as byte offsets.
    pub span: Option<(usize, usize)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn command(bytes: &[u8], ordinal: u64) -> Command {
        let destination = Destination {
            login: "deploy".parse().unwrap(),
            target: "db1".parse().unwrap(),
        };
        let session = SessionId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        Command {
            scope: Scope {
                destination,
                session,
                ordinal,
            },
            layer: Layer::Exec,
            bytes: bytes.to_vec(),
            script: None,
        }
    }

    #[test]
    fn any_change_of_bytes_place_or_layer_changes_the_digest() {
        let first = command(b"id", 0);
        assert_eq!(first.digest(), command(b"id", 0).digest());
        assert_ne!(first.digest(), command(b"id ", 0).digest());
        assert_ne!(first.digest(), command(b"id", 1).digest());
        let line = Command {
            layer: Layer::Line,
            ..first.clone()
        };
        assert_ne!(first.digest(), line.digest());
        let fed = |script: &[u8]| Command {
            script: Some(Box::new(Script::of(script))),
            ..first.clone()
        };
        assert_ne!(first.digest(), fed(b"").digest());
        let long = vec![b'x'; SCRIPT_SHOWN_BYTES + 1];
        let other = [&long[1..], b"y"].concat();
        assert_eq!(
            fed(&long).script.unwrap().head,
            fed(&other).script.unwrap().head
        );
        assert_ne!(fed(&long).digest(), fed(&other).digest());
    }

    #[test]
    fn a_command_cannot_hide_itself_on_a_screen() {
        let sneaky = "ls\u{1b}[2K\rrm -rf /\u{202e}\u{7f}".as_bytes();
        assert_eq!(visible(sneaky), "ls^[[2K^Mrm -rf /\\u{202e}\\u{7f}");
        assert_eq!(visible(b"\xff\xfeok"), "\\xff\\xfeok");
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        let hidden = "\u{7f} \u{80} \u{85} \u{9f} \u{a0} \u{ad} \u{34f} \u{61c} \u{115f} \u{1160} \u{1680} \u{17b4} \u{180e} \
                      \u{2003} \u{200b} \u{200d} \u{2028} \u{2029} \u{202e} \u{202f} \u{205f} \u{2060} \u{2066} \u{206f} \
                      \u{2800} \u{3000} \u{3164} \u{fe00} \u{fe0f} \u{feff} \u{ffa0} \u{fff9} \u{fffb} \u{1343f} \u{1bca3} \
                      \u{1d173} \u{e0000} \u{e0001} \u{e0041} \u{e007f} \u{e0100} \u{e01ef}";
        for c in hidden.split(' ') {
            let spelled = visible(c.as_bytes());
            assert_eq!(spelled, c.escape_unicode().to_string());
            assert_eq!(visible(spelled.as_bytes()), spelled);
        }
        let plain = "ls -l ~/é e\u{301} 漢字 한글 हिन्दी עברית العربية 🦀 ─│ …\u{fffd}\u{e000}";
        assert_eq!(visible(plain.as_bytes()), plain);
    }
}
