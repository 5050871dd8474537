//! An agent on a person's own machine.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use russh::keys::PublicKey;
use russh::keys::ssh_key::public::{Ed25519PublicKey, KeyData, SkEd25519};
use russh::keys::ssh_key::{Algorithm, Signature};
use ssh_encoding::{Decode, Encode};

use super::person::Person;
use super::process::{Running, run};
use super::{PATIENCE, eventually};

/// An agent with somebody's key.
pub(crate) struct Agent {
    socket: PathBuf,
    _program: Running,
}

impl Agent {
    /// One with this person's key.
    pub(crate) fn of(person: &Person) -> Self {
        let socket = person.home().join("agent.sock");
        let mut program = Command::new("ssh-agent");
        let program = Running::start(program.arg("-D").arg("-a").arg(&socket));
        // Its socket is there a moment before it listens.
        eventually(PATIENCE, || UnixStream::connect(&socket).ok()).expect("the agent starts");
        let mut add = Command::new("ssh-add");
        add.env("SSH_AUTH_SOCK", &socket);
        run(add.arg(person.home().join("id_ed25519"))).expect_success();
        Self {
            socket,
            _program: program,
        }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// `ssh -A ARGUMENTS` of whoever has this agent.
    pub(crate) fn ssh(&self, person: &Person, arguments: &[&str]) -> Running {
        let agent = format!("IdentityAgent={}", self.socket.display());
        let arguments = [&["-A", "-o", &agent], arguments].concat();
        Running::start(&mut person.program("ssh", &arguments))
    }
}

/// What an agent does that is not to be trusted, when it is asked to sign.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lie {
    /// It signs something else.
    SignsSomethingElse,
    /// It answers what is no answer.
    Babbles,
    /// It refuses.
    Refuses,
}

/// An agent that is not to be trusted in front of a good one.
pub(crate) struct Liar {
    socket: PathBuf,
}

impl Liar {
    /// In front of this agent. It answers as long as the tests run.
    pub(crate) fn before(agent: &Agent, lie: Lie) -> Self {
        let socket = agent.socket.with_extension(format!("{lie:?}"));
        let listener = UnixListener::bind(&socket).unwrap();
        let honest = agent.socket.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that goes away ends the conversation, and no more.
                let _ = converse(client, &honest, lie);
            }
        });
        Self { socket }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

const SIGN_REQUEST: u8 = 13;

fn converse(mut client: UnixStream, honest: &Path, lie: Lie) -> io::Result<()> {
    let mut agent = UnixStream::connect(honest)?;
    loop {
        let mut message = receive(&mut client)?;
        if message.first() == Some(&SIGN_REQUEST) {
            match lie {
                // The last byte before the flags is of what is to be signed.
                Lie::SignsSomethingElse => {
                    let last = message.len() - 5;
                    message[last] ^= 1;
                }
                Lie::Babbles => {
                    send(&mut client, b"\x0e\0\0\0\x20neither a key nor a signature")?;
                    continue;
                }
                Lie::Refuses => {
                    send(&mut client, &[5])?;
                    continue;
                }
            }
        }
        send(&mut agent, &message)?;
        let answer = receive(&mut agent)?;
        send(&mut client, &answer)?;
    }
}

fn receive(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn send(stream: &mut UnixStream, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).unwrap();
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(message)
}

/// An agent with a FIDO2 key that is touched whenever it should sign. No more than the protocol of such keys is ours: ssh
/// and the bastion take it for a real one.
pub(crate) struct SecurityKey {
    socket: PathBuf,
}

const APPLICATION: &str = "ssh:";
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_RESPONSE: u8 = 14;
const FAILURE: u8 = 5;
/// Touched, and the first use (OpenSSH PROTOCOL.u2f).
const TOUCHED: [u8; 5] = [1, 0, 0, 0, 1];

impl SecurityKey {
    /// In the hands of this person, who logs in with it from now on.
    pub(crate) fn of(person: &Person) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let bytes = pair.public_key().as_ref().try_into().unwrap();
        let key = KeyData::SkEd25519(SkEd25519::new(Ed25519PublicKey(bytes), APPLICATION));
        let key = PublicKey::from(key);
        let (public, socket) = (
            person.home().join("security_key.pub"),
            person.home().join("security_key.sock"),
        );
        fs::write(&public, key.to_openssh().unwrap()).unwrap();
        let file = person.home().join("ssh_config");
        let configuration = fs::read_to_string(&file).unwrap();
        let configuration = configuration
            .replace("/id_ed25519", "/security_key.pub")
            .replace(
                "IdentityAgent none",
                &format!("IdentityAgent {}", socket.display()),
            );
        fs::write(file, configuration).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let answering = || loop {
                    let message = receive(&mut client)?;
                    send(&mut client, &touched(&pair, &key, &message))?;
                };
                // A client that goes away ends the conversation, and no more.
                let _: io::Result<()> = { answering }();
            }
        });
        Self { socket }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

fn touched(pair: &Ed25519KeyPair, key: &PublicKey, message: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    match message.split_first() {
        Some((&REQUEST_IDENTITIES, _)) => {
            answer.push(IDENTITIES_ANSWER);
            1u32.encode(&mut answer).unwrap();
            key.to_bytes().unwrap().encode(&mut answer).unwrap();
            "a security key".encode(&mut answer).unwrap();
        }
        Some((&SIGN_REQUEST, mut request)) => {
            let _key = Vec::<u8>::decode(&mut request).unwrap();
            let data = Vec::<u8>::decode(&mut request).unwrap();
            let hash = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
            let shown = [hash(APPLICATION.as_bytes()), TOUCHED.to_vec(), hash(&data)].concat();
            let bytes = [pair.sign(&shown).as_ref(), &TOUCHED].concat();
            let signature = Signature::new(Algorithm::SkEd25519, bytes).unwrap();
            answer.push(SIGN_RESPONSE);
            signature.encode_prefixed(&mut answer).unwrap();
        }
        Some(_) | None => answer.push(FAILURE),
    }
    answer
}
