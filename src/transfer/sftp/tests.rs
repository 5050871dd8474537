use super::frame::{kind, number};
use super::*;
use crate::domain::command::{Command, Scope};
use crate::domain::id::SessionId;
use crate::domain::target::Destination;
use crate::transfer::Malformed;
use crate::transfer::{Direction, Unproved, Verb};
use jiff::Timestamp;
use proptest::prelude::*;

/// `hello` digested.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const READ: u32 = 0x01;
const WRITE_NEW: u32 = 0x02 | 0x08 | 0x10;

fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[kind], &body].concat()
}

fn n(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn long(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&n(u32::try_from(bytes.len()).unwrap())[..], bytes].concat()
}

fn init() -> Vec<u8> {
    packet(kind::INIT, &[&n(3)])
}

fn version() -> Vec<u8> {
    packet(kind::VERSION, &[&n(3), &text(b"x@y"), &text(b"1")])
}

fn open(id: u32, path: &[u8], flags: u32) -> Vec<u8> {
    packet(kind::OPEN, &[&n(id), &text(path), &n(flags), &n(0)])
}

fn write(id: u32, handle: &[u8], offset: u64, data: &[u8]) -> Vec<u8> {
    let parts = [n(id), text(handle), long(offset), text(data)];
    packet(kind::WRITE, &parts.each_ref().map(Vec::as_slice))
}

/// A write with bytes behind its data, as Go's client sends them.
fn padded(id: u32, handle: &[u8], offset: u64, data: &[u8], behind: &[u8]) -> Vec<u8> {
    let parts = [
        n(id),
        text(handle),
        long(offset),
        text(data),
        behind.to_vec(),
    ];
    packet(kind::WRITE, &parts.each_ref().map(Vec::as_slice))
}

fn read(id: u32, handle: &[u8], offset: u64, length: u32) -> Vec<u8> {
    let parts = [n(id), text(handle), long(offset), n(length)];
    packet(kind::READ, &parts.each_ref().map(Vec::as_slice))
}

fn with_handle(kind: u8, id: u32, handle: &[u8]) -> Vec<u8> {
    packet(kind, &[&n(id), &text(handle)])
}

fn close(id: u32, handle: &[u8]) -> Vec<u8> {
    with_handle(kind::CLOSE, id, handle)
}

fn status(id: u32, code: u32) -> Vec<u8> {
    packet(kind::STATUS, &[&n(id), &n(code), &text(b""), &text(b"")])
}

fn handle(id: u32, handle: &[u8]) -> Vec<u8> {
    with_handle(kind::HANDLE, id, handle)
}

fn data(id: u32, data: &[u8]) -> Vec<u8> {
    packet(kind::DATA, &[&n(id), &text(data)])
}

fn command(bytes: Vec<u8>) -> Command {
    let destination = Destination {
        login: "deploy".parse().unwrap(),
        target: "db1".parse().unwrap(),
    };
    Command {
        scope: Scope {
            destination,
            session: SessionId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            ordinal: 1,
        },
        layer: Layer::Transfer,
        bytes,
        script: None,
    }
}

/// A session with everything allowed, and what came of it.
#[derive(Default)]
struct Session {
    sftp: Sftp,
    sent: Vec<u8>,
    answers: Vec<u8>,
    asked: Vec<String>,
    looked: Vec<String>,
    ended: Vec<Transferred>,
    refusing: bool,
}

impl Session {
    fn begun() -> Self {
        let mut session = Self::default();
        session.client(&init()).unwrap();
        session.target(&version()).unwrap();
        session.sent.clear();
        session
    }

    /// With a file open under the handle.
    fn with_open(path: &[u8], flags: u32, name: &[u8]) -> Self {
        let mut session = Self::begun();
        session.client(&open(1, path, flags)).unwrap();
        session.target(&handle(1, name)).unwrap();
        session.sent.clear();
        session
    }

    fn client(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut left = Bytes::copy_from_slice(bytes);
        while !left.is_empty() {
            for step in self.sftp.from_client(&mut left)? {
                match step {
                    Step::Pass(bytes) => self.sent.extend_from_slice(&bytes),
                    Step::Answer(bytes) => self.answers.extend_from_slice(&bytes),
                    Step::Look(look) => {
                        let text = look.operation().text();
                        self.looked
                            .push(String::from_utf8_lossy(&text).into_owned());
                        self.sent.extend_from_slice(&self.sftp.pass_look(look));
                    }
                    Step::Ask(asked) => self.ask(asked),
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, asked: Asked) {
        let text = asked.operation().text();
        self.asked.push(String::from_utf8_lossy(&text).into_owned());
        if self.refusing {
            self.answers.extend_from_slice(&asked.refused("no"));
            return;
        }
        let clearance = Clearance::for_tests(command(text));
        let bytes = self.sftp.release(asked, &clearance).unwrap();
        self.sent.extend_from_slice(&bytes);
    }

    fn target(&mut self, bytes: &[u8]) -> Result<Seen, Malformed> {
        let mut seen = self.sftp.from_target(bytes)?;
        self.ended.append(&mut seen.ended);
        Ok(seen)
    }

    /// The status codes of the answers, with the ids they are for.
    fn statuses(&self) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let mut left = self.answers.as_slice();
        while let Some(length) = number(left, 0) {
            found.push((number(left, 5).unwrap(), number(left, 9).unwrap()));
            left = &left[length as usize + 4..];
        }
        found
    }
}

#[test]
fn an_upload_is_asked_about_and_told_with_its_digest() {
    let mut session = Session::begun();
    let request = open(1, b"/etc/motd", WRITE_NEW);
    session.client(&request).unwrap();
    assert_eq!(session.asked, ["upload /etc/motd create truncate"]);
    assert_eq!(session.sent, request, "it is sent exactly as it was");
    session.target(&handle(1, b"\0\0\0\0")).unwrap();
    session.client(&write(2, b"\0\0\0\0", 0, b"hel")).unwrap();
    session.client(&write(3, b"\0\0\0\0", 3, b"lo")).unwrap();
    session.client(&close(4, b"\0\0\0\0")).unwrap();
    for id in 2..=4 {
        assert!(session.ended.is_empty());
        session.target(&status(id, 0)).unwrap();
    }
    let file = &session.ended[0];
    assert_eq!((file.direction, file.bytes), (Direction::Upload, 5));
    assert_eq!(file.sha256.as_deref(), Ok(HELLO));
    assert_eq!(session.asked.len(), 1);
    assert!(session.answers.is_empty());
}

#[test]
fn a_download_is_told_with_its_digest_once_its_end_was_read() {
    let mut session = Session::with_open(b"x", READ, b"h");
    assert_eq!(session.asked, ["download x"]);
    session.client(&read(2, b"h", 0, 3)).unwrap();
    session.client(&read(3, b"h", 3, 30)).unwrap();
    session.client(&read(4, b"h", 33, 30)).unwrap();
    session.target(&data(2, b"hel")).unwrap();
    session.target(&data(3, b"lo")).unwrap();
    session.target(&status(4, 1)).unwrap();
    session.client(&read(5, b"h", 5, 28)).unwrap();
    session.target(&status(5, 1)).unwrap();
    session.client(&close(6, b"h")).unwrap();
    session.target(&status(6, 0)).unwrap();
    assert_eq!(session.ended[0].sha256.as_deref(), Ok(HELLO));
}

#[test]
fn a_part_of_a_file_has_no_digest_and_says_why() {
    let mut session = Session::with_open(b"x", READ, b"h");
    session.client(&read(2, b"h", 0, 3)).unwrap();
    session.target(&data(2, b"hel")).unwrap();
    assert_eq!(session.sftp.left_open()[0].sha256, Err(Unproved::Part));

    let mut session = Session::with_open(b"x", 0x02, b"h");
    session.client(&write(2, b"h", 0, b"hello")).unwrap();
    session.client(&close(3, b"h")).unwrap();
    session.target(&status(2, 0)).unwrap();
    session.target(&status(3, 0)).unwrap();
    assert_eq!(session.ended[0].sha256, Err(Unproved::NotEmptied));

    let mut session = Session::with_open(b"x", WRITE_NEW, b"h");
    session.client(&write(2, b"h", 0, b"hello")).unwrap();
    session.target(&status(2, 4)).unwrap();
    session.client(&close(3, b"h")).unwrap();
    session.target(&status(3, 0)).unwrap();
    assert_eq!(session.ended[0].sha256, Err(Unproved::Failed));
}

#[test]
fn what_stands_behind_the_data_of_a_write_is_no_content() {
    let mut session = Session::with_open(b"x", WRITE_NEW, b"h");
    session
        .client(&padded(2, b"h", 0, b"hel", b"evil"))
        .unwrap();
    session.client(&padded(3, b"h", 3, b"lo", b"x")).unwrap();
    session.client(&close(4, b"h")).unwrap();
    for id in 2..=4 {
        session.target(&status(id, 0)).unwrap();
    }
    assert_eq!(session.ended[0].bytes, 5);
    assert_eq!(session.ended[0].sha256.as_deref(), Ok(HELLO));
    let mut short = write(2, b"h", 0, b"hello");
    short[22] = 9;
    assert!(
        Session::with_open(b"x", WRITE_NEW, b"h")
            .client(&short)
            .is_err()
    );
}

#[test]
fn where_a_written_file_ends_is_no_question_of_its_own() {
    let mut session = Session::with_open(b"x", 0x02 | 0x08, b"h");
    session.client(&write(2, b"h", 0, b"hello")).unwrap();
    let end = packet(kind::FSETSTAT, &[&n(3), &text(b"h"), &n(1), &long(5)]);
    session.client(&end).unwrap();
    session.client(&close(4, b"h")).unwrap();
    for id in 2..=4 {
        session.target(&status(id, 0)).unwrap();
    }
    assert_eq!(session.asked.len(), 1);
    assert_eq!(session.ended[0].sha256.as_deref(), Ok(HELLO));

    let mut session = Session::with_open(b"x", READ, b"h");
    session
        .client(&packet(
            kind::FSETSTAT,
            &[&n(3), &text(b"h"), &n(1), &long(5)],
        ))
        .unwrap();
    assert_eq!(session.asked, ["download x", "setstat x size=5 while-open"]);
}

#[test]
fn a_file_that_was_opened_for_reading_is_never_written() {
    let mut session = Session::with_open(b"x", READ, b"h");
    session.client(&write(2, b"h", 0, b"evil")).unwrap();
    session.client(&with_handle(kind::CLOSE, 3, b"h")).unwrap();
    assert_eq!(session.statuses(), [(2, 3)]);
    assert_eq!(session.sent, close(3, b"h"));
}

#[test]
fn a_handle_that_is_not_known_lets_nothing_pass() {
    let mut session = Session::begun();
    for request in [
        write(1, b"h", 0, b"evil"),
        read(2, b"h", 0, 1),
        close(3, b"h"),
        with_handle(kind::FSTAT, 4, b"h"),
        with_handle(kind::READDIR, 5, b"h"),
        packet(kind::FSETSTAT, &[&n(6), &text(b"h"), &n(0)]),
    ] {
        session.client(&request).unwrap();
    }
    assert!(session.sent.is_empty(), "{:?}", session.sent);
    assert_eq!(session.statuses().len(), 6);
    // A guess that a file will get this handle is of no use before the target said so.
    session.client(&open(7, b"x", WRITE_NEW)).unwrap();
    session.client(&write(8, b"\0\0\0\0", 0, b"evil")).unwrap();
    assert_eq!(session.statuses().last(), Some(&(8, 3)));
}

#[test]
fn a_handle_is_used_for_what_its_last_opening_was_cleared_for() {
    let mut session = Session::with_open(b"x", WRITE_NEW, b"h");
    session.client(&close(2, b"h")).unwrap();
    session.client(&open(3, b"/etc/shadow", READ)).unwrap();
    session.client(&write(4, b"h", 0, b"evil")).unwrap();
    session.target(&status(2, 0)).unwrap();
    session.target(&handle(3, b"h")).unwrap();
    session.client(&write(5, b"h", 0, b"evil")).unwrap();
    assert_eq!(session.statuses(), [(4, 3), (5, 3)]);
}

#[test]
fn what_is_not_known_is_answered_and_never_passes() {
    let mut session = Session::begun();
    session.client(&packet(99, &[&n(1), b"whatever"])).unwrap();
    let extension = packet(kind::EXTENDED, &[&n(2), &text(b"exec@evil"), &text(b"id")]);
    session.client(&extension).unwrap();
    // Attributes that are not known.
    let set = packet(kind::SETSTAT, &[&n(3), &text(b"x"), &n(0x8000_0000), &n(0)]);
    session.client(&set).unwrap();
    assert_eq!(session.statuses(), [(1, 8), (2, 8), (3, 8)]);
    assert!(session.sent.is_empty());
}

#[test]
fn everything_that_changes_something_is_asked_about() {
    let mut session = Session::with_open(b"/a", READ, b"r");
    session.client(&open(2, b"/b", WRITE_NEW)).unwrap();
    session.target(&handle(2, b"w")).unwrap();
    session.asked.clear();
    let two = |name: &[u8], id| {
        packet(
            kind::EXTENDED,
            &[&n(id), &text(name), &text(b"/a"), &text(b"/b")],
        )
    };
    let mode = [n(4), n(0o600)].concat();
    let copy = [text(b"r"), long(0), long(9), text(b"w"), long(7)].concat();
    for request in [
        packet(kind::REMOVE, &[&n(10), &text(b"/a")]),
        packet(kind::RENAME, &[&n(11), &text(b"/a"), &text(b"/b c")]),
        packet(kind::MKDIR, &[&n(12), &text(b"/d"), &n(0)]),
        packet(kind::RMDIR, &[&n(13), &text(b"/d")]),
        packet(kind::SETSTAT, &[&n(14), &text(b"/a"), &mode]),
        packet(kind::FSETSTAT, &[&n(15), &text(b"w"), &mode]),
        packet(kind::SYMLINK, &[&n(16), &text(b"/a"), &text(b"/l")]),
        two(b"posix-rename@openssh.com", 17),
        two(b"hardlink@openssh.com", 18),
        packet(
            kind::EXTENDED,
            &[&n(19), &text(b"lsetstat@openssh.com"), &text(b"/a"), &mode],
        ),
        packet(kind::EXTENDED, &[&n(20), &text(b"copy-data"), &copy]),
        open(21, b"/a", READ | 0x02),
    ] {
        session.client(&request).unwrap();
    }
    assert_eq!(
        session.asked,
        [
            "remove /a",
            "rename /a '/b c'",
            "mkdir /d",
            "rmdir /d",
            "setstat /a mode=0600",
            "setstat /b mode=0600 while-open",
            "symlink /a /l",
            "rename /a /b replacing",
            "hardlink /a /b",
            "setstat /a mode=0600 of-the-link-itself",
            "copy /a /b from=0 bytes=9 to=7",
            "update /a",
        ]
    );
}

#[test]
fn looking_is_no_question_for_approvers_and_finding_ones_home_is_none_at_all() {
    let mut session = Session::begun();
    for (id, kind) in [
        (1, kind::STAT),
        (2, kind::LSTAT),
        (3, kind::OPENDIR),
        (4, kind::READLINK),
        (5, kind::REALPATH),
    ] {
        session.client(&with_handle(kind, id, b"/etc")).unwrap();
    }
    assert_eq!(
        session.looked,
        [
            "stat /etc",
            "stat /etc",
            "list /etc",
            "readlink /etc",
            "realpath /etc"
        ]
    );
    session
        .client(&with_handle(kind::REALPATH, 6, b"."))
        .unwrap();
    assert_eq!(session.looked.len(), 5);
    session.target(&handle(3, b"d")).unwrap();
    session
        .client(&with_handle(kind::READDIR, 7, b"d"))
        .unwrap();
    assert!(session.asked.is_empty() && session.answers.is_empty());
}

#[test]
fn a_refused_request_is_answered_and_the_next_one_is_asked() {
    let mut session = Session::begun();
    session.refusing = true;
    let both = [open(1, b"/x", WRITE_NEW), open(2, b"/y", READ)].concat();
    session.client(&both).unwrap();
    assert_eq!(session.asked.len(), 2);
    assert!(session.sent.is_empty());
    assert_eq!(session.statuses(), [(1, 3), (2, 3)]);
}

#[test]
fn a_clearance_for_another_operation_releases_nothing() {
    let mut session = Session::begun();
    let mut left = Bytes::from(open(1, b"/etc/motd", WRITE_NEW));
    let mut steps = session.sftp.from_client(&mut left).unwrap();
    let Some(Step::Ask(asked)) = steps.pop() else {
        panic!("{steps:?}");
    };
    assert_eq!(asked.operation().verb(), Verb::Upload);
    let other = Clearance::for_tests(command(b"upload /tmp/x create truncate".to_vec()));
    assert!(session.sftp.release(asked, &other).is_none());
}

#[test]
fn what_breaks_the_protocol_ends_it() {
    let long_packet = packet(kind::OPEN, &[&vec![0; 300 * 1024]]);
    for client in [
        open(1, b"x", READ),
        [init(), init()].concat(),
        [init(), long_packet].concat(),
        [init(), open(1, b"x", READ), open(1, b"y", READ)].concat(),
        [init(), packet(kind::OPEN, &[&n(1), &n(9000)])].concat(),
        [init(), packet(kind::REMOVE, &[&n(1), &text(b"x"), b"more"])].concat(),
        [init(), packet(kind::REMOVE, &[&n(1), &text(b"a\0b")])].concat(),
        [
            init(),
            packet(kind::WRITE, &[&n(1), &text(b"h"), &long(0), &n(9), b"x"]),
        ]
        .concat(),
        [init(), vec![0, 0, 0, 0, 0]].concat(),
    ] {
        let mut session = Session::default();
        assert!(session.client(&client).is_err(), "{client:?}");
    }
    for target in [
        status(9, 0),
        packet(kind::VERSION, &[&n(6)]),
        handle(9, b"h"),
        data(9, b"x"),
        data(1, b"more than was asked for"),
        handle(1, b"h"),
        handle(2, b"open"),
        handle(2, &[0; 300]),
        packet(77, &[&n(1)]),
    ] {
        let mut session = Session::with_open(b"x", READ, b"open");
        session.client(&read(1, b"open", 0, 3)).unwrap();
        session.client(&open(2, b"y", READ)).unwrap();
        assert!(session.target(&target).is_err(), "{target:?}");
    }
}

#[test]
fn an_answer_fits_only_between_packets() {
    let mut session = Session::with_open(b"x", READ, b"h");
    session.client(&read(2, b"h", 0, 9)).unwrap();
    session.client(&read(3, b"h", 9, 9)).unwrap();
    let first = data(2, b"123456789");
    let both = [first.clone(), data(3, b"123456789")].concat();
    let seen = session.target(&both[..first.len() + 4]).unwrap();
    assert_eq!(seen.boundary, Some(first.len()));
    assert!(!session.sftp.is_between());
    let rest = &both[first.len() + 4..];
    let seen = session.target(&rest[..3]).unwrap();
    assert_eq!(seen.boundary, None);
    let seen = session.target(&rest[3..]).unwrap();
    assert_eq!(seen.boundary, Some(rest.len() - 3));
    assert!(session.sftp.is_between());
}

#[test]
fn no_answer_goes_before_the_version_of_the_target() {
    let mut session = Session::default();
    assert!(!session.sftp.is_between());
    let early = [init(), packet(99, &[&n(7)])].concat();
    session.client(&early).unwrap();
    let version = version();
    let (first, rest) = version.split_at(3);
    assert_eq!(session.target(first).unwrap().boundary, None);
    assert_eq!(session.target(rest).unwrap().boundary, Some(rest.len()));
    assert!(session.sftp.is_between());
}

/// A busy session: what the client sends, and what the target answers to it.
fn conversation() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let client = [
        write(2, b"h", 0, b"hel"),
        packet(99, &[&n(3)]),
        write(4, b"nobody", 0, b"skipped"),
        with_handle(kind::STAT, 5, b"/etc/motd"),
        write(6, b"h", 3, b"lo"),
        packet(kind::REMOVE, &[&n(7), &text(b"/x")]),
        close(8, b"h"),
    ]
    .concat();
    let passed = [
        write(2, b"h", 0, b"hel"),
        with_handle(kind::STAT, 5, b"/etc/motd"),
        write(6, b"h", 3, b"lo"),
        packet(kind::REMOVE, &[&n(7), &text(b"/x")]),
        close(8, b"h"),
    ]
    .concat();
    let attributes = packet(kind::ATTRS, &[&n(5), &n(0)]);
    let target = [
        status(2, 0),
        attributes,
        status(6, 0),
        status(7, 0),
        status(8, 0),
    ]
    .concat();
    (client, passed, target)
}

proptest! {
    #[test]
    fn any_splitting_gives_the_same(cuts in prop::collection::vec(1_usize..40, 1..40)) {
        let (client, passed, target) = conversation();
        let mut session = Session::with_open(b"x", WRITE_NEW, b"h");
        for (bytes, from_client) in [(client, true), (target, false)] {
            let mut left = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (piece, rest) = left.split_at((*cut).min(left.len()));
                left = rest;
                if from_client {
                    session.client(piece).unwrap();
                } else {
                    session.target(piece).unwrap();
                }
            }
        }
        prop_assert_eq!(&session.sent, &passed);
        prop_assert_eq!(session.statuses(), [(3, 8), (4, 3)]);
        prop_assert_eq!(session.ended[0].sha256.as_deref(), Ok(HELLO));
    }

    #[test]
    fn any_bytes_in_both_directions_end_in_an_answer(
        turns in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 0..20)
    ) {
        let mut session = Session::with_open(b"x", WRITE_NEW, b"h");
        for (client, bytes) in turns {
            let followed = if client { session.client(&bytes) } else { session.target(&bytes).map(drop) };
            if followed.is_err() {
                break;
            }
        }
        session.sftp.left_open();
    }

    /// Packets that are nearly right: whatever passes is a sequence of whole requests that were seen.
    #[test]
    fn only_whole_requests_pass(
        requests in prop::collection::vec((0_u8..22, 1_u32..9, prop::collection::vec(any::<u8>(), 0..30)), 0..20)
    ) {
        let mut session = Session::with_open(b"x", WRITE_NEW, b"h");
        for (kind, id, body) in requests {
            let request = packet(kind, &[&n(id), &text(b"h"), &body]);
            if session.client(&request).is_err() {
                break;
            }
        }
        let mut left = session.sent.as_slice();
        while !left.is_empty() {
            let length = number(left, 0).unwrap() as usize + 4;
            prop_assert!(left.len() >= length);
            left = &left[length..];
        }
    }
}
