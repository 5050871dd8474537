//! `countersign replay FILE`: the player on this terminal, or the plain text when the output is a pipe.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context;
use crossterm::terminal;

use crate::cli::Replay;
use crate::record::{
    AtEnd, LEAVE, Player, Recording, ReplayOptions, TerminalSize, dump, player_command,
};

/// How often the terminal's size is looked at.
const SIZE_CHECK: Duration = Duration::from_millis(250);

/// Replays a recording file.
///
/// # Errors
/// When it is no recording, or the terminal fails.
pub fn run(replay: &Replay) -> anyhow::Result<ExitCode> {
    let shown = replay.file.display();
    let mut recording =
        Recording::open(&replay.file).with_context(|| format!("cannot replay `{shown}`"))?;
    if !std::io::stdout().is_terminal() {
        dump(&mut recording, &mut std::io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let idle =
        Duration::try_from_secs_f64(replay.idle).context("--idle must be a number of seconds")?;
    let options = ReplayOptions {
        view: size(),
        idle,
        at_end: AtEnd::Stay,
    };
    let player = Player::new(recording, options, Duration::ZERO)
        .with_context(|| format!("cannot replay `{shown}`"))?;
    let _raw = RawMode::enter()?;
    play(player)?;
    Ok(ExitCode::SUCCESS)
}

fn size() -> TerminalSize {
    let (columns, rows) = terminal::size().unwrap_or((80, 24));
    TerminalSize::near(u32::from(columns), u32::from(rows))
}

fn play(mut player: Player<File>) -> anyhow::Result<()> {
    let keys = keys();
    let begun = Instant::now();
    let mut view = size();
    loop {
        let step = player.advance(begun.elapsed())?;
        let mut out = std::io::stdout().lock();
        out.write_all(&step.bytes)?;
        out.flush()?;
        drop(out);
        if step.done {
            return Ok(());
        }
        let wait = step.next.map_or(SIZE_CHECK, |next| {
            next.saturating_sub(begun.elapsed()).min(SIZE_CHECK)
        });
        match keys.recv_timeout(wait) {
            Ok(bytes) => {
                for command in player_command(&bytes) {
                    player.command(command, begun.elapsed())?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if size() != view {
            view = size();
            player.resize(view);
        }
    }
}

/// Reads keys on a thread of its own, which ends with the program.
fn keys() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.send(bytes).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The terminal without echo and line editing, and as it was again afterwards.
struct RawMode;

impl RawMode {
    fn enter() -> anyhow::Result<Self> {
        terminal::enable_raw_mode().context("cannot use this terminal")?;
        Ok(Self)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = std::io::stdout().lock().write_all(LEAVE);
        let _ = terminal::disable_raw_mode();
    }
}
