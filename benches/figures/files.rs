//! Many small files by sftp, in both directions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use crate::road::{Ciphers, Layer, Recording, Road, Way};
use crate::setting;
use crate::table::{self, Goal, median};

const FILES: usize = 2000;
const BYTES: usize = 1024;
const ROUNDS: usize = 3;
const WAYS: [Way; 4] = [
    Way::Direct,
    Way::Stock,
    Way::Hop(Recording::Everything),
    Way::Jump(Recording::Everything),
];

pub(crate) fn measure(road: &Road) {
    let files = setting("COUNTERSIGN_BENCH_FILES", FILES);
    let source = road.target.home().join("many");
    fs::create_dir(&source).unwrap();
    for number in 0..files {
        let line = format!("{number:08}\n");
        fs::write(source.join(format!("f{number}")), line.repeat(BYTES / 9)).unwrap();
    }
    for (direction, transfer) in [("get", get as Transfer), ("put", put as Transfer)] {
        let mut times = WAYS.map(|_| Vec::new());
        for round in 0..=setting("COUNTERSIGN_BENCH_ROUNDS", ROUNDS) {
            for step in 0..WAYS.len() {
                let at = (round + step) % WAYS.len();
                let took = transfer(road, WAYS[at], &source, files);
                if round > 0 {
                    times[at].push(took);
                }
            }
        }
        table::heading(
            &format!("{direction} of {files} files, files a second"),
            "direct",
        );
        #[expect(clippy::cast_precision_loss, reason = "few files")]
        let speed = |times: &Vec<f64>| files as f64 / median(times);
        let direct = speed(&times[0]);
        for (way, times) in WAYS.into_iter().zip(&times) {
            let goal = match way {
                Way::Direct | Way::Stock => Goal::Nothing,
                Way::Hop(_) | Way::Jump(_) => Goal::AtLeast(0.9),
            };
            table::line(way.name(), speed(times), "/s", direct, goal);
        }
    }
    fs::remove_dir_all(&source).unwrap();
}

type Transfer = fn(&Road, Way, &Path, usize) -> f64;

fn get(road: &Road, way: Way, source: &Path, files: usize) -> f64 {
    let copy = tempfile::tempdir().unwrap();
    let into = copy.path().join("copy");
    let took = sftp(
        road,
        way,
        &format!("get -r {} {}", source.display(), into.display()),
    );
    check(source, &into, files);
    took
}

fn put(road: &Road, way: Way, source: &Path, files: usize) -> f64 {
    let copy = tempfile::tempdir().unwrap();
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let into = copy.path().join("many");
    let took = sftp(
        road,
        way,
        &format!("put -r {} {}", source.display(), copy.path().display()),
    );
    check(source, &into, files);
    took
}

/// Runs one command of `sftp`, and gives how long it took.
pub(crate) fn sftp(road: &Road, way: Way, command: &str) -> f64 {
    let batch = tempfile::NamedTempFile::new().unwrap();
    fs::write(batch.path(), format!("{command}\n")).unwrap();
    let words = ["-q", "-b", batch.path().to_str().unwrap(), "HOST"];
    let mut sftp = road.program("sftp", way, Layer::Plain, Ciphers::Same, &words);
    sftp.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = sftp.status().unwrap();
    assert!(status.success(), "{sftp:?}: {status}");
    started.elapsed().as_secs_f64()
}

fn check(source: &Path, copy: &Path, files: usize) {
    assert_eq!(fs::read_dir(copy).unwrap().count(), files);
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        let same =
            fs::read(entry.path()).unwrap() == fs::read(copy.join(entry.file_name())).unwrap();
        assert!(same, "{} differs", entry.path().display());
    }
}
