//! From the client to the target: the way of its bytes, packet by packet.

use bytes::{Buf, Bytes, BytesMut};

use super::frame::{self, Need};
use super::judge::Judged;
use super::{Fate, Inward, Sftp, Step};
use crate::transfer::Malformed;

impl Sftp {
    /// Takes bytes of the client off the front of `left`, up to and with the first request that has to wait or is
    /// refused. Call it again until `left` is empty, once that request was dealt with.
    ///
    /// # Errors
    /// When the client does not hold to the protocol; nothing of it may pass any more.
    pub fn from_client(&mut self, left: &mut Bytes) -> Result<Vec<Step>, Malformed> {
        let mut steps = Vec::new();
        // So much at the front of `left` passes.
        let mut passing = 0;
        let open = loop {
            let more = match &self.inward {
                Inward::Body { .. } => self.body(left, &mut passing, &mut steps),
                Inward::Head(_) => self.head(left, &mut passing, &mut steps)?,
            };
            match more {
                Progress::On => {}
                Progress::UsedUp => break true,
                Progress::Stopped => break false,
            }
        };
        if open && passing > 0 {
            steps.push(Step::Pass(left.split_to(passing)));
        }
        Ok(steps)
    }

    fn body(&mut self, left: &mut Bytes, passing: &mut usize, steps: &mut Vec<Step>) -> Progress {
        let Inward::Body { rest, fate } = &mut self.inward else {
            return Progress::On;
        };
        match fate {
            Fate::Written { file, offset, data } => {
                let waiting = left.get(*passing..).unwrap_or_default();
                let body = waiting.get(..*rest).unwrap_or(waiting);
                let content = body.get(..*data).unwrap_or(body);
                self.files.write(*file, *offset, content);
                *offset = offset.saturating_add(content.len() as u64);
                *data -= content.len();
                *passing += body.len();
                *rest -= body.len();
            }
            Fate::Skipped => {
                flush(left, passing, steps);
                let skipped = left.len().min(*rest);
                left.advance(skipped);
                *rest -= skipped;
            }
        }
        if *rest > 0 {
            return Progress::UsedUp;
        }
        self.inward = Inward::Head(BytesMut::new());
        Progress::On
    }

    fn head(
        &mut self,
        left: &mut Bytes,
        passing: &mut usize,
        steps: &mut Vec<Step>,
    ) -> Result<Progress, Malformed> {
        let Inward::Head(kept) = &mut self.inward else {
            return Ok(Progress::On);
        };
        let waiting = left.get(*passing..).unwrap_or_default();
        if kept.is_empty() {
            if waiting.is_empty() {
                return Ok(Progress::UsedUp);
            }
            return match frame::request(waiting)? {
                Need::More(_) => {
                    kept.extend_from_slice(waiting);
                    left.truncate(*passing);
                    Ok(Progress::UsedUp)
                }
                Need::Judge { head, body } => {
                    let packet = left.slice(*passing..*passing + head);
                    match self.judge(packet, body)? {
                        Judged::Pass => {
                            *passing += head;
                            Ok(Progress::On)
                        }
                        Judged::Instead(step) => {
                            flush(left, passing, steps);
                            left.advance(head);
                            Ok(stopped(step, steps))
                        }
                    }
                }
            };
        }
        // What is kept began before `left` did, so nothing of `left` passes yet.
        match frame::request(kept)? {
            Need::More(needed) => {
                let missing = needed.saturating_sub(kept.len()).min(left.len());
                if missing == 0 {
                    return Ok(Progress::UsedUp);
                }
                kept.extend_from_slice(&left.split_to(missing));
                Ok(Progress::On)
            }
            Need::Judge { body, .. } => {
                let packet = kept.split().freeze();
                match self.judge(packet.clone(), body)? {
                    Judged::Pass => {
                        steps.push(Step::Pass(packet));
                        Ok(Progress::On)
                    }
                    Judged::Instead(step) => Ok(stopped(step, steps)),
                }
            }
        }
    }
}

/// How a step through the client's bytes went.
enum Progress {
    /// There may be more to do.
    On,
    /// All bytes were taken.
    UsedUp,
    /// A request has to be dealt with first.
    Stopped,
}

fn flush(left: &mut Bytes, passing: &mut usize, steps: &mut Vec<Step>) {
    if *passing > 0 {
        steps.push(Step::Pass(left.split_to(*passing)));
        *passing = 0;
    }
}

/// Goes on behind what merely passes in another form.
fn stopped(step: Step, steps: &mut Vec<Step>) -> Progress {
    let on = matches!(step, Step::Pass(_));
    steps.push(step);
    if on { Progress::On } else { Progress::Stopped }
}
