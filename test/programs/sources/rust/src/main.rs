//! A tokio proxy. Usage: programs ADDRESS PORT UPSTREAM
use std::env;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = env::args().collect();
    let upstream = args[3].clone();
    Runtime::new()?.block_on(async move {
        let listener = TcpListener::bind(format!("{}:{}", args[1], args[2])).await?;
        loop {
            let (mut connection, _) = listener.accept().await?;
            let upstream = upstream.clone();
            tokio::spawn(async move {
                if let Ok(mut other) = TcpStream::connect(upstream).await {
                    // an end or a reset of either side ends both
                    let _ = copy_bidirectional(&mut connection, &mut other).await;
                }
            });
        }
    })
}
