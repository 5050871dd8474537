//! Logins at a steady rate, beside sessions that stand idle, without an error.
//!
//! The clients are `russh`'s own inside this program, as stock `ssh` would cost more than the bastion: each connects,
//! exchanges keys, proves a bound key, runs `whoami` on the bastion and leaves. The idle sessions are stock `ssh`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::ChannelMsg;
use russh::client;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use tokio::time::{MissedTickBehavior, interval};

use crate::memory;
use crate::road::{Recording, Road, Way};
use crate::setting;
use crate::table::{milliseconds, quantile};

const IDLE: usize = 300;
const LOGINS_A_SECOND: u32 = 50;
const SECONDS: usize = 20;
/// How long one login may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn measure(road: &Road) {
    let way = Way::Hop(Recording::Usual);
    let idle = memory::idle_sessions(road, way, setting("COUNTERSIGN_BENCH_SESSIONS", IDLE));
    let ours = road.ours(way);
    let key = russh::keys::load_secret_key(ours.alice.home().join("id_ed25519"), None).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let seconds = setting("COUNTERSIGN_BENCH_SECONDS", SECONDS);
    let watch = ours.meter.watch();
    let started = Instant::now();
    let times = runtime.block_on(log_in_steadily(ours.bastion.ssh_port(), key, seconds));
    let took = started.elapsed();
    let cpu = watch.stop();
    #[expect(clippy::cast_precision_loss, reason = "few logins")]
    let count = times.len() as f64;
    println!(
        "\n{} idle sessions, then {count} logins in {:.1} s ({:.1} a second), no error",
        idle.len(),
        took.as_secs_f64(),
        count / took.as_secs_f64()
    );
    println!(
        "a login with `whoami`: p50 {:.1} ms, p99 {:.1} ms, {:.1} ms CPU of the bastion",
        quantile(&times, 0.5),
        quantile(&times, 0.99),
        cpu * 1000.0 / count
    );
    memory::expect_idle(idle);
}

async fn log_in_steadily(port: u16, key: PrivateKey, seconds: usize) -> Vec<f64> {
    let key = Arc::new(key);
    let mut pace = interval(Duration::from_secs(1) / LOGINS_A_SECOND);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..seconds * LOGINS_A_SECOND as usize {
        pace.tick().await;
        let key = Arc::clone(&key);
        logins.spawn(async move {
            let started = Instant::now();
            let login = tokio::time::timeout(PATIENCE, log_in(port, key)).await;
            login
                .expect("a login in time")
                .expect("a login without error");
            milliseconds(started.elapsed())
        });
    }
    logins.join_all().await
}

async fn log_in(port: u16, key: Arc<PrivateKey>) -> Result<(), russh::Error> {
    let config = Arc::new(client::Config::default());
    let mut session = client::connect(config, ("127.0.0.1", port), Anyone).await?;
    let key = PrivateKeyWithHashAlg::new(key, None);
    let proved = session.authenticate_publickey("alice", key).await?;
    assert!(proved.success(), "the key is bound");
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, "whoami").await?;
    let (mut said, mut status) = (Vec::new(), None);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => said.extend_from_slice(&data),
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            _ => {}
        }
    }
    assert_eq!(status, Some(0));
    assert!(String::from_utf8_lossy(&said).contains("alice"));
    session
        .disconnect(russh::Disconnect::ByApplication, "", "")
        .await
}

/// A client that measures does not mind whom it talks to.
struct Anyone;

impl client::Handler for Anyone {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}
