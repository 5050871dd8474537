//! Ctrl-C of a session's terminal, for a sudo that waits: while its PAM module waits it blocks the signal.
//!
//! Invariant: a key that was pressed before anything waited ends nothing later.

use std::sync::Arc;

use tokio::sync::Notify;

/// Ctrl-C in a session's terminal. A sudo that waits for its PAM module takes no signal, so the gate has to.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<Notify>);

impl Interrupts {
    /// The key as a terminal sends it.
    const KEY: u8 = 3;

    /// Looks at what a terminal sent.
    pub fn typed(&self, bytes: &[u8]) {
        if bytes.contains(&Self::KEY) {
            self.0.notify_waiters();
        }
    }

    /// Waits until it is pressed.
    pub(super) async fn pressed(&self) {
        self.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ctrl_c_ends_what_waits_and_nothing_that_comes_later() {
        let interrupts = Interrupts::default();
        interrupts.typed(b"\x03");
        let pressed = interrupts.pressed();
        tokio::pin!(pressed);
        assert!(futures::poll!(pressed.as_mut()).is_pending());
        interrupts.typed(b"abc\r");
        assert!(futures::poll!(pressed.as_mut()).is_pending());
        interrupts.typed(b"a\x03");
        assert!(futures::poll!(pressed.as_mut()).is_ready());
    }
}
