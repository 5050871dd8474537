use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKeyOrCertificate};
use russh::{Channel, Disconnect, server};
use tokio::sync::mpsc;

use super::*;
use crate::flow::{Gauge, pump, queue};

const LONGEST: Duration = Duration::from_secs(30);
const WINDOW: u32 = 4 * 1024;
const TRICKLE: u32 = 2;
/// Far more than the windows of a client that hardly reads.
const SENT: usize = 64 * 1024;

/// The bastion's side of a connection: it opens the channel.
struct Opener;

impl client::Handler for Opener {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// The other side, which takes it; how fast it reads is up to the test.
struct Taker {
    taken: mpsc::Sender<Channel<server::Msg>>,
    reads: Arc<AtomicBool>,
}

impl server::Handler for Taker {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<server::Auth, russh::Error> {
        Ok(server::Auth::Accept)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<server::Msg>,
        _host: &str,
        _port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: server::ChannelOpenHandle,
        _session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        self.taken.send(channel).await.unwrap();
        Ok(())
    }

    fn adjust_window(&mut self, _channel: ChannelId, _current: u32) -> u32 {
        match self.reads.load(Ordering::Acquire) {
            true => WINDOW,
            false => TRICKLE,
        }
    }
}

/// One channel, both of its ends, and its connection.
struct Line {
    opener: client::Handle<Opener>,
    opened: Channel<client::Msg>,
    taker: server::Handle,
    taken: Channel<server::Msg>,
}

impl Line {
    async fn to(reads: &Arc<AtomicBool>) -> Self {
        let settings = server::Config {
            keys: vec![PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]))],
            window_size: WINDOW,
            ..server::Config::default()
        };
        let (send, mut taken) = mpsc::channel(1);
        let taker = Taker {
            taken: send,
            reads: Arc::clone(reads),
        };
        let (here, there) = tokio::io::duplex(SENT);
        let (session, handle) = tokio::join!(
            server::run_stream(Arc::new(settings), there, taker),
            client::connect_stream(Arc::default(), here, Opener),
        );
        let (session, mut opener) = (session.unwrap(), handle.unwrap());
        let taker = session.handle();
        tokio::spawn(session);
        assert!(opener.authenticate_none("deploy").await.unwrap().success());
        let opened = opener.channel_open_direct_tcpip("host", 1, "127.0.0.1", 1);
        Self {
            opened: opened.await.unwrap(),
            opener,
            taker,
            taken: taken.recv().await.unwrap(),
        }
    }
}

fn drained<M>(channel: Channel<M>) -> (Drain, ChannelWriteHalf<M>)
where
    M: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let (reader, output) = channel.split();
    let (filler, input) = queue(Gauge::new(Arc::default()));
    tokio::spawn(pump(reader, filler));
    (input, output)
}

async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, waiting).await.unwrap();
}

#[tokio::test]
async fn what_a_target_sent_before_its_connection_failed_reaches_a_slow_client() {
    let reads = Arc::new(AtomicBool::new(false));
    let near = Line::to(&reads).await;
    let far = Line::to(&Arc::default()).await;
    let passed = Arc::new(Passed::default());
    let splicing = tokio::spawn({
        let (client, target) = (drained(near.opened), drained(far.opened));
        let passed = Arc::clone(&passed);
        async move {
            let end = CancellationToken::new();
            join(client, target, &passed, &Pulse::default(), &end).await;
        }
    });
    let (mut reader, writer) = near.taken.split();
    let reading = tokio::spawn(async move {
        let mut received = 0;
        while let Some(message) = reader.wait().await {
            if let ChannelMsg::Data { data } = message {
                received += data.len();
            }
        }
        received
    });

    far.taken.data_bytes(vec![7; SENT]).await.unwrap();
    let gone = far
        .taker
        .disconnect(Disconnect::ByApplication, String::new(), String::new());
    gone.await.unwrap();
    until(|| far.opener.is_closed()).await;
    writer.data_bytes(&b"x"[..]).await.unwrap();
    until(|| passed.to_target.load(Ordering::Relaxed) == 1).await;
    reads.store(true, Ordering::Release);

    let received = tokio::time::timeout(LONGEST, reading).await.unwrap();
    assert_eq!(received.unwrap(), SENT);
    tokio::time::timeout(LONGEST, splicing)
        .await
        .unwrap()
        .unwrap();
}
