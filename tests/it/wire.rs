//! The wire itself: what is offered and agreed on, new keys on the way, and handshakes with targets.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::sshd::login;
use crate::harness::{Options, PATIENCE, Person, Running, World, run};

const MIB: usize = 1024 * 1024;
/// How long many bytes may take through an unoptimised build.
const LONG: Duration = Duration::from_secs(300);

/// What `ssh-audit` finds wrong, as `kex curve25519-sha256: …`.
fn complaints(report: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["kex", "key", "enc", "mac"] {
        for algorithm in report[kind].as_array().unwrap() {
            let notes = &algorithm["notes"];
            for note in ["fail", "warn"].iter().flat_map(|of| notes[of].as_array()) {
                found.push(format!("{kind} {}: {note:?}", algorithm["algorithm"]));
            }
        }
    }
    found
}

#[test]
fn ssh_audit_finds_nothing_wrong() {
    let world = World::start();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/ssh-audit/bin");
    let audit = tools.join("ssh-audit");
    assert!(
        audit.exists(),
        "ssh-audit is not installed: run `tests/run`"
    );
    let port = world.bastion.ssh_port().to_string();
    // Its test of rates asks for fewer than 20 connections a second from one address: people behind one make more. That
    // they cost little is the matter of the tests in `crowd`, and no key exchange here is one of those it is about.
    let arguments = ["--json", "--skip-rate-test", "--port", &port, "127.0.0.1"];
    // By its Python, as a script there names the folder that it was installed in.
    let mut python = Command::new(tools.join("python"));
    let report = run(python.arg(audit).args(arguments)).json();
    let names = |kind: &str| {
        let list = report[kind].as_array().unwrap().iter();
        let names = list.map(|entry| entry["algorithm"].as_str().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    let expected_kex = [
        "mlkem768x25519-sha256",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ext-info-s",
        "kex-strict-s-v00@openssh.com",
    ];
    assert_eq!(names("kex"), expected_kex);
    let expected_keys = ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"];
    assert_eq!(names("key"), expected_keys);
    assert_eq!(names("enc")[0], "aes256-gcm@openssh.com");
    assert!(names("mac").iter().all(|name| name.contains("-etm@")));
    let complaints = complaints(&report);
    let known = |it: &&String| !it.starts_with("kex \"curve25519");
    let unknown: Vec<&String> = complaints.iter().filter(known).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "{report:#}");
    assert_eq!(report["cves"], serde_json::json!([]));
    assert_eq!(report["additional_notes"], serde_json::json!([]));
}

#[test]
fn openssh_agrees_on_strict_key_exchange_the_host_certificate_and_strong_ciphers() {
    let world = World::start();
    let alice = world.person("alice");
    let agreed = |more: &[&str]| {
        let arguments = [&["-vvv"][..], more, &["bastion", "whoami"]].concat();
        alice.ssh(&arguments).expect_success().stderr
    };
    let usual = agreed(&[]);
    for expected in [
        "will use strict KEX ordering",
        "kex: algorithm: curve25519-sha256",
        "kex: host key algorithm: ssh-ed25519-cert-v01@openssh.com",
        "client->server cipher: aes256-gcm@openssh.com MAC: <implicit>",
        "server->client cipher: aes256-gcm@openssh.com MAC: <implicit>",
        "server-sig-algs=<ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256>",
    ] {
        assert!(usual.contains(expected), "no `{expected}` in\n{usual}");
    }
    for weak in [
        ["-c", "chacha20-poly1305@openssh.com"],
        ["-c", "aes128-ctr"],
        ["-o", "KexAlgorithms=diffie-hellman-group14-sha256"],
        ["-o", "HostKeyAlgorithms=rsa-sha2-512"],
    ] {
        let output = alice.ssh(&[&weak[..], &["bastion", "whoami"]].concat());
        assert!(output.expect_failure().stderr.contains("no matching"));
    }
}

#[test]
fn aes_ctr_with_etm_macs_is_there_for_clients_without_gcm() {
    let world = World::with(Options {
        ssh: "always_offer_ctr = true",
        ..Options::default()
    });
    let alice = world.person("alice");
    let with = |cipher, mac| {
        let options = ["-vv", "-c", cipher, "-m", mac];
        alice.ssh(&[&options[..], &["bastion", "whoami"]].concat())
    };
    let old = with("aes256-ctr", "hmac-sha2-512-etm@openssh.com").expect_success();
    let agreed = "cipher: aes256-ctr MAC: hmac-sha2-512-etm@openssh.com";
    assert!(old.stderr.contains(agreed), "{old}");
    let older = with("aes256-ctr", "hmac-sha2-256").expect_failure();
    assert!(older.stderr.contains("no matching MAC"), "{older}");
}

#[test]
fn a_client_of_another_make_is_offered_both_ciphers() {
    let world = World::start();
    let mut stream = TcpStream::connect(("127.0.0.1", world.bastion.ssh_port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // In pieces, as a slow link would bring it.
    for piece in [&b"SSH-2.0-Pu"[..], b"TTY_Release_0.74\r", b"\n"] {
        stream.write_all(piece).unwrap();
    }
    let mut shown = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&shown).contains("hmac-sha2-512-etm") {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&chunk[..read]);
    }
    let shown = String::from_utf8_lossy(&shown);
    let offered = "aes256-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
    assert!(shown.contains(offered), "{shown}");
}

/// Sends so many bytes through `cat` on the target and back, and compares; gives what `ssh -v` said.
fn there_and_back(alice: &Person, bytes: usize, options: &[&str]) -> String {
    let sent = alice.home().join("sent");
    let mut noise = Command::new("bash");
    let script = format!("head -c {bytes} /dev/urandom > {}", sent.display());
    run(noise.args(["-c", &script])).expect_success();
    let ssh = alice.program("ssh", &[&["-v"], options, &["web1", "cat"]].concat());
    let words = std::iter::once(ssh.get_program()).chain(ssh.get_args());
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into()).collect();
    let mut piped = Command::new("bash");
    let script = format!("set -o pipefail; \"$@\" < {0} | cmp - {0}", sent.display());
    piped.args(["-c", &script, "bash"]).args(words);
    alice.environment(piped.current_dir(alice.home()));
    let output = Running::start(&mut piped).finish_within(LONG);
    output.expect_success().stderr
}

#[test]
fn many_bytes_pass_unchanged_while_the_client_asks_for_new_keys() {
    let world = World::start();
    let alice = world.person("alice");
    let shown = there_and_back(&alice, 200 * MIB, &["-o", "RekeyLimit=16M"]);
    // The first exchange, and one for each 16 MiB either way.
    let exchanges = shown.matches("SSH2_MSG_NEWKEYS received").count();
    assert!(exchanges > 12, "{exchanges} key exchanges\n{shown}");
}

#[test]
fn the_bastion_asks_both_sides_for_new_keys_and_every_byte_passes() {
    let world = World::with(Options {
        ssh: "rekey_after = 4194304",
        log: Some("info,russh=debug"),
        ..Options::default()
    });
    let alice = world.person("alice");
    let shown = there_and_back(&alice, 40 * MIB, &["-o", "RekeyLimit=1G"]);
    // What the client counts is its own end of the jump.
    let exchanges = shown.matches("SSH2_MSG_NEWKEYS received").count();
    assert!(exchanges > 9, "{exchanges} key exchanges\n{shown}");
    let log = world.bastion.log();
    let of = |side: &str| {
        let began = |line: &&str| line.contains(side) && line.contains("beginning re-key");
        log.lines().filter(began).count()
    };
    // Outer connection, inner connection, target.
    assert!(of("russh::server") > 20, "{}", of("russh::server"));
    assert!(of("russh::client") > 9, "{}", of("russh::client"));
}

#[test]
fn forty_sessions_at_once_reach_a_stock_target_and_none_is_dropped() {
    let world = World::start();
    let alice = world.person("alice");
    let through: Vec<Running> = (0..40)
        .map(|number| match number % 2 {
            0 => alice.spawn_ssh(&["web1", "true"]),
            _ => alice.spawn_ssh(&[&format!("{}@web1@bastion", login()), "true"]),
        })
        .collect();
    for session in through {
        session.finish_within(LONG).expect_success();
    }
    let dropped = world.sshd.log().contains("drop connection");
    assert!(!dropped, "{}", world.sshd.log());
    assert_eq!(world.bastion.events("session_ended").len(), 40);
    let _ = fs::remove_file(alice.home().join("sent"));
}
