//! The old protocol of `scp`, followed to tell which files passed.
//!
//! One side gives files, the other acknowledges each line and each file of it. The direction was asked about when the
//! command started, so all bytes pass as they are; this owns only what is known of them. Invariant: what does not hold
//! to the protocol is an error, so that no file passes untold.

use crate::transfer::Malformed;
use crate::transfer::content::{Content, Direction, Transferred, Unproved};
use crate::transfer::path::PATH_BYTES;

/// Longest line: mode, size and a name.
const LINE_BYTES: usize = PATH_BYTES + 64;
/// Folders that a file may lie in below the path of the command.
const DEPTH: usize = 1024;

/// One followed transfer.
#[derive(Debug)]
pub struct Scp {
    direction: Direction,
    path: Vec<u8>,
    folders: Vec<Vec<u8>>,
    giver: Giver,
    awaited: Awaited,
    taker: Taker,
}

/// Where the stream of the side that gives files stands.
#[derive(Debug)]
enum Giver {
    Line(Vec<u8>),
    File {
        name: Vec<u8>,
        content: Content,
        left: u64,
    },
    /// A byte that says whether all of the file could be read.
    Verdict {
        name: Vec<u8>,
        content: Content,
    },
    /// The reason why not, up to the end of its line.
    Complaint {
        name: Vec<u8>,
        content: Content,
    },
}

/// What the next acknowledgement is for.
#[derive(Debug)]
enum Awaited {
    /// A line that changes nothing here, or nothing at all.
    Other,
    Folder(Vec<u8>),
    FolderEnd,
    File {
        name: Vec<u8>,
        size: u64,
    },
    FileEnd {
        name: Vec<u8>,
        content: Content,
    },
}

/// Where the acknowledgements stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    Ready,
    /// In the text of a complaint.
    Complaint,
}

impl Scp {
    /// A transfer that the command with those paths starts; an upload is given by the client, a download by the target.
    pub fn new(direction: Direction, paths: &[String]) -> Self {
        let path = match paths {
            [only] => only.clone(),
            several => shlex_joined(several),
        };
        Self {
            direction,
            path: path.into_bytes(),
            folders: Vec::new(),
            giver: Giver::Line(Vec::new()),
            awaited: Awaited::Other,
            taker: Taker::Ready,
        }
    }

    /// Follows bytes of the client. Gives the files that ended.
    ///
    /// # Errors
    /// When they do not hold to the protocol.
    pub fn from_client(&mut self, chunk: &[u8]) -> Result<Vec<Transferred>, Malformed> {
        match self.direction {
            Direction::Upload => self
                .given(chunk)
                .map(|()| Vec::new())
                .map_err(Malformed::Client),
            Direction::Download => Ok(self.acknowledged(chunk)),
        }
    }

    /// Follows bytes of the target. Gives the files that ended.
    ///
    /// # Errors
    /// When they do not hold to the protocol.
    pub fn from_target(&mut self, chunk: &[u8]) -> Result<Vec<Transferred>, Malformed> {
        match self.direction {
            Direction::Upload => Ok(self.acknowledged(chunk)),
            Direction::Download => self
                .given(chunk)
                .map(|()| Vec::new())
                .map_err(Malformed::Target),
        }
    }

    /// The session ends: what passed of a file that did not end.
    pub fn left_open(&mut self) -> Vec<Transferred> {
        let giver = std::mem::replace(&mut self.giver, Giver::Line(Vec::new()));
        let awaited = std::mem::replace(&mut self.awaited, Awaited::Other);
        let (name, mut content) = match (giver, awaited) {
            (_, Awaited::FileEnd { name, content }) => (name, content),
            (
                Giver::File { name, content, .. }
                | Giver::Verdict { name, content }
                | Giver::Complaint { name, content },
                _,
            ) => (name, content),
            (Giver::Line(_), _) => return Vec::new(),
        };
        content.spoil(Unproved::Part);
        vec![self.ended(name, content)]
    }

    fn given(&mut self, chunk: &[u8]) -> Result<(), &'static str> {
        let mut left = chunk;
        while let Some((first, rest)) = left.split_first() {
            // The other side would take it for what comes behind the answer, and this one could not.
            if !matches!(self.awaited, Awaited::Other) {
                return Err("more before the last line was acknowledged");
            }
            match std::mem::replace(&mut self.giver, Giver::Line(Vec::new())) {
                Giver::Line(mut line) => {
                    let end = left.iter().position(|byte| *byte == b'\n');
                    let (taken, behind) = left.split_at(end.map_or(left.len(), |at| at + 1));
                    line.extend_from_slice(taken);
                    left = behind;
                    if line.len() > LINE_BYTES {
                        return Err("a line that is too long");
                    }
                    match end {
                        Some(_) => self.line(&line)?,
                        None => self.giver = Giver::Line(line),
                    }
                }
                Giver::File {
                    name,
                    mut content,
                    left: missing,
                } => {
                    let here = usize::try_from(missing).unwrap_or(usize::MAX);
                    let (data, behind) = left.split_at(here.min(left.len()));
                    content.take(content.bytes(), data);
                    left = behind;
                    let missing = missing - data.len() as u64;
                    self.giver = file(name, content, missing);
                }
                Giver::Verdict { name, mut content } => {
                    left = rest;
                    if *first == 0 {
                        self.awaited = Awaited::FileEnd { name, content };
                    } else {
                        content.spoil(Unproved::Failed);
                        self.giver = Giver::Complaint { name, content };
                    }
                }
                Giver::Complaint { name, content } => {
                    left = rest;
                    if *first == b'\n' {
                        self.awaited = Awaited::FileEnd { name, content };
                    } else {
                        self.giver = Giver::Complaint { name, content };
                    }
                }
            }
        }
        Ok(())
    }

    /// One line of the giving side, which waits for the answer to each.
    fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let (first, rest) = line.split_first().ok_or("an empty line")?;
        // Complaints are not acknowledged.
        if matches!(first, 1 | 2) {
            return Ok(());
        }
        self.awaited = match first {
            b'T' => Awaited::Other,
            b'E' => Awaited::FolderEnd,
            b'D' if self.folders.len() < DEPTH => Awaited::Folder(named(rest)?.1),
            b'D' => return Err("too many folders in each other"),
            b'C' => {
                let (size, name) = named(rest)?;
                Awaited::File { name, size }
            }
            _ => return Err("a line that is not known"),
        };
        Ok(())
    }

    fn acknowledged(&mut self, chunk: &[u8]) -> Vec<Transferred> {
        let mut ended = Vec::new();
        for byte in chunk {
            match (self.taker, byte) {
                (Taker::Ready, 0) => ended.extend(self.acknowledge(true)),
                (Taker::Ready, _) => self.taker = Taker::Complaint,
                (Taker::Complaint, b'\n') => {
                    self.taker = Taker::Ready;
                    ended.extend(self.acknowledge(false));
                }
                (Taker::Complaint, _) => {}
            }
        }
        ended
    }

    fn acknowledge(&mut self, accepted: bool) -> Option<Transferred> {
        match std::mem::replace(&mut self.awaited, Awaited::Other) {
            Awaited::Folder(name) if accepted => self.folders.push(name),
            Awaited::FolderEnd => drop(self.folders.pop()),
            Awaited::File { name, size } if accepted => {
                let name = self.below(name);
                self.giver = file(name, Content::new(), size);
            }
            Awaited::FileEnd { name, mut content } => {
                if !accepted {
                    content.spoil(Unproved::Failed);
                }
                return Some(self.ended(name, content));
            }
            Awaited::Other | Awaited::Folder(_) | Awaited::File { .. } => {}
        }
        None
    }

    fn below(&self, name: Vec<u8>) -> Vec<u8> {
        let mut parts = self.folders.clone();
        parts.push(name);
        parts.join(&b'/')
    }

    fn ended(&self, name: Vec<u8>, content: Content) -> Transferred {
        Transferred {
            direction: self.direction,
            path: self.path.clone(),
            name: Some(name),
            bytes: content.bytes(),
            sha256: content.finish(),
        }
    }
}

fn file(name: Vec<u8>, content: Content, left: u64) -> Giver {
    match left {
        0 => Giver::Verdict { name, content },
        left => Giver::File {
            name,
            content,
            left,
        },
    }
}

/// The size and the name of `0644 SIZE NAME`.
fn named(line: &[u8]) -> Result<(u64, Vec<u8>), &'static str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (_mode, size, name) = (parts.next(), parts.next(), parts.next());
    let size = size
        .and_then(|size| std::str::from_utf8(size).ok())
        .and_then(|size| size.parse().ok());
    match (size, name) {
        (Some(size), Some(name)) if !name.is_empty() => Ok((size, name.to_vec())),
        _ => Err("a line that cannot be read"),
    }
}

fn shlex_joined(words: &[String]) -> String {
    let words = words.iter().map(String::as_str);
    shlex::try_join(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn upload() -> Scp {
        Scp::new(Direction::Upload, &["/srv/app".to_owned()])
    }

    /// A conversation: what the giving side sends, and what is answered to each.
    fn talk(scp: &mut Scp, turns: &[(&[u8], &[u8])]) -> Vec<Transferred> {
        let mut ended = scp.from_target(b"\0").unwrap();
        for (given, answer) in turns {
            ended.extend(scp.from_client(given).unwrap());
            ended.extend(scp.from_target(answer).unwrap());
        }
        ended
    }

    #[test]
    fn what_comes_before_its_line_was_acknowledged_ends_the_transfer() {
        for ahead in [&b"hello\0"[..], b"\x01", b"C0644 9 evil\n"] {
            let mut scp = upload();
            scp.from_target(b"\0").unwrap();
            let line = [b"C0644 5 a\n", ahead].concat();
            assert!(scp.from_client(&line).is_err(), "{ahead:?}");
        }
    }

    #[test]
    fn each_file_is_told_with_its_place_and_digest() {
        let mut scp = upload();
        let ended = talk(
            &mut scp,
            &[
                (b"T1 0 1 0\n", b"\0"),
                (b"D0755 0 sub\n", b"\0"),
                (b"C0644 5 a b\n", b"\0"),
                (b"hello\0", b"\0"),
                (b"E\n", b"\0"),
                (b"C0644 0 empty\n", b"\0"),
                (b"\0", b"\0"),
            ],
        );
        let [file, empty] = ended.as_slice() else {
            panic!("{ended:?}");
        };
        assert_eq!(file.path, b"/srv/app");
        assert_eq!(file.name.as_deref(), Some(&b"sub/a b"[..]));
        assert_eq!((file.bytes, file.sha256.as_deref()), (5, Ok(HELLO)));
        assert_eq!(empty.name.as_deref(), Some(&b"empty"[..]));
        assert_eq!(empty.bytes, 0);
        assert!(scp.left_open().is_empty());
    }

    #[test]
    fn a_file_that_is_not_taken_has_no_content() {
        let mut scp = upload();
        let ended = talk(
            &mut scp,
            &[
                (b"C0644 5 no\n", b"\x01scp: no: Permission denied\n"),
                (b"C0644 5 yes\n", b"\0"),
                (b"hello\0", b"\x01scp: disk full\n"),
            ],
        );
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].sha256, Err(Unproved::Failed));
    }

    #[test]
    fn a_file_that_is_cut_off_is_told_as_a_part() {
        let mut scp = upload();
        talk(&mut scp, &[(b"C0644 50 x\n", b"\0"), (b"hello", b"")]);
        let left = scp.left_open();
        assert_eq!((left[0].bytes, &left[0].sha256), (5, &Err(Unproved::Part)));
    }

    #[test]
    fn content_before_its_acknowledgement_is_an_error() {
        let mut scp = upload();
        scp.from_client(b"C0644 5 x\nhello\0").unwrap_or_default();
        assert!(scp.from_client(b"C0644 5 y\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_end_in_an_answer(
            parts in prop::collection::vec((any::<bool>(), prop::collection::vec(
                prop_oneof![Just(b'C'), Just(b'\n'), Just(0u8), Just(b' '), Just(b'3'), any::<u8>()], 0..30)), 0..30)
        ) {
            let mut scp = upload();
            for (client, part) in parts {
                let followed = if client { scp.from_client(&part) } else { scp.from_target(&part) };
                if followed.is_err() {
                    break;
                }
            }
            scp.left_open();
        }

        #[test]
        fn pieces_of_any_size_tell_the_same(cut in 1_usize..8) {
            let mut scp = upload();
            scp.from_target(b"\0").unwrap();
            let mut ended = Vec::new();
            for turn in [&b"D0755 0 sub\n"[..], b"C0644 5 x\n", b"hello\0"] {
                for piece in turn.chunks(cut) {
                    ended.extend(scp.from_client(piece).unwrap());
                }
                ended.extend(scp.from_target(b"\0").unwrap());
            }
            prop_assert_eq!(ended.len(), 1);
            prop_assert_eq!(ended[0].sha256.as_deref(), Ok(HELLO));
        }
    }
}
