//! Network namespaces of this process: each is entered by threads, and gone with the last of them.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace. It ends when it is dropped, with its devices and rules.
pub(crate) struct Namespace {
    file: File,
    /// Of the thread that made it, which waits: to the kernel it stands for the namespace.
    thread: String,
    _ends: mpsc::Sender<()>,
}

impl Namespace {
    /// A namespace with nothing but loopback, which is up.
    ///
    /// # Errors
    /// The kernel does not permit it, and why.
    pub(crate) fn new() -> Result<Namespace, String> {
        let (made, file) = mpsc::channel::<Result<(PathBuf, File), String>>();
        let (ends, wait) = mpsc::channel::<()>();
        thread::spawn(move || {
            let make = || {
                unshare(CloneFlags::CLONE_NEWNET).map_err(|error| error.to_string())?;
                let thread = std::fs::read_link("/proc/thread-self").unwrap();
                let file = File::open("/proc/thread-self/ns/net").unwrap();
                Ok((thread, file))
            };
            made.send(make()).unwrap();
            let _ = wait.recv();
        });
        let (thread, file) = file.recv().unwrap()?;
        let thread = thread.file_name().unwrap().to_str().unwrap().to_owned();
        let namespace = Namespace {
            file,
            thread,
            _ends: ends,
        };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// What `ip … netns` takes for this namespace.
    pub(crate) fn id(&self) -> &str {
        &self.thread
    }

    /// Calls `f` inside, on a thread of its own. What it starts is inside as well.
    pub(crate) fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = || {
                setns(&self.file, CloneFlags::CLONE_NEWNET).unwrap();
                f()
            };
            let joined = scope.spawn(inside).join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `ip` inside.
    pub(crate) fn ip(&self, arguments: &str) -> Result<(), String> {
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        self.command("ip", &arguments, "")
    }

    /// Loads rules of nftables inside.
    pub(crate) fn nft(&self, rules: &str) -> Result<(), String> {
        self.command("nft", &["-f", "-"], rules)
    }

    /// Lets it forward what is not its own.
    pub(crate) fn forward(&self) -> Result<(), String> {
        let path = "/proc/sys/net/ipv4/ip_forward";
        let write = || std::fs::write(path, "1").map_err(|error| format!("{path}: {error}"));
        self.run(write)
    }

    fn command(&self, program: &str, arguments: &[&str], input: &str) -> Result<(), String> {
        use std::io::Write;
        use std::process::Stdio;
        let failed = |why: &dyn std::fmt::Display| format!("{program} {arguments:?}: {why}");
        self.run(|| {
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|error| failed(&error))?;
            child
                .stdin
                .take()
                .unwrap()
                .write_all(input.as_bytes())
                .unwrap();
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                Ok(())
            } else {
                Err(failed(&String::from_utf8_lossy(&output.stderr)))
            }
        })
    }
}
