//! A target that asks the gate's agent without end and never reads an answer.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Certificate, PrivateKey};
use russh::server::{Auth, Config, Handler, Msg, Session, run_stream};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::harness::sshd::login;
use crate::harness::{Options, PATIENCE, World, eventually, free_port};

const MIB: u64 = 1024 * 1024;
/// Channels to its agent that it opens: as many as a session may have at a time.
const CHANNELS: usize = 32;
/// What it asks on each of them, if it is let.
const FLOOD: u64 = 16 * MIB;
/// What all of that may cost: twice the longest message a channel, and what is on its way to each.
const COST: u64 = 32 * MIB;
/// How long nothing may move before it is said to stand still.
const STILL: Duration = Duration::from_secs(3);

/// What the target does and did.
#[derive(Clone, Default)]
struct Stuck {
    /// From now on it reads nothing of its connection.
    stopped: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
}

impl Stuck {
    /// Listens until its runtime ends.
    async fn serve(self, listener: TcpListener, key: PrivateKey) {
        let config = Arc::new(Config {
            keys: vec![key],
            auth_rejection_time: Duration::ZERO,
            // So that its answers wait in the bastion, and not on the way.
            window_size: 1024,
            ..Config::default()
        });
        while let Ok((socket, _)) = listener.accept().await {
            let socket = Unread(socket, Arc::clone(&self.stopped));
            let (config, handler) = (Arc::clone(&config), self.clone());
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, socket, handler).await {
                    let _ = session.await;
                }
            });
        }
    }

    async fn flood(self, handle: russh::server::Handle) {
        let mut channels = Vec::new();
        for _ in 0..CHANNELS {
            let channel = handle.channel_open_agent().await.unwrap();
            self.opened.fetch_add(1, Ordering::Relaxed);
            channels.push(channel);
        }
        self.stopped.store(true, Ordering::Relaxed);
        // SSH_AGENTC_REQUEST_IDENTITIES, again and again.
        let asking = bytes(&[0, 0, 0, 1, 11]);
        let floods = channels.iter().map(|channel| {
            let (asking, asked) = (asking.clone(), Arc::clone(&self.asked));
            async move {
                let mut sent = 0;
                while sent < FLOOD && channel.data_bytes(asking.clone()).await.is_ok() {
                    sent += asking.len() as u64;
                    asked.fetch_add(asking.len() as u64, Ordering::Relaxed);
                }
            }
        });
        futures::future::join_all(floods).await;
        std::future::pending::<()>().await;
    }
}

fn bytes(message: &[u8]) -> Vec<u8> {
    message.repeat(4000)
}

impl Handler for Stuck {
    type Error = russh::Error;

    async fn auth_openssh_certificate(
        &mut self,
        _user: &str,
        _certificate: &Certificate,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        tokio::spawn(self.clone().flood(session.handle()));
        Ok(())
    }
}

/// A socket of which nothing is read any more once that is said.
struct Unread(TcpStream, Arc<AtomicBool>);

impl AsyncRead for Unread {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.1.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Unread {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A bastion with one such target among its staging ones, and the runtime that the target runs on.
fn serving(stuck: &Stuck) -> (World, Runtime) {
    let mut world = World::configured(Options::default());
    let (port, key) = (
        free_port(),
        PrivateKey::from(Ed25519Keypair::from_seed(&[5; 32])),
    );
    let public = key.public_key().to_openssh().unwrap();
    let mut text = fs::read_to_string(world.bastion.config()).unwrap();
    write!(
        text,
        "\n[[targets]]\nname = \"stuck\"\naddress = \"127.0.0.1\"\nport = {port}\nlogins = [\"{}\"]
labels = {{ env = \"staging\" }}\nlayers = [\"sudo\"]\nhost_keys = [\"{public}\"]\n",
        login()
    )
    .unwrap();
    fs::write(world.bastion.config(), text).unwrap();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port)));
    runtime.spawn(stuck.clone().serve(listener.unwrap(), key));
    world.bastion.serve();
    (world, runtime)
}

/// Waits until something is said that stays so.
fn still(counter: &AtomicU64) -> u64 {
    let mut last = (0, Instant::now());
    let standing = || {
        let now = counter.load(Ordering::Relaxed);
        if now == 0 || now != last.0 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > STILL).then_some(now)
    };
    eventually(PATIENCE, standing).expect("it stands still, or all of it was taken")
}

#[test]
fn a_target_that_asks_the_gate_without_reading_costs_bounded_memory_and_nobody_else_their_session()
{
    let stuck = Stuck::default();
    let (world, runtime) = serving(&stuck);
    let alice = world.person("alice");
    alice.ssh(&["web1", "true"]).expect_success();
    let before = world.bastion.memory();
    let session = alice.spawn_ssh(&[&format!("{}@stuck@bastion", login()), "true"]);
    let asked = still(&stuck.asked);
    assert_eq!(stuck.opened.load(Ordering::Relaxed), CHANNELS as u64);
    // Far more would come than may wait, unless it is stopped before.
    const { assert!(CHANNELS as u64 * FLOOD > 8 * COST) };
    // What passed was freed and is given back in a while; what waits is not.
    let cost = || world.bastion.memory().saturating_sub(before);
    let bounded = || (cost() < COST).then_some(());
    eventually(PATIENCE, bounded).unwrap_or_else(|| panic!("{} of {asked} bytes", cost()));
    alice.ssh(&["web1", "echo fine"]).expect_success();

    // Its client goes, and everything that waited with it.
    session.signal("INT");
    session.finish();
    world.bastion.wait_for_event("session_ended");
    let given_back = || (cost() < COST / 4).then_some(());
    eventually(PATIENCE, given_back).unwrap_or_else(|| panic!("{} bytes stay", cost()));
    runtime.shutdown_background();
}
