//! Programs that copy files by SFTP: curl (libssh2), rclone (the library of Go), lftp and sshfs (by OpenSSH).

use std::fs;
use std::process::Command;

use super::{Trust, assert_holds, file_to_send, lists, write_known_hosts};
use crate::harness::sshd::login;
use crate::harness::{Person, World, routes, run};

fn by(person: &Person, program: &str) -> Command {
    let mut command = Command::new(program);
    person.environment(&mut command);
    command.current_dir(person.home());
    command
}

#[test]
fn curl_puts_and_gets_a_large_file() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let there = world.sshd.home().join("there");
    let fingerprint = world.bastion.host_fingerprint();
    let fingerprint = fingerprint.trim_start_matches("SHA256:");
    let url = format!(
        "sftp://127.0.0.1:{}{}",
        world.bastion.ssh_port(),
        there.display()
    );
    let user = format!("{}@web1:", login());
    for transfer in [["-T", "sent"], ["-o", "back"]] {
        let mut curl = by(&alice, "curl");
        curl.args(["-sS", "--key", "id_ed25519", "--pubkey", "id_ed25519.pub"]);
        curl.args(["--hostpubsha256", fingerprint, "-u", &user]);
        run(curl.args(transfer).arg(&url)).expect_success();
    }
    assert_holds(&there, &sent);
    assert_holds(&alice.home().join("back"), &sent);
}

#[test]
fn rclone_puts_lists_and_gets_a_large_file() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    write_known_hosts(&world, &alice, Trust::Authority);
    let there = world.sshd.home().join("there");
    let remote = format!("bastion:{}", there.display());
    let rclone = |arguments: &[&str]| {
        let mut rclone = by(&alice, "rclone");
        let port = world.bastion.ssh_port().to_string();
        let user = format!("{}@web1", login());
        for (option, value) in [
            ("TYPE", "sftp"),
            ("HOST", "127.0.0.1"),
            ("PORT", &port),
            ("USER", &user),
            ("KEY_FILE", "id_ed25519"),
            ("KNOWN_HOSTS_FILE", "known"),
        ] {
            rclone.env(format!("RCLONE_CONFIG_BASTION_{option}"), value);
        }
        rclone.env("RCLONE_CONFIG", "/dev/null");
        run(rclone.args(arguments)).expect_success()
    };
    rclone(&["copyto", "sent", &remote]);
    let folder = format!("bastion:{}", world.sshd.home().display());
    assert!(lists(&rclone(&["lsl", &folder]).text(), &there));
    rclone(&["copyto", &remote, "back"]);
    assert_holds(&there, &sent);
    assert_holds(&alice.home().join("back"), &sent);
}

#[test]
fn lftp_puts_renames_lists_and_gets_a_large_file_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let config = alice.home().join("ssh_config");
    for (number, route) in routes().iter().enumerate() {
        let there = world.sshd.home().join(number.to_string());
        let name = there.display();
        let (user, host) = route.rsplit_once('@').unwrap_or((login(), route));
        let commands = format!(
            "set cmd:fail-exit yes; set sftp:connect-program \"ssh -a -x -F {}\"; \
             open -u {user}, sftp://{host}; put sent -o {name}.a; mv {name}.a {name}; \
             ls {}; get {name} -o back-{number}",
            config.display(),
            world.sshd.home().display(),
        );
        let output = run(by(&alice, "lftp").args(["-c", &commands])).expect_success();
        assert!(lists(&output.text(), &there), "{output}");
        assert_holds(&there, &sent);
        assert_holds(&alice.home().join(format!("back-{number}")), &sent);
    }
}

/// A folder of a target that is mounted until it is dropped.
struct Mount<'a>(&'a Person);

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = by(self.0, "fusermount3")
            .args(["-u", "-z", "mounted"])
            .output();
    }
}

#[test]
fn sshfs_mounts_a_folder_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let mounted = alice.home().join("mounted");
    fs::create_dir(&mounted).unwrap();
    let config = alice.home().join("ssh_config");
    for (number, route) in routes().iter().enumerate() {
        let there = world.sshd.home();
        let mut sshfs = by(&alice, "sshfs");
        sshfs.arg("-F").arg(&config);
        sshfs.arg(format!("{route}:{}", there.display()));
        run(sshfs.arg("mounted")).expect_success();
        let _mount = Mount(&alice);
        let (first, second) = (format!("{number}.a"), format!("{number}.b"));
        fs::copy(alice.home().join("sent"), mounted.join(&first)).unwrap();
        fs::rename(mounted.join(&first), mounted.join(&second)).unwrap();
        assert_holds(&there.join(&second), &sent);
        assert_holds(&mounted.join(&second), &sent);
        let names = fs::read_dir(&mounted).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.contains(&second.clone().into()), "{names:?}");
        fs::remove_file(mounted.join(&second)).unwrap();
        assert!(!there.join(&second).exists());
    }
}
