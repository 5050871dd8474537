//! Every client that people use, as it is: through the bastion as a jump host where it can, and by a user name that
//! names the target. Commands, transfers and terminals work as on a direct connection.

pub(crate) mod putty;

pub(crate) mod python;

mod ansible;

mod dropbear;

mod editor;

mod openssh;

mod transfer;

use std::fs;
use std::path::Path;

use crate::harness::{Person, World, noise};

/// Long enough that no queue, window or key exchange holds all of it.
const LARGE: usize = 20 * 1024 * 1024;

/// Writes the file `sent` into a person's home folder.
fn file_to_send(person: &Person) -> Vec<u8> {
    let bytes = noise(LARGE);
    fs::write(person.home().join("sent"), &bytes).unwrap();
    bytes
}

/// Fails unless a file holds those bytes, without showing them.
fn assert_holds(file: &Path, bytes: &[u8]) {
    let found = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lengths = (found.len(), bytes.len());
    assert!(
        found == bytes,
        "{} differs: {lengths:?} bytes",
        file.display()
    );
}

/// Whether a listing shows that file, as long as [`LARGE`].
fn lists(listing: &str, file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    let length = LARGE.to_string();
    listing
        .lines()
        .any(|line| line.ends_with(name) && line.contains(&length))
}

/// Writes what the bastion itself gives people for their `known_hosts`, or only its plain host key.
fn write_known_hosts(world: &World, person: &Person, trust: Trust) {
    let text = match trust {
        Trust::Authority => person
            .ssh(&["bastion", "known-hosts"])
            .expect_success()
            .text(),
        Trust::Key => {
            let (port, key) = (world.bastion.ssh_port(), world.bastion.host_key());
            format!("[127.0.0.1]:{port},web1 {key}\n")
        }
    };
    fs::write(person.home().join("known"), text).unwrap();
}

/// What a client verifies the bastion by.
enum Trust {
    /// The host CA.
    Authority,
    /// The host key.
    Key,
}
