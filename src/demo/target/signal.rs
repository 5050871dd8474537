//! Signals by the names SSH has for them (RFC 4254, section 6.9).

use russh::Sig;
use rustix::process::Signal;

/// The signal that `name` stands for, if a client may send it.
pub(super) fn from_name(name: &Sig) -> Option<Signal> {
    Some(match name {
        Sig::ABRT => Signal::ABORT,
        Sig::ALRM => Signal::ALARM,
        Sig::FPE => Signal::FPE,
        Sig::HUP => Signal::HUP,
        Sig::ILL => Signal::ILL,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::PIPE => Signal::PIPE,
        Sig::QUIT => Signal::QUIT,
        Sig::SEGV => Signal::SEGV,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        Sig::Custom(name) if name == "USR2" => Signal::USR2,
        Sig::Custom(_) => return None,
    })
}

/// The name of the signal that ended a process.
pub(super) fn name_of(number: i32) -> Sig {
    let named = [
        (Signal::ABORT, Sig::ABRT),
        (Signal::ALARM, Sig::ALRM),
        (Signal::FPE, Sig::FPE),
        (Signal::HUP, Sig::HUP),
        (Signal::ILL, Sig::ILL),
        (Signal::INT, Sig::INT),
        (Signal::KILL, Sig::KILL),
        (Signal::PIPE, Sig::PIPE),
        (Signal::QUIT, Sig::QUIT),
        (Signal::SEGV, Sig::SEGV),
        (Signal::TERM, Sig::TERM),
        (Signal::USR1, Sig::USR1),
        (Signal::USR2, Sig::Custom("USR2".to_owned())),
    ];
    let found = named
        .into_iter()
        .find(|(signal, _)| signal.as_raw() == number);
    // What OpenSSH says where the RFC has no name.
    found.map_or_else(
        || Sig::Custom("SIG@openssh.com".to_owned()),
        |(_, name)| name,
    )
}
