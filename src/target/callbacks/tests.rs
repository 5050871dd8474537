use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
const PROHIBITED: ChannelOpenFailure = ChannelOpenFailure::AdministrativelyProhibited;

/// A target that lets everybody in, and then opens what it likes.
struct Hostile;

impl server::Handler for Hostile {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<server::Auth, russh::Error> {
        Ok(server::Auth::Accept)
    }
}

/// The target's side of a connection that is logged in, and ours.
struct Scene {
    target: server::Handle,
    welcome: Welcome,
    opened: mpsc::Receiver<Box<Opened>>,
    _ours: client::Handle<HostCheck>,
}

impl Scene {
    async fn start() -> Self {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let welcome = Welcome::default();
        let trust = HostTrust::Pinned(vec![key.public_key().clone()]);
        let (check, opened) = HostCheck::new(vec!["db1".to_owned()], trust, welcome.clone());
        let settings = server::Config {
            keys: vec![key],
            ..server::Config::default()
        };
        let (here, there) = tokio::io::duplex(64 * 1024);
        let (target, ours) = tokio::join!(
            server::run_stream(Arc::new(settings), there, Hostile),
            client::connect_stream(Arc::default(), here, check),
        );
        let (target, mut ours) = (target.unwrap(), ours.unwrap());
        let handle = target.handle();
        tokio::spawn(target);
        assert!(ours.authenticate_none("deploy").await.unwrap().success());
        Self {
            target: handle,
            welcome,
            opened,
            _ours: ours,
        }
    }

    /// Opens a channel from the target and tells why that failed.
    async fn refusal(
        &self,
        opening: impl Future<Output = Result<Channel<server::Msg>, russh::Error>>,
    ) -> ChannelOpenFailure {
        match tokio::time::timeout(PATIENCE, opening).await.unwrap() {
            Err(russh::Error::ChannelOpenFailure(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    async fn refuses_forwards(&self) {
        let (target, host) = (&self.target, "127.0.0.1");
        let port = target.channel_open_forwarded_tcpip(host, 8080, host, 1);
        assert_eq!(self.refusal(port).await, PROHIBITED);
        let socket = target.channel_open_forwarded_streamlocal("/run/x");
        assert_eq!(self.refusal(socket).await, PROHIBITED);
    }

    async fn refuses_the_agent(&self) {
        let agent = self.target.channel_open_agent();
        assert_eq!(self.refusal(agent).await, PROHIBITED);
    }

    /// What no target may ever open.
    async fn refuses_the_rest(&self) {
        let (target, host) = (&self.target, "127.0.0.1");
        let session = target.channel_open_session();
        assert_eq!(self.refusal(session).await, PROHIBITED);
        let display = target.channel_open_x11(host, 1);
        assert_eq!(self.refusal(display).await, PROHIBITED);
        let port = target.channel_open_direct_tcpip(host, 22, host, 1);
        assert_eq!(self.refusal(port).await, PROHIBITED);
        let socket = target.channel_open_direct_streamlocal("/run/x");
        assert_eq!(self.refusal(socket).await, PROHIBITED);
    }

    /// What comes out of a channel that the target opens and that nobody accepts.
    async fn comes_out(
        &mut self,
        opening: impl Future<Output = Result<Channel<server::Msg>, russh::Error>>,
    ) -> Origin {
        let opened = async {
            let opened = self.opened.recv().await.unwrap();
            opened.origin.clone()
        };
        let both = async { tokio::join!(opened, opening) };
        let (origin, channel) = tokio::time::timeout(PATIENCE, both).await.unwrap();
        assert!(channel.is_err(), "dropped, it is refused");
        origin
    }
}

#[tokio::test]
async fn a_target_opens_nothing_that_it_was_not_asked_for() {
    let mut scene = Scene::start().await;
    scene.refuses_forwards().await;
    scene.refuses_the_agent().await;
    scene.refuses_the_rest().await;
    assert!(scene.opened.try_recv().is_err());
}

#[tokio::test]
async fn a_target_that_may_open_one_kind_opens_no_other() {
    let mut scene = Scene::start().await;
    scene.welcome.agents();
    scene.refuses_forwards().await;
    scene.refuses_the_rest().await;
    let target = scene.target.clone();
    let origin = scene.comes_out(target.channel_open_agent()).await;
    assert_eq!(origin, Origin::Agent);

    let mut scene = Scene::start().await;
    scene.welcome.forwards();
    scene.refuses_the_agent().await;
    scene.refuses_the_rest().await;
    let target = scene.target.clone();
    let socket = target.channel_open_forwarded_streamlocal("/run/x");
    assert_eq!(scene.comes_out(socket).await, Origin::Socket);
}

#[tokio::test]
async fn what_a_target_names_that_it_forwards_from_is_not_even_kept() {
    let mut scene = Scene::start().await;
    scene.welcome.forwards();
    let target = scene.target.clone();
    // A client that has other forwards would take it for one of those.
    for (address, port) in [("127.0.0.1", 22), ("", 0), ("client.example.test", 65_535)] {
        let opening = target.channel_open_forwarded_tcpip(address, port, "192.0.2.1", 7);
        let expected = Origin::Port {
            originator: "192.0.2.1".to_owned(),
            originator_port: 7,
        };
        assert_eq!(scene.comes_out(opening).await, expected);
    }
}

#[tokio::test]
async fn a_target_that_opens_more_than_are_taken_is_refused_the_rest() {
    let scene = Scene::start().await;
    scene.welcome.agents();
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| {
            let target = scene.target.clone();
            tokio::spawn(async move { target.channel_open_agent().await.map(drop) })
        })
        .collect();
    let full = async {
        while scene.opened.len() < WAITING {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, full).await.unwrap();
    let refusal = scene.refusal(scene.target.channel_open_agent()).await;
    assert_eq!(refusal, ChannelOpenFailure::ResourceShortage);
    drop(scene);
    for opening in waiting {
        let opened = tokio::time::timeout(PATIENCE, opening).await.unwrap();
        assert!(opened.unwrap().is_err());
    }
}
