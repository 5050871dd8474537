//! How long a key takes from the client's terminal to its echo there, and what it costs the machine between.
//!
//! In every session `cat` runs behind a terminal without an echo of its own, so that each key goes all the way to a
//! program. One hop is measured without and with the line layer: there the session is a shell whose lines are
//! inspected, which means an emulated screen beside the recording.

use std::time::{Duration, Instant};

use pty_process::{OwnedReadPty, OwnedWritePty, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::meter::Meter;
use crate::road::{Ciphers, Layer, Recording, Road, Way};
use crate::setting;
use crate::table::{self, Goal, quantile};

const KEYS: usize = 8000;
/// Keys in a row, before another way has its turn: enough of them for a process whose CPU is told in hundredths of a
/// second.
const BLOCK: usize = 200;
const PATIENCE: Duration = Duration::from_secs(40);

const HOP: Way = Way::Hop(Recording::Everything);
const JUMP: Way = Way::Jump(Recording::Everything);
const SESSIONS: [(Way, Layer, &str, Goal); 6] = [
    (
        Way::Stock,
        Layer::Plain,
        "-J through a stock sshd",
        Goal::Nothing,
    ),
    (Way::Direct, Layer::Plain, "nothing between", Goal::Nothing),
    (HOP, Layer::Plain, "one hop", Goal::AtMost(1.1)),
    (
        HOP,
        Layer::Line,
        "one hop, lines inspected",
        Goal::AtMost(1.15),
    ),
    (JUMP, Layer::Plain, "-J", Goal::Nothing),
    (JUMP, Layer::Line, "-J, lines inspected", Goal::Nothing),
];

struct Typist {
    output: OwnedReadPty,
    input: OwnedWritePty,
    ssh: Child,
    delays: Vec<f64>,
    cpu: f64,
}

pub(crate) fn measure(road: &Road) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(type_and_report(road));
}

async fn type_and_report(road: &Road) {
    let keys = setting("COUNTERSIGN_BENCH_KEYS", KEYS);
    let mut typists = Vec::new();
    for (way, layer, ..) in SESSIONS {
        typists.push(Typist::sit_down(road, way, layer).await);
    }
    for block in 0..=keys / BLOCK {
        for (typist, (way, ..)) in typists.iter_mut().zip(SESSIONS) {
            let between = road.between(way);
            let before = between.map(Meter::cpu);
            let delays = typist.type_keys().await;
            let used = between.map(Meter::cpu).zip(before);
            // The first block only warms up.
            if block > 0 {
                typist.delays.extend(delays);
                typist.cpu += used.map_or(0.0, |(after, before)| after - before);
            }
        }
    }
    report(&typists);
    for typist in typists {
        typist.leave().await;
    }
}

fn report(typists: &[Typist]) {
    let columns = || typists.iter().zip(SESSIONS);
    for (part, what) in [(0.5, "echo of a key, p50"), (0.99, "echo of a key, p99")] {
        table::heading(what, "stock");
        let stock = quantile(&typists[0].delays, part);
        for (typist, (_, _, name, goal)) in columns() {
            let goal = if part < 0.9 { goal } else { Goal::Nothing };
            table::line(name, quantile(&typist.delays, part), "us", stock, goal);
        }
    }
    table::heading("CPU between, a key", "stock");
    #[expect(clippy::cast_precision_loss, reason = "few keys")]
    let each = |typist: &Typist| typist.cpu * 1e6 / typist.delays.len() as f64;
    let stock = each(&typists[0]);
    for (typist, (way, _, name, _)) in columns().filter(|(_, (way, ..))| *way != Way::Direct) {
        let goal = match way {
            Way::Hop(_) => Goal::AtMost(2.0),
            Way::Stock | Way::Direct | Way::Jump(_) => Goal::Nothing,
        };
        table::line(name, each(typist), "us", stock, goal);
    }
}

impl Typist {
    async fn sit_down(road: &Road, way: Way, layer: Layer) -> Self {
        let ssh = road.program("ssh", way, layer, Ciphers::Same, &["-tt", "HOST"]);
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(24, 80)).unwrap();
        let mut command = pty_process::Command::new(ssh.get_program())
            .args(ssh.get_args())
            .env("TERM", "xterm");
        for (name, value) in ssh.get_envs() {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let ssh = command.spawn(pts).unwrap();
        let (output, input) = pty.into_split();
        let mut typist = Self {
            output,
            input,
            ssh,
            delays: Vec::new(),
            cpu: 0.0,
        };
        typist.wait_for("target$ ").await;
        typist
            .type_text("stty raw -echo; printf 'rea''dy\\n'; exec cat\r")
            .await;
        typist.wait_for("ready").await;
        typist
    }

    async fn type_keys(&mut self) -> Vec<f64> {
        let mut delays = Vec::with_capacity(BLOCK);
        for number in 0..BLOCK {
            let key = b'a' + u8::try_from(number % 26).unwrap();
            let pressed = Instant::now();
            self.input.write_all(&[key]).await.unwrap();
            let mut echo = [0];
            self.output.read_exact(&mut echo).await.unwrap();
            delays.push(pressed.elapsed().as_secs_f64() * 1e6);
            assert_eq!(echo[0], key, "another echo");
        }
        delays
    }

    async fn type_text(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).await.unwrap();
    }

    async fn wait_for(&mut self, text: &str) {
        let mut seen = Vec::new();
        let waiting = async {
            while !String::from_utf8_lossy(&seen).contains(text) {
                seen.push(self.output.read_u8().await.unwrap());
            }
            // Whatever follows on the line.
            if text == "ready" {
                while self.output.read_u8().await.unwrap() != b'\n' {}
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "`{text}` never came: {seen:?}");
    }

    /// Ends as a closed window does.
    async fn leave(mut self) {
        self.ssh.kill().await.unwrap();
    }
}
