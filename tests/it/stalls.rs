//! Who does not read stalls nobody else and costs bounded memory: the gates of flow control, one hop and through a
//! jump, with recording on as always.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::clients::putty::Putty;
use crate::clients::python::python;
use crate::harness::person::wait_until_held;
use crate::harness::{Output, PATIENCE, Person, Running, World, eventually, routes, run, script};

const MIB: u64 = 1024 * 1024;

/// How long a transfer of some hundred MiB may take on a busy machine, through a program that is not optimised.
const LONG: Duration = Duration::from_secs(180);

/// How soon another channel has to answer while one is stalled. A second is what it takes on an idle machine, with a
/// new connection to the target; the tests share theirs with others. A stall that spreads lasts for ever.
const PROMPTLY: Duration = Duration::from_secs(10);

/// How long a stall is watched.
const STALL: Duration = Duration::from_secs(20);

/// Memory that a stalled session may take: what may wait of its channel, and again of the channel around it.
const STALLED_BYTES: u64 = 12 * MIB;

/// Memory that all of them may come to take while nothing moves.
const GROWTH_BYTES: u64 = 4 * MIB;

/// A script that becomes its `"$@"`.
const AS_IT_IS: &str = "exec \"$@\"";

/// How long nothing may move before it is said to stand still.
const STILL: Duration = Duration::from_secs(3);

/// Options of commands that share one connection.
const SHARE: [&str; 4] = ["-o", "ControlMaster=auto", "-o", "ControlPath=c-%C"];

/// A program on the target that writes so many million bytes and notes in a file how far it came.
fn writer(millions: u32, progress: &Path) -> String {
    let progress = progress.display();
    let million = "head -c 1000000 /dev/zero || exit";
    format!("for i in $(seq {millions}); do {million}; echo $i >{progress}; done")
}

/// A program on the target that reads nothing until a file is there, then counts what comes. It ends with its folder.
fn late_counter(go: &Path) -> String {
    let (go, folder) = (go.display(), go.parent().unwrap().display());
    format!("until [ -e {go} ]; do [ -d {folder} ] || exit; sleep 0.1; done; wc -c")
}

/// A script that becomes its `"$@"`, which reads what a program writes.
fn fed_by(program: &str) -> String {
    format!("exec \"$@\" < <({program})")
}

/// Waits until something comes to a standstill: what the file tells does not change any more.
fn wait_for_standstill(file: &Path) {
    let mut last = (Vec::new(), Instant::now());
    let still = || {
        let now = fs::read(file).unwrap_or_default();
        if now.is_empty() || now != last.0 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > STILL).then_some(())
    };
    eventually(LONG, still).expect("nothing stalls");
}

/// `ssh` in a bash script, where it is `"$@"`.
fn ssh_in(text: &str, person: &Person, arguments: &[&str]) -> Command {
    script(text, &person.program("ssh", arguments))
}

/// Random bytes in a file of the person's, and their checksum.
fn random_file(person: &Person, length: u64) -> (PathBuf, String) {
    let path = person.home().join("random");
    let mut source = File::open("/dev/urandom").unwrap().take(length);
    std::io::copy(&mut source, &mut File::create(&path).unwrap()).unwrap();
    let checksum = checksum(&path);
    (path, checksum)
}

fn checksum(file: &Path) -> String {
    first_word(&run(Command::new("sha256sum").arg(file)))
}

fn first_word(output: &Output) -> String {
    let text = output.text();
    text.split(' ').next().unwrap().trim().to_owned()
}

/// A connection to the staging target that several commands share.
struct Shared<'a> {
    person: &'a Person,
    route: &'a str,
    _master: Running,
}

impl<'a> Shared<'a> {
    fn open(person: &'a Person, route: &'a str) -> Self {
        let mut master = person.spawn_ssh(&[&SHARE[..], &[route, "echo up; cat"]].concat());
        master.wait_for_stdout("up");
        Self {
            person,
            route,
            _master: master,
        }
    }

    fn command(&self, text: &str, command: &str) -> Command {
        let arguments = [&SHARE[..], &[self.route, command]].concat();
        ssh_in(text, self.person, &arguments)
    }
}

#[test]
fn stalled_channels_and_a_held_one_delay_no_other_of_their_connection() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    world.sshd.stand_in("sudo", "#!/bin/sh\nexec \"$@\"\n");
    for (number, route) in routes().iter().enumerate() {
        let at = world.sshd.home().join(number.to_string());
        fs::create_dir(&at).unwrap();
        run(Command::new("chmod").arg("777").arg(&at)).expect_success();
        let (there, here, go) = (at.join("there"), at.join("here"), at.join("go"));
        let shared = Shared::open(&alice, route);
        let mut download = shared.command(AS_IT_IS, &writer(64, &there));
        let mut download = Running::start_unread(&mut download);
        let feed = fed_by(&writer(64, &here));
        let upload = Running::start(&mut shared.command(&feed, &late_counter(&go)));
        let mut held = Running::start(&mut shared.command(AS_IT_IS, "sudo echo approved"));
        let id = wait_until_held(&mut held);
        wait_for_standstill(&there);
        wait_for_standstill(&here);

        let asked = Instant::now();
        let answer = run(&mut shared.command(AS_IT_IS, "echo here")).expect_success();
        assert_eq!(answer.text(), "here\n");
        let took = asked.elapsed();
        assert!(took < PROMPTLY, "{route}: {took:?}");

        carol.ssh(&["bastion", "approve", &id]).expect_success();
        assert_eq!(held.finish().expect_success().text(), "approved\n");
        fs::write(&go, "").unwrap();
        let counted = upload.finish_within(LONG).expect_success();
        assert_eq!(counted.text().trim(), "64000000");
        download.read();
        let whole = download.finish_within(LONG).expect_success();
        assert_eq!(whole.stdout.len(), 64_000_000);
    }
}

#[test]
fn an_upload_that_is_not_read_for_long_outlives_the_clients_keepalives() {
    let world = World::start();
    let alice = world.person("alice");
    let keepalives = ["ServerAliveInterval=2", "ServerAliveCountMax=3"];
    let uploads = routes().map(|route| {
        let [interval, count] = keepalives;
        let arguments = ["-o", interval, "-o", count, &route, "sleep 15; wc -c"];
        let feed = fed_by("head -c 100000000 /dev/zero");
        Running::start(&mut ssh_in(&feed, &alice, &arguments))
    });
    for upload in uploads {
        let counted = upload.finish_within(LONG).expect_success();
        assert_eq!(counted.text().trim(), "100000000", "{counted}");
    }
}

#[test]
fn what_goes_there_and_back_is_whole_though_it_is_read_late() {
    let world = World::start();
    let alice = world.person("alice");
    let echoes = routes().map(|route| {
        let pipeline = "head -c 300M /dev/zero | \"$@\" | (sleep 4; wc -c)";
        Running::start(&mut ssh_in(pipeline, &alice, &[&route, "cat"]))
    });
    for echo in echoes {
        let counted = echo.finish_within(LONG).expect_success();
        assert_eq!(counted.text().trim(), "314572800", "{counted}");
    }
}

#[test]
fn clients_with_small_windows_stall_and_go_on_as_well() {
    let world = World::start();
    let alice = world.person("alice");
    let plink = Putty::new(&world, &alice);
    let late = |text: &str, command: &str| Running::start(&mut script(text, &plink.plink(command)));
    let down = late("\"$@\" | (sleep 4; wc -c)", "head -c 30000000 /dev/zero");
    let up = late(&fed_by("head -c 30000000 /dev/zero"), "sleep 4; wc -c");
    let paramiko = Running::start(&mut python(&world, &alice, "small_window.py"));
    for client in [down, up, paramiko] {
        let counted = client.finish_within(LONG).expect_success();
        assert_eq!(counted.text().trim(), "30000000", "{counted}");
    }
}

/// Sessions that nobody reads any more, each as its own `ssh`.
fn stalled_for_ever(alice: &Person, at: &Path) -> Vec<(Running, PathBuf)> {
    let mut stalled = Vec::new();
    for (number, route) in routes().iter().enumerate() {
        let file = |name: &str| at.join(format!("{name}-{number}"));
        let never = file("never");
        let (unread, stopped, unheard) = (file("unread"), file("stopped"), file("unheard"));
        // A client whose output nobody takes.
        let flood = writer(400, &unread);
        let mut client = alice.program("ssh", &[route, &flood]);
        stalled.push((Running::start_unread(&mut client), unread));
        // A client that does nothing any more, not even with its socket.
        let client = alice.spawn_ssh(&[route, &writer(400, &stopped)]);
        eventually(LONG, || stopped.exists().then_some(())).expect("it starts");
        client.signal("STOP");
        stalled.push((client, stopped));
        // A program that takes no input.
        let feed = fed_by(&writer(400, &unheard));
        let mut client = ssh_in(&feed, alice, &[route, &late_counter(&never)]);
        stalled.push((Running::start(&mut client), unheard));
    }
    stalled
}

#[test]
fn a_stall_without_end_costs_memory_that_does_not_grow_and_leaves_nothing_behind() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let million = alice.ssh(&[&route, "head -c 1000000 /dev/zero"]);
        million.expect_success();
    }
    let before = world.bastion.memory();
    let stalled = stalled_for_ever(&alice, &world.sshd.home());
    for (_, progress) in &stalled {
        wait_for_standstill(progress);
    }
    let first = world.bastion.memory();
    let bound = before + stalled.len() as u64 * STALLED_BYTES;
    assert!(first < bound, "{first} bytes, {before} before");
    let growing = eventually(STALL, || {
        let memory = world.bastion.memory();
        (memory > first + GROWTH_BYTES).then_some(memory)
    });
    assert_eq!(growing, None, "{first} bytes at first, {before} before");

    assert!(world.sshd.connections() >= stalled.len());
    for (client, _) in &stalled {
        client.signal("KILL");
    }
    drop(stalled);
    let left = || (world.sshd.connections() == 0).then_some(());
    eventually(PATIENCE, left).expect("no connection to the target is left");
}

#[test]
fn input_that_is_sent_right_after_the_command_arrives_whole() {
    let world = World::start();
    let alice = world.person("alice");
    let (file, expected) = random_file(&alice, 200 * MIB);
    for route in routes() {
        let feed = format!("exec \"$@\" <{}", file.display());
        let client = Running::start(&mut ssh_in(&feed, &alice, &[&route, "sha256sum"]));
        let output = client.finish_within(LONG).expect_success();
        assert_eq!(first_word(&output), expected, "{route}");
    }
}

#[test]
fn streams_both_ways_are_whole_while_their_keys_are_renewed() {
    let world = World::start();
    let alice = world.person("alice");
    let (file, expected) = random_file(&alice, 100 * MIB);
    for route in routes() {
        let echo = format!("\"$@\" <{} | sha256sum", file.display());
        let often = ["-v", "-o", "RekeyLimit=16M", &route, "cat"];
        let client = Running::start(&mut ssh_in(&echo, &alice, &often));
        let output = client.finish_within(LONG).expect_success();
        assert_eq!(first_word(&output), expected, "{route}");
        let renewals = output.stderr.matches("rekeying in progress").count();
        assert!(renewals >= 6, "{renewals} renewals");
    }
}

#[test]
fn a_large_file_comes_whole_by_sftp() {
    let world = World::start();
    let alice = world.person("alice");
    let (file, expected) = random_file(&alice, 256 * MIB);
    let there = world.sshd.home().join("large");
    fs::rename(&file, &there)
        .or_else(|_| fs::copy(&file, &there).map(drop))
        .unwrap();
    for route in routes() {
        let get = format!("get {} back\n", there.display());
        let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", &route]));
        sftp.write(get.as_bytes());
        sftp.finish_within(LONG).expect_success();
        assert_eq!(checksum(&alice.home().join("back")), expected, "{route}");
    }
}
