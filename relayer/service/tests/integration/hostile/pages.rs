//! Web pages that a user of the machine has open, while a relayer without tokens runs on loopback.

use super::target::Target;
use super::wire::Wire;
use serde_json::{Value, json};

/// Pages reach the relayer from the machine itself.
async fn ask(target: &Target, request: &str) -> (u16, String) {
    let mut wire = Wire::open("127.0.0.1", target.address()).await;
    let answer = wire.ask(request).await;
    let head = answer.head.to_lowercase();
    assert!(!head.contains("access-control"), "{head}");
    (answer.status, answer.code())
}

async fn state(target: &Target) -> (Value, usize) {
    let url = format!("{}/v1/status", target.relayer.url);
    let (_, status) = crate::service::answer(reqwest::Client::new().get(url)).await;
    let jobs = status["jobs"].as_object().unwrap();
    let jobs: u64 = jobs.values().map(|n| n.as_u64().unwrap()).sum();
    (status["pauses"].clone(), usize::try_from(jobs).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_cannot_submit_pause_or_read() {
    let target = Target::without_tokens(&[]).await;
    let mut figures = target.figures();
    let proof = serde_json::to_string(&target.world.proof(1)).unwrap();
    let mut tried = 0;
    for (path, body) in [
        ("/v1/proofs", proof.as_str()),
        ("/v1/pause", "{\"reason\":\"gotcha\"}"),
        ("/v1/pause", ""),
        ("/v1/resume", ""),
    ] {
        for (headers, expected) in [
            // What a page can send without asking first.
            (
                "Origin: https://evil.example\r\nContent-Type: text/plain\r\n",
                403,
            ),
            (
                "Origin: null\r\nContent-Type: application/x-www-form-urlencoded\r\n",
                403,
            ),
            (
                "Origin: http://localhost:8000\r\nContent-Type: application/json\r\n",
                403,
            ),
            (
                "Sec-Fetch-Site: cross-site\r\nContent-Type: application/json\r\n",
                403,
            ),
            (
                "Sec-Fetch-Site: same-site\r\nContent-Type: application/json\r\n",
                403,
            ),
            ("Content-Type: text/plain\r\n", 415),
            ("Content-Type: text/plain;application/json\r\n", 415),
            ("Content-Type: multipart/form-data; boundary=x\r\n", 415),
            ("", 415),
        ] {
            let length = body.len();
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            );
            assert_eq!(ask(&target, &request).await.0, expected, "{path} {headers}");
            tried += 1;
        }
    }
    // What it asks first.
    let preflight = "OPTIONS /v1/pause HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\
                     Access-Control-Request-Method: POST\r\n\r\n";
    assert_eq!(
        ask(&target, preflight).await,
        (403, "cross_origin".to_owned())
    );
    let image = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n";
    assert_eq!(ask(&target, image).await, (403, "cross_origin".to_owned()));
    assert_eq!(state(&target).await, (json!([]), 0));
    // A person may look at it.
    let person = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n\r\n";
    assert_eq!(ask(&target, person).await.0, 200);
    figures.at_its_height();
    let honest = target.honest().await;
    assert_eq!(state(&target).await.1, 1);
    figures.print(&format!("{tried} requests of web pages, no tokens"), honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_here_by_dns_alone_are_refused() {
    let target = Target::without_tokens(&["--allow-host", "Relayer.Example,other"]).await;
    let mut figures = target.figures();
    let port = target.address().port();
    let refused = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1.evil.example".to_owned(),
        "localhost.evil.example".to_owned(),
        "xn--loclhost-1za".to_owned(),
        "relayer.example.evil.example".to_owned(),
        "[::1".to_owned() + ".evil]",
    ];
    let pause = |host: &str, path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for host in &refused {
        let (status, code) = ask(&target, &pause(host, "/v1/pause")).await;
        assert_eq!((status, code.as_str()), (421, "wrong_host"), "{host}");
    }
    // The target says another name than the header.
    let absolute = pause("localhost", "http://evil.example/v1/pause");
    assert_eq!(ask(&target, &absolute).await.0, 421);
    for host in ["", "user@localhost", "localhost, evil.example"] {
        let status = ask(&target, &pause(host, "/v1/pause")).await.0;
        assert!(matches!(status, 400 | 421), "{host}: {status}");
    }
    assert_eq!(state(&target).await.0, json!([]));
    for host in [
        "localhost".to_owned(),
        format!("LOCALHOST:{port}"),
        format!("127.0.0.1:{port}"),
        "[::1]:80".to_owned(),
        "relayer.example".to_owned(),
        "RELAYER.example.:443".to_owned(),
        "other:1".to_owned(),
    ] {
        assert_eq!(
            ask(&target, &pause(&host, "/v1/resume")).await.0,
            200,
            "{host}"
        );
    }
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("11 names that are not the service's, no tokens", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_do_not_use_up_what_their_address_may_ask() {
    let target = Target::without_tokens(&["--peer-rate", "1"]).await;
    let mut figures = target.figures();
    let port = target.address().port();
    let mut too_often = 0;
    for request in [
        "GET /v1/proofs HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n"
            .to_owned(),
        "GET /ready HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n".to_owned(),
        format!("GET /ready HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n"),
    ] {
        for _ in 0..30 {
            let (status, _) = ask(&target, &request).await;
            assert!(matches!(status, 403 | 421 | 429), "{status}");
            too_often += usize::from(status == 429);
        }
    }
    assert!(too_often > 0, "pages are counted, too");
    let probe = "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(ask(&target, probe).await.0, 200);
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("90 requests of web pages, 1 a second allowed", honest);
}
