//! A proxy between relayer and database server that loses connections on demand.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

#[derive(Debug, Default)]
struct Faults {
    /// A connection that sends this is cut after the server took it, once.
    lose_answer_to: Option<&'static str>,
}

/// A running proxy.
pub struct ServerProxy {
    pub address: String,
    faults: Arc<Mutex<Faults>>,
    /// Whether the server is out of reach.
    cut: watch::Sender<bool>,
    /// Whether connections are dead without anybody being told.
    silent: watch::Sender<bool>,
}

impl ServerProxy {
    /// A proxy to the server of an address `postgres://USER@localhost/DATABASE?host=FOLDER`.
    pub async fn start(address: &str) -> Self {
        let url = reqwest::Url::parse(address).unwrap();
        let (_, folder) = url.query_pairs().find(|(key, _)| key == "host").unwrap();
        let socket = PathBuf::from(folder.into_owned()).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Arc::new(Mutex::new(Faults::default()));
        let (cut, is_cut) = watch::channel(false);
        let (silent, is_silent) = watch::channel(false);
        let shared = Arc::clone(&faults);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (faults, is_cut) = (Arc::clone(&shared), is_cut.clone());
                if *is_cut.borrow() {
                    continue;
                }
                let server = UnixStream::connect(&socket).await.unwrap();
                let is_silent = is_silent.clone();
                tokio::spawn(pass(client, server, faults, is_cut, is_silent));
            }
        });
        Self {
            address: format!(
                "postgres://chainfer@127.0.0.1:{port}{}?sslmode=disable",
                url.path()
            ),
            faults,
            cut,
            silent,
        }
    }

    /// Ends all connections and takes no new ones.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets the server's machine vanish: connections stay and nothing comes any more.
    pub fn vanish(&self) {
        self.silent.send_replace(true);
    }

    /// Whether an answer was lost since it was last asked for.
    pub fn has_lost_answer(&self) -> bool {
        self.faults.lock().unwrap().lose_answer_to.is_none()
    }

    /// Ends all faults; connections that vanished stay so.
    pub fn restore(&self) {
        self.cut.send_replace(false);
        self.silent.send_replace(false);
        *self.faults.lock().unwrap() = Faults::default();
    }

    /// The next connection that sends this is cut before the server's answer to it comes back.
    pub fn lose_answer_to(&self, statement: &'static str) {
        self.faults.lock().unwrap().lose_answer_to = Some(statement);
    }
}

/// Passes bytes both ways until either side or a fault ends the connection.
async fn pass(
    mut client: tokio::net::TcpStream,
    mut server: UnixStream,
    faults: Arc<Mutex<Faults>>,
    mut is_cut: watch::Receiver<bool>,
    mut is_silent: watch::Receiver<bool>,
) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            () = async { is_silent.wait_for(|silent| *silent).await.map_or((), drop) } => {
                let _open = (client, server);
                return std::future::pending().await;
            }
            () = async { is_cut.wait_for(|cut| *cut).await.map_or((), drop) } => return,
            got = client.read(&mut from_client) => match got {
                Ok(n) if n > 0 => {
                    let sent = &from_client[..n];
                    let lost = {
                        let mut faults = faults.lock().unwrap();
                        let holds = |s: &str| sent.windows(s.len()).any(|w| w == s.as_bytes());
                        faults.lose_answer_to.take_if(|s| holds(s)).is_some()
                    };
                    if server.write_all(sent).await.is_err() {
                        return;
                    }
                    if lost {
                        // The answer is there: the server has done it.
                        let _ = server.read(&mut from_server).await;
                        return;
                    }
                }
                _ => return,
            },
            got = server.read(&mut from_server) => match got {
                Ok(n) if n > 0 => {
                    if client.write_all(&from_server[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
