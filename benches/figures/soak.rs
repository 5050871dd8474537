//! One large file by sftp, again and again: nothing is measured, every byte must be there each time.

use std::fs::{self, File};
use std::io::{self, Read};
use std::process::Command;

use crate::files::sftp;
use crate::road::{Recording, Road, Way};
use crate::setting;

const ROUNDS: usize = 20;
const BYTES: usize = 1024 * 1024 * 1024;

pub(crate) fn run(road: &Road) {
    let (rounds, bytes) = (
        setting("COUNTERSIGN_SOAK_ROUNDS", ROUNDS),
        setting("COUNTERSIGN_SOAK_BYTES", BYTES),
    );
    let source = road.target.home().join("large");
    let mut random = File::open("/dev/urandom").unwrap().take(bytes as u64);
    io::copy(&mut random, &mut File::create(&source).unwrap()).unwrap();
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy");
    for round in 1..=rounds {
        let way = match round % 2 {
            0 => Way::Jump(Recording::Everything),
            _ => Way::Hop(Recording::Everything),
        };
        let get = format!("get {} {}", source.display(), copy.display());
        let seconds = sftp(road, way, &get);
        let same = Command::new("cmp")
            .arg(&source)
            .arg(&copy)
            .status()
            .unwrap();
        assert!(same.success(), "round {round} differs");
        fs::remove_file(&copy).unwrap();
        println!(
            "get {round} of {rounds}, {} bytes, {}: {seconds:.1} s, the same",
            bytes,
            way.name()
        );
    }
    fs::remove_file(&source).unwrap();
}
