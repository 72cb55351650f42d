//! The served description, held to the routes and to what they answer.

use crate::relayer::{ADMIN_TOKEN, TOKEN};
use crate::service::{Running, config, tokens};
use crate::world::World;
use chainfer_relayer::service::{Role, routes};
use serde_json::Value;
use std::collections::BTreeSet;

/// The part of JSON Schema that the document uses.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "no schema {name}");
        return check(document, schema, value, at);
    }
    if let Some(schemas) = schema["oneOf"].as_array() {
        let fitting: Vec<&Value> = schemas
            .iter()
            .filter(|schema| has_fields_of(document, schema, value))
            .collect();
        assert_eq!(fitting.len(), 1, "{at}: {value}");
        return check(document, fitting[0], value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().map(|k| k.as_str().unwrap()).collect(),
        other => panic!("{at}: type {other}"),
    };
    assert!(kinds.contains(&kind), "{at}: {value} is not {kinds:?}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}[{i}]"));
    }
    let Some(fields) = value.as_object() else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        assert!(fields.contains_key(name), "{at}: no {name} in {value}");
    }
    for (name, field) in fields {
        let own = &schema["properties"][name];
        let of = if own.is_null() {
            &schema["additionalProperties"]
        } else {
            own
        };
        assert!(of.is_object(), "{at}.{name} is not described");
        check(document, of, field, &format!("{at}.{name}"));
    }
}

fn has_fields_of(document: &Value, schema: &Value, value: &Value) -> bool {
    let name = schema["$ref"].as_str().unwrap();
    let name = name.strip_prefix("#/components/schemas/").unwrap();
    let schema = &document["components"]["schemas"][name];
    let required = schema["required"].as_array().unwrap();
    let fields = value.as_object().unwrap();
    required
        .iter()
        .all(|name| fields.contains_key(name.as_str().unwrap()))
        && fields
            .keys()
            .all(|name| schema["properties"][name].is_object())
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let served = routes()
        .into_iter()
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(described, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_described() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.client.engine.models = Some([world.deployment.file.model_id].into());
    let service = Running::start(config).await;
    let (_, document) = service.get("/openapi.json").await;
    let ask = async |method: &str, path: &str, template: &str, body: String, expected: u16| {
        let url = format!("{}{path}", service.url);
        let request = match method {
            "get" => service.http.get(url),
            _ => service.http.post(url).body(body),
        };
        let (status, value) = crate::service::answer(request).await;
        assert_eq!(status, expected, "{method} {path}: {value}");
        let described = &document["paths"][template][method]["responses"][status.to_string()];
        let schema = &described["content"]["application/json"]["schema"];
        assert!(
            schema.is_object(),
            "{method} {template} {status} is not described"
        );
        check(&document, schema, &value, template);
        value
    };
    let none = String::new;
    let body = serde_json::to_string(&world.proof(1)).unwrap();
    let job = ask("post", "/v1/proofs", "/v1/proofs", body.clone(), 202).await;
    let id = job["id"].as_str().unwrap().to_owned();
    service.until(&id, "confirmed").await;
    ask("post", "/v1/proofs", "/v1/proofs", body.clone(), 200).await;
    ask("post", "/v1/proofs", "/v1/proofs", "{}".to_owned(), 400).await;
    let mut other: Value = serde_json::from_str(&body).unwrap();
    other["model_id"] = format!("0x{}", "11".repeat(32)).into();
    let answer = ask("post", "/v1/proofs", "/v1/proofs", other.to_string(), 400).await;
    // The context binds the model, so that a proof of another one says so first.
    assert_eq!(answer["error"]["code"], "bad_proof");
    ask("get", "/v1/proofs", "/v1/proofs", none(), 200).await;
    ask("get", "/v1/proofs?state=x", "/v1/proofs", none(), 400).await;
    let one = "/v1/proofs/{id}";
    ask("get", &format!("/v1/proofs/{id}"), one, none(), 200).await;
    ask("get", "/v1/proofs/0x12", one, none(), 400).await;
    let missing = format!("/v1/proofs/0x{}", "00".repeat(32));
    ask("get", &missing, one, none(), 404).await;
    let cancel = "/v1/proofs/{id}/cancel";
    let path = format!("/v1/proofs/{id}/cancel");
    ask("post", &path, cancel, none(), 409).await;
    ask("post", &format!("{missing}/cancel"), cancel, none(), 404).await;
    ask("get", "/v1/status", "/v1/status", none(), 200).await;
    let reason = r#"{"reason": "lunch"}"#.to_owned();
    let status = ask("post", "/v1/pause", "/v1/pause", reason, 200).await;
    assert_eq!(status["pauses"][0]["reason"], "lunch");
    ask("post", "/v1/pause", "/v1/pause", "[".to_owned(), 400).await;

    // While paused a job stays unsigned, and can be cancelled at once.
    let body = serde_json::to_string(&world.proof(2)).unwrap();
    let job = ask("post", "/v1/proofs", "/v1/proofs", body, 202).await;
    let path = format!("/v1/proofs/{}/cancel", job["id"].as_str().unwrap());
    let job = ask("post", &path, cancel, none(), 200).await;
    assert_eq!(job["state"], "cancelled");
    let withdraw = "/v1/proofs/{id}/withdraw";
    let body = serde_json::to_string(&world.proof(2)).unwrap();
    let job = ask("post", "/v1/proofs", "/v1/proofs", body, 202).await;
    let path = format!("/v1/proofs/{}/withdraw", job["id"].as_str().unwrap());
    let job = ask("post", &path, withdraw, none(), 200).await;
    assert_eq!(job["state"], "cancelled");
    ask(
        "post",
        &format!("{missing}/withdraw"),
        withdraw,
        none(),
        404,
    )
    .await;
    let status = ask("post", "/v1/resume", "/v1/resume", none(), 200).await;
    assert_eq!(status["pauses"], serde_json::json!([]));
    ask("get", "/health", "/health", none(), 200).await;
    ask("get", "/ready", "/ready", none(), 200).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_about_a_job_of_others_is_as_described() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.tokens = tokens();
    let second = "another-token-0123456789-0123456789";
    let name = "second".parse().unwrap();
    config
        .tokens
        .add(name, Role::Submit, &second.parse().unwrap())
        .unwrap();
    let service = Running::start(config).await;
    let (_, document) = service.get("/openapi.json").await;
    let hand_in = async |token: &str| {
        let body = serde_json::to_string(&world.proof(1)).unwrap();
        let request = service.http.post(format!("{}/v1/proofs", service.url));
        crate::service::answer(request.bearer_auth(token).body(body)).await
    };
    let (_, job) = hand_in(TOKEN).await;
    let path = format!("{}/v1/proofs/{}", service.url, job["id"].as_str().unwrap());
    let shown = async |token: &str| {
        let request = service.http.get(&path).bearer_auth(token);
        crate::service::answer(request).await
    };
    for _ in 0..400 {
        if shown(TOKEN).await.1["state"] == "confirmed" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let responses = &document["paths"]["/v1/proofs"]["post"]["responses"];
    let schema = &responses["200"]["content"]["application/json"]["schema"];
    let (status, own) = hand_in(TOKEN).await;
    assert_eq!((status, own["root"].is_string()), (200, true), "{own}");
    check(&document, schema, &own, "own");
    let (status, others) = hand_in(second).await;
    check(&document, schema, &others, "others");
    let known = serde_json::json!({ "id": job["id"], "state": "confirmed" });
    assert_eq!((status, others), (200, known));
    assert_eq!(shown(second).await.0, 404);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn model_that_is_not_listed_is_refused() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.client.engine.models = Some([alloy::primitives::B256::repeat_byte(1)].into());
    let service = Running::start(config).await;
    let body = serde_json::to_string(&world.proof(1)).unwrap();
    let (status, answer) = service.post(body).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (403, &"model_not_allowed".into())
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_what_happened() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.tokens = tokens();
    config.client.engine.caps.day = Some("1ether".parse().unwrap());
    let service = Running::start(config).await;
    let url = format!("{}/metrics", service.url);
    let refused = service.http.get(&url).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 401);
    let body = serde_json::to_string(&world.proof(1)).unwrap();
    let request = service.http.post(format!("{}/v1/proofs", service.url));
    let (_, job) = crate::service::answer(request.bearer_auth(TOKEN).body(body)).await;
    let path = format!("{}/v1/proofs/{}", service.url, job["id"].as_str().unwrap());
    for _ in 0..200 {
        let request = service.http.get(&path).bearer_auth(ADMIN_TOKEN);
        if crate::service::answer(request).await.1["state"] == "confirmed" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let reply = service
        .http
        .get(&url)
        .bearer_auth(ADMIN_TOKEN)
        .send()
        .await
        .unwrap();
    assert!(
        reply.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = String::from_utf8(reply.bytes().await.unwrap().to_vec()).unwrap();
    for line in [
        "chainfer_relayer_jobs{is=\"confirmed\"} 1",
        "chainfer_relayer_jobs{is=\"failed\"} 0",
        "chainfer_relayer_pending_transactions 0",
        "chainfer_relayer_spend_cap_gwei{is=\"day\"} 1000000000",
        "chainfer_relayer_requests_total{method=\"POST\",status=\"202\"} 1",
        "chainfer_relayer_requests_total{method=\"GET\",status=\"401\"} 1",
        "chainfer_relayer_node_healthy{is=\"0\"} 1",
        "chainfer_relayer_sending 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
    }
    service.stop().await;
}
