//! Forwards and the agent: each is a question to policy, is audited with its bytes, and stalls nobody else.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::harness::person::{HELD, hold_id};
use crate::harness::sshd::login;
use crate::harness::{
    Agent, Options, PATIENCE, Person, Running, World, eventually, free_port, noise, routes,
};

const MIB: usize = 1024 * 1024;

/// Somebody may forward to one port only on request, and use their agent.
const ASKING: &str = r#"
@id("open") permit (principal, action in [Action::"connect", Action::"shell", Action::"exec", Action::"agent"], resource);
@id("ask") permit (principal, action == Action::"request:forward", resource)
when { context.forward.host == "127.0.0.1" && context.forward.port > 1 };
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

/// A server that sends back what it is sent, each connection for itself, until the tests end.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reader = socket.try_clone().unwrap();
                let _ = std::io::copy(&mut reader, &mut &socket);
                let _ = socket.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

/// A server that takes connections and never reads.
fn deaf() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let taken: Vec<_> = listener.incoming().collect();
        drop(taken);
    });
    port
}

fn connect(port: u16) -> TcpStream {
    let socket = eventually(PATIENCE, || TcpStream::connect(("127.0.0.1", port)).ok());
    let socket = socket.unwrap_or_else(|| panic!("nothing listens on {port}"));
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Sends `sent` and ends, and gives what comes back.
fn exchange(mut socket: TcpStream, sent: &[u8]) -> Vec<u8> {
    let mut writer = socket.try_clone().unwrap();
    let bytes = sent.to_vec();
    let writing = thread::spawn(move || {
        let _ = writer.write_all(&bytes);
        let _ = writer.shutdown(Shutdown::Write);
    });
    let mut back = Vec::new();
    if let Err(error) = socket.read_to_end(&mut back) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    writing.join().unwrap();
    back
}

/// `ssh -N` with these options, which forwards something.
fn tunnel(person: &Person, options: &[&str], route: &str) -> Running {
    person.spawn_ssh(&[&["-N", "-o", "ExitOnForwardFailure=yes"], options, &[route]].concat())
}

#[test]
fn a_local_forward_carries_everything_and_is_audited_with_its_bytes() {
    let world = World::start();
    let alice = world.person("alice");
    let (echo, sent) = (echo(), noise(3 * MIB + 17));
    for (count, route) in routes().iter().enumerate() {
        let port = free_port();
        let _tunnel = tunnel(&alice, &["-L", &format!("{port}:localhost:{echo}")], route);
        assert!(exchange(connect(port), &sent) == sent, "through {route}");
        let ended = || world.bastion.events("forward_ended");
        let ended = eventually(PATIENCE, || ended().into_iter().nth(count)).unwrap();
        assert_eq!(ended["text"], format!("local localhost:{echo}"));
        assert_eq!(ended["bytes_in"], sent.len());
        assert_eq!(ended["bytes_out"], sent.len());
        let asked = world.bastion.events("command");
        assert_eq!(asked.last().unwrap()["action"], "forward", "{asked:?}");
        assert_eq!(asked.last().unwrap()["digest"], ended["digest"]);
    }
}

#[test]
fn a_client_joins_its_own_input_to_a_host_behind_the_target() {
    let world = World::start();
    let alice = world.person("alice");
    let echo = echo();
    for route in routes() {
        let mut joined = alice.spawn_ssh(&["-W", &format!("127.0.0.1:{echo}"), &route]);
        joined.write(b"through\n");
        joined.wait_for_stdout("through");
        assert_eq!(joined.finish().expect_success().text(), "through\n");
    }
}

#[test]
fn a_dynamic_forward_reaches_what_it_is_asked_for() {
    let world = World::start();
    let alice = world.person("alice");
    let (echo, port) = (echo(), free_port());
    let _tunnel = tunnel(&alice, &["-D", &port.to_string()], "web1");
    for round in 0..20 {
        let mut socket = connect(port);
        // RFC 1928: no authentication, then CONNECT to a name.
        socket.write_all(&[5, 1, 0]).unwrap();
        let mut answer = [0; 2];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [5, 0]);
        let mut request = vec![5, 1, 0, 3, 9];
        request.extend_from_slice(b"localhost");
        request.extend_from_slice(&echo.to_be_bytes());
        socket.write_all(&request).unwrap();
        let mut answer = [0; 10];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer[1], 0, "round {round}");
        assert_eq!(exchange(socket, b"socks"), b"socks");
    }
}

#[test]
fn a_remote_forward_listens_on_the_target_and_comes_back() {
    let world = World::start();
    let alice = world.person("alice");
    let (echo, sent) = (echo(), noise(MIB));
    for route in routes() {
        let mut tunnel = tunnel(&alice, &["-R", &format!("0:127.0.0.1:{echo}")], &route);
        let said = tunnel.wait_for_stderr("remote forward to");
        let port = said.split("Allocated port ").nth(1).unwrap();
        let port: u16 = port.split(' ').next().unwrap().parse().unwrap();
        for _ in 0..3 {
            assert!(exchange(connect(port), &sent) == sent, "through {route}");
        }
        drop(tunnel);
        let gone = || {
            TcpStream::connect(("127.0.0.1", port))
                .is_err()
                .then_some(())
        };
        eventually(PATIENCE, gone).expect("the target listens no more");
    }
    let ended = world.bastion.wait_for_event("forward_ended");
    assert_eq!(ended["bytes_in"], sent.len());
}

#[test]
fn sockets_are_forwarded_like_ports() {
    let world = World::start();
    let alice = world.person("alice");
    let (echo, port) = (echo(), free_port());
    // A socket on the target's side that a remote forward makes is the one that a local forward reaches.
    let socket = world.sshd.home().join("echo.sock");
    let socket = socket.display();
    let _back = tunnel(
        &alice,
        &["-R", &format!("{socket}:127.0.0.1:{echo}")],
        "web1",
    );
    let listening = || {
        std::path::Path::new(&socket.to_string())
            .exists()
            .then_some(())
    };
    eventually(PATIENCE, listening).expect("the target listens");
    let _there = tunnel(&alice, &["-L", &format!("{port}:{socket}")], "web1");
    assert_eq!(exchange(connect(port), b"round about"), b"round about");
}

#[test]
fn production_forwards_nothing_and_says_why() {
    let world = World::start();
    let alice = world.person("alice");
    let (echo, port) = (echo(), free_port());
    let local = format!("{port}:127.0.0.1:{echo}");
    let mut shell = alice.spawn_ssh(&["-tt", "-L", &local, "db1"]);
    shell.wait_for_stdout("target$");
    assert_eq!(exchange(connect(port), b"x"), b"");
    shell.wait_for_stdout("is refused: no policy allows it");
    shell.wait_for_stderr("administratively prohibited");
    let remote = tunnel(&alice, &["-R", &format!("0:127.0.0.1:{echo}")], "db1").finish();
    assert_ne!(remote.code(), 0, "{remote}");
    assert!(
        remote.stderr.contains("remote port forwarding failed"),
        "{remote}"
    );
    // The command is held; what is said of its connection's forward comes with it.
    let mut held = alice.spawn_ssh(&["-R", &format!("8000:127.0.0.1:{echo}"), "db1", "true"]);
    held.wait_for_stderr("the forward `remote localhost:8000` is refused");
    let asked = world.bastion.events("command");
    let denied = asked.iter().filter(|asked| asked["action"] == "forward");
    assert!(denied.clone().count() >= 3 && denied.clone().all(|a| a["verdict"] == "deny"));
    assert!(world.bastion.events("forward_ended").is_empty());
}

#[test]
fn a_held_forward_waits_and_is_approved_once_for_its_connection() {
    let world = World::with(Options {
        policy: Some(ASKING),
        ..Options::default()
    });
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let (echo, port) = (echo(), free_port());
    let local = format!("{port}:127.0.0.1:{echo}");
    let mut session = alice.spawn_ssh(&["-L", &local, "db1", "cat"]);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let socket = connect(port);
            thread::spawn(move || exchange(socket, b"later"))
        })
        .collect();
    let id = session.wait_until(HELD, |running| hold_id(&running.stderr()));
    let queue = carol.ssh(&["bastion", "requests"]).expect_success().text();
    assert!(queue.contains(&format!("127.0.0.1:{echo}")), "{queue}");
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    for socket in waiting {
        assert_eq!(socket.join().unwrap(), b"later");
    }
    session.wait_for_stderr("approved by carol@example.test");
    assert_eq!(exchange(connect(port), b"again"), b"again");
    assert_eq!(world.bastion.events("held").len(), 1);
    assert!(world.bastion.events("released").len() >= 4);
    session.finish().expect_success();
}

#[test]
fn a_held_forward_whose_client_goes_is_withdrawn() {
    let world = World::with(Options {
        policy: Some(ASKING),
        ..Options::default()
    });
    let alice = world.person("alice");
    let port = free_port();
    let tunnel = tunnel(
        &alice,
        &["-L", &format!("{port}:127.0.0.1:{}", echo())],
        "db1",
    );
    let _waiting = connect(port);
    world.bastion.wait_for_event("held");
    drop(tunnel);
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
}

#[test]
fn a_remote_forward_that_is_held_listens_once_it_is_approved() {
    let world = World::with(Options {
        policy: Some(ASKING),
        ..Options::default()
    });
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let (echo, port) = (echo(), free_port());
    let remote = format!("127.0.0.1:{port}:127.0.0.1:{echo}");
    let mut session = alice.spawn_ssh(&["-R", &remote, "db1", "cat"]);
    let id = session.wait_until(HELD, |running| hold_id(&running.stderr()));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    session.wait_for_stderr("the target listens now");
    assert_eq!(exchange(connect(port), b"back"), b"back");
    // A port that the target would choose cannot wait: its number is the answer.
    let chosen = alice.ssh(&[
        "-R",
        &format!("127.0.0.1:0:127.0.0.1:{echo}"),
        "db1",
        "true",
    ]);
    assert!(chosen.stderr.contains("no policy allows it"), "{chosen}");
}

#[test]
fn a_forward_that_stalls_leaves_the_others_alone() {
    let world = World::start();
    let alice = world.person("alice");
    let (deaf, echo) = (deaf(), echo());
    let (stuck, free) = (free_port(), free_port());
    let _tunnel = tunnel(
        &alice,
        &[
            "-L",
            &format!("{stuck}:127.0.0.1:{deaf}"),
            "-L",
            &format!("{free}:127.0.0.1:{echo}"),
        ],
        "web1",
    );
    let mut flood = connect(stuck);
    flood.set_nonblocking(true).unwrap();
    let block = noise(64 * 1024);
    // Until nothing more fits for a while: every buffer on the way is full.
    let mut full_since = None;
    let stalled = || match flood.write(&block) {
        Ok(_) => {
            full_since = None;
            None
        }
        Err(_) => {
            let since = *full_since.get_or_insert_with(std::time::Instant::now);
            (since.elapsed().as_millis() > 500).then_some(())
        }
    };
    eventually(PATIENCE, stalled).expect("the flood is stopped");
    for _ in 0..5 {
        assert_eq!(exchange(connect(free), b"alive"), b"alive");
    }
}

#[test]
fn a_forward_that_is_open_when_its_client_dies_is_audited_with_its_bytes() {
    let world = World::start();
    let alice = world.person("alice");
    let (echo, port) = (echo(), free_port());
    let local = format!("{port}:127.0.0.1:{echo}");
    let tunnel = tunnel(&alice, &["-L", &local], "web1");
    let mut open = connect(port);
    open.write_all(b"still open").unwrap();
    open.read_exact(&mut [0; 10]).unwrap();
    drop(tunnel);
    let ended = world.bastion.wait_for_event("forward_ended");
    assert_eq!(
        (&ended["bytes_in"], &ended["bytes_out"]),
        (&10.into(), &10.into())
    );
}

#[test]
fn hosts_that_do_not_answer_keep_nobody_from_the_target_in_between() {
    let world = World::start();
    let alice = world.person("alice");
    // Its queue is full: whoever connects hears nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
    let _queue: Vec<TcpStream> = std::iter::from_fn(|| connect().ok()).collect();
    let direct = format!("{}@web1@bastion", login());
    let _tunnels: Vec<Running> = (0..12)
        .map(|_| alice.spawn_ssh(&["-W", &address.to_string(), &direct]))
        .collect();
    let asked = || (world.bastion.events("command").len() >= 12).then_some(());
    eventually(PATIENCE, asked).expect("all of them are under way");
    alice.ssh(&[&direct, "true"]).expect_success();
}

#[test]
fn a_remote_forward_that_was_cancelled_while_held_never_listens() {
    let world = World::with(Options {
        policy: Some(ASKING),
        ..Options::default()
    });
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let (port, socket) = (free_port(), alice.home().join("master"));
    let remote = format!("127.0.0.1:{port}:127.0.0.1:{}", echo());
    let control = format!("ControlPath={}", socket.display());
    let shared = ["-o", "ControlMaster=yes", "-o", &control, "-R", &remote];
    let mut session = alice.spawn_ssh(&[&shared[..], &["db1", "cat"]].concat());
    let id = session.wait_until(HELD, |running| hold_id(&running.stderr()));
    let cancel = ["-o", &control, "-O", "cancel", "-R", &remote, "db1"];
    alice.ssh(&cancel).expect_success();
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    session.wait_for_stderr("approved by carol@example.test");
    // It may be asked for anew, and is approved already: now it listens.
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let again = ["-o", &control, "-O", "forward", "-R", &remote, "db1"];
    alice.ssh(&again).expect_success();
    assert_eq!(exchange(self::connect(port), b"now"), b"now");
}

#[test]
fn the_agent_reaches_a_target_where_policy_lets_it() {
    let world = World::with(Options {
        policy: Some(ASKING),
        ..Options::default()
    });
    let alice = world.person("alice");
    let agent = Agent::of(&alice);
    for (count, route) in routes().iter().enumerate() {
        let listed = agent.ssh(&alice, &[route, "ssh-add -l"]).finish();
        assert!(listed.text().contains(&alice.fingerprint()), "{listed}");
        let ended = || world.bastion.events("forward_ended");
        let ended = eventually(PATIENCE, || ended().into_iter().nth(count)).unwrap();
        assert_eq!(ended["text"], "agent");
    }
    let without = alice.ssh(&["web1", "echo socket=$SSH_AUTH_SOCK."]);
    assert_eq!(without.text(), "socket=.\n", "{without}");
}

#[test]
fn nobodys_agent_reaches_a_target_by_default() {
    let world = World::start();
    let alice = world.person("alice");
    let agent = Agent::of(&alice);
    let script = "echo socket=$SSH_AUTH_SOCK.";
    let output = agent.ssh(&alice, &["web1", script]).finish();
    assert_eq!(output.text(), "socket=.\n", "{output}");
    assert_eq!(output.stderr, "");
    let asked = world.bastion.events("command");
    let asked = asked.iter().find(|asked| asked["action"] == "agent");
    assert_eq!(asked.unwrap()["verdict"], "deny");
    let mut shell = agent.ssh(&alice, &["-tt", "web1"]);
    shell.wait_for_stdout("your agent does not reach the target: no policy allows it");
}
