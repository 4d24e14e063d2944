//! A real PostgreSQL server of the test process's own, on a loopback port, with a database for each test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts a server in `$1`, says its port, and ends it when the pipe from the test process ends, however that dies. Only the
/// server's own settings differ from Debian's: nothing is kept, so nothing waits for the disk.
const RUN: &str = r#"
set -eu
dir=$1 bin=$2
# Whoever waits for the test process to be silent must not wait for this.
exec 2> "$dir/run.log"
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
as "$bin/initdb" -D "$dir/data" -A trust -U postgres --no-sync --no-instructions -E UTF8 --locale=C.UTF-8 > "$dir/initdb.log" 2>&1
port=$3
as "$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$dir" -c fsync=off \
  -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 > "$dir/server.log" 2>&1 &
server=$!
until "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do kill -0 "$server"; sleep 0.05; done
echo ready
cat > /dev/null
as "$bin/pg_ctl" -D "$dir/data" -m immediate stop > /dev/null
rm -rf "$dir"
"#;

static SERVER: OnceLock<String> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database.
///
/// # Panics
/// When no server can be started: the test cannot be run then.
pub async fn database() -> String {
    let server = SERVER.get_or_init(start);
    let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    crate::sql(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}")).await;
    format!("{server}/{name}")
}

fn start() -> String {
    let dir = std::env::temp_dir().join(format!("llmg-postgres-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("make a folder for PostgreSQL");
    let port = free_port();
    let mut run = Command::new("sh")
        .args(["-c", RUN, "sh"])
        .args([dir.as_path(), &binaries()])
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a shell");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("a pipe")).read_line(&mut line).expect("read from the shell");
    assert_eq!(line.trim(), "ready", "PostgreSQL did not start; see {}", dir.display());
    // The pipe must live as long as this process.
    std::mem::forget(run);
    format!("postgres://postgres@127.0.0.1:{port}")
}

/// By the kernel; the server cannot tell which port it was given, so it is asked for here and freed again.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind a port");
    listener.local_addr().expect("its address").port()
}

/// Debian keeps them out of the path, by version.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    newest.unwrap_or_else(|| Path::new("/usr/bin").to_owned())
}
