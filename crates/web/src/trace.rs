//! The trace that a request belongs to, as its caller says: [W3C Trace
//! Context](https://www.w3.org/TR/trace-context/); and the id of a request.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The header of a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that a caller can give, in bytes.
const LONGEST_ID: usize = 128;

/// What a request is called in the log and in its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId {
    id: Arc<str>,
    is_the_callers: bool,
}

impl RequestId {
    /// The id that the caller gives: one, of letters, digits and `-_.:/+=@`, 128 at most. Otherwise a new
    /// one.
    fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(REQUEST_ID).iter();
        let given = values.next().and_then(|value| value.to_str().ok());
        let may_hold = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
        match given {
            Some(id)
                if (1..=LONGEST_ID).contains(&id.len())
                    && id.bytes().all(may_hold)
                    && values.next().is_none() =>
            {
                Self { id: id.into(), is_the_callers: true }
            }
            _ => {
                let mut random = [0; 16];
                // Without randomness requests are harder to tell apart, and still answered.
                let _ = getrandom::fill(&mut random);
                Self { id: hex::encode(random).into(), is_the_callers: false }
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.id
    }

    /// Whether the caller gave it, and so wants to find the request in the log.
    pub(crate) fn is_the_callers(&self) -> bool {
        self.is_the_callers
    }
}

/// Gives every request an id, and its answer the same.
pub(crate) async fn identify(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A trace and the caller's place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 digits.
    pub(crate) trace_id: String,
    /// The caller's span: 16 digits.
    pub(crate) span_id: String,
}

impl Trace {
    /// What the header `traceparent` says. One that does not hold to the rules is as good as none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        let mut parts = value.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        let holds = is_hex(version, 2)
            && version != "ff"
            // A later version may have more parts, the first has not.
            && (version != "00" || parts.next().is_none())
            && is_hex(trace_id, 32)
            && !is_zero(trace_id)
            && is_hex(span_id, 16)
            && !is_zero(span_id)
            && is_hex(flags, 2);
        holds.then(|| Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Trace> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", value.parse().unwrap());
        }
        Trace::of(&headers)
    }

    #[test]
    fn an_id_is_the_callers_when_it_is_one_and_harmless() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            }
            RequestId::of(&headers)
        };
        let longest = "a".repeat(LONGEST_ID);
        for good in ["7", "5f9c-00/A:b+c=@_.", &longest] {
            let id = of(&[good.as_bytes()]);
            assert!(id.as_str() == good && id.is_the_callers(), "{good}");
        }
        let too_long = "a".repeat(LONGEST_ID + 1);
        for bad in [
            &[&b""[..]][..],
            &[b"a b"],
            &[b"a\"b"],
            &["ü".as_bytes()],
            &[too_long.as_bytes()],
            &[b"a", b"b"],
            &[],
        ] {
            let id = of(bad);
            assert!(id.as_str().len() == 32 && !id.is_the_callers(), "{bad:?}");
        }
        assert_ne!(of(&[]), of(&[]));
    }

    #[test]
    fn a_trace_is_taken_from_a_header_that_holds_to_the_rules() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = of(&[good]).unwrap();
        assert_eq!(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.span_id, "00f067aa0ba902b7");
        assert!(of(&["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"]).is_some());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
        assert_eq!(of(&[good, good]), None);
    }
}
