//! The page: one form, and below it the reply or what went wrong. Plain HTML, no script.

use std::fmt::Write;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::calls::{CallErrorKind, Readiness, Reply};
use crate::memory::Room;
use crate::outgoing::Outgoing;
use crate::site::{LONGEST_TEXT, Site};
use crate::text::{cut, escape, from_reply};

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

    /// Appends it to a page; `call` is what was called.
    fn append_to(self, page: Outgoing, call: Option<&str>) -> Outgoing {
        match self {
            Self::None => page,
            Self::Reply(Reply { data, instance, address }) => {
                let (mut data, is_text) = from_reply(data);
                let length = data.len();
                cut(&mut data, LONGEST_TEXT);
                let mut note = String::new();
                if data.len() < length {
                    let call = escape(call.unwrap_or_default());
                    let _ = write!(
                        note,
                        "\n(The first {} of {length} bytes. POST /pipes/{call} gives the whole reply.)",
                        data.len()
                    );
                }
                if !is_text {
                    note.push_str("\n(The reply is not UTF-8 text; what cannot be shown is \u{fffd}.)");
                }
                let (instance, address) = (escape(&instance), escape(&address));
                page.plain("<p class=\"result\" role=\"status\" id=\"result\">Processed Text: ")
                    .markup(data)
                    .plain(format!(" by instance: {instance} ({address}){note}</p>"))
            }
            Self::Failed { kind, instance } => {
                let instance =
                    instance.as_deref().map_or_else(String::new, |name| format!(" (instance {name})"));
                page.plain(failure(kind.title(), &format!("{}{instance}", kind.message())))
            }
            Self::Refused { title, message, .. } => page.plain(failure(title, &message)),
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

/// The whole page, with the text that was sent still in its box. It holds `room` until it is sent.
pub(crate) fn page(site: &Site, call: Option<&str>, text: String, outcome: Outcome, room: Room) -> Response {
    let status = outcome.status();
    let is_temporary = status == StatusCode::SERVICE_UNAVAILABLE;
    let name = escape(site.name());
    let mut html = String::with_capacity(2048);
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
    html.push_str(
        "<label for=\"text\">Text to process</label>\n<textarea id=\"text\" name=\"text\" rows=\"4\" \
         autocomplete=\"off\" spellcheck=\"false\" autofocus>\n",
    );
    let page = Outgoing::new(Some(room))
        .plain(html)
        .markup(text)
        .plain("</textarea>\n<button type=\"submit\">Process</button>\n</form>\n");
    let Readiness { ready, all } = site.readiness();
    let page = outcome
        .append_to(page, call)
        .plain(format!("\n</main>\n<footer>{ready} of {all} instances ready</footer>\n</body>\n</html>\n"));
    let mut response = (status, page.into_body()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if is_temporary {
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
