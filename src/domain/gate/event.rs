//! The words between the gate and its driver: what happened, what has to be done, and what the driver knows.

use bytes::Bytes;

use crate::domain::command::Command;
use crate::domain::hold::Clearance;
use crate::domain::id::HoldId;

/// How the client's bytes of a channel are watched once it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Bytes pass, whatever they are: the input of a program without a terminal.
    Stream,
    /// Bytes pass, but Ctrl-C takes a hold back: a program at a terminal, or a target without the line layer.
    Terminal,
    /// Keys of a terminal: submitting keys are withheld until the line was read off the screen.
    Keys,
    /// A program without a terminal that takes its input for commands: its lines are asked about, as many at a time
    /// as came.
    Script,
}

/// Who reads what is typed at an inspected terminal ([`Watch::Keys`]), as far as the target's shell has proved it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reader {
    /// Nobody knows: every key that does not just move or edit is a stop.
    #[default]
    Unknown,
    /// The line editor of a shell that asks before it runs a line: only Enter is a stop.
    Editor,
    /// The program of a line that was cleared: all is its input.
    Program,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// What is typed is read by somebody else from now on.
    Reads(Reader),
    /// Nothing came for long enough that what looks like the begin of a key's sequence is a key of its own.
    Lull,
    /// The line behind the withheld key is not whole: it goes on in the line editor, and nothing is submitted.
    GoesOn,
    /// The withheld key submits and runs nothing, as the line is: it is passed on.
    Harmless,
    /// What is held is not what would be submitted any more.
    Changed,
    /// The client sent bytes.
    Typed(Bytes),
    /// The client will send no more.
    InputEnded,
    /// The line that the withheld key would submit, read when the echo was quiet; or that there is none.
    Read(Command),
    /// The target's output has been quiet, or was waited for long enough.
    Quiet,
    /// Policy, or the approvers, cleared the command that is being decided or held.
    Cleared(Clearance),
    /// What is being decided may not run at once, and more of the script that it belongs to may be on its way: wait for
    /// that until [`Event::Quiet`], then decide about all of it.
    Gather,
    /// The command waits for approvers.
    Held(HoldId),
    /// The command may not run.
    Denied,
    /// Recording, audit or store failed: nothing more runs.
    Broke,
}

/// What the driver has to do, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send input that submits nothing.
    Forward(Bytes),
    /// Send what was cleared: start the command, or press the withheld key.
    Submit {
        /// The proof; the bytes of a started command are taken from it.
        clearance: Clearance,
        /// The withheld key, for a line.
        key: Vec<u8>,
    },
    /// Read the line when the echo is quiet, then send [`Event::Read`].
    ReadLine,
    /// Wait until the output is quiet, then send [`Event::Quiet`].
    AwaitQuiet,
    /// Ask inspection and policy about the command that [`Gate::deciding`] names.
    Decide,
    /// Take the hold back: the user pressed Ctrl-C.
    Withdraw(HoldId),
    /// Clear the line that a refused command stands on.
    ClearLine,
    /// Ring the client's bell: input was dropped.
    Bell,
    /// Tell the target that the input ended.
    EndInput,
    /// The channel's command may not run: end it with a status of our own.
    Refuse,
}
