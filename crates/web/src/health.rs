//! The health port of an instance: whether it lives, has started and is ready, and its role's document.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use standpipe_metrics::Exposition;

use crate::guard;

/// Whether something is so, and why it is not.
pub type Check = Result<(), String>;

/// What an instance says about itself, whenever it is asked.
pub trait Health: Send + Sync {
    /// Whether it should be left alone. When it is not, only its end can help.
    fn live(&self) -> Check;

    /// Whether it has started: once it has, that stays so.
    fn started(&self) -> Check;

    /// Whether it takes calls now.
    fn ready(&self) -> Check;

    /// What is known about the instance and its deployment, as a JSON object. It holds no secret.
    fn document(&self) -> String;

    /// What is counted and timed, as Prometheus reads it. It says nothing of whether an account exists.
    fn metrics(&self) -> String;
}

/// The health port as a router; [`serve`](crate::serve) puts it on a socket.
pub fn health(health: Arc<dyn Health>) -> Router {
    // Who scrapes it may know it by any name. On loopback, a stranger's page cannot reach it.
    let hosts = guard::Hosts::AnyBeyondLoopback;
    Router::new()
        .route("/livez", get(async |State(health): State<Arc<dyn Health>>| answer(health.live())))
        .route("/readyz", get(async |State(health): State<Arc<dyn Health>>| answer(health.ready())))
        .route("/startz", get(async |State(health): State<Arc<dyn Health>>| answer(health.started())))
        .route("/role", get(document))
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "there is no such page\n"))
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "not with this method\n"))
        .layer(middleware::from_fn_with_state(hosts, guard::known_host))
        .layer(middleware::from_fn_with_state(guard::LONGEST_REQUEST, guard::limit_time))
        .layer(middleware::from_fn(guard::headers))
        .with_state(health)
}

fn answer(check: Check) -> Response {
    match check {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// `GET /role`
async fn document(State(health): State<Arc<dyn Health>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], health.document()).into_response()
}

/// `GET /metrics`
async fn metrics(State(health): State<Arc<dyn Health>>) -> Response {
    ([(header::CONTENT_TYPE, Exposition::CONTENT_TYPE)], health.metrics()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    struct Starting;

    impl Health for Starting {
        fn live(&self) -> Check {
            Ok(())
        }

        fn started(&self) -> Check {
            Err("a startup task runs".to_owned())
        }

        fn ready(&self) -> Check {
            Err("service S: StartPending".to_owned())
        }

        fn document(&self) -> String {
            "{}".to_owned()
        }

        fn metrics(&self) -> String {
            "up 1\n".to_owned()
        }
    }

    async fn ask(path: &str, host: &str) -> (u16, String) {
        let request = Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap();
        let response = health(Arc::new(Starting)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_instance_says_how_it_is_and_why() {
        assert_eq!(ask("/livez", "127.0.0.1:8081").await, (200, "ok\n".to_owned()));
        assert_eq!(ask("/startz", "127.0.0.1").await, (503, "a startup task runs\n".to_owned()));
        assert_eq!(ask("/readyz", "localhost").await, (503, "service S: StartPending\n".to_owned()));
        assert_eq!(ask("/role", "[::1]:8081").await, (200, "{}".to_owned()));
        assert_eq!(ask("/metrics", "127.0.0.1").await, (200, "up 1\n".to_owned()));
        assert_eq!(ask("/other", "127.0.0.1").await.0, 404);
    }

    #[tokio::test]
    async fn a_strangers_page_cannot_read_it_through_its_own_name() {
        assert_eq!(ask("/role", "rebound.example").await.0, 421);
        for (at, expected) in [("127.0.0.1", 421), ("::ffff:127.0.0.1", 421), ("192.0.2.1", 200)] {
            let mut request =
                Request::get("/role").header(header::HOST, "a.example").body(Body::empty()).unwrap();
            request.extensions_mut().insert(guard::ReachedAt(at.parse().unwrap()));
            let response = health(Arc::new(Starting)).oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), expected, "{at}");
        }
    }
}
