//! Many at the door: hostile clients, those behind a proxy, and people who open too much. Everybody else still gets in.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::sshd::login;
use crate::harness::{Options, PATIENCE, Person, Running, World, eventually};

use forwarder::{Forwarder, connect_from};

mod forwarder;

/// How long an answer of the bastion to one connection may take.
const ANSWER: Duration = Duration::from_secs(15);
/// What all hostile connections together may cost, in bytes: packets of 256 KiB from each of those that are let in.
const MEMORY: u64 = 160 * 1024 * 1024;

const VERSION: &[u8] = b"SSH-2.0-hostile\r\n";

/// The message number of the first packet that the bastion sends to a client with a version line.
fn first_message(stream: &mut TcpStream) -> Option<u8> {
    stream.set_read_timeout(Some(ANSWER)).unwrap();
    let _ = stream.write_all(VERSION);
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|read| read == 1) && byte[0] != b'\n' {}
    let mut packet = [0; 6];
    stream.read_exact(&mut packet).ok()?;
    Some(packet[5])
}

const DISCONNECT: u8 = 1;
const KEXINIT: u8 = 20;

/// Loopback addresses of hostile clients.
fn hostile(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 1, number).into()
}

/// Everything up to the other side's end, or its first silence.
fn swallow(stream: &mut TcpStream) -> usize {
    stream.set_read_timeout(Some(ANSWER)).unwrap();
    let (mut all, mut chunk) = (0, [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        all += read;
    }
    all
}

/// Writes as much as is taken, up to that many bytes.
fn pour(stream: &mut TcpStream, bytes: usize) -> usize {
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let chunk = [b'A'; 64 * 1024];
    let mut poured = 0;
    while poured < bytes {
        match stream.write(&chunk) {
            Ok(written) => poured += written,
            Err(_) => break,
        }
    }
    poured
}

/// What the `number`th hostile client says before it falls silent.
fn say(number: usize, stream: &mut TcpStream) {
    let packet = |length: u32, payload: usize| {
        let mut bytes = VERSION.to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.resize(bytes.len() + payload, 20);
        bytes
    };
    let said = match number % 7 {
        // Half-open.
        0 => Vec::new(),
        // Slow: the beginning of a version line.
        1 => b"SSH-2.0-".to_vec(),
        // A line without an end.
        2 => b"SSH-2.0-".iter().copied().chain([b'x'; 100_000]).collect(),
        3 => b"GET / HTTP/1.1\r\nHost: bastion\r\n\r\n".to_vec(),
        4 => (0..5_000_u32).map(|i| (i * 7919 % 251) as u8).collect(),
        // Packets that are huge, at the limit and beyond it, and never end.
        5 => packet(256 * 1024, 250 * 1024),
        _ => packet(u32::MAX, 1_000),
    };
    let _ = stream.write_all(&said);
}

#[test]
fn hostile_connections_cost_bounded_memory_and_keep_nobody_out() {
    let world = World::start();
    let alice = world.person("alice");
    let address = SocketAddr::from(([127, 0, 0, 1], world.bastion.ssh_port()));
    let before = world.bastion.memory();
    let mut crowd = Vec::new();
    for number in 0..400 {
        let from = hostile(u8::try_from(number % 8).unwrap() + 1);
        let mut stream = connect_from(from, address);
        say(number, &mut stream);
        crowd.push(stream);
    }
    let mut attempts = 0;
    let in_time = eventually(ANSWER, || {
        attempts += 1;
        let output = alice.ssh(&["bastion", "whoami"]);
        output.status.success().then_some(())
    });
    assert!(in_time.is_some(), "not in after {attempts} attempts");
    let cost = world.bastion.memory().saturating_sub(before);
    assert!(cost < MEMORY, "{cost} bytes");
    drop(crowd);
    // Every seat is free again: as many as are never dropped at random get in from one address and another.
    let free = eventually(PATIENCE, || {
        let mut quiet: Vec<TcpStream> = (0..90)
            .map(|number| connect_from(hostile(100 + number % 2), address))
            .collect();
        let served = quiet
            .iter_mut()
            .all(|stream| first_message(stream) == Some(KEXINIT));
        served.then_some(())
    });
    free.expect("the seats are given back");
    alice.ssh(&["web1", "true"]).expect_success();
}

#[test]
fn a_client_that_never_names_its_version_is_closed_and_garbage_at_once() {
    let world = World::start();
    let address = SocketAddr::from(([127, 0, 0, 1], world.bastion.ssh_port()));
    let mut garbage = connect_from(hostile(1), address);
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(swallow(&mut garbage) < 100);
    let mut endless = connect_from(hostile(1), address);
    let poured = pour(&mut endless, 64 * 1024 * 1024);
    assert!(poured < 64 * 1024 * 1024, "{poured} bytes were taken");
    let mut silent = connect_from(hostile(1), address);
    silent.write_all(b"SSH-2.0-slow").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    silent.read_to_end(&mut all).unwrap();
    assert!(all.starts_with(b"SSH-2.0-Countersign"));
}

#[test]
fn a_client_that_begins_and_never_goes_on_gives_its_seat_back_at_the_deadline() {
    let world = World::with(Options {
        ssh: "login_deadline = \"10s\"\nmax_unidentified = 1\nearly_drop_start = 1",
        ..Options::default()
    });
    let address = SocketAddr::from(([127, 0, 0, 1], world.bastion.ssh_port()));
    let mut stuck = connect_from(hostile(1), address);
    assert_eq!(first_message(&mut stuck), Some(KEXINIT));
    let mut second = connect_from(hostile(2), address);
    assert_eq!(first_message(&mut second), Some(DISCONNECT));
    let free = eventually(PATIENCE, || {
        let mut next = connect_from(hostile(2), address);
        (first_message(&mut next) == Some(KEXINIT)).then_some(())
    });
    free.expect("the seat is free after the deadline");
}

#[test]
fn whoever_is_turned_away_hears_why() {
    let world = World::with(Options {
        ssh: "max_unidentified_per_address = 2",
        ..Options::default()
    });
    let alice = world.person("alice");
    let address = SocketAddr::from(([127, 0, 0, 1], world.bastion.ssh_port()));
    let waiting = [(); 2].map(|()| connect_from(Ipv4Addr::LOCALHOST.into(), address));
    let output = alice.ssh(&["bastion", "whoami"]).expect_failure();
    let told = "too many clients are signing in from your address at once; try again";
    assert!(output.stderr.contains(told), "{output}");
    drop(waiting);
    let served = || {
        let output = alice.ssh(&["bastion", "whoami"]);
        output.status.success().then_some(())
    };
    eventually(PATIENCE, served).expect("their seats are free again");
}

const PROXIED: &str = "proxy_protocol_from = [\"127.0.0.2\"]\nmax_unidentified_per_address = 2";
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// `ssh` to the bastion through a proxy that is not the bastion's own address.
fn through(alice: &Person, proxy: &Forwarder, command: &str) -> crate::harness::Output {
    let port = proxy.port().to_string();
    let destination = format!("{}@web1@bastion", login());
    alice.ssh(&["-p", &port, &destination, command])
}

fn v2(client: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(client);
    header.extend([10, 0, 0, 1, 0x30, 0x39, 0, 22]);
    header
}

#[test]
fn a_client_behind_a_proxy_is_known_by_its_own_address() {
    let world = World::with(Options {
        ssh: PROXIED,
        ..Options::default()
    });
    let alice = world.person("alice");
    let address = SocketAddr::from(([127, 0, 0, 1], world.bastion.ssh_port()));
    let proxy = Forwarder::start(PROXY, address, &v2([192, 0, 2, 7]));
    let output = through(&alice, &proxy, "echo through").expect_success();
    assert_eq!(output.text(), "through\n");
    for event in ["login", "connect", "session_started"] {
        let told = world.bastion.events(event).pop().unwrap();
        assert_eq!(told["source"], "192.0.2.7", "{told}");
    }
    // Seats are counted by the clients' addresses, not the proxy's.
    let local = SocketAddr::from(([127, 0, 0, 1], proxy.port()));
    let mut two = [(); 2].map(|()| TcpStream::connect(local).unwrap());
    for stream in &mut two {
        assert_eq!(first_message(stream), Some(KEXINIT));
    }
    let refused = through(&alice, &proxy, "true").expect_failure();
    assert!(refused.stderr.contains("from your address"), "{refused}");
    let other = Forwarder::start(PROXY, address, &v2([192, 0, 2, 8]));
    through(&alice, &other, "true").expect_success();
}

#[test]
fn a_proxy_without_its_header_and_a_client_with_one_are_turned_away() {
    let world = World::with(Options {
        ssh: PROXIED,
        ..Options::default()
    });
    let alice = world.person("alice");
    let address = SocketAddr::from(([127, 0, 0, 1], world.bastion.ssh_port()));
    let first = b"PROXY TCP4 192.0.2.7 10.0.0.1 12345 22\r\n";
    for nothing in [&b""[..], first] {
        let proxy = Forwarder::start(PROXY, address, nothing);
        through(&alice, &proxy, "true").expect_failure();
    }
    let log = world.bastion.log();
    assert!(log.contains("not a PROXY header of version 2"), "{log}");
    // Whoever is no proxy speaks SSH from the first byte.
    let forged = Forwarder::start(Ipv4Addr::LOCALHOST, address, &v2([192, 0, 2, 7]));
    through(&alice, &forged, "true").expect_failure();
    let logins = world.bastion.events("login");
    let all_local = logins.iter().all(|login| login["source"] == "127.0.0.1");
    assert!(all_local, "{logins:?}");
    alice.ssh(&["web1", "true"]).expect_success();
}

/// A connection to the bastion whose channels others may use.
fn shared(alice: &Person) -> Running {
    let mut master = alice.spawn_ssh(&["-N", "-M", "-S", "master", "bastion"]);
    let socket = alice.home().join("master");
    let up = eventually(PATIENCE, || {
        assert!(master.is_running(), "{}", master.stderr());
        socket.exists().then_some(())
    });
    up.expect("the shared connection is up");
    master
}

/// A session on `web1` through the shared connection.
fn inside(alice: &Person) -> Running {
    let config = alice.home().join("ssh_config");
    let proxy = format!(
        "ProxyCommand=ssh -F {} -S master -W %h:%p bastion",
        config.display()
    );
    alice.spawn_ssh(&["-o", &proxy, "web1", "echo up; cat"])
}

#[test]
fn one_connection_carries_so_many_others_and_no_more() {
    let world = World::with(Options {
        ssh: "max_jumps_per_connection = 2",
        ..Options::default()
    });
    let alice = world.person("alice");
    let _master = shared(&alice);
    let mut two = [inside(&alice), inside(&alice)];
    for session in &mut two {
        session.wait_for_stdout("up");
    }
    let output = inside(&alice).finish().expect_failure();
    let told = "2 connections go through this one already";
    assert!(output.stderr.contains(told), "{output}");
    // Another connection has its own share, and an end makes room.
    alice.ssh(&["web1", "true"]).expect_success();
    let [first, _second] = two;
    first.finish().expect_success();
    let room = || inside(&alice).finish().status.success().then_some(());
    eventually(PATIENCE, room).expect("there is room again");
}

#[test]
fn one_person_has_so_many_sessions_and_jumps_and_no_more() {
    let world = World::with(Options {
        ssh: "max_jumps_per_person = 2\nmax_sessions_per_person = 3",
        ..Options::default()
    });
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let direct = format!("{}@web1@bastion", login());
    let mut running: Vec<Running> = ["web1", "web1", &direct]
        .into_iter()
        .map(|route| alice.spawn_ssh(&[route, "echo up; cat"]))
        .collect();
    for session in &mut running {
        session.wait_for_stdout("up");
    }
    let jump = alice.ssh(&["web1", "true"]).expect_failure();
    let told = "2 of your connections go through others already";
    assert!(jump.stderr.contains(told), "{jump}");
    let session = alice.ssh(&[&direct, "true"]).expect_failure();
    assert_eq!(session.code(), 254, "{session}");
    assert!(session.stderr.contains("you have 3 sessions already"));
    bob.ssh(&["web1", "true"]).expect_success();
    running.clear();
    let again = || alice.ssh(&["web1", "true"]).status.success().then_some(());
    eventually(PATIENCE, again).expect("what ended makes room");
}
