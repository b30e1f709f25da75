//! What is tried with what a program is given: its environment, descriptors, memory and log.
use super::Outcome;
use nix::libc;
use std::io::Write;

/// What is in the environment beyond what malloc is told.
pub fn environment() -> Outcome {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let secrets: Vec<String> = names.filter(|name| name != "MALLOC_ARENA_MAX").collect();
    if secrets.is_empty() {
        return Outcome::Denied("it is empty".to_owned());
    }
    Outcome::Escaped(secrets.join(", "))
}

/// Which descriptors are open beyond stdin, stdout and stderr.
pub fn descriptors() -> Outcome {
    let open = |descriptor: &i32| {
        // SAFETY: it asks for flags and changes nothing.
        unsafe { libc::fcntl(*descriptor, libc::F_GETFD) >= 0 }
    };
    let inherited: Vec<i32> = (3..4096).filter(open).collect();
    if inherited.is_empty() {
        return Outcome::Denied("there are no others".to_owned());
    }
    Outcome::Escaped(format!("{inherited:?}"))
}

/// Takes memory until there is none.
pub fn memory() -> Outcome {
    const PIECE: usize = 16 << 20;
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE).is_err() {
            let bytes = pieces.len() * PIECE;
            drop(pieces);
            return Outcome::Denied(format!("{} MiB were to be had", bytes >> 20));
        }
        piece.resize(PIECE, 1);
        pieces.push(piece);
        if pieces.len() * PIECE > 4 << 30 {
            return Outcome::Escaped("4 GiB were to be had".to_owned());
        }
    }
}

/// Says more than anybody wants to hear: much of it without a line break, much of it in lines,
/// and without an end where a description of the source is awaited.
pub fn shout() -> Outcome {
    let mut stderr = std::io::stderr();
    let unbroken = (b"x".repeat(1 << 20), 512 << 20);
    let lines = (b"[error] x\n".repeat(100_000), 32 << 20);
    for (filler, bytes) in [unbroken, lines] {
        let mut left: usize = bytes;
        while left > 0 && stderr.write_all(&filler).is_ok() {
            left = left.saturating_sub(filler.len());
        }
        let _ = stderr.write_all(b"\n");
    }
    let filler = b" ".repeat(1 << 20);
    let mut stdout = std::io::stdout();
    while stdout.write_all(&filler).is_ok() {}
    Outcome::Denied("nobody listens any more".to_owned())
}

/// Speaks as the sandbox, as the loader of another program and as the supervisor do.
pub fn forge() -> Outcome {
    eprintln!("vessel-sandbox: this node has no Landlock");
    eprintln!("vessel-sandbox-weak: this node has no Landlock");
    eprintln!(
        "{{\"level\":\"INFO\",\"fields\":{{\"message\":\"execution ends\",\"outcome\":\"Committed\"}}}}"
    );
    println!("vessel-sandbox: this node has no Landlock");
    Outcome::Denied("it was only text".to_owned())
}

/// What ffmpeg does all the time.
pub fn threads() -> Outcome {
    let threads: Vec<_> = (0..8)
        .map(|number| std::thread::spawn(move || number))
        .collect();
    let sum: i32 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    Outcome::Denied(format!("{sum} is the sum of eight threads"))
}
