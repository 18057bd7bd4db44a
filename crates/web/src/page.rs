//! The page: one form, and below it the reply or what went wrong. Plain HTML, no script.

use std::fmt::Write;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::calls::{CallErrorKind, Reply};
use crate::site::Site;
use crate::text::{escape, from_reply};

/// The style, served by itself so that the browser can be told to take none from the page's text.
pub(crate) const STYLE: &str = include_str!("page.css");
/// The icon.
pub(crate) const ICON: &str = include_str!("icon.svg");

/// What stands below the form.
pub(crate) enum Outcome {
    /// Nothing was asked yet.
    None,
    /// The reply.
    Reply(Reply),
    /// The call failed.
    Failed {
        kind: CallErrorKind,
        /// `Role/N`, when an instance was called.
        instance: Option<String>,
    },
    /// The request is not one that can be made.
    Refused { status: StatusCode, title: &'static str, message: String },
}

impl Outcome {
    fn status(&self) -> StatusCode {
        match self {
            Self::None | Self::Reply(_) => StatusCode::OK,
            Self::Failed { kind, .. } => kind.status(),
            Self::Refused { status, .. } => *status,
        }
    }

    /// For the window's title: what a screen reader says first.
    fn title(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Reply(_) => Some("Processed"),
            Self::Failed { kind, .. } => Some(kind.title()),
            Self::Refused { title, .. } => Some(title),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Reply(reply) => {
                let (text, lossy) = from_reply(&reply.data);
                let note = if lossy {
                    "\n(The reply is not UTF-8 text; what cannot be shown is \u{fffd}.)"
                } else {
                    ""
                };
                format!(
                    "<p class=\"result\" role=\"status\" id=\"result\">Processed Text: {} by instance: {} ({}){note}</p>",
                    escape(&text),
                    escape(&reply.instance),
                    escape(&reply.address),
                )
            }
            Self::Failed { kind, instance } => {
                let instance =
                    instance.as_deref().map_or_else(String::new, |name| format!(" (instance {name})"));
                failure(kind.title(), &format!("{}{instance}", kind.message()))
            }
            Self::Refused { title, message, .. } => failure(title, message),
        }
    }
}

fn failure(title: &str, message: &str) -> String {
    format!(
        "<p class=\"result failure\" role=\"alert\" id=\"result\"><strong>{}</strong>{}.</p>",
        escape(title),
        escape(&capital(message))
    )
}

/// A message as a sentence.
fn capital(message: &str) -> String {
    let mut rest = message.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// The whole page, with the text that was sent still in its box.
pub(crate) fn page(site: &Site, call: Option<&str>, text: &str, outcome: &Outcome) -> Response {
    let status = outcome.status();
    let name = escape(site.name());
    let mut html = String::with_capacity(2048 + text.len() * 2);
    let title = outcome.title().map_or_else(|| name.clone(), |title| format!("{} – {name}", escape(title)));
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let _ = writeln!(html, "<title>{title}</title>");
    html.push_str(
        "<link rel=\"icon\" href=\"/icon.svg\">\n<link rel=\"stylesheet\" href=\"/page.css\">\n</head>\n",
    );
    let _ = writeln!(html, "<body>\n<main>\n<h1>{name}</h1>\n<form method=\"post\" action=\"/\">");
    choose_call(&mut html, site, call);
    // A line end right after the tag is not part of the text, so that a text may start with one.
    let _ = writeln!(
        html,
        "<label for=\"text\">Text to process</label>\n<textarea id=\"text\" name=\"text\" rows=\"4\" \
         autocomplete=\"off\" spellcheck=\"false\" autofocus>\n{}</textarea>\n<button type=\"submit\">Process</button>\n\
         </form>\n{}\n</main>",
        escape(text),
        outcome.html()
    );
    let readiness = site.readiness();
    let _ = writeln!(
        html,
        "<footer>{} of {} instances ready</footer>\n</body>\n</html>",
        readiness.ready, readiness.all
    );
    let mut response = (status, html).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if matches!(outcome, Outcome::Failed { kind, .. } if kind.is_temporary()) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// With one call there is nothing to choose.
fn choose_call(html: &mut String, site: &Site, chosen: Option<&str>) {
    let names: Vec<&str> = site.call_names().collect();
    if names.len() < 2 {
        return;
    }
    html.push_str("<label for=\"call\">Call</label>\n<select id=\"call\" name=\"call\">\n");
    for name in names {
        let selected = if chosen == Some(name) { " selected" } else { "" };
        let name = escape(name);
        let _ = writeln!(html, "<option value=\"{name}\"{selected}>{name}</option>");
    }
    html.push_str("</select>\n");
}
